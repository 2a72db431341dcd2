"""Does any measure see which strangers behave alike? All pairs of a population, split honestly."""

import numpy as np
import pandas as pd

from paradoxlib.behaviour import correspondence, scores
from paradoxlib.measures import views
from paradoxlib.measures.catalogue import MEASURES
from paradoxlib.results.behaviour_tables import accuracies
from paradoxlib.results.measure_tables import tabulate_measures
from paradoxlib.results.tables import table
from paradoxlib.studies import comparing, trained
from paradoxlib.studies.sessions import Session

BY_PREDICTIONS = [name for name in MEASURES if name.startswith(("equal", "error"))]
# What can be computed of many pairs: of weights alone, of the features of a few images, and, to
# compare with, of predictions.
MEASURED = [
    name
    for name, one in MEASURES.items()
    if one.needs == "weights" or one.features or name in BY_PREDICTIONS
]
BASELINE = "closeness of clean accuracies"  # minus their difference: what no measure is needed for
SPLITS = 5


@table(
    "population_measures",
    "a, b, relation, compatibility, {measured}",
    needs="weights, images, predictions",
    depends=lambda study: (MEASURED, views.FEW),
)
def population_measures(session: Session) -> pd.DataFrame:
    """Measures of weights, of features and of predictions for all pairs of networks."""
    study = session.study
    images = {"clean": comparing.pictures(session, views.FEW)}
    shown = views.Stimuli(images, architecture=study.model.architecture)
    networks = {name: trained.load_network(study, name) for name in study.networks}
    return tabulate_measures(session, MEASURED, networks, shown)


@table(
    "population_scores",
    "measure, pairs, n, rho, low, high, p, chosen, reported",
    needs="population_measures, accuracy",
    depends=lambda study: (MEASURED, BASELINE),
)
def population_scores(session: Session) -> pd.DataFrame:
    """How each measure goes with compatibility; intervals resample what the study's do.

    `BASELINE` stands beside them.
    """
    study, values = session.study, population_measures(session)
    clean = scores.clean_accuracy(accuracies(session))
    values[BASELINE] = -(values["a"].map(clean) - values["b"].map(clean)).abs()
    measures = [*MEASURED, BASELINE]
    return correspondence.score_measures(study.family_of, values, measures, study.units)


@table("population_splits", "split, pairs, measure, chosen, reported", needs="population_measures")
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
