"""Does any measure see which strangers behave alike? All pairs of a population, split honestly."""

import math
from itertools import combinations

import numpy as np
import pandas as pd

from paradoxlib.behaviour import correspondence, scores
from paradoxlib.measures import views
from paradoxlib.measures.catalogue import MEASURES
from paradoxlib.population.stranger_tables import cells_of, initialisers
from paradoxlib.results.behaviour_tables import accuracies, compatibilities
from paradoxlib.results.measure_tables import tabulate_measures
from paradoxlib.results.tables import table
from paradoxlib.studies import comparing, trained
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study

BY_PREDICTIONS = [name for name in MEASURES if name.startswith(("equal", "error"))]
# What can be computed of many pairs: of weights alone, of the features of a few images, and, to
# compare with, of predictions.
MEASURED = [
    name
    for name, one in MEASURES.items()
    if one.needs == "weights" or one.features or name in BY_PREDICTIONS
]
BASELINE = "closeness of clean accuracies"  # minus their difference: what no measure is needed for
PAPER = "kernel correlation, paper's alignment"
# The paper's similarity, from which the mean over pairs of the same two initialisers is taken.
ADJUSTED = "kernel correlation less initialisers' mean"
SPLITS = 5
MOST_PAIRS = 10_000  # of which measures are taken


def measured_by(study: Study) -> tuple:
    """Return what the bench depends on."""
    return MEASURED, views.FEW, MOST_PAIRS


def measured_pairs(study: Study, most: int) -> list[tuple[str, str]]:
    """Return the pairs that are measured: so many at most, all relatives first.

    The others are strangers drawn at random, whatever their compatibility: pairs chosen by it would
    change how measures go with it.
    """
    every = list(combinations(study.networks, 2))
    apart = [study.family_of[a] != study.family_of[b] for a, b in every]
    order = np.random.default_rng(0).permutation(len(every))
    taken = sorted(order, key=lambda place: apart[place])[:most]  # stable: relatives first
    return [every[place] for place in sorted(taken)]


@table(
    "population_measures",
    "a, b, relation, compatibility, {measured}",
    needs="weights, images, predictions",
    depends=measured_by,
)
def population_measures(session: Session) -> pd.DataFrame:
    """Measures of weights, of features and of predictions for pairs of networks.

    All relatives, and strangers up to `MOST_PAIRS` in all, drawn at random where there are more.
    """
    study = session.study
    images = {"clean": comparing.pictures(session, views.FEW)}
    shown = views.Stimuli(images, architecture=study.model.architecture)
    networks = {name: trained.load_network(study, name) for name in study.networks}
    pairs = measured_pairs(study, MOST_PAIRS)
    return tabulate_measures(session, MEASURED, networks, shown, pairs)


@table(
    "population_scores",
    "measure, pairs, n, rho, low, high, p, chosen, reported",
    needs="population_measures, accuracy",
    depends=lambda study: (*measured_by(study), BASELINE, ADJUSTED),
)
def population_scores(session: Session) -> pd.DataFrame:
    """How each measure goes with compatibility; intervals resample what the study's do.

    `BASELINE` stands beside them, and of strangers the paper's similarity less the mean of its pair
    of initialisers (`ADJUSTED`); resamples do not take these means again. Where only a sample of
    the strangers was measured, there is nothing over all pairs: relatives would count too much.
    """
    study, values = session.study, population_measures(session)
    clean = scores.clean_accuracy(accuracies(session))
    values[BASELINE] = -(values["a"].map(clean) - values["b"].map(clean)).abs()
    alike = values[PAPER].where(values["relation"] == "strangers")
    cells = cells_of(values, initialisers(study))
    values[ADJUSTED] = alike - alike.groupby(cells).transform("mean")
    measures = [*MEASURED, BASELINE, ADJUSTED]
    known = compatibilities(session)["distortions"]
    found = correspondence.score_measures(study.family_of, values, measures, study.units, known)
    whole = len(values) == math.comb(len(study.networks), 2)
    shown = (found["pairs"] != "all pairs") | whole
    shown &= (found["measure"] != ADJUSTED) | (found["pairs"] == "between families")
    return found[shown].reset_index(drop=True)


@table(
    "population_splits",
    "split, pairs, measure, chosen, reported",
    needs="population_measures",
    depends=lambda study: (*measured_by(study), SPLITS),
)
def population_splits(session: Session) -> pd.DataFrame:
    """Which measure is best on one half of the families, and what it is worth on the other half.

    Five random halves; measures of predictions, which are behaviour themselves, are left out.
    """
    values, family_of = population_measures(session), session.study.family_of
    founders = list(session.study.families)
    source, rows = np.random.default_rng(0), []
    candidates = [name for name in MEASURED if name not in BY_PREDICTIONS]
    for split in range(1, SPLITS + 1):
        first = set(source.permutation(founders)[: len(founders) // 2])
        a, b = (values[end].map(family_of) for end in "ab")
        halves = [values[(a.isin(first) == one) & (b.isin(first) == one)] for one in (True, False)]
        for which, relatives in (("within families", True), ("between families", False)):
            rho = []
            for half in halves:
                some = half[(half["relation"] != "strangers") == relatives]
                rho.append(some[candidates].corrwith(some["compatibility"], method="spearman"))
            best = rho[0].idxmax()
            rows.append((split, which, best, rho[0][best], rho[1][best]))
    return pd.DataFrame(rows, columns=["split", "pairs", "measure", "chosen", "reported"])
