"""What sets children of a population apart from their parents: statistics or kernels?

All children: the parent takes nothing from the child but running statistics that are re-estimated
on the child's kind of images, from several numbers of them.
"""

from functools import cache, partial
from typing import Any

import pandas as pd
import torch

from paradoxlib.behaviour import contributions, intervals, paradox
from paradoxlib.networks import models, resnets, surgery
from paradoxlib.population.stranger_tables import taught
from paradoxlib.results.network_tables import similarities, training_history
from paradoxlib.results.part_tables import evaluate_shares, exchange_count
from paradoxlib.results.tables import table
from paradoxlib.studies import comparing, predicting, training
from paradoxlib.studies.predicting import Maker
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study

AS_GOOD_AS_ALL = 0.99  # share of running statistics that is as good as all
REESTIMATED_ON = (100, 1000, comparing.STATISTICS_IMAGES)  # training images that statistics saw


def all_children(study: Study) -> list[tuple[str, str]]:
    """Return [(parent, child)] of all children, family by family."""
    return [
        (parent, name)
        for family in study.families.values()
        for name in family
        if (parent := study.parents[name])
    ]


def first_children(study: Study) -> list[tuple[str, str]]:
    """Return [(parent, child)]: the first child of each family."""
    firsts = {
        study.family_of[child]: (parent, child) for parent, child in all_children(study)[::-1]
    }
    return [firsts[family] for family in study.families if family in firsts]


def gathered(study: Study, child: str, images: int) -> float:
    """Return the share of a child's running statistics that its own training gathered, 0..1.

    The training has so many images; the rest is its parent's, which fades with each step.
    """
    own = study.networks[child]
    steps = own.epochs * training.steps_of_epoch(images, own.batch_size)
    return 1 - (1 - resnets.MOMENTUM) ** steps


def predict_as_child(
    session: Session, parent: str, child: str, share: float
) -> predicting.Predictions:
    """Return the predictions of the parent with statistics re-estimated on the child's images.

    ``{number of images: predictions}``, and ``gathered``, whose statistics moved by `share` of the
    way to those of the largest number, as far as the child's did. Where that is all of the way
    (`AS_GOOD_AS_ALL`), they are those.
    """
    images = session.images("test").first(session.study.transplant_images)
    again = cache(partial(comparing.reestimate_as, session, parent, child))

    def all_the_way(count: int) -> Maker:
        return lambda ours, theirs: again(count)

    def part_of_the_way(ours: models.State, theirs: models.State) -> models.State:
        return {name: torch.lerp(ours[name], again(most)[name], share) for name in ours}

    most, who = REESTIMATED_ON[-1], f"{parent} as {child}"
    makers = {str(count): all_the_way(count) for count in REESTIMATED_ON}
    made = predicting.predict_kept(
        session, f"{who}, by number of images", parent, child, makers, images
    )
    if share >= AS_GOOD_AS_ALL:
        return made | {"gathered": made[str(most)]}
    makers = {f"gathered, {most}": part_of_the_way}
    part = predicting.predict_kept(session, f"{who}, as gathered", parent, child, makers, images)
    return made | {"gathered": part[f"gathered, {most}"]}


def predict_family(session: Session, founder: str) -> predicting.Predictions:
    """Return the predictions of a family on the transplants' images."""
    known = predicting.predict_study(session, session.study.families[founder])
    return {name: of[:, : session.study.transplant_images] for name, of in known.items()}


@table(
    "population_children",
    "parent, child, taught, parent_taught, batch_size, learning_rate, similarity, images, moved, "
    "trained, trained_low, trained_high, with_parent, with_child, low, high, recovered, "
    "recovered_low, recovered_high",
    needs="weights, images, predictions",
    depends=lambda study: (study.transplant_images, REESTIMATED_ON, AS_GOOD_AS_ALL),
    by_network=True,
)
def population_children(session: Session) -> pd.DataFrame:
    """How far each parent becomes its child by re-estimated statistics alone, by images seen.

    ``trained`` is the compatibility of parent and child as they were trained, ``with_parent`` and
    ``with_child`` that of the re-estimated parent; intervals resample test images. The similarity
    is index to index. In each child's last row the parent's statistics are ``moved`` towards the
    re-estimated ones by the share that the child's training gathered.
    """
    study, alike = session.study, similarities(session, "none")
    labels = session.images("test").first(study.transplant_images).labels
    rates = training_history(session).groupby("network")["learning_rate"].last()
    count, rows = len(session.images("train")), []
    for parent, child in all_children(study):
        known = predict_family(session, study.family_of[child])
        share = gathered(study, child, count)
        made = predict_as_child(session, parent, child, share)
        seen = {parent: known[parent], child: known[child], **made}
        found = paradox.pair_compatibilities(seen, labels, study.conditions)
        by_pair = found.set_index(["a", "b"])
        way = contributions.behave(seen, labels, study.conditions).recovered
        own = study.networks[child]
        row: dict[str, Any] = {"parent": parent, "child": child, "taught": taught(own)}
        row["parent_taught"] = taught(study.networks[parent])
        row |= {"batch_size": own.batch_size, "learning_rate": rates[child]}
        row["similarity"] = alike.loc[parent, child]
        trained = by_pair.loc[(parent, child)].tolist()
        trained_columns = ("trained", "trained_low", "trained_high")
        ways = [*((images, 1.0) for images in REESTIMATED_ON), (REESTIMATED_ON[-1], share)]
        for i, (name, (images, moved)) in enumerate(zip(made, ways, strict=True), 2):
            one: dict[str, Any] = {"images": images, "moved": moved}
            one |= dict(zip(trained_columns, trained, strict=True))
            one["with_parent"] = by_pair.loc[(parent, name), "compatibility"]
            of_child = by_pair.loc[(child, name)].tolist()
            one |= dict(zip(("with_child", "low", "high"), of_child, strict=True))
            rows.append(row | one | intervals.as_columns("recovered", way[:, i]))
    return pd.DataFrame(rows)


@table(
    "population_relatives",
    "a, b, relation, trained, trained_low, trained_high, identical, identical_low, identical_high, "
    "gathered, gathered_low, gathered_high",
    needs="weights, images, predictions",
    depends=lambda study: (study.transplant_images, REESTIMATED_ON, AS_GOOD_AS_ALL),
    by_network=True,
)
def population_relatives(session: Session) -> pd.DataFrame:
    """The compatibility of all relatives, as trained and with their parent's kernels.

    With ``identical`` kernels, each child is its parent with statistics re-estimated on the child's
    kind of images, the largest number of `REESTIMATED_ON`; with those ``gathered``, they are moved
    towards these as far as the child's training moves them.
    """
    study, parts, count = session.study, [], len(session.images("train"))
    labels = session.images("test").first(study.transplant_images).labels
    for founder, family in study.families.items():
        own = predict_family(session, founder)
        same, moved = dict(own), dict(own)
        for name in family:
            if parent := study.parents[name]:
                made = predict_as_child(session, parent, name, gathered(study, name, count))
                same[name], moved[name] = made[str(REESTIMATED_ON[-1])], made["gathered"]
        columns = []
        for what, predicted in (("trained", own), ("identical", same), ("gathered", moved)):
            found = paradox.pair_compatibilities(predicted, labels, study.conditions)
            named = {"compatibility": what, "low": f"{what}_low", "high": f"{what}_high"}
            columns.append(found.rename(columns=named).set_index(["a", "b"]))
        parts.append(pd.concat(columns, axis=1).reset_index())
    table = pd.concat(parts, ignore_index=True)
    relations = map(paradox.relation, table["a"], table["b"], [study.parents] * len(table))
    table.insert(2, "relation", list(relations))
    return table


@table(
    "population_shares",
    "parent, child, part, recovered, recovered_low, recovered_high, visual_intelligence, "
    "visual_intelligence_low, visual_intelligence_high",
    needs="weights, images",
    depends=lambda study: (exchange_count(study), surgery.NETWORK_PARTS),
    by_network=True,
)
def population_shares(session: Session) -> pd.DataFrame:
    """Which share of what sets each family's first child apart each part carries (Shapley)."""
    parts = [
        evaluate_shares(session, parent, child).assign(parent=parent, child=child)
        for parent, child in first_children(session.study)
    ]
    return pd.concat(parts, ignore_index=True)
