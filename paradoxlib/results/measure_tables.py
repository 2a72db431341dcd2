"""The measure bench: which measure of two networks goes with how alike they behave?"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from paradoxlib import devices, keep, paths
from paradoxlib.behaviour import correspondence, paradox
from paradoxlib.measures import grounding, of_networks, views
from paradoxlib.measures.catalogue import MEASURES, Measure
from paradoxlib.networks import activations
from paradoxlib.results.behaviour_tables import compatibilities
from paradoxlib.results.network_tables import chance_levels, cka_pairs, similarities
from paradoxlib.results.tables import table
from paradoxlib.results.unit_tables import groups_in_memory, unit_matches
from paradoxlib.similarity import kernels
from paradoxlib.studies import comparing, predicting, trained, training
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study

GROUNDED = {name: one.features for name, one in MEASURES.items() if one.features}
FOUNDERS, BLOCKS, PROBED = 4, 9, 400  # networks, layers and images at most that ground measures
ALIGNED = {
    "kernel correlation, paper's alignment": "paper",
    "kernel correlation, greedy": "greedy",
    "kernel correlation, optimal": "optimal",
    "kernel correlation, index to index": "none",
}
MATCHED = "whole network matched by activation"
SHORT = 10  # seconds, which what happens only once may lengthen
Layers = Callable[[Session], pd.DataFrame]


def cka_of(session: Session, clean: bool) -> pd.DataFrame:
    """Return the CKA of the layers of all pairs, on clean images or under noise."""
    layers = cka_pairs(session)
    return layers[(layers["condition"] == "clean") == clean]


OF_LAYERS: dict[str, tuple[Layers, str]] = {  # tables that have all pairs at once
    "matched units": (unit_matches, "matching"),
    "CKA, clean": (partial(cka_of, clean=True), "cka"),
    "CKA, noise": (partial(cka_of, clean=False), "cka"),
}


def shown_to(session: Session) -> views.Stimuli:
    """Return what the bench shows networks: the study's first test images, clean and noisy.

    What costs more sees half of them, `views.FEW` at most.
    """
    both = comparing.clean_and_noisy(session.study, comparing.pictures(session))
    images = dict(zip(("clean", "noisy"), both.values(), strict=True))
    labels = session.images("test").first(comparing.IMAGES).labels
    count = min(views.FEW, len(labels) // 2)
    return views.Stimuli(images, labels, session.study.model.architecture, count)


def views_of(
    session: Session, networks: Mapping[str, torch.nn.Module], shown: views.Stimuli
) -> dict[str, views.View]:
    """Return views of some networks of a study, with the predictions of all test images."""
    known = predicting.predict_study(session)
    shown_all = replace(shown, labels=session.images("test").labels)

    def view(name: str, network: torch.nn.Module) -> views.View:
        def predict(which: str) -> torch.Tensor:
            return known[name][views.chosen_conditions(session.study.conditions, which)]

        return views.View(network, shown_all, predict)

    return {name: view(name, network) for name, network in networks.items()}


class PredictedOnce:
    """The predictions of a network of which nothing is known yet, each computed once.

    `spared` are the seconds that those would have taken that were asked for again.
    """

    def __init__(self, session: Session, network: torch.nn.Module) -> None:
        self.session, self.network, self.spared = session, network, 0.0
        self.known: dict[str, tuple[torch.Tensor, float]] = {}

    def __call__(self, which: str) -> torch.Tensor:
        """Return the predictions (condition, image) of ``clean`` or ``distorted`` images."""
        if which in self.known:
            self.spared += self.known[which][1]
        else:
            start = time.perf_counter()
            predicted = self.predict(which)
            self.known[which] = predicted, time.perf_counter() - start
        return self.known[which][0]

    def predict(self, which: str) -> torch.Tensor:
        """Compute the predictions."""
        images = self.session.images("test").first(comparing.IMAGES)
        known, one = self.session.study.conditions, {"one": self.network}
        conditions = [known[i] for i in views.chosen_conditions(known, which)]
        return predicting.predict_models(self.session, one, images, "one network", conditions)[
            "one"
        ]


def seconds_of(measure: Measure, shown: views.Stimuli, answers: Sequence[PredictedOnce]) -> float:
    """Return how long a measure of two networks takes from networks and images alone."""
    start = time.perf_counter()
    spared = sum(one.spared for one in answers)
    measure.pair(*(views.View(one.network, shown, one) for one in answers))
    seconds = time.perf_counter() - start
    return seconds + sum(one.spared for one in answers) - spared


def matched_networks(session: Session, seen: Mapping[str, views.View]) -> pd.DataFrame:
    """Return the correlation of all pairs' kernels, whole networks matched by activation.

    Every network sees the images once, where the correlations of all units fit in memory.
    """
    first, networks = next(iter(seen.values())), {name: seen[name].network for name in seen}
    layers = kernels.kernels_of(first.state)
    found: dict[tuple[str, str], float] = {}
    for group in groups_in_memory(list(combinations(networks, 2)), len(networks), layers):
        some = {name: networks[name] for pair in group for name in pair}
        found |= of_networks.matched_activations(
            some, group, first.stimuli.few(), session.study.model.architecture
        )
    return views.pairwise(lambda a, b: found[a, b], {name: name for name in networks})


def measure_matrix(
    session: Session,
    name: str,
    seen: Mapping[str, views.View],
    pairs: Sequence[tuple[str, str]] | None = None,
) -> pd.DataFrame:
    """Return a measure's matrix (network, network), by the faster way where there is one.

    Such a way gives all pairs. Else the given ones are compared (all, where none are given), as
    many at once as torch may use threads.
    """
    if name == MATCHED:
        return matched_networks(session, seen)
    if name in ALIGNED:
        return similarities(session, ALIGNED[name])
    if name in OF_LAYERS:
        rows, column = OF_LAYERS[name]
        layers = rows(session)
        return correspondence.matrix_of(layers[layers["relation"] != "chance"], column)
    with devices.thread_pool() as pool:
        return views.pairwise(MEASURES[name].pair, seen, pool.map, pairs)


def level_of(session: Session, name: str, seen: Mapping[str, views.View]) -> float:
    """Return what unrelated networks score by a measure."""
    if name in ALIGNED:
        return chance_levels(session)[ALIGNED[name]]
    if name in OF_LAYERS:
        rows, column = OF_LAYERS[name]
        layers = rows(session)
        return float(layers.loc[layers["relation"] == "chance", column].mean())
    founders = {founder: seen[founder] for founder in session.study.families if founder in seen}
    return MEASURES[name].level(founders)


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
    return tabulate_measures(session, MEASURES, comparing.compared(session), shown_to(session))


def tabulate_measures(
    session: Session,
    measures: Collection[str],
    networks: Mapping[str, torch.nn.Module],
    shown: views.Stimuli,
    pairs: Sequence[tuple[str, str]] | None = None,
) -> pd.DataFrame:
    """Return a row for each pair of networks, all or those given.

    It holds their relation, compatibility and measures. Each measure is kept in runs/, so that a
    stop loses one at most.
    """
    study, seen = session.study, views_of(session, networks, shown)
    pairs = list(combinations(seen, 2)) if pairs is None else pairs
    table = pd.DataFrame(pairs, columns=["a", "b"])
    table["relation"] = [paradox.relation(a, b, study.parents) for a, b in pairs]
    compatible = compatibilities(session)["distortions"]
    table["compatibility"] = [compatible.loc[pair] for pair in pairs]
    sizes = {which: len(images) for which, images in shown.images.items()}
    for name in tqdm(measures, desc=f"measures of {len(seen)} networks", unit="measure"):
        path = paths.computed_file(study.name, f"measures/{name}.csv")
        key = study.table_key(name, pairs, sizes, shown.count)
        if (found := keep.read_table(path, key)) is None:
            matrix = measure_matrix(session, name, seen, pairs)
            found = pd.DataFrame({name: [matrix.loc[pair] for pair in pairs]})
            keep.write_table(path, found, key)
        table[name] = found[name]
    return table


@table(
    "measure_costs",
    "measure, needs, chance, seconds",
    needs="weights, images",
    depends=bench_settings,
)
def measure_costs(session: Session) -> pd.DataFrame:
    """What unrelated networks score by each measure, and the time that one pair takes here.

    From networks and images in memory, without the faster ways to all pairs; the shorter of two
    runs where the first was short.
    """
    shown = shown_to(session)
    seen = views_of(session, comparing.compared(session), shown)
    *_, pair = comparing.example_pairs(session.study).values()
    answers = [PredictedOnce(session, seen[name].network) for name in pair]
    rows = []
    for name, measure in MEASURES.items():
        seconds = seconds_of(measure, shown, answers)
        if seconds < SHORT:
            seconds = min(seconds, seconds_of(measure, shown, answers))
        rows.append((name, measure.needs, level_of(session, name, seen), seconds))
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
        ready = [{layer: function.alone(x) for layer, x in own.items()} for own in shown]
        specific = grounding.specificity(function.between, ready)
        rows.append((name, "specificity", *specific, "layers"))
        rows.append((name, "sensitivity", *grounding.sensitivity(function, removed), "layers"))
    return pd.DataFrame(rows, columns=["measure", "test", "value", "low", "high", "resampled"])
