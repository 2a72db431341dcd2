"""Tables of networks of several depths: the article's ResNet50, 101 and 152, trained alike."""

import numpy as np
import pandas as pd

from paradoxlib.heatmaps import structure
from paradoxlib.heatmaps.founder_tables import COMPONENT_IMAGES, board_facts, components
from paradoxlib.heatmaps.size_tables import cka_sizes, size_settings, sized, sizes
from paradoxlib.networks import models
from paradoxlib.paper import sisters, verdicts
from paradoxlib.results.tables import table
from paradoxlib.studies import comparing
from paradoxlib.studies.sessions import Session

EARLY, LIKE_NONE = 20, 0.1  # first layers; a CKA below which a layer is like none


def cka_depths(session: Session) -> dict[str, pd.DataFrame]:
    """Return {study: CKA (layers of this study's first founder, layers of the other's)}.

    Of `cka_sizes`, beginning with this founder itself.
    """
    (first, _), *_ = found = cka_sizes(session)
    studies = {(a, b): b.split("/")[0] for a, b in found if a == first}
    return {
        study: found[pair]
        for pair, study in studies.items()
        if pair[1] == first or study != session.study.name  # another seed is left out
    }


@table(
    "depth_components",
    "network, layer, share, dominant",
    needs="weights, images",
    depends=lambda study: tuple(size_settings(study)),
)
def depth_components(session: Session) -> pd.DataFrame:
    """Share of variance in the first principal component, of networks of several depths.

    Networks are named by their studies. `dominant` is the share that lies in the 2 % of the images
    that are furthest from the mean (`structure.dominant_images`).
    """
    networks = {study: next(iter(some.values())) for study, (_, some) in sized(session).items()}
    return components(networks, comparing.pictures(session, COMPONENT_IMAGES))


@table(
    "depth_claims",
    ", ".join(verdicts.CLAIM_COLUMNS),
    needs="cka_sizes, sizes, depth_components",
    depends=lambda study: tuple(size_settings(study)),
)
def cka_depth_claims(session: Session) -> pd.DataFrame:
    """What the article on CKA states of networks of several depths: the same columns."""
    depths, first = cka_depths(session), session.study.name
    boards = {}
    for name, matrix in depths.items():
        boards[f"{first} with {name}"] = board_facts(matrix)
        lower = [structure.beginning(layers, 4) for layers in (matrix.index, matrix.columns)]
        facts_below = board_facts(matrix.iloc[: lower[0], : lower[1]])
        boards[f"{first} with {name}, stages 2 and 3"] = facts_below
    deepest, alike = list(depths.values())[-1].to_numpy(), {}
    for few, many in sisters.DEPTHS:
        both = np.nanmean(deepest[:few, :many])
        rests = deepest[few:, :many], deepest[:few, many:]
        alike[few, many] = tuple(both - np.nanmean(rest) for rest in rests)
    counts = {name: models.count_values(models.build(name, 1000)) for name in sisters.PARAMETERS}
    claims = sisters.checkerboard_claims(boards, verdicts.OF_NOTHING) + sisters.depth_claims(alike)
    claims += sisters.seen_claims(depth_facts(session), verdicts.OF_NOTHING)
    claims += sisters.parameter_claims(counts)
    triple = {"triple": counts["resnet152"] / counts["resnet50"]}
    return verdicts.tabulate(claims + sisters.seen_claims(triple, verdicts.OF_NOTHING))


def depth_facts(session: Session) -> dict[str, float]:
    """Return facts on depths by their names in `sisters.SEEN`."""
    own, shallow, deep = cka_depths(session).values()
    start, stop = structure.largest_block(own)
    without = sizes(session).iloc[0]
    parts = depth_components(session).query("network == @session.study.name")
    in_block = np.zeros(len(own), bool)
    in_block[start:stop] = True
    inside, outside = parts[in_block], parts[~in_block]
    others = np.hstack([shallow.to_numpy(), deep.to_numpy()])
    highest = {name: matrix.max() for name, matrix in (("101", shallow), ("152", deep))}
    lines = {name: (values < LIKE_NONE).mean() for name, values in highest.items()}
    late = max(start, structure.beginning(own.index, 4))
    return {
        "block": (stop - start) / len(own),
        "late": (stop - late) / (stop - start),
        "own": np.nanmean(others[~in_block]) - np.nanmean(others[in_block]),
        "component": inside["share"].mean() - outside["share"].mean(),
        "dominant": inside["dominant"].mean() - outside["dominant"].mean(),
        "removed": 1 - without["block_removed"] / without["block"],
        "early resnet101": structure.stands_out(shallow, EARLY, EARLY),
        "early resnet152": structure.stands_out(deep, EARLY, EARLY),
        "lines": lines["101"],
        "more lines": lines["152"] - lines["101"],
        "covered": highest["152"].mean(),
    }
