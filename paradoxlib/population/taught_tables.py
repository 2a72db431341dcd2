"""How much of how alike strangers behave is explained by what they were taught?"""

from itertools import combinations_with_replacement

import numpy as np
import pandas as pd

from paradoxlib.behaviour import intervals
from paradoxlib.images import distortions
from paradoxlib.paper import published
from paradoxlib.results.behaviour_tables import pairs
from paradoxlib.results.tables import table
from paradoxlib.studies import settings
from paradoxlib.studies.sessions import Session

RESAMPLES, PERMUTATIONS = 2000, 999
WORDS = ("clean", *distortions.DISTORTIONS, "all noises", "all eight")


def taught(network: settings.Network) -> str:
    """Return what a network was taught, in a word or two: ``clean``, ``blur``, ``all noises``."""
    seen = set(network.distortions)
    if seen == set(distortions.GRID):
        return "all eight"
    if seen == set(published.NOISES):
        return "all noises"
    return " + ".join(name for name in distortions.DISTORTIONS if name in seen) or "clean"


def kinds_taught(session: Session) -> dict[str, str]:
    """Return {network: what it was taught last}."""
    return {name: taught(network) for name, network in session.study.networks.items()}


def strangers(session: Session) -> pd.DataFrame:
    """Return the pairs of strangers whose compatibility is defined."""
    return pairs(session).query("relation == 'strangers'").dropna(subset="compatibility")


@table("taught_pairs", "taught_a, taught_b, n, compatibility, low, high", needs="pairs")
def taught_pairs(session: Session) -> pd.DataFrame:
    """How alike strangers behave, by what each of the two was taught last: mean compatibility.

    Intervals resample what the study's do: families, where these were drawn.
    """
    kinds, apart = kinds_taught(session), strangers(session)
    ends = [{kinds[a], kinds[b]} for a, b in zip(apart["a"], apart["b"], strict=True)]
    rows = []
    order = sorted(set(kinds.values()), key=lambda kind: [*map(WORDS.index, kind.split(" + "))])
    for cell in combinations_with_replacement(order, 2):
        chosen = pd.Series([end == set(cell) for end in ends], apart.index)
        if chosen.any():
            means = intervals.means_over_resampled_networks(
                apart, "compatibility", chosen, session.study.units, RESAMPLES
            )
            rows.append((*cell, int(chosen.sum()), *intervals.estimate(means)))
    return pd.DataFrame(rows, columns=["taught_a", "taught_b", "n", "compatibility", "low", "high"])


@table("taught_facts", "fact, n, value, low, high, chance, p", needs="pairs")
def taught_facts(session: Session) -> pd.DataFrame:
    """Do strangers behave more alike that were taught the same, and how much does it explain?

    ``taught the same`` is the mean compatibility of those that were, less that of the others; its
    interval resamples what the study's do. ``explained`` is the share of the compatibility's
    variance that lies between pairs of kinds. It has no interval: copies of a family fill cells, so
    resampling would raise it. Chance is the mean over networks that exchange what they were taught,
    and p, one-sided, the share of them that reach the value.
    """
    study, apart = session.study, strangers(session)
    names, units, kinds = list(study.networks), study.units, kinds_taught(session)
    i, j = (pd.Categorical(apart[end], names).codes for end in "ab")
    codes, _ = pd.factorize(pd.Series(kinds).loc[names])
    values = apart["compatibility"].to_numpy()
    alike = pd.Series(codes[i] == codes[j], apart.index)
    mine, others = (
        intervals.means_over_resampled_networks(apart, "compatibility", some, units, RESAMPLES)
        for some in (alike, ~alike)
    )

    def same(of: np.ndarray) -> float:
        equal = of[i] == of[j]
        return values[equal].mean() - values[~equal].mean()

    def explained(of: np.ndarray) -> float:
        ends = np.sort(np.stack([of[i], of[j]]), axis=0)
        return variance_between(values, ends[0] * (of.max() + 1) + ends[1])

    found = {
        "taught the same": (same, int(alike.sum()), intervals.estimate(mine - others)),
        "explained": (explained, len(apart), (explained(codes), np.nan, np.nan)),
    }
    source, rows = np.random.default_rng(0), []
    for fact, (function, n, (value, low, high)) in found.items():
        chance = np.array([function(source.permutation(codes)) for _ in range(PERMUTATIONS)])
        p = (1 + (chance >= value).sum()) / (1 + PERMUTATIONS)
        rows.append((fact, n, value, low, high, chance.mean(), p))
    return pd.DataFrame(rows, columns=["fact", "n", "value", "low", "high", "chance", "p"])


def variance_between(values: np.ndarray, cells: np.ndarray) -> float:
    """Return the share of the variance of values (n,) that lies between cells (n,)."""
    means = pd.Series(values).groupby(cells).transform("mean")
    return float(means.var(ddof=0) / values.var())
