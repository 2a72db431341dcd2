"""Rare units: what removing them costs, whether they have several functions, and other tasks.

A unit's *match* says how common it is: the correlation with its best partner in another network,
averaged over the other founders of the study. Units are those of convolutions behind a ReLU.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd
import scipy
import torch

from paradoxlib import seeds
from paradoxlib.behaviour import intervals, predictions
from paradoxlib.networks import activations, models, resnets, surgery
from paradoxlib.results import unit_tables
from paradoxlib.results.tables import table
from paradoxlib.similarity import kernels, units
from paradoxlib.studies import comparing, sessions, trained
from paradoxlib.studies.study import Study

TOP_IMAGES = 20  # that drive a unit most
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)  # of each layer's units that are removed
WAYS = ("lowest match", "lowest norm", "random", "highest match")
OF_TASK = 3  # founders of each study whose units are compared
OTHER_TASK = {"digits": "cifar10-20"}  # {data: the study of another task}; the demo for others


@torch.inference_mode()
def driven_by(
    network: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, relus: list[str]
) -> dict[str, np.ndarray]:
    """Return how many classes drive each unit, {ReLU: (units,)}, 1 to the number of classes.

    It is the exponential of the entropy of the classes of the `TOP_IMAGES` images with the highest
    answers: with four classes in equal parts it is 4.
    """
    heights: dict[str, list[torch.Tensor]] = {relu: [] for relu in relus}
    for batch in images.split(100):
        for relu, output in activations.record(network, batch, relus).items():
            heights[relu].append(output.flatten(2).amax(2).cpu())
    found = {}
    for relu, parts in heights.items():
        top = torch.cat(parts).topk(min(TOP_IMAGES, len(labels)), 0).indices  # (image, unit)
        shares = torch.nn.functional.one_hot(labels[top]).double().mean(0)
        found[relu] = torch.special.entr(shares).sum(1).exp().numpy()
    return found


@table(
    "unit_facts",
    "network, layer, unit, match, norm, classes",
    needs="weights, images",
    depends=lambda study: (comparing.IMAGES, comparing.COMPARED, TOP_IMAGES),
)
def unit_facts(session: sessions.Session) -> pd.DataFrame:
    """How common each unit of the founders is, how long its kernel, and how many classes drive it.

    A dead unit has no match.
    """
    networks, images = comparing.founders(session), comparing.pictures(session)
    labels = session.images("test").first(len(images)).labels
    where = activations.single_places(next(iter(networks.values())), images)
    pairs, best = list(combinations(networks, 2)), defaultdict(list)
    for (a, b), layers in unit_tables.units_of_pairs(pairs, networks, images, where):
        for place, layer in layers.items():
            best[a, place].append(units.semi_match(layer.between)[1])
            best[b, place].append(units.semi_match(layer.between.T)[1])
    rows = []
    for name, network in networks.items():
        classes = driven_by(network, images, labels, list(where.values()))
        own = kernels.kernels_of(network.state_dict())
        for place, relu in where.items():
            facts = {
                "unit": range(len(own[place])),
                "match": np.mean(best[name, place], 0),
                "norm": own[place].norm(dim=1).cpu(),
                "classes": classes[relu],
            }
            rows.append(pd.DataFrame({"network": name, "layer": place, **facts}))
    return pd.concat(rows, ignore_index=True)


def removal_order(facts: pd.DataFrame, way: str, source: np.random.Generator) -> np.ndarray:
    """Return the units of one layer of a network in the order in which a way removes them.

    Dead units, which have no match, come first where the lowest match goes first.
    """
    if way == "random":
        return source.permutation(facts["unit"])
    column, ascending = way.split()[1], way.startswith("lowest")
    placed = facts.sort_values(column, ascending=ascending, na_position="first", kind="stable")
    return placed["unit"].to_numpy(copy=True)


@table(
    "compression",
    "network, way, removed, accuracy",
    needs="weights, images, unit_facts",
    depends=lambda study: (comparing.IMAGES, TOP_IMAGES, SHARES, WAYS, study.transplant_images),
)
def compression(session: sessions.Session) -> pd.DataFrame:
    """What founders are able to do once a share of each layer's units is removed, in four ways.

    Nothing is trained afterwards.
    """
    facts = unit_facts(session)
    some = session.images("test").first(session.study.transplant_images)
    images = comparing.pictures(session, len(some))
    rows, source = [], np.random.default_rng(session.study.evaluation.seed)

    def score(network: torch.nn.Module) -> float:
        predicted = predictions.predict(models.folded(network), images, session.device).argmax(1)
        return (predicted == some.labels).double().mean().item()

    for name, network in comparing.founders(session).items():
        whole, state = score(network), network.state_dict()
        own = dict(iter(facts[facts["network"] == name].groupby("layer", sort=False)))
        for way in WAYS:
            rows.append((name, way, 0.0, whole))
            order = {layer: removal_order(part, way, source) for layer, part in own.items()}
            for share in SHARES:
                cut = {layer: gone[: round(share * len(gone))] for layer, gone in order.items()}
                silent = models.with_state(network, surgery.silence(state, cut))
                rows.append((name, way, share, score(silent)))
    return pd.DataFrame(rows, columns=["network", "way", "removed", "accuracy"])


def function_scores(facts: pd.DataFrame) -> pd.DataFrame:
    """Return how the number of classes that drive a unit goes with its match, layer by layer.

    The rows (layer) have Spearman's ``rho``, the mean over networks, with the ``low`` and ``high``
    ends of the 95 % interval over resampled networks; ``all layers`` is the mean over layers.
    """

    def rho(part: pd.DataFrame) -> float:
        alive = part.dropna(subset="match")
        varies = len(alive) > 2 and alive["classes"].nunique() > 1
        return scipy.stats.spearmanr(alive["match"], alive["classes"])[0] if varies else np.nan

    grouped = facts.groupby(["network", "layer"], sort=False)[["match", "classes"]]
    wide = grouped.apply(rho).unstack("layer")
    wide["all layers"] = wide.mean(axis=1)
    return intervals.of_means(wide).rename(columns={"value": "rho"}).rename_axis("layer")


def study_of_other_task(study: Study) -> str:
    """Return the name of the study whose networks were trained for another task."""
    return OTHER_TASK.get(study.data.name, "demo")


def other_task(session: sessions.Session) -> Iterator[tuple[str, resnets.ResNet]]:
    """Yield the first founders of the study of another task, where they are trained.

    That is cifar10-20 for a study of digits, and the demo, whose networks see digits, for others.
    """
    study = session.beside(study_of_other_task(session.study)).study
    for name in list(study.families)[:OF_TASK]:
        if trained.is_trained(study, name):
            network = trained.load_network(study, name)
            yield f"{study.name} {name}", network.to(session.device)


def task_key(study: Study) -> tuple:
    """Return what `task_matches` depends on beside the study's own networks."""
    return comparing.IMAGES, OF_TASK, study_of_other_task(study)


@table(
    "task_matches",
    "a, b, relation, layer, semi_matching, matching",
    needs="weights, images",
    depends=task_key,
)
def task_matches(session: sessions.Session) -> pd.DataFrame:
    """How well founders' units match those of networks for another task, and of untrained ones.

    All see the study's test images. The other task's networks are left out where they are not
    trained on this machine; ``chance`` is the first founder when it sees other images.
    """
    own = dict(list(comparing.founders(session).items())[:OF_TASK])
    first, images = next(iter(own.values())), comparing.pictures(session)
    others = {} if len(own) < 2 else dict(other_task(session))
    architecture = session.study.model.architecture
    fresh = {
        f"untrained {i}": models.build(architecture, generator=seeds.generator(i)).eval()
        for i in range(1, OF_TASK + 1)
    }
    kinds = {"another task": others, "untrained": fresh}
    for network in fresh.values():
        network.standardise(first.mean.flatten().tolist(), first.std.flatten().tolist())
        network.to(session.device)
    everyone = own | others | fresh | {"chance": activations.on_other_images(first)}
    where = activations.relu_places(first, images)
    names = list(own)
    pairs = [(a, b, "strangers") for i, a in enumerate(names) for b in names[i + 1 :]]
    pairs += [(a, b, kind) for kind, some in kinds.items() for a in names for b in some]
    pairs += [(a, "chance", "chance") for a in names[1:]]
    rows = []
    for (a, b, relation), layers in unit_tables.units_of_pairs(pairs, everyone, images, where):
        matched = units.match_table(layers)[["semi_matching", "matching"]]
        named = matched.rename_axis("layer").reset_index()
        rows.append(named.assign(a=a, b=b, relation=relation))
    columns = ["a", "b", "relation", "layer", "semi_matching", "matching"]
    return pd.concat(rows, ignore_index=True)[columns]
