"""The measure bench: which measure of two networks' likeness goes with how alike they behave?

All of `measures.MEASURES` side by side, over all pairs, within families and between them; families are held out from choosing for reporting.
"""

import time
from itertools import combinations

import numpy as np
import pandas as pd

from paradoxlib import measures, paradox, results, sisters, tables
from paradoxlib.measures import MEASURES


def values(study):
    """Return the table of all pairs (a, b, relation, compatibility) with a column for each of `MEASURES`; each is computed once.

    Of the networks that the sister works compare, 20 at most.
    """

    def compute():
        networks, _ = sisters.shown(study)
        matrices = {"compatibility": results.compatibilities(study)["distortions"]}
        for name, measure in MEASURES.items():
            matrices[name] = measure.matrix(study) if measure.matrix else measures.pairwise(lambda a, b, m=measure: m.pair(a, b, study), networks)
        parents = {name: network.parent for name, network in study.networks.items()}
        found = pd.DataFrame([(a, b, paradox.relation(a, b, parents)) for a, b in combinations(networks, 2)], columns=["a", "b", "relation"])
        for name, matrix in matrices.items():
            found[name] = [matrix.loc[a, b] for a, b in zip(found["a"], found["b"], strict=True)]
        return found

    return tables.result(study, "measures", compute, list(MEASURES), sisters.NETWORKS, sisters.IMAGES)


def halves(study, names):
    """Return ({networks of one half}, {of the other}): families turn about, so that what is chosen on one half may be reported on the other."""
    founders = list(dict.fromkeys(study.family_of[name] for name in names))
    return tuple({name for name in names if founders.index(study.family_of[name]) % 2 == half} for half in (0, 1))


def score(study, table, columns):
    """Return how the measures in columns of a table of pairs go with compatibility.

    Returns
    -------
    pandas.DataFrame
        A row for each measure and kind of pairs (`paradox.PAIRS`): n, Spearman's ``rho`` with its interval over resampled networks, ``low`` and
        ``high``, and ``p`` by permutation; and ``chosen`` and ``reported``, rho over the families of either half (see `halves`).
    """
    compatibility, rows = measures.matrix_of(table, "compatibility"), []
    names = list(compatibility)
    families = [study.family_of[name] for name in names]
    parts = halves(study, names)
    for column in columns:
        matrix = measures.matrix_of(table, column).loc[names, names]
        for which in paradox.PAIRS:
            chosen = paradox.chosen_pairs(study.family_of, names, which) & matrix.notna().to_numpy() & compatibility.notna().to_numpy()
            n = int(chosen.sum() // 2)
            if n < 3:
                rows.append((column, which, n, *[np.nan] * 6))
                continue
            ranked = [paradox.ranks(part, chosen) for part in (compatibility.to_numpy(), matrix.to_numpy())]
            rho, low, high = paradox.correlation_interval(*ranked, chosen)
            p = paradox.permutation_test(*ranked, chosen, None if which == "all pairs" else families)
            halved = []
            for part in parts:
                some = chosen & np.array([name in part for name in names])
                some &= some.T
                inside = [paradox.ranks(values, some) for values in (compatibility.to_numpy(), matrix.to_numpy())]
                halved.append(paradox.correlation(*inside, some) if some.any() else np.nan)
            rows.append((column, which, n, rho, low, high, p, *halved))
    return pd.DataFrame(rows, columns=["measure", "pairs", "n", "rho", "low", "high", "p", "chosen", "reported"])


def costs(study):
    """Return the table (measure, needs, chance, seconds): what unrelated networks score, and the time that one pair takes here, without help.

    From networks and images in memory, the shorter of two runs where the first took less than a second. What needs images is shown
    `sisters.IMAGES` of them, under each of its conditions.
    """

    def compute():
        networks, _ = sisters.shown(study)
        a, b = (networks[name] for name in list(sisters.examples(study).values())[-1])
        rows = []
        for name, measure in MEASURES.items():
            seconds = []
            while len(seconds) < 2 and sum(seconds) < 1:
                start = time.perf_counter()
                measure.pair(a, b, study)
                seconds.append(time.perf_counter() - start)
            rows.append((name, measure.needs, measure.chance(study), min(seconds)))
        return pd.DataFrame(rows, columns=["measure", "needs", "chance", "seconds"])

    return tables.result(study, "measure_costs", compute, list(MEASURES), sisters.NETWORKS, sisters.IMAGES)


def bench(study):
    """Return the measure bench of a study: `score` of all `MEASURES`, with their `costs`."""

    def compute():
        return score(study, values(study), list(MEASURES))

    scores = tables.result(study, "measure_scores", compute, list(MEASURES), sisters.NETWORKS, sisters.IMAGES)
    return scores.merge(costs(study), on="measure")
