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
    for cell in combinations_with_replacement(dict.fromkeys(kinds.values()), 2):
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

    ``explained`` is the share of the compatibility's variance that lies between pairs of kinds.
    Many kinds explain something by chance: the mean over networks that exchange what they were
    taught, which also gives p, one-sided. Intervals resample what the study's do.
    """
    study, apart = session.study, strangers(session)
    names, units = list(study.networks), list(study.units.values())
    i, j = (pd.Categorical(apart[end], names).codes for end in "ab")
    kinds, _ = pd.factorize(pd.Series(kinds_taught(session)).loc[names])
    drawn = intervals.draw_networks(len(set(units)), RESAMPLES, 0)
    weights = np.vstack([np.ones(len(apart)), intervals.count_pairs(drawn, units, i, j)])
    values = apart["compatibility"].to_numpy()
    source = np.random.default_rng(0)

    def same(of: np.ndarray, weight: np.ndarray) -> np.ndarray:
        alike = of[i] == of[j]
        mine, others = weight * alike, weight * ~alike
        with np.errstate(invalid="ignore"):
            return mine @ values / mine.sum(1) - others @ values / others.sum(1)

    def explained(of: np.ndarray, weight: np.ndarray) -> np.ndarray:
        ends = np.sort(np.stack([of[i], of[j]]), axis=0)
        return variance_between(values, ends[0] * (of.max() + 1) + ends[1], weight)

    alike, rows = int((kinds[i] == kinds[j]).sum()), []
    for fact, function, n in (("taught the same", same, alike), ("explained", explained, len(i))):
        orders = [source.permutation(kinds) for _ in range(PERMUTATIONS)]
        by_chance = np.array([function(order, weights[:1])[0] for order in orders])
        found = intervals.estimate(function(kinds, weights))
        p = (1 + (by_chance >= found.value).sum()) / (1 + PERMUTATIONS)
        rows.append((fact, n, *found, by_chance.mean(), p))
    return pd.DataFrame(rows, columns=["fact", "n", "value", "low", "high", "chance", "p"])


def variance_between(values: np.ndarray, cells: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the share of the variance of values (n,) that lies between cells (n,).

    `weights` are (m, n), and so many shares are returned: nan where nothing varies.
    """
    member = (cells[:, None] == np.unique(cells)).astype(float)
    counts, sums = weights @ member, weights @ (member * values[:, None])
    total = weights.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = weights @ values / total
        between = np.nansum(sums**2 / counts, axis=1) / total - mean**2
        return between / (weights @ values**2 / total - mean**2)
