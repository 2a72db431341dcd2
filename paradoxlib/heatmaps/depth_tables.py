"""Tables of networks of several depths: the article's ResNet50, 101 and 152."""

import numpy as np
import pandas as pd
import torch

from paradoxlib import keep
from paradoxlib.heatmaps import structure
from paradoxlib.heatmaps.founder_tables import COMPONENT_IMAGES, board_facts, components
from paradoxlib.networks import models, resnets
from paradoxlib.paper import sisters, verdicts
from paradoxlib.results.tables import Kept, table, tensors
from paradoxlib.similarity import cka
from paradoxlib.studies import comparing, trained, training
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study, load

DEEPER = ("cifar10-resnet101", "cifar10-resnet152")  # studies whose networks are compared by depth
PASSES = 2  # over the images, in the comparison of depths
EARLY, LIKE_NONE = 20, 0.1  # first layers; a CKA below which a layer is like none


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


@table(
    "depth_claims",
    ", ".join(verdicts.CLAIM_COLUMNS),
    needs="cka_depths, depth_components",
    depends=lambda study: (*depth_settings(study), "seen"),
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
    deepest, alike = depths[DEEPER[-1]].to_numpy(), {}
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
    parts = depth_components(session).query("network == @session.study.name")
    inside, before = parts.iloc[start:stop], parts.iloc[:start]
    others = np.hstack([shallow.to_numpy(), deep.to_numpy()])
    highest = {name: matrix.max() for name, matrix in (("101", shallow), ("152", deep))}
    lines = {name: (values < LIKE_NONE).mean() for name, values in highest.items()}
    late = max(start, structure.beginning(own.index, 4))
    return {
        "block": (stop - start) / len(own),
        "late": (stop - late) / (stop - start),
        "own": np.nanmean(others[:start]) - np.nanmean(others[start:stop]),
        "component": inside["share"].mean() - before["share"].mean(),
        "dominant": inside["dominant"].mean() - before["dominant"].mean(),
        "removed": np.nan,  # the weights are not kept
        "early resnet101": structure.stands_out(shallow, EARLY, EARLY),
        "early resnet152": structure.stands_out(deep, EARLY, EARLY),
        "lines": lines["101"],
        "more lines": lines["152"] - lines["101"],
        "covered": highest["152"].mean(),
    }
