"""Tables of the similarity of representations (CKA, Nguyen et al. 2020)."""

import numpy as np
import pandas as pd
import torch

from paradoxlib import keep
from paradoxlib.behaviour import facts, intervals
from paradoxlib.images import distortions
from paradoxlib.networks import activations, models, resnets
from paradoxlib.paper import sisters, verdicts
from paradoxlib.results.tables import Kept, table, tensors
from paradoxlib.similarity import cka, structure
from paradoxlib.studies import comparing, trained, training
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study, load

DEEPER = ("cifar10-resnet101", "cifar10-resnet152")  # studies whose networks are compared by depth
PASSES = 2  # over the images, in the comparison of depths
COMPONENT_IMAGES = 250  # that principal components are computed from
FOUNDERS_SHOWN = 9  # founders at most whose layers are all compared
SETS, BATCHES, ORDERS = 10, 4, 10  # of test images at most; batches of a set; orders of its images
RESAMPLES = 1000  # draws of batches


def layers_key(study: Study) -> str:
    """Return the key of the CKA of the example pairs."""
    examples = comparing.example_pairs(study)
    return keep.key(study.table_key("cka_layers"), comparing.IMAGES, distortions.NOISY, examples)


@tensors("cka_layers", "weights, images", layers_key)
def cka_of_examples(session: Session) -> Kept:
    """CKA of all layers, of the example pairs and of a network with itself."""
    networks = comparing.compared(session, session.device)
    images = comparing.pictures(session)
    first = next(iter(networks))
    pairs = {"itself": (first, first)} | comparing.example_pairs(session.study)
    shown = {name: networks[name] for pair in pairs.values() for name in pair}
    made, layers = {}, []
    for condition, pixels in comparing.clean_and_noisy(session.study, images).items():
        found = cka.cka_matrices(shown, pixels, list(pairs.values()))
        for relation, pair in pairs.items():
            values = torch.tensor(found[pair].to_numpy(), dtype=torch.float32)
            made[f"{relation}|{condition}"], layers = values, list(found[pair].index)
    return made, {"layers": layers}


def cka_layers(session: Session) -> dict[tuple[str, str], pd.DataFrame]:
    """Return {(relation, condition): CKA (layers of one, layers of the other)}.

    `condition` is ``clean`` or a distortion with its level (see `distortions.NOISY`); the layers
    that follow a batch norm or an addition are ReLUs.
    """
    kept, about = cka_of_examples(session)
    layers, found = about["layers"], {}
    for name, values in kept.items():
        relation, condition = name.split("|")
        found[relation, condition] = pd.DataFrame(values.double().numpy(), layers, layers)
    return found


def compared_depths(session: Session) -> dict[str, resnets.ResNet]:
    """Return {study: its first network}, of a session's study and of the deeper ones."""
    networks = {}
    for one in [session, *(session.beside(name) for name in DEEPER)]:
        first = next(iter(one.study.networks))
        training.train(one, first)
        networks[one.study.name] = trained.load_network(one.study, first).to(session.device)
    return networks


def depth_settings(study: Study) -> list:
    """Return what the comparison of depths depends on."""
    studies = [study, *map(load, DEEPER)]
    keys = [one.network_key(next(iter(one.networks))) for one in studies]
    return [*keys, comparing.IMAGES, PASSES, COMPONENT_IMAGES]


@tensors("cka_depths", "weights, images", lambda study: keep.key(depth_settings(study)))
def cka_of_depths(session: Session) -> Kept:
    """CKA of all layers of a study's first network with itself and with deeper networks."""
    networks, images = compared_depths(session), comparing.pictures(session)
    first = session.study.name
    pairs = [(first, name) for name in networks]
    found = cka.cka_matrices(networks, images, pairs, passes=PASSES)
    made, layers = {}, {}
    for (_, name), matrix in found.items():
        made[name] = torch.tensor(matrix.to_numpy(), dtype=torch.float16)
        layers[name] = list(matrix.columns)
    return made, {"layers": layers}


def cka_depths(session: Session) -> dict[str, pd.DataFrame]:
    """Return {study: CKA (layers of this study's first network, layers of the other's)}.

    On clean test images, in `PASSES` passes over batches of 256.
    """
    kept, about = cka_of_depths(session)
    layers = about["layers"]
    own = layers[session.study.name]
    return {name: pd.DataFrame(kept[name].double().numpy(), own, layers[name]) for name in layers}


@table(
    "depth_components",
    "network, layer, share, dominant",
    needs="weights, images",
    depends=lambda study: (depth_settings(study), "dominant"),
)
def depth_components(session: Session) -> pd.DataFrame:
    """Share of variance in the first principal component, of networks of several depths.

    Networks are named by their studies. `dominant` is the share that lies in the 2 % of the images
    that are furthest from the mean (`structure.dominant_images`).
    """
    return components(compared_depths(session), comparing.pictures(session, COMPONENT_IMAGES))


def components(networks: dict[str, resnets.ResNet], images: torch.Tensor) -> pd.DataFrame:
    """Return the rows of `depth_components` (network, layer, share, dominant)."""
    parts = {}
    for name, network in networks.items():
        shares = {"share": structure.first_component(network, images)}
        parts[name] = pd.DataFrame(shares | {"dominant": structure.dominant_images(network, images)})
    return pd.concat(parts, names=["network", "layer"]).reset_index()


@table(
    "cka_pairs",
    "a, b, relation, layer, condition, cka",
    needs="weights, images",
    depends=lambda study: (comparing.IMAGES, comparing.COMPARED, distortions.NOISY),
)
def cka_pairs(session: Session) -> pd.DataFrame:
    """CKA of the same layer (each ReLU) in all pairs of networks, beside chance."""
    networks = comparing.compared(session, session.device)
    images = comparing.pictures(session)
    first = next(iter(networks.values()))
    where = activations.relu_places(first, images)
    related = comparing.related_pairs(session.study, networks)
    pairs = [(pair.a, pair.b) for pair in related]
    everyone = networks | {"chance": activations.on_other_images(first)}
    rows = []
    for condition, pixels in comparing.clean_and_noisy(session.study, images).items():
        found = cka.cka_matrices(everyone, pixels, pairs, list(where.values()))
        for pair in related:
            matrix = found[pair.a, pair.b]
            for place, relu in where.items():
                rows.append((*pair, place, condition, matrix.loc[relu, relu]))
    return pd.DataFrame(rows, columns=["a", "b", "relation", "layer", "condition", "cka"])


@table(
    "first_components",
    "network, layer, share, dominant",
    needs="weights, images",
    depends=lambda study: (COMPONENT_IMAGES, FOUNDERS_SHOWN),
)
def first_components(session: Session) -> pd.DataFrame:
    """Share of each layer's variance in its first principal component, and in few images.

    Of the founders that are compared; `dominant` as in `depth_components`.
    """
    return components(founders(session), comparing.pictures(session, COMPONENT_IMAGES))


def founders(session: Session) -> dict[str, resnets.ResNet]:
    """Return the founders whose layers are all compared, `FOUNDERS_SHOWN` at most."""
    networks = comparing.compared(session, session.device)
    names = [name for name in networks if name in session.study.families][:FOUNDERS_SHOWN]
    return {name: networks[name] for name in names}


@tensors(
    "cka_founders",
    "weights, images",
    lambda study: keep.key(study.table_key("cka_founders"), comparing.IMAGES, FOUNDERS_SHOWN),
)
def cka_of_founders(session: Session) -> Kept:
    """CKA of all layers of founders with themselves and each other, whole and with a part removed.

    The part is the first principal component of each layer, batch by batch; clean images.
    """
    shown, images = founders(session), comparing.pictures(session)
    made, layers = {}, []
    for removed in (0, 1):
        for (a, b), matrix in cka.cka_matrices(shown, images, removed=removed).items():
            made[f"{a}|{b}|{removed}"] = torch.tensor(matrix.to_numpy(), dtype=torch.float16)
            layers = list(matrix.index)
    return made, {"layers": layers}


def cka_founders(session: Session) -> dict[tuple[str, str, int], pd.DataFrame]:
    """Return {(founder, founder, components removed): CKA (layers of one, layers of the other)}.

    `FOUNDERS_SHOWN` at most; of the components the first one, or none. For clean images.
    """
    kept, about = cka_of_founders(session)
    layers, found = about["layers"], {}
    for name, values in kept.items():
        a, b, removed = name.split("|")
        found[a, b, int(removed)] = pd.DataFrame(values.double().numpy(), layers, layers)
    return found


@table(
    "cka_structure",
    "a, b, removed, stream, inside, across, mean_cka, block",
    needs="cka_founders",
    depends=lambda study: (comparing.IMAGES, FOUNDERS_SHOWN),
)
def cka_structure(session: Session) -> pd.DataFrame:
    """What is seen in the CKA of all layers of founders: the checkerboard and the largest block."""
    rows = []
    for (a, b, removed), matrix in cka_founders(session).items():
        values = matrix.to_numpy()[~np.eye(len(matrix), dtype=bool)]
        start, stop = structure.largest_block(matrix) if a == b else (0, np.nan)
        kinds = structure.checkerboard(matrix)
        row = {"a": a, "b": b, "removed": removed} | kinds
        rows.append(row | {"mean_cka": np.nanmean(values), "block": (stop - start) / len(matrix)})
    return pd.DataFrame(rows)


@table(
    "cka_batches",
    "relation, layer, images, batches, cka, low, high",
    needs="weights, images",
    depends=lambda study: (comparing.IMAGES, SETS, BATCHES, ORDERS, comparing.example_pairs(study)),
)
def cka_batches(session: Session) -> pd.DataFrame:
    """CKA against the number of batches: of ever other images, or of the same ones in new orders.

    Of the example pairs and by chance, in the first, the middle and the last ReLU. The test images
    make `SETS` sets. Rows of ``other images`` draw batches of all sets with replacement; rows of
    ``the same images`` go on through a set, `BATCHES` to a pass. The interval is the range of 95 %
    of these draws, or of the sets: what another choice of images would have given.
    """
    sums, layers = sums_of_sets(session)
    counts = sorted({*range(1, BATCHES), *range(BATCHES, BATCHES * ORDERS + 1, BATCHES)})
    rows = []
    for relation, found in sums.items():
        for n in counts:
            for kind, values in cka.of_batches(found, n, BATCHES, RESAMPLES).items():
                ends = zip(layers, values.mean(0), *intervals.bounds(values), strict=True)
                rows += [(relation, place, kind, n, *fact) for place, *fact in ends]
    columns = ["relation", "layer", "images", "batches", "cka", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def sums_of_sets(session: Session) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return {relation: what CKA sums (set, batch, layer, 3)} of the example pairs, and the layers.

    Of the sets of `cka_batches`; ``chance`` is the pair of strangers, one of which sees the images
    of a set in another order.
    """
    examples = comparing.example_pairs(session.study)
    names = dict.fromkeys(name for pair in examples.values() for name in pair)
    networks = comparing.compared(session, session.device)
    images = comparing.pictures(session, SETS * comparing.IMAGES)
    where = activations.relu_places(next(iter(networks.values())), images)
    places = [list(where)[i] for i in (0, len(where) // 2, -1)]
    relus = [where[place] for place in places]
    size = len(images) // max(1, min(SETS, len(images) // (BATCHES * cka.LEAST_IMAGES)))
    sums: dict[str, list[np.ndarray]] = {}
    for i, some in enumerate(images.split(size)):
        if len(some) < size:
            continue
        grams = {name: cka.plain_grams(networks[name], some, relus) for name in names}
        pairs = {relation: (grams[a], grams[b]) for relation, (a, b) in examples.items()}
        one, other = list(pairs.values())[-1]
        pairs["chance"] = one, other.roll((size // 2, size // 2), (1, 2))
        for relation, both in pairs.items():
            found = cka.hsic_of_batches(*both, size // BATCHES, ORDERS, seed=i)
            sums.setdefault(relation, []).append(found)
    return {relation: np.stack(found) for relation, found in sums.items()}, places
