"""Tables of how networks behave: accuracies, pairs, transplants, and the paper's claims."""

from collections.abc import Callable

import pandas as pd

from paradoxlib.behaviour import contributions, correspondence, facts, intervals, paradox, scores
from paradoxlib.images import distortions
from paradoxlib.networks import models, surgery
from paradoxlib.paper import copies, named, published, statements, verdicts
from paradoxlib.results.network_tables import chance_levels, layers_of_children, similarities
from paradoxlib.results.tables import matrix, table
from paradoxlib.studies import predicting, trained
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study

ALL = tuple(distortions.GRID)
FACT_COLUMNS = ("fact", "value", "low", "high")
SEEDED_NETWORKS, SEEDS = 30, 3  # that are evaluated under other noise, and how often


@table("accuracy", "network, distortion, level, accuracy, n", needs="predictions", by_network=True)
def accuracies(session: Session) -> pd.DataFrame:
    """Top-1 accuracy of every network under every condition."""
    predicted, labels = predicting.predict_study(session), session.images("test").labels
    return scores.accuracy(predicted, labels, session.study.conditions)


@matrix("agreement", needs="predictions")
def agreements(session: Session) -> pd.DataFrame:
    """Share of equal predictions of all pairs, over all conditions and images."""
    return scores.agreement(predicting.predict_study(session))


def compatibilities(session: Session) -> dict[str, pd.DataFrame]:
    """Return {definition: compatibility (network, network)}: over distortions, and conditions."""
    known = accuracies(session)
    return {over: paradox.compatibility(known, over) for over in ("distortions", "conditions")}


@table(
    "correlations",
    "definition, pairs, n, r, low, high, p, rho, rho_p",
    needs="accuracy, similarity_paper",
    depends=lambda study: (correspondence.INSIDE,),
)
def correspondences(session: Session) -> pd.DataFrame:
    """Does similarity go with compatibility: over all pairs, within families, between them?"""
    study, both = session.study, (compatibilities(session), similarities(session))
    return correspondence.correlate_matrices(*both, study.family_of, study.units)


@table(
    "noise_seeds",
    "seed, a, b, compatibility, low, high",
    needs="predictions",
    depends=lambda study: (study.transplant_images,),
)
def noise_seeds(session: Session) -> pd.DataFrame:
    """Compatibility of pairs under three seeds of the noise, on the transplants' images.

    Each has its bootstrap interval over these images. The networks are those of the first
    families, `SEEDED_NETWORKS` at most.
    """
    study = session.study
    images = session.images("test").first(study.transplant_images)
    some = [name for family in study.families.values() for name in family][:SEEDED_NETWORKS]
    known = predicting.predict_study(session)
    predicted = {name: known[name][:, : len(images)] for name in known if name in some}
    networks = {name: trained.load_network(study, name) for name in predicted}
    noisy = [
        place
        for place, (name, level) in enumerate(study.conditions)
        if name.endswith(("noise", "pepper")) and level
    ]
    conditions, first, parts = [study.conditions[i] for i in noisy], study.evaluation.seed, []
    for seed in range(first, first + SEEDS):
        again = {name: classes.clone() for name, classes in predicted.items()}
        if seed != first:
            part = predicting.predict_models(session, networks, images, "noise", conditions, seed)
            for name, classes in again.items():
                classes[noisy] = part[name]
        again_pairs = paradox.pair_compatibilities(again, images.labels, study.conditions)
        parts.append(again_pairs.assign(seed=seed))
    return pd.concat(parts, ignore_index=True)[["seed", "a", "b", "compatibility", "low", "high"]]


@table(
    "pairs",
    "a, b, relation, similarity, compatibility, low, high, compatibility_conditions, difference, "
    "kind, agreement",
    needs="predictions, accuracy, similarity_paper, agreement",
)
def pairs(session: Session) -> pd.DataFrame:
    """All pairs of networks: how alike they are, how alike they behave, and their kind."""
    study, predicted = session.study, predicting.predict_study(session)
    samples = scores.resampled_accuracy(predicted, session.images("test").labels)
    bounds = paradox.compatibility_intervals(samples, study.conditions)
    both = compatibilities(session)
    return paradox.pair_table(
        both["distortions"],
        both["conditions"],
        similarities(session),
        bounds,
        agreements(session),
        study.parents,
    )


def transplant_pair(session: Session) -> tuple[str, str]:
    """Return (parent, child): the paper's, or those of all that behave least alike."""
    study, (parent, child, _) = session.study, published.TRANSPLANT
    if {parent, child} <= set(study.networks):
        return parent, child
    related = pairs(session).query("relation == 'parent and child'")
    pair = related.sort_values("compatibility").iloc[0]
    a, b = pair["a"], pair["b"]
    return (a, b) if study.parents[b] == a else (b, a)


def transplant_settings(study: Study) -> tuple:
    """Return what transplants depend on beside the networks' predictions."""
    return study.transplant_images, surgery.LAYER_PARTS


TRANSPLANT_COLUMNS = (
    "transplant, layers, values, visual_intelligence, visual_intelligence_low, "
    "visual_intelligence_high, gain, gain_low, gain_high, recovered, recovered_low, "
    "recovered_high, {distortion}"
)


@table("transplants", TRANSPLANT_COLUMNS, needs="predictions, pairs", depends=transplant_settings)
def transplants(session: Session) -> pd.DataFrame:
    """What each transplant does to the parent whose child behaves least like it.

    A row for the recipient (the parent), the donor (the child) and each transplant of
    `surgery.plan_transplants`, evaluated on the study's transplant images.
    """
    recipient, donor = transplant_pair(session)
    return evaluate_transplants(session, recipient, donor, surgery.plan_transplants)


@table(
    "stranger_transplants",
    TRANSPLANT_COLUMNS,
    needs="predictions, pairs",
    depends=transplant_settings,
)
def stranger_transplants(session: Session) -> pd.DataFrame:
    """What the same transplants do where the donor is a stranger: the paper's control.

    The recipient is that of `transplants`, the donor the stranger that behaves least like it. A row
    for both, each convolution alone, and the groups of layers (`surgery.plan_layers`).
    """
    recipient, _ = transplant_pair(session)
    apart = pairs(session).query("relation == 'strangers' and (a == @recipient or b == @recipient)")
    pair = apart.sort_values("compatibility").iloc[0]
    donor = pair["b"] if pair["a"] == recipient else pair["a"]
    return evaluate_transplants(session, recipient, donor, surgery.plan_layers)


def evaluate_transplants(
    session: Session,
    recipient: str,
    donor: str,
    plan: Callable[[models.State], dict[str, surgery.Transplant]],
) -> pd.DataFrame:
    """Return a row for the recipient, the donor and each transplant that is planned."""
    study = session.study
    ours, theirs = trained.load_states(study, [recipient, donor]).values()
    whole = [*models.convolutions(ours), "fc"]
    planned = {
        recipient: surgery.Transplant([], surgery.LAYER_PARTS),
        donor: surgery.Transplant(whole, surgery.LAYER_PARTS),
        **plan(ours),
    }

    def maker(layers: list[str], parts: tuple[str, ...]) -> Callable[[], models.State]:
        return lambda: surgery.transplant(ours, theirs, layers, parts) if layers else ours

    images = session.images("test").first(study.transplant_images)
    makers = {name: maker(*transplant) for name, transplant in planned.items()}
    predicted = predicting.predict_made(session, makers, images, "transplants")
    means = scores.mean_accuracies(scores.accuracy(predicted, images.labels, study.conditions))
    found = contributions.behave(predicted, images.labels, study.conditions)
    ability = found.visual_intelligence
    numbers = {
        "visual_intelligence": ability,
        "gain": ability - ability[:, :1],
        "recovered": found.recovered,
    }
    rows = []
    for i, (name, (layers, parts)) in enumerate(planned.items()):
        copied = [entry for layer in layers for entry in surgery.entries(ours, layer, parts)]
        values = sum(ours[entry].numel() for entry in copied)
        row = {"transplant": name, "layers": len(layers), "values": values}
        for number, samples in numbers.items():
            row |= intervals.as_columns(number, samples[:, i])
        rows.append(row | means.loc[name].to_dict())
    return pd.DataFrame(rows)


@table("image_facts", "fact, value, low, high", needs="predictions")
def image_facts(session: Session) -> pd.DataFrame:
    """What the claims need of single predictions, with intervals over resampled test images."""
    study = session.study
    predicted, labels = predicting.predict_study(session), session.images("test").labels
    samples = scores.resampled_accuracy(predicted, labels, real_first=True)
    found = facts.accuracy_facts(samples, study.conditions)
    names = list(study.networks)
    if set(published.ABLE) <= set(names):
        able, place = (
            [names.index(name) for name in some] for some in (published.ABLE, published.TRANSPLANT)
        )
        found |= facts.able_facts(samples, study.conditions, place[0], able)._asdict()
    return pd.DataFrame([(name, *fact) for name, fact in found.items()], columns=FACT_COLUMNS)


@table(
    "claims",
    ", ".join(verdicts.CLAIM_COLUMNS),
    needs="image_facts, accuracy, pairs, similarity_paper, layer_similarity, transplants",
    depends=lambda study: (study.transplant_images, "named pairs"),
)
def claims(session: Session) -> pd.DataFrame:
    """The paper's statements: published and reproduced value, interval and verdict."""
    study, child = session.study, transplant_pair(session)[1]
    architecture, margin = study.model.architecture, paradox.MARGIN
    comparable = (study.data.name, architecture) in published.EXPERIMENTS
    known, all_pairs, chance = accuracies(session), pairs(session), chance_levels(session)["paper"]
    imaged = {row.fact: row[2:] for row in image_facts(session).itertuples()}
    behaviour, units = paradox.compatibility(known), list(study.units.values())
    found = statements.behaviour_claims(
        facts.pair_facts(all_pairs, study.units) | imaged,
        facts.pair_facts(paradox.published_pairs(architecture)),
        correspondence.correlation_interval(behaviour, similarities(session), units=units),
        correspondence.published_correlation(architecture),
        chance,
        margin,
        architecture,
        verdicts.OF_FAMILIES if study.drawn_families else verdicts.OF_NETWORKS,
    )
    found += statements.range_claims(facts.range_facts(known), comparable, architecture)
    named_facts = {
        pair: facts.pair_fact(all_pairs, pair.a, pair.b)
        for pair in published.NAMED_PAIRS[published.experiment_of(architecture)]
        if {pair.a, pair.b} <= set(study.networks)
    }
    found += named.pair_claims(named_facts, chance, margin, architecture)
    orders = {
        statement: facts.order_fact(known, order.better, order.worse, order.distortions)
        for statement, order in published.ORDERS.items()
        if {order.better, order.worse} <= set(study.networks)
    }
    found += named.order_claims(orders)
    if "loss" in imaged:
        found += statements.able_claims(imaged["loss"], imaged["better"])
    able = [name for name, own in study.networks.items() if set(own.distortions) == set(ALL)]
    plain = [name for name in study.families if not study.networks[name].distortions]
    if able and plain:
        unseen = facts.unseen_facts(known, able, plain[0])
        found += statements.unseen_claims(unseen, able, plain[0])
    found += statements.count_claims(study.networks, comparable, architecture)
    deviating = facts.layer_facts(layers_of_children(session), child)
    layers = {deviating.layer: "The layer that deviates most"}
    if child == published.TRANSPLANT.child:  # the paper's second experiment, or its stand-in
        found += copies.layer_claims(child, *deviating)
        layers = {published.TRANSPLANT.layer: "The paper's layer"} | layers
    tried = transplants(session)
    copied = facts.transplant_facts(tried, layers, list(study.evaluation.grid))
    shares = (
        facts.transplant_fact(tried, name, "recovered")
        for name in (surgery.ALL_CONVS, surgery.CONVS_AND_BATCH_NORMS)
    )
    found += copies.transplant_claims(layers, copied, *shares)
    sizes = tried.set_index("transplant")["values"]
    dense = sizes[surgery.DENSE_ALONE] / sizes[child]
    return verdicts.tabulate([*found, copies.dense_claim(dense, comparable and len(layers) > 1)])


@table(
    "stranger_claims",
    ", ".join(verdicts.CLAIM_COLUMNS),
    needs="stranger_transplants",
    depends=transplant_settings,
)
def stranger_claims(session: Session) -> pd.DataFrame:
    """The paper's control, weights copied between strangers: the same columns as `claims`."""
    tried = stranger_transplants(session)
    recipient, donor, *rest = tried["transplant"]
    single = tried[tried["transplant"].isin(rest) & (tried["layers"] == 1)]
    best = single.set_index("transplant")["gain"].drop(surgery.DENSE_ALONE).idxmax()
    chosen = {f"{best}, the best convolution": best}
    chosen |= {name: name for name in (surgery.ALL_CONVS, surgery.CONVS_AND_BATCH_NORMS)}
    gains = {what: facts.transplant_fact(tried, name, "gain") for what, name in chosen.items()}
    share = facts.transplant_fact(tried, surgery.CONVS_AND_BATCH_NORMS, "recovered")
    return verdicts.tabulate(copies.control_claims(recipient, donor, gains, share))
