"""Tables of which part of a network carries its behaviour.

Transplants of layers (paper, section 4.2), exchanges of parts with their Shapley shares, running
statistics layer by layer, and relatives with identical kernels.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pandas as pd
import torch

from paradoxlib import keep
from paradoxlib.behaviour import contributions, intervals, paradox, scores
from paradoxlib.images import datasets
from paradoxlib.networks import models, resnets, surgery
from paradoxlib.paper import published
from paradoxlib.results.tables import Kept, table, tensors
from paradoxlib.studies import comparing, predicting, trained
from paradoxlib.studies.predicting import Maker
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study

EVERY_PART = {(): "none", surgery.NETWORK_PARTS: "all"}  # names of the recipient and the donor


class LayerOfPair(NamedTuple):
    """One layer of a parent and of its child: {``weight``, ``bias``} of each."""

    parent: models.State
    child: models.State


def exchange_count(study: Study) -> int | None:
    """Return on how many test images exchanges are evaluated; None: on all."""
    return study.exchange_images or study.transplant_images


def exchange_settings(study: Study) -> tuple:
    """Return what tables of exchanges depend on beside the networks' predictions."""
    return exchange_count(study), surgery.NETWORK_PARTS, comparing.COMPARED


def exchange_images(session: Session) -> datasets.Images | datasets.ImageFiles:
    """Return the test images that exchanges are evaluated on."""
    return session.images("test").first(exchange_count(session.study))


def predict_exchanges(session: Session, recipient: str, donor: str) -> predicting.Predictions:
    """Return the predictions of all exchanges: of the recipient, the donor, then what lies between.

    Keys are names of subsets of the parts (see `subset_name`). Parts that do not differ are not
    exchanged: subsets that differ in them alone are evaluated once.
    """

    def maker(parts: tuple[str, ...]) -> Maker:
        return lambda ours, theirs: surgery.exchange(ours, theirs, parts)

    ends = trained.load_states(session.study, [recipient, donor]).values()
    differing = surgery.differing_parts(*ends)
    dense = surgery.NETWORK_PARTS[-1]
    # those that differ in the dense layer alone side by side, for these are evaluated together
    order = sorted(contributions.subsets(differing), key=lambda s: [p for p in s if p != dense])
    makers = {subset_name(parts): maker(parts) for parts in order}
    made = predict_made_of(session, f"{donor} into {recipient}", recipient, donor, makers)

    def of(parts: tuple[str, ...]) -> torch.Tensor:
        return made[subset_name(tuple(part for part in parts if part in differing))]

    return {
        subset_name(parts): of(parts) for parts in contributions.ends_first(surgery.NETWORK_PARTS)
    }


def behaviour_of(session: Session, predicted: predicting.Predictions) -> contributions.Behaviour:
    """Return how networks behave that were evaluated on the exchanges' images."""
    labels = exchange_images(session).labels
    return contributions.behave(predicted, labels, session.study.conditions)


def predict_made_of(
    session: Session, name: str, recipient: str, donor: str, makers: Mapping[str, Maker]
) -> predicting.Predictions:
    """Return the predictions of what is made of two networks, on the exchanges' images."""
    images = exchange_images(session)
    return predicting.predict_kept(session, name, recipient, donor, makers, images)


def subset_name(parts: tuple[str, ...]) -> str:
    """Return the name of a subset of the parts of a network."""
    return EVERY_PART.get(parts, " + ".join(parts))


def over_children(
    session: Session, function: Callable[[Session, str, str], pd.DataFrame]
) -> pd.DataFrame:
    """Return function(session, parent, child) for all children that are compared, one table."""
    children = comparing.compared_children(session.study)
    parts = {pair: function(session, *pair) for pair in children}
    whole = pd.concat(parts, names=["parent", "child"])
    return whole.reset_index(["parent", "child"]).reset_index(drop=True)


@table(
    "exchanges",
    "parent, child, {part}, recovered, visual_intelligence, with_recipient, with_donor",
    needs="predictions",
    depends=exchange_settings,
)
def exchanges(session: Session) -> pd.DataFrame:
    """What all exchanges of parts from every child to its parent do."""
    return over_children(session, evaluate_exchanges)


@table(
    "exchange_shares",
    "parent, child, part, recovered, recovered_low, recovered_high, visual_intelligence, "
    "visual_intelligence_low, visual_intelligence_high",
    needs="predictions",
    depends=exchange_settings,
)
def exchange_shares(session: Session) -> pd.DataFrame:
    """Which share of what sets a child apart from its parent each part carries (Shapley)."""
    return over_children(session, evaluate_shares)


def evaluate_exchanges(session: Session, recipient: str, donor: str) -> pd.DataFrame:
    """Return a row for each subset of the parts that the recipient takes from the donor."""
    predicted = predict_exchanges(session, recipient, donor)
    found = behaviour_of(session, predicted)
    profiles = paradox.correlate_profiles(pd.DataFrame(found.profiles[0].T)).to_numpy()
    rows = []
    parts_of = {subset_name(parts): parts for parts in contributions.subsets()}
    for i, name in enumerate(predicted):
        row = {part: part in parts_of[name] for part in surgery.NETWORK_PARTS}
        row |= {"recovered": found.recovered[0, i]}
        row |= {"visual_intelligence": found.visual_intelligence[0, i]}
        rows.append(row | {"with_recipient": profiles[i, 0], "with_donor": profiles[i, 1]})
    return pd.DataFrame(rows)


def evaluate_shares(session: Session, recipient: str, donor: str) -> pd.DataFrame:
    """Return a row for each part: its Shapley shares, with their bootstrap intervals."""
    predicted = predict_exchanges(session, recipient, donor)
    found = behaviour_of(session, predicted)
    place = {name: i for i, name in enumerate(predicted)}
    rows: dict[str, dict] = {part: {} for part in surgery.NETWORK_PARTS}
    for number in ("recovered", "visual_intelligence"):
        samples = getattr(found, number)
        values = {parts: samples[:, place[subset_name(parts)]] for parts in contributions.subsets()}
        for part, share in contributions.shapley(values).items():
            rows[part] |= intervals.as_columns(number, share)
    return pd.DataFrame.from_dict(rows, "index").rename_axis("part").reset_index()


@table(
    "layer_statistics",
    "parent, child, layer, recovered, low, high",
    needs="predictions",
    depends=exchange_settings,
)
def statistics_by_layer(session: Session) -> pd.DataFrame:
    """What the running statistics of each batch norm alone bring from child to parent."""
    return over_children(session, evaluate_layer_statistics)


def evaluate_layer_statistics(session: Session, recipient: str, donor: str) -> pd.DataFrame:
    """Return what the donor's running statistics do to the recipient, layer by layer."""

    def maker(layer: str) -> Maker:
        return lambda ours, theirs: surgery.transplant(ours, theirs, [layer], ["statistics"])

    state = trained.load_network(session.study, recipient).state_dict()
    norms = [
        layer
        for layer in models.convolutions(state)
        if f"{resnets.batch_norm_name(layer)}.running_mean" in state
    ]
    makers: dict[str, Maker] = {
        "none": lambda ours, theirs: ours,
        "all": lambda ours, theirs: theirs,
    }
    makers |= {layer: maker(layer) for layer in norms}
    name = f"{donor} into {recipient}, statistics"
    predicted = predict_made_of(session, name, recipient, donor, makers)
    found = behaviour_of(session, predicted)
    recovered = found.recovered[:, 2:]
    low, high = intervals.bounds(recovered[1:])
    return pd.DataFrame({"layer": norms, "recovered": recovered[0], "low": low, "high": high})


def predict_identical(session: Session, parent: str, child: str) -> predicting.Predictions:
    """Return the predictions of the parent, the re-estimated parent and the child."""
    again = f"{parent} re-estimated"
    makers: dict[str, Maker] = {
        parent: lambda ours, theirs: ours,
        again: lambda ours, theirs: comparing.reestimate_as(session, parent, child),
        child: lambda ours, theirs: theirs,
    }
    return predict_made_of(session, f"{again} as {child}", parent, child, makers)


@table(
    "identical_kernels",
    "parent, child, network, {distortion}, with parent, with parent low, with parent "
    "high, with child, with child low, with child high",
    needs="predictions",
    depends=exchange_settings,
)
def identical_kernels(session: Session) -> pd.DataFrame:
    """How parents behave whose running statistics are re-estimated on a child's images.

    Three rows a child: the parent, the parent re-estimated, the child.
    """
    return over_children(session, evaluate_identical_kernels)


def evaluate_identical_kernels(session: Session, parent: str, child: str) -> pd.DataFrame:
    """Return the profiles and compatibilities of parent, re-estimated parent and child."""
    predicted = predict_identical(session, parent, child)
    labels, conditions = exchange_images(session).labels, session.study.conditions
    table = scores.accuracy(predicted, labels, conditions)
    means, compatibility = scores.mean_accuracies(table), paradox.compatibility(table)
    samples = scores.resampled_accuracy(predicted, labels)
    low, high = paradox.compatibility_intervals(samples, conditions)
    for who, name in (("parent", parent), ("child", child)):
        place = list(predicted).index(name)
        means[f"with {who}"] = compatibility[name]
        means[f"with {who} low"], means[f"with {who} high"] = low[:, place], high[:, place]
    return means.rename_axis("network").reset_index()


@table(
    "identical_pairs",
    "a, b, trained, trained_low, trained_high, identical, identical_low, identical_high",
    needs="predictions",
    depends=lambda study: (exchange_count(study), comparing.COMPARED),
)
def identical_pairs(session: Session) -> pd.DataFrame:
    """The compatibility of all relatives, as trained and with identical kernels.

    With identical kernels all that was ever learned is the parent's, bit by bit: what sets two
    networks apart is their running statistics, re-estimated as of each child, alone.
    """
    trained_too: dict[str, predicting.Predictions] = {}
    identical: dict[str, predicting.Predictions] = {}
    for parent, child in comparing.compared_children(session.study):
        own, again, other = predict_identical(session, parent, child).values()
        trained_too.setdefault(parent, {parent: own})[child] = other
        identical.setdefault(parent, {parent: own})[child] = again
    tables = []
    for name, families in (("trained", trained_too), ("identical", identical)):
        parts = [compatibilities_of(session, predicted) for predicted in families.values()]
        columns = {"compatibility": name, "low": f"{name}_low", "high": f"{name}_high"}
        tables.append(pd.concat(parts).rename(columns=columns))
    return tables[0].merge(tables[1], on=["a", "b"])


def compatibilities_of(session: Session, predicted: predicting.Predictions) -> pd.DataFrame:
    """Return the compatibility of all pairs of networks evaluated on the exchanges' images."""
    labels = exchange_images(session).labels
    return paradox.pair_compatibilities(predicted, labels, session.study.conditions)


def pair_key(study: Study) -> str:
    """Return the key of the layer that the paper transplants."""
    return keep.key([study.network_key(name) for name in published.TRANSPLANT[:2]])


@tensors(published.TRANSPLANT[2], "weights", pair_key)
def transplanted_layers(session: Session) -> Kept:
    """The layer that the paper transplants, of the parent and of the child, as float16."""
    parent, child, layer = published.TRANSPLANT
    found = trained.load_states(session.study, [parent, child])
    return {
        f"{name}|{what}": state[f"{layer}.{what}"].half()
        for name, state in found.items()
        for what in ("weight", "bias")
    }, {}


def transplanted_layer(session: Session) -> LayerOfPair:
    """Return the layer that the paper transplants, of the parent and of the child."""
    kept, _ = transplanted_layers(session)

    def of(name: str) -> models.State:
        return {what: kept[f"{name}|{what}"].float() for what in ("weight", "bias")}

    return LayerOfPair(*map(of, published.TRANSPLANT[:2]))
