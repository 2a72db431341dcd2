"""Tables of founders' layers: CKA of all with all, whole and with a part removed; of more images.

Founders differ in their seeds, and most of them in what they were taught.
"""

import numpy as np
import pandas as pd
import torch

from paradoxlib import keep
from paradoxlib.behaviour import intervals
from paradoxlib.heatmaps import structure
from paradoxlib.networks import activations, resnets
from paradoxlib.paper import sisters, verdicts
from paradoxlib.results.network_tables import cka_layers, layers_key
from paradoxlib.results.tables import Kept, table, tensors
from paradoxlib.similarity import cka
from paradoxlib.studies import comparing
from paradoxlib.studies.sessions import Session

COMPONENT_IMAGES = 250  # that principal components are computed from
FOUNDERS_SHOWN = 9  # founders at most whose layers are all compared
SETS, BATCHES, ORDERS = 10, 4, 10  # of test images at most; batches of a set; orders of its images
BATCH_DRAWS = 1000  # draws of batches, and of networks


def components(networks: dict[str, resnets.ResNet], images: torch.Tensor) -> pd.DataFrame:
    """Return the rows of `depth_components` (network, layer, share, dominant)."""
    parts = {}
    for name, network in networks.items():
        share = structure.first_component(network, images)
        dominant = structure.dominant_images(network, images)
        parts[name] = pd.DataFrame({"share": share, "dominant": dominant})
    return pd.concat(parts, names=["network", "layer"]).reset_index()


def whole_and_removed(
    networks: dict[str, resnets.ResNet], images: torch.Tensor
) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Return {``a|b|components removed``: CKA of all layers, float16}, and the layers.

    Of networks of one architecture with themselves and each other; of the first principal component
    of each layer, none or one is removed.
    """
    made, layers = {}, []
    for removed in (0, 1):
        for (a, b), matrix in cka.cka_matrices(networks, images, removed=removed).items():
            made[f"{a}|{b}|{removed}"] = torch.tensor(matrix.to_numpy(), dtype=torch.float16)
            layers = list(matrix.index)
    return made, layers


def shown_founders(session: Session) -> dict[str, resnets.ResNet]:
    """Return the founders whose layers are all compared, `FOUNDERS_SHOWN` at most."""
    return dict(list(comparing.founders(session).items())[:FOUNDERS_SHOWN])


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
    return components(shown_founders(session), comparing.pictures(session, COMPONENT_IMAGES))


@tensors(
    "cka_founders",
    "weights, images",
    lambda study: keep.key(study.table_key("cka_founders"), comparing.IMAGES, FOUNDERS_SHOWN),
)
def cka_of_founders(session: Session) -> Kept:
    """CKA of all layers of founders with themselves and each other, whole and with a part removed.

    The part is the first principal component of each layer, batch by batch; clean images.
    """
    made, layers = whole_and_removed(shown_founders(session), comparing.pictures(session))
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
            for kind, values in cka.of_batches(found, n, BATCHES, BATCH_DRAWS).items():
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


@table(
    "cka_claims",
    ", ".join(verdicts.CLAIM_COLUMNS),
    needs="cka_layers, cka_structure",
    depends=lambda study: (layers_key(study), FOUNDERS_SHOWN, "founders"),
)
def cka_claims(session: Session) -> pd.DataFrame:
    """What the article on CKA states of one architecture: the same columns as `claims`.

    Those on clean images are means over founders; other statements are on the example pairs.
    """
    found = cka_structure(session)
    whole = found[found["removed"] == 0]
    whole = whole.assign(across=whole["stream"] - whole["across"])
    whole = whole.assign(inside=whole["stream"] - whole["inside"])
    own, apart = whole[whole["a"] == whole["b"]], whole[whole["a"] != whole["b"]]
    kinds = {f"{len(own)} founders with themselves": own, f"{len(apart)} pairs of founders": apart}
    of_founders = {
        f"{kind}, clean": (mean_fact(part, "across"), mean_fact(part, "inside"))
        for kind, part in kinds.items()
    }
    boards = {
        f"{relation}, {condition}": board_facts(matrix)
        for (relation, condition), matrix in cka_layers(session).items()
        if condition != "clean" or relation == "parent and child"
    }
    claims = sisters.checkerboard_claims(of_founders, verdicts.OF_NETWORKS)
    claims += sisters.checkerboard_claims(boards, verdicts.OF_NOTHING)
    claims += sisters.seen_claims({"small": mean_fact(own, "block")}, verdicts.OF_NETWORKS)
    return verdicts.tabulate(claims)


def mean_fact(rows: pd.DataFrame, column: str) -> intervals.Estimate:
    """Return the mean over founders, or pairs of them, with its interval over networks."""
    if (rows["a"] != rows["b"]).any():
        everyone = pd.Series(True, rows.index)
        return intervals.estimate(intervals.means_over_resampled_networks(rows, column, everyone))
    values = rows[column].to_numpy()
    drawn = intervals.draw_networks(len(values), BATCH_DRAWS, 0)
    return intervals.estimate(np.r_[values.mean(), drawn @ values / len(values)])


def board_facts(matrix: pd.DataFrame) -> tuple[intervals.Estimate, intervals.Estimate]:
    """Return what `sisters.checkerboard_claims` wants of one heatmap."""
    stream, inside, across = structure.checkerboard(matrix).values()
    return intervals.exact(stream - across), intervals.exact(stream - inside)
