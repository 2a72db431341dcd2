"""Tables of networks of several widths and depths, trained alike: is size what makes a block?"""

import pandas as pd
import torch

from paradoxlib import keep
from paradoxlib.heatmaps import structure
from paradoxlib.heatmaps.founder_tables import COMPONENT_IMAGES, components, whole_and_removed
from paradoxlib.networks import models, resnets
from paradoxlib.results.behaviour_tables import accuracies
from paradoxlib.results.tables import Kept, table, tensors
from paradoxlib.studies import comparing, trained, training
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study, load

CLEAN = "distortion == 'contrast' and level == 1"  # of conditions, the images as they are
SIZES = ("cifar10-width2", "cifar10-resnet56")


def size_settings(study: Study) -> list:
    """Return what the comparison of sizes depends on."""
    keys = [one.table_key("sizes") for one in [study, *map(load, SIZES)]]
    return [*keys, comparing.IMAGES, COMPONENT_IMAGES]


def sized(session: Session) -> dict[str, tuple[Session, dict[str, resnets.ResNet]]]:
    """Return {study: (its session, its networks)}, of a session's study and of the other sizes."""
    found = {}
    for one in [session, *(session.beside(name) for name in SIZES)]:
        training.train_all(one)
        names = one.study.families
        networks = {name: trained.load_network(one.study, name) for name in names}
        moved = {name: network.to(session.device) for name, network in networks.items()}
        found[one.study.name] = one, moved
    return found


@tensors("cka_sizes", "weights, images", lambda study: keep.key(size_settings(study)))
def cka_of_sizes(session: Session) -> Kept:
    """CKA of all layers of founders of several sizes, whole and without the first component."""
    images, layers = comparing.pictures(session), {}
    made: dict[str, torch.Tensor] = {}
    for study, (_, networks) in sized(session).items():
        found, layers[study] = whole_and_removed(networks, images)
        made |= {f"{study}|{name}": values for name, values in found.items()}
    return made, {"layers": layers}


def cka_sizes(session: Session) -> dict[tuple[str, str, str, int], pd.DataFrame]:
    """Return {(study, founder, founder, components removed): CKA (layers, layers)}, clean images.

    Studies are the session's and `SIZES`.
    """
    kept, about = cka_of_sizes(session)
    found = {}
    for name, values in kept.items():
        study, a, b, removed = name.split("|")
        layers = about["layers"][study]
        found[study, a, b, int(removed)] = pd.DataFrame(values.double().numpy(), layers, layers)
    return found


@table(
    "sizes",
    "study, network, architecture, width, layers, values, accuracy, block, block_removed, "
    "ruled, dominated",
    needs="weights, images, cka_sizes",
    depends=lambda study: tuple(size_settings(study)),
)
def sizes(session: Session) -> pd.DataFrame:
    """Networks of several widths and depths: values, accuracy, largest block with and without.

    A network a row: seeds are replicates. `accuracy` is that on all clean test images.
    """
    rows, blocks = [], cka_sizes(session)
    some = comparing.pictures(session, COMPONENT_IMAGES)
    for study, (one, networks) in sized(session).items():
        kind, answered = one.study.model, accuracies(one).query(CLEAN)
        right = answered.set_index("network")["accuracy"]
        shares = components(networks, some).set_index("network")
        for name, network in networks.items():
            own = [blocks[study, name, name, removed] for removed in (0, 1)]
            runs = [structure.largest_block(matrix) for matrix in own]
            both = [(stop - start) / len(own[0]) for start, stop in runs]
            count, here = models.count_values(network), shares.loc[name]
            most = [(here[column] > 0.5).mean() for column in ("share", "dominant")]
            known = study, name, kind.architecture, kind.width, len(own[0]), count
            rows.append((*known, right[name], *both, *most))
    columns = ["study", "network", "architecture", "width", "layers", "values", "accuracy"]
    columns += ["block", "block_removed", "ruled", "dominated"]
    return pd.DataFrame(rows, columns=columns)
