"""Tables of networks of several sizes, trained alike: is size what makes a block?"""

import pandas as pd
import torch

from paradoxlib import keep
from paradoxlib.behaviour import scores
from paradoxlib.heatmaps import structure
from paradoxlib.heatmaps.founder_tables import COMPONENT_IMAGES, components
from paradoxlib.networks import models, resnets
from paradoxlib.results.behaviour_tables import accuracies
from paradoxlib.results.tables import Kept, table, tensors
from paradoxlib.similarity import cka
from paradoxlib.studies import comparing, trained, training
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study, load

SIZES = {  # {study: studies of the same networks in other sizes, trained with the same settings}
    "cifar10-width1": ("cifar10-width2", "cifar10-width4", "cifar10-resnet32", "cifar10-resnet56"),
    "cifar10-depth50": ("cifar10-depth101", "cifar10-depth152"),
}


def studies_of_sizes(study: Study) -> list[Study]:
    """Return a study and those of the same networks in other sizes."""
    return [study, *map(load, SIZES.get(study.name, ()))]


def size_settings(study: Study) -> list:
    """Return what the comparison of sizes depends on."""
    keys = [one.table_key("sizes") for one in studies_of_sizes(study)]
    return [*keys, comparing.IMAGES, COMPONENT_IMAGES]


def sized(session: Session) -> dict[str, tuple[Session, dict[str, resnets.ResNet]]]:
    """Return {study: (its session, its founders)}, of a session's study and of the other sizes."""
    found = {}
    for one in [session, *map(session.beside, SIZES.get(session.study.name, ()))]:
        training.train_all(one)
        names = one.study.families
        networks = {name: trained.load_network(one.study, name) for name in names}
        moved = {name: network.to(session.device) for name, network in networks.items()}
        found[one.study.name] = one, moved
    return found


@tensors("cka_sizes", "weights, images", lambda study: keep.key(size_settings(study)))
def cka_of_sizes(session: Session) -> Kept:
    """CKA of all layers: of the first founder of each size with itself and with another seed.

    And of this study's first founder with that of each other size.
    """
    founders = {
        study: list(networks.items())[:2] for study, (_, networks) in sized(session).items()
    }
    networks = {f"{study}/{name}": one for study, two in founders.items() for name, one in two}
    firsts, seconds = list(networks)[::2], list(networks)[1::2]
    pairs = [*zip(firsts, firsts, strict=True), *zip(firsts, seconds, strict=True)]
    pairs += [(firsts[0], other) for other in firsts[1:]]
    found = cka.cka_matrices(networks, comparing.pictures(session), pairs)
    layers = {a: list(matrix.index) for (a, _), matrix in found.items()}
    made = {
        f"{a}|{b}": torch.tensor(m.to_numpy(), dtype=torch.float16) for (a, b), m in found.items()
    }
    return made, {"layers": layers, "pairs": pairs}


def cka_sizes(session: Session) -> dict[tuple[str, str], pd.DataFrame]:
    """Return {(``study/founder``, ``study/founder``): CKA (layers of one, layers of the other)}.

    On clean test images, of the session's study and those beside it in `SIZES`: the first founder
    of each with itself and with another seed, and that of the first study with those of the others.
    """
    kept, about = cka_of_sizes(session)
    layers, found = about["layers"], {}
    for a, b in about["pairs"]:
        of_b = layers.get(b, layers[a])  # another seed has the same layers
        found[a, b] = pd.DataFrame(kept[f"{a}|{b}"].double().numpy(), layers[a], of_b)
    return found


def seeds_of_sizes(session: Session) -> dict[str, pd.DataFrame]:
    """Return {``size, itself`` or ``size, another seed``: CKA of all layers}.

    Of `cka_sizes`; first all sizes with themselves. A size is ``ResNet20``, or ``ResNet20 (2x)``
    where it is twice as wide.
    """
    kinds, found = {one.name: one.model for one in studies_of_sizes(session.study)}, {}
    for (a, b), matrix in cka_sizes(session).items():
        (size, _), (other, _) = (name.split("/") for name in (a, b))
        if size == other:
            with_what, seed = ("itself", "first") if a == b else ("another seed", "second")
            named = {"index": "layers, first seed", "columns": f"layers, {seed} seed"}
            net, width = kinds[size].architecture.replace("resnet", "ResNet"), kinds[size].width
            name = f"{net}{f' ({width:g}x)' if width != 1 else ''}, {with_what}"
            found[name] = matrix.rename_axis(**named)
    return found


@table(
    "sizes",
    "study, network, architecture, width, layers, values, accuracy, block, block_removed, "
    "ruled, dominated",
    needs="weights, images",
    depends=lambda study: tuple(size_settings(study)),
)
def sizes(session: Session) -> pd.DataFrame:
    """Networks of several sizes: values, accuracy, largest block with and without a component.

    A network a row: seeds are replicates. `accuracy` is that on all clean test images; the first
    principal component of each layer is taken off batch by batch.
    """
    rows, images = [], comparing.pictures(session)
    some = comparing.pictures(session, COMPONENT_IMAGES)
    for study, (one, networks) in sized(session).items():
        kind, right = one.study.model, scores.clean_accuracy(accuracies(one))
        shares = components(networks, some).set_index("network")
        alone = [(name, name) for name in networks]
        found = [cka.cka_matrices(networks, images, alone, removed=n) for n in (0, 1)]
        for name, network in networks.items():
            matrix, _ = own = [matrices[name, name] for matrices in found]
            runs = [structure.largest_block(one) for one in own]
            both = [(stop - start) / len(matrix) for start, stop in runs]
            count, here = models.count_values(network), shares.loc[name]
            most = [(here[column] > 0.5).mean() for column in ("share", "dominant")]
            known = study, name, kind.architecture, kind.width, len(matrix), count
            rows.append((*known, right[name], *both, *most))
    columns = ["study", "network", "architecture", "width", "layers", "values", "accuracy"]
    columns += ["block", "block_removed", "ruled", "dominated"]
    return pd.DataFrame(rows, columns=columns)
