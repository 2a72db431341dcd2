"""The measure bench: which measure of two networks goes with how alike they behave?"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

import pandas as pd
import torch

from paradoxlib import seeds
from paradoxlib.behaviour import correspondence, paradox, scores
from paradoxlib.images import distortions
from paradoxlib.networks import models
from paradoxlib.results.behaviour_tables import compatibilities
from paradoxlib.results.cka_tables import cka_pairs
from paradoxlib.results.network_tables import chance_levels, similarities
from paradoxlib.results.tables import table
from paradoxlib.results.unit_tables import unit_matches
from paradoxlib.similarity import kernels, measures, permutations
from paradoxlib.studies import comparing, predicting, trained
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study

MATCHED_IMAGES = 200  # on which whole networks are matched by activation
Pair = Callable[[torch.nn.Module, torch.nn.Module, Session], float]
OfStates = Callable[[models.State, models.State], float]


@dataclass(frozen=True)
class Measure:
    """A measure: what it needs, how it compares two networks, what unrelated ones score.

    ``needs`` is ``weights``, ``images``, and ``labels`` where it knows the right answer. ``pair``
    compares two networks, ``chance`` returns what unrelated ones score (nan where that is
    unknown), and ``matrix`` all pairs, where there is a faster way than pair by pair.
    """

    needs: str
    pair: Pair
    chance: Callable[[Session], float]
    matrix: Callable[[Session], pd.DataFrame] | None = None

    def of_all_pairs(
        self, session: Session, networks: Mapping[str, torch.nn.Module]
    ) -> pd.DataFrame:
        """Return the matrix (network, network) of all pairs, the faster way where there is one."""
        if self.matrix:
            return self.matrix(session)
        return measures.pairwise(lambda a, b: self.pair(a, b, session), networks)


def nothing(session: Session) -> float:
    """Return 0, what unrelated networks score by a measure that is corrected for chance."""
    return 0.0


def of_weights(function: OfStates, chance: Callable[[Session], float]) -> Measure:
    """Return the measure of a function of two state dicts."""
    return Measure("weights", lambda a, b, _: function(a.state_dict(), b.state_dict()), chance)


def of_kernels(alignment: str) -> Measure:
    """Return the measure of the kernels' correlation by an alignment."""
    return Measure(
        "weights",
        lambda a, b, _: kernels.similarity(a.state_dict(), b.state_dict(), alignment),
        lambda session: chance_levels(session)[alignment],
        lambda session: similarities(session, alignment),
    )


def matched_by_weight() -> Measure:
    """Return the measure of kernels after whole networks were matched by weight."""

    def pair(a: torch.nn.Module, b: torch.nn.Module, session: Session) -> float:
        architecture = session.study.model.architecture
        return measures.matched_weights(a.state_dict(), b.state_dict(), architecture)

    def chance(session: Session) -> float:
        name, seed = session.study.model.architecture, seeds.generator
        fresh = [models.build(name, generator=seed("chance", one)).eval() for one in "ab"]
        return pair(fresh[0], fresh[1], session)

    return Measure("weights", pair, chance)


def matched_by_activation() -> Measure:
    """Return the measure of kernels after whole networks were matched by activation."""

    def pair(a: torch.nn.Module, b: torch.nn.Module, session: Session) -> float:
        images = comparing.pictures(session)[:MATCHED_IMAGES]
        return measures.matched_activations(a, b, images, session.study.model.architecture)

    return Measure("weights, images", pair, nothing)


def shuffled_statistics(session: Session) -> float:
    """Return what founders score by their running statistics, the units of one in random order.

    The mean over all pairs of founders.
    """
    study, architecture = session.study, session.study.model.architecture
    networks = trained.load_states(study, study.families)
    sizes = permutations.group_sizes(next(iter(networks.values())), architecture)
    source = seeds.generator("chance", "units")

    def shuffled(a: models.State, b: models.State) -> float:
        orders = {group: torch.randperm(size, generator=source) for group, size in sizes.items()}
        return measures.statistics_closeness(a, permutations.permute(b, orders, architecture))

    return float(measures.pairwise(shuffled, networks).mean().mean())


def of_layers(pair: Pair, rows: Callable[[Session], pd.DataFrame], column: str) -> Measure:
    """Return the measure of a table of layers of pairs (a, b, relation, layer, ...): their mean."""

    def chance(session: Session) -> float:
        layers = rows(session)
        return float(layers.loc[layers["relation"] == "chance", column].mean())

    def matrix(session: Session) -> pd.DataFrame:
        layers = rows(session)
        return correspondence.matrix_of(layers[layers["relation"] != "chance"], column)

    return Measure("images", pair, chance, matrix)


def of_units() -> Measure:
    """Return the measure of matched units."""

    def pair(a: torch.nn.Module, b: torch.nn.Module, session: Session) -> float:
        return measures.matched_units(a, b, comparing.pictures(session))

    return of_layers(pair, unit_matches, "matching")


def of_cka(images: str) -> Measure:
    """Return the measure of the layers' CKA, on ``clean`` images or on ``noisy`` ones."""

    def pair(a: torch.nn.Module, b: torch.nn.Module, session: Session) -> float:
        both = comparing.clean_and_noisy(session.study, comparing.pictures(session))
        clean, noisy = both.values()
        return measures.layers_cka(a, b, clean if images == "clean" else noisy)

    def rows(session: Session) -> pd.DataFrame:
        layers = cka_pairs(session)
        clean = layers["condition"] == "clean"
        return layers[clean if images == "clean" else ~clean]

    return of_layers(pair, rows, "cka")


def chosen_conditions(study: Study, images: str) -> list[int]:
    """Return the places of the first condition that leaves images clean, or of all that distort."""
    clean = [i for i, one in enumerate(study.conditions) if distortions.is_identity(*one)]
    if images == "clean":
        return clean[:1]
    return [i for i in range(len(study.conditions)) if i not in clean]


def of_predictions(
    images: str, score: Callable[..., float], chance: Callable[[Session], float], needs: str
) -> Measure:
    """Return the measure score(a, b, labels) of predictions on ``clean`` or ``distorted`` images.

    A pair alone is shown `comparing.IMAGES` of them.
    """

    def pair(a: torch.nn.Module, b: torch.nn.Module, session: Session) -> float:
        shown = session.images("test").first(comparing.IMAGES)
        conditions = [session.study.conditions[i] for i in chosen_conditions(session.study, images)]
        both, text = {"a": a, "b": b}, "two networks"
        found = predicting.predict_models(session, both, shown, text, conditions)
        return score(found["a"], found["b"], shown.labels)

    def matrix(session: Session) -> pd.DataFrame:
        labels, rows = session.images("test").labels, chosen_conditions(session.study, images)
        known = predicting.predict_study(session)
        predicted = {name: known[name][rows] for name in comparing.compared_names(session.study)}
        return measures.pairwise(lambda a, b: score(a, b, labels), predicted)

    return Measure(needs, pair, chance, matrix)


def of_agreement(images: str) -> Measure:
    """Return the measure of equal predictions, on ``clean`` or ``distorted`` images.

    By chance two networks name each class as often as they do, but independently of each other.
    """

    def score(a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor) -> float:
        return scores.equal_predictions(a, b)

    def chance(session: Session) -> float:
        rows, classes = chosen_conditions(session.study, images), session.images("test").classes
        known = predicting.predict_study(session)
        names = comparing.compared_names(session.study)
        shares = {name: scores.class_shares(known[name][rows], len(classes)) for name in names}
        return float(measures.pairwise(scores.independent_agreement, shares).mean().mean())

    return of_predictions(images, score, chance, "images")


def of_consistency(images: str) -> Measure:
    """Return the measure of error consistency, on ``clean`` or ``distorted`` images."""
    return of_predictions(images, scores.error_consistency, nothing, "images, labels")


MEASURES = {
    "kernel correlation, paper's alignment": of_kernels("paper"),
    "kernel correlation, greedy": of_kernels("greedy"),
    "kernel correlation, optimal": of_kernels("optimal"),
    "kernel correlation, index to index": of_kernels("none"),
    "kernel correlation above chance": of_weights(measures.above_chance, nothing),
    "cosine of the kernels": of_weights(measures.cosine, nothing),
    "closeness of the kernels": of_weights(measures.closeness, lambda session: -(2**0.5)),
    "whole network matched by weight": matched_by_weight(),
    "whole network matched by activation": matched_by_activation(),
    "batch norms' running statistics": of_weights(
        measures.statistics_closeness, shuffled_statistics
    ),
    "matched units": of_units(),
    "CKA, clean": of_cka("clean"),
    "CKA, noise": of_cka("noisy"),
    "equal predictions, clean": of_agreement("clean"),
    "equal predictions, distorted": of_agreement("distorted"),
    "error consistency, clean": of_consistency("clean"),
    "error consistency, distorted": of_consistency("distorted"),
}


def bench_settings(study: Study) -> tuple:
    """Return what the bench depends on beside the networks' predictions."""
    return list(MEASURES), comparing.COMPARED, comparing.IMAGES


@table(
    "measures",
    "a, b, relation, compatibility, {measure}",
    needs="weights, images, predictions",
    depends=bench_settings,
)
def measure_values(session: Session) -> pd.DataFrame:
    """All measures of all pairs of the networks that are compared, beside their compatibility."""
    networks = comparing.compared(session)
    matrices = {"compatibility": compatibilities(session)["distortions"]}
    for name, measure in MEASURES.items():
        matrices[name] = measure.of_all_pairs(session, networks)
    rows = []
    for a, b in combinations(networks, 2):
        row = {"a": a, "b": b, "relation": paradox.relation(a, b, session.study.parents)}
        rows.append(row | {name: matrix.loc[a, b] for name, matrix in matrices.items()})
    return pd.DataFrame(rows)


@table(
    "measure_costs",
    "measure, needs, chance, seconds",
    needs="weights, images",
    depends=bench_settings,
)
def measure_costs(session: Session) -> pd.DataFrame:
    """What unrelated networks score by each measure, and the time that one pair takes here.

    From networks and images in memory, without the faster ways to all pairs; the shorter of two
    runs where the first took less than a second.
    """
    networks = comparing.compared(session)
    *_, (a, b) = comparing.example_pairs(session.study).values()
    rows = []
    for name, measure in MEASURES.items():
        seconds: list[float] = []
        while len(seconds) < 2 and sum(seconds) < 1:
            start = time.perf_counter()
            measure.pair(networks[a], networks[b], session)
            seconds.append(time.perf_counter() - start)
        rows.append((name, measure.needs, measure.chance(session), min(seconds)))
    return pd.DataFrame(rows, columns=["measure", "needs", "chance", "seconds"])


@table(
    "measure_scores",
    "measure, pairs, n, rho, low, high, p, chosen, reported",
    needs="measures",
    depends=bench_settings,
)
def measure_scores(session: Session) -> pd.DataFrame:
    """How each measure goes with compatibility, over all pairs, within families and between."""
    family_of = session.study.family_of
    return correspondence.score_measures(family_of, measure_values(session), MEASURES)


def measure_bench(session: Session) -> pd.DataFrame:
    """Return the measure bench of a study: `measure_scores` with `measure_costs`."""
    return measure_scores(session).merge(measure_costs(session), on="measure")
