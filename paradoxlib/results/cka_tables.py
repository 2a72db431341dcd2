"""Tables of the similarity of representations (CKA, Nguyen et al. 2020), and of its measures."""

import numpy as np
import pandas as pd
import torch

from paradoxlib import keep
from paradoxlib.images import distortions
from paradoxlib.measures import grounding, of_networks
from paradoxlib.measures.catalogue import MEASURES
from paradoxlib.networks import activations, models, resnets
from paradoxlib.paper import sisters, verdicts
from paradoxlib.results.tables import Kept, table, tensors
from paradoxlib.similarity import cka
from paradoxlib.studies import comparing, trained, training
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study, load

DEEPER = ("cifar10-resnet101", "cifar10-resnet152")  # studies whose networks are compared by depth
PASSES = 2  # over the images, in the comparison of depths
COMPONENT_IMAGES = 250  # that principal components are computed from
GROUNDED = {name: one.features for name, one in MEASURES.items() if one.features}
FOUNDERS, BLOCKS, PROBED = 4, 9, 400  # networks, layers and images at most that ground measures


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
    that are furthest from the mean (`cka.dominant_images`).
    """
    some, parts = comparing.pictures(session, COMPONENT_IMAGES), {}
    for name, network in compared_depths(session).items():
        shares = {"share": cka.first_component(network, some)}
        parts[name] = pd.DataFrame(shares | {"dominant": cka.dominant_images(network, some)})
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
    "network, layer, share",
    needs="weights, images",
    depends=lambda study: (COMPONENT_IMAGES, comparing.example_pairs(study)),
)
def first_components(session: Session) -> pd.DataFrame:
    """Share of each layer's variance over images in its first principal component.

    Of the networks of the example pairs.
    """
    networks = comparing.compared(session, session.device)
    images = comparing.pictures(session)
    examples = comparing.example_pairs(session.study)
    parts = {}
    for name in dict.fromkeys(name for pair in examples.values() for name in pair):
        shares = cka.first_component(networks[name], images[:COMPONENT_IMAGES])
        parts[name] = shares.rename("share")
    return pd.concat(parts, names=["network", "layer"]).reset_index()


def checkerboard(matrix: pd.DataFrame) -> tuple[float, float]:
    """Return how much more alike additions are than what lies inside blocks (CKA, layers x layers).

    The mean of additions with additions, less that of additions with convolutions inside blocks;
    and less that of such convolutions among themselves. No layer is compared with its like.
    """
    both = rows, columns = matrix.index.to_numpy(), matrix.columns.to_numpy()
    (stream, theirs), (inside, others) = (
        [np.array([name.startswith(kind) and part in name for name in axis]) for axis in both]
        for kind, part in (("add", ""), ("res", "branch2"))
    )
    values, other = matrix.to_numpy(), rows[:, None] != columns
    alike, across, among = (
        values[np.outer(*pair) & other].mean()
        for pair in ((stream, theirs), (stream, others), (inside, others))
    )
    return alike - across, alike - among


@table(
    "cka_claims",
    ", ".join(verdicts.CLAIM_COLUMNS),
    needs="cka_layers",
    depends=lambda study: (layers_key(study),),
)
def cka_claims(session: Session) -> pd.DataFrame:
    """What the article on CKA states of one architecture: the same columns as `claims`."""
    boards = {
        f"{relation}, {condition}": checkerboard(matrix)
        for (relation, condition), matrix in cka_layers(session).items()
    }
    return verdicts.tabulate(sisters.checkerboard_claims(boards))


@table(
    "depth_claims",
    ", ".join(verdicts.CLAIM_COLUMNS),
    needs="cka_depths",
    depends=lambda study: tuple(depth_settings(study)),
)
def cka_depth_claims(session: Session) -> pd.DataFrame:
    """What the article on CKA states of networks of several depths: the same columns."""
    depths = cka_depths(session)
    boards = {
        f"{session.study.name} with {name}": checkerboard(own) for name, own in depths.items()
    }
    deepest, alike = depths[DEEPER[-1]].to_numpy(), {}
    for few, many in sisters.DEPTHS:
        first = np.nanmean(deepest[:few, :many])
        rests = deepest[few:, :many], deepest[:few, many:]
        alike[few, many] = tuple(first - np.nanmean(rest) for rest in rests)
    counts = {name: models.count_values(models.build(name, 1000)) for name in sisters.PARAMETERS}
    found = sisters.checkerboard_claims(boards) + sisters.depth_claims(alike)
    return verdicts.tabulate(found + sisters.parameter_claims(counts))


def features_of_founders(session: Session) -> list[dict[str, np.ndarray]]:
    """Return {block: the means of its units (n, units)} of founders, on the first test images.

    The blocks, what follows their additions, are `BLOCKS` at most, evenly spaced.
    """
    training.train_all(session)
    images, found = comparing.pictures(session, PROBED), []
    for name in list(session.study.families)[:FOUNDERS]:
        network = trained.load_network(session.study, name)
        places = activations.relu_places(network, images[:1])
        blocks = [place for place in places if "_" not in place and place != "conv1"]
        chosen = np.linspace(0, len(blocks) - 1, min(BLOCKS, len(blocks))).round().astype(int)
        means = of_networks.unit_means(network, images)
        found.append({blocks[i]: means[places[blocks[i]]] for i in chosen})
    return found


@table(
    "measure_grounding",
    "measure, test, value, low, high, resampled",
    needs="weights, images",
    depends=lambda study: (list(GROUNDED), FOUNDERS, BLOCKS, PROBED),
)
def measure_grounding(session: Session) -> pd.DataFrame:
    """Do measures of features see seeds less than depth, and what a linear probe loses?

    Tests are ``specificity`` and ``sensitivity``, see `measures.grounding`. The probe reads
    `PROBED` images at most; measures compare the first half of them.
    """
    networks = features_of_founders(session)
    labels = session.images("test").first(PROBED).labels.numpy()
    seen, rows = len(labels) // 2, []
    shown = [{layer: x[:seen] for layer, x in features.items()} for features in networks]
    removed = grounding.removals(networks, labels, seen)
    for name, function in GROUNDED.items():
        rows.append((name, "specificity", *grounding.specificity(function, shown), "layers"))
        rows.append((name, "sensitivity", *grounding.sensitivity(function, removed), "layers"))
    return pd.DataFrame(rows, columns=["measure", "test", "value", "low", "high", "resampled"])
