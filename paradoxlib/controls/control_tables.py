"""Tables of the studies `controls`, which take the batch norm away: is it the batch norm?

Their children's names say what they were taught and at which rate: ``A1-noise-5`` is A1's child on
noisy images at 1e-5, ``own`` stands for the parent's own rate and schedule.
"""

from collections.abc import Collection
from itertools import combinations
from typing import Any, NamedTuple

import pandas as pd
import torch
from tqdm import tqdm

from paradoxlib import devices
from paradoxlib.behaviour import contributions, intervals, paradox, predictions, scores
from paradoxlib.images import augmentation
from paradoxlib.measures import of_networks, views
from paradoxlib.networks import models, surgery
from paradoxlib.results.part_tables import evaluate_shares, exchange_count
from paradoxlib.results.tables import table
from paradoxlib.similarity import kernels, permutations
from paradoxlib.studies import comparing, predicting, trained
from paradoxlib.studies.predicting import Maker
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study

IMAGE_COUNTS = (32, 100, 320, 1000)  # training images that statistics are re-estimated on
REPAIRED_ON = 1000  # training images that averaged networks' statistics are re-estimated on
SAMPLED = ("noise", "contrast")  # what the children were taught that are looked at closely


class Child(NamedTuple):
    """A network that was fine-tuned, and what its name says."""

    parent: str
    name: str
    taught: str  # noise, contrast, all or clean; with what was frozen, as noise-statistics
    rate: str  # 5, 4, 3 or own


def children_of(study: Study) -> list[Child]:
    """Return all networks that have a parent, in the order of the study."""
    found = []
    for name, parent in study.parents.items():
        if parent:
            taught, _, rate = name.removeprefix(f"{parent}-").rpartition("-")
            found.append(Child(parent, name, taught, rate))
    return found


def clean_founders(study: Study) -> list[str]:
    """Return the founders that were trained on images as they are."""
    return [name for name in study.families if not study.networks[name].distortions]


def sampled_children(study: Study, rates: Collection[str]) -> list[Child]:
    """Return the children of clean founders that were taught `SAMPLED` at some rates."""
    founders = clean_founders(study)
    return [
        child
        for child in children_of(study)
        if child.parent in founders and child.rate in rates and child.taught.startswith(SAMPLED)
    ]


@table(
    "control_children",
    "parent, child, learning_rate, similarity, compatibility, low, high, profile_distance, "
    "profile_distance_low, profile_distance_high, accuracy, parent_accuracy",
    needs="predictions",
    depends=lambda study: tuple(clean_founders(study)),
)
def control_children(session: Session) -> pd.DataFrame:
    """How alike clean founders and their children are: kernels, profiles, accuracy.

    The similarity is that of kernels index to index.
    """
    study, labels = session.study, session.images("test").labels
    founders = clean_founders(study)
    names = [name for founder in founders for name in study.families[founder]]
    known = predicting.predict_study(session, names)
    samples = scores.resampled_accuracy(known, labels, real_first=True)
    means = scores.distortion_means(samples, study.conditions)
    clean = scores.clean_samples(samples[0], study.conditions)
    low, high = paradox.compatibility_intervals(samples[1:], study.conditions)
    compatibility = paradox.compatibility(scores.accuracy(known, labels, study.conditions))
    states, place = trained.load_states(study, names), {name: i for i, name in enumerate(known)}
    rows = []
    for parent, name, *_ in children_of(study):
        if parent not in founders:
            continue
        i, j = place[parent], place[name]
        row: dict[str, Any] = {"parent": parent, "child": name}
        row["learning_rate"] = study.networks[name].learning_rate
        row["similarity"] = kernels.similarity(states[parent], states[name], "none")
        row["compatibility"] = compatibility.loc[parent, name]
        row |= {"low": low[i, j], "high": high[i, j]}
        apart = scores.profile_distance(means[:, i], means[:, j])
        row |= intervals.as_columns("profile_distance", apart)
        rows.append(row | {"accuracy": clean[j], "parent_accuracy": clean[i]})
    return pd.DataFrame(rows)


@table(
    "control_shares",
    "parent, child, part, recovered, recovered_low, recovered_high, visual_intelligence, "
    "visual_intelligence_low, visual_intelligence_high",
    needs="weights, images",
    depends=lambda study: (exchange_count(study), surgery.NETWORK_PARTS),
)
def control_shares(session: Session) -> pd.DataFrame:
    """Which share of what sets some children apart from their parent each part carries (Shapley).

    They were taught noise or contrast at 1e-5 and 1e-3, and are clean founders' children.
    """
    parts = []
    for child in sampled_children(session.study, ("5", "3")):
        shares = evaluate_shares(session, child.parent, child.name)
        parts.append(shares.assign(parent=child.parent, child=child.name))
    return pd.concat(parts, ignore_index=True)


@table(
    "few_images",
    "parent, child, images, recovered, recovered_low, recovered_high, answers, answers_low, "
    "answers_high, with child, with child low, with child high",
    needs="weights, images, predictions",
    depends=lambda study: IMAGE_COUNTS,
)
def few_images(session: Session) -> pd.DataFrame:
    """How far a parent becomes its child by statistics gathered on a few of the child's images.

    All that was learned stays the parent's. The children are clean founders', taught noise or
    contrast at 1e-5.
    """
    study, images, rows = session.study, session.images("test"), []
    for parent, name, *_ in sampled_children(study, ("5",)):
        known = predicting.predict_study(session, (parent, name))

        def maker(count: int, parent: str = parent, name: str = name) -> Maker:
            return lambda ours, theirs: comparing.reestimate_as(session, parent, name, count)

        makers = {str(count): maker(count) for count in IMAGE_COUNTS}
        where = f"{parent} as {name}, few images"
        made = predicting.predict_kept(session, where, parent, name, makers, images)
        seen = {parent: known[parent], name: known[name], **made}
        way = contributions.behave(seen, images.labels, study.conditions).recovered
        answers = contributions.answers_recovered(contributions.agree(seen, known[name]))
        pairs = paradox.pair_compatibilities(seen, images.labels, study.conditions)
        for i, count in enumerate(IMAGE_COUNTS, 2):
            row = {"parent": parent, "child": name, "images": count}
            row |= intervals.as_columns("recovered", way[:, i])
            row |= intervals.as_columns("answers", answers[:, i])
            with_child = pairs[(pairs["a"] == name) & (pairs["b"] == str(count))].iloc[0]
            row["with child"] = with_child["compatibility"]
            row |= {"with child low": with_child["low"], "with child high": with_child["high"]}
            rows.append(row)
    return pd.DataFrame(rows)


@table(
    "adapted_pairs",
    "a, b, relation, compatibility, low, high, adapted, adapted_low, adapted_high, "
    "profile_distance, adapted_distance",
    needs="weights, images, predictions",
)
def adapted_pairs(session: Session) -> pd.DataFrame:
    """How pairs behave before and after each network adapts its statistics to each condition.

    Statistics are re-estimated on the very test images that are classified, without their labels
    (Schneider et al. 2020). The networks are the founders and their children of 1e-5 that were
    taught noise or contrast; the pairs are those of parent and child, and of founders.
    """
    study, labels = session.study, session.images("test").labels
    children = [child for child in children_of(study) if child.rate == "5"]
    parents = {child.name: child.parent for child in children if child.taught in SAMPLED}
    names = [*study.families, *parents]
    known = predicting.predict_study(session, names)
    both = {"": known, "adapted": predict_adapted(session, names)}
    tables = []
    for when, predicted in both.items():
        pairs = paradox.pair_compatibilities(predicted, labels, study.conditions)
        means = scores.mean_accuracies(scores.accuracy(predicted, labels, study.conditions))
        apart = [
            scores.profile_distance(*means.loc[[a, b]].to_numpy())
            for a, b in zip(pairs["a"], pairs["b"], strict=True)
        ]
        pairs[f"{when or 'profile'}_distance"] = apart
        renamed = {"compatibility": when, "low": f"{when}_low", "high": f"{when}_high"}
        tables.append(pairs.rename(columns=renamed if when else {}))
    found = tables[0].merge(tables[1], on=["a", "b"])
    relations = [
        paradox.relation(a, b, study.parents) for a, b in zip(found["a"], found["b"], strict=True)
    ]
    founders = found["a"].isin(study.families) & found["b"].isin(study.families)
    found.insert(2, "relation", relations)
    shown = founders | (found["relation"] == "parent and child")
    return found[shown].reset_index(drop=True)


def predict_adapted(session: Session, names: Collection[str]) -> predicting.Predictions:
    """Return networks' predictions, their statistics re-estimated under each condition."""
    study, images = session.study, session.images("test")
    networks = {name: trained.load_network(study, name).to(session.device) for name in names}
    blocks: list[list[torch.Tensor]] = [[] for _ in study.conditions]
    for place, _, pixels in augmentation.distorted_blocks(
        images, study.conditions, study.evaluation.seed
    ):
        blocks[place].append(pixels)
    found: dict[str, list[torch.Tensor]] = {name: [] for name in names}
    for shown in tqdm(blocks, desc=f"adapting {len(names)} networks", unit="condition"):
        pixels = devices.send(torch.cat(shown), session.device)
        for name, network in networks.items():
            adapted = models.folded(of_networks.refreshed(network, pixels))
            found[name].append(predictions.predict(adapted, pixels, session.device).argmax(1))
    return {name: torch.stack(rows).to(torch.int16) for name, rows in found.items()}


@table(
    "averaged_founders",
    "a, b, matched, endpoints, halfway, halfway_repaired, repaired, repaired_low, repaired_high, "
    "chance",
    needs="weights, images",
    depends=lambda study: (REPAIRED_ON, views.FEW),
)
def averaged_founders(session: Session) -> pd.DataFrame:
    """What statistics gathered anew bring to the average of two strangers (Jordan et al. 2023).

    The clean founders, index to index, and matched whole by weights and by activations. Accuracy is
    that of clean test images; statistics are re-estimated on clean training images.
    """
    study, labels = session.study, session.images("test").first(comparing.IMAGES).labels
    kind, founders = study.model.architecture, clean_founders(study)
    shown = comparing.pictures(session)
    networks = {name: trained.load_network(study, name).to(session.device) for name in founders}
    seen = list(comparing.images_as_seen_by(session, founders[0], REPAIRED_ON))
    few, pairs = torch.cat(seen)[: views.FEW], list(combinations(founders, 2))
    by_activation = permutations.match_activations(networks, pairs, kind, few)
    rows, classes = [], len(session.images("test").classes)
    for a, b in pairs:
        ours, theirs = (networks[name].state_dict() for name in (a, b))
        by_weight = permutations.match_weights(ours, theirs, kind)
        matchings = {"index to index": {}, "weights": by_weight, "activations": by_activation[a, b]}
        for matched, orders in matchings.items():
            moved = permutations.permute(theirs, orders, kind)
            middle = of_networks.halfway(networks[a], moved)
            again = models.with_state(middle, surgery.reestimate(middle, seen))
            four = {"a": networks[a], "b": networks[b], "halfway": middle, "repaired": again}
            named = {
                name: predictions.predict(one, shown, session.device).argmax(1)[None]
                for name, one in four.items()
            }
            samples = scores.resampled_accuracy(named, labels, real_first=True)[..., 0]
            right = samples[0].tolist()
            row = {"a": a, "b": b, "matched": matched, "endpoints": (right[0] + right[1]) / 2}
            row |= {"halfway": right[2], "halfway_repaired": right[3]}
            row |= intervals.as_columns("repaired", (samples[:, 3] - samples[:, 2]).numpy())
            rows.append(row | {"chance": 1 / classes})
    return pd.DataFrame(rows)
