"""What do strangers have in common that were taught the same, or initialised the same?"""

from collections.abc import Mapping
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
from paradoxlib.studies.study import Study

RESAMPLES, PERMUTATIONS = 2000, 999
FAMILY_PAIRS = 3  # of fewer no interval is given
WORDS = ("clean", *distortions.DISTORTIONS, "all noises", "all eight")


def taught(network: settings.Network) -> str:
    """Return what a network was taught, in a word or two: ``clean``, ``blur``, ``all noises``."""
    seen = set(network.distortions)
    if seen == set(distortions.GRID):
        return "all eight"
    if seen == set(published.NOISES):
        return "all noises"
    return " + ".join(name for name in distortions.DISTORTIONS if name in seen) or "clean"


def kinds_taught(study: Study) -> dict[str, str]:
    """Return {network: what it was taught last}."""
    return {name: taught(network) for name, network in study.networks.items()}


def initialisers(study: Study) -> dict[str, str]:
    """Return {network: the initialiser of its family's founder}."""
    return {
        name: study.networks[study.family_of[name]].initialiser or "" for name in study.networks
    }


def cells_of(table: pd.DataFrame, kind_of: Mapping[str, str]) -> pd.Series:
    """Return the two kinds of each pair (a, b) of a table, in the order of their names."""
    ends = zip(table["a"].map(kind_of), table["b"].map(kind_of), strict=True)
    return pd.Series([tuple(sorted(pair)) for pair in ends], table.index, dtype=object)


def strangers(session: Session) -> pd.DataFrame:
    """Return the pairs of strangers whose compatibility is defined."""
    return pairs(session).query("relation == 'strangers'").dropna(subset="compatibility")


@table(
    "taught_pairs",
    "taught_a, taught_b, n, compatibility, low, high",
    needs="pairs",
    depends=lambda study: (RESAMPLES, FAMILY_PAIRS),
)
def taught_pairs(session: Session) -> pd.DataFrame:
    """How alike strangers behave, by what each of the two was taught last: mean compatibility.

    Intervals resample what the study's do: families, where these were drawn. Cells of fewer than
    `FAMILY_PAIRS` pairs of families have none.
    """
    kinds, apart, units = kinds_taught(session.study), strangers(session), session.study.units
    cells, of_units, rows = cells_of(apart, kinds), cells_of(apart, units), []
    order = sorted(set(kinds.values()), key=lambda kind: [*map(WORDS.index, kind.split(" + "))])
    for cell in combinations_with_replacement(order, 2):
        chosen = cells == tuple(sorted(cell))
        if chosen.any():
            means = intervals.means_over_resampled_networks(
                apart, "compatibility", chosen, units, RESAMPLES
            )
            value, low, high = intervals.estimate(means)
            ends = (low, high) if of_units[chosen].nunique() >= FAMILY_PAIRS else (np.nan, np.nan)
            rows.append((*cell, int(chosen.sum()), value, *ends))
    return pd.DataFrame(rows, columns=["taught_a", "taught_b", "n", "compatibility", "low", "high"])


@table(
    "stranger_facts",
    "fact, of, n, value, low, high, chance, p",
    needs="pairs",
    depends=lambda study: (RESAMPLES, PERMUTATIONS),
)
def stranger_facts(session: Session) -> pd.DataFrame:
    """Are strangers more alike that were taught, or initialised, the same; how much is explained?

    ``the same`` is the mean (``of`` compatibility, or of similarity) of such pairs, less that of
    the others; its interval resamples what the study's do. ``explained`` is the share of the
    variance that lies between pairs of kinds. It has no interval: copies of a family fill cells, so
    resampling would raise it. Chance is the mean where networks exchange what they were taught, and
    families their initialisers; p, one-sided, is the share of exchanges that reach the value.
    """
    study, apart = session.study, strangers(session)
    own = {name: name for name in study.networks}
    kinds = (
        ("compatibility", "taught", "what was taught", kinds_taught(study), own),
        ("similarity", "initialised", "initialisers", initialisers(study), study.family_of),
    )
    rows = []
    for column, done, cause, kind_of, holder_of in kinds:
        holders = list(dict.fromkeys(holder_of.values()))  # of a kind, which they may exchange
        i, j = (pd.Categorical(apart[end].map(holder_of), holders).codes for end in "ab")
        kinds_of = pd.Series({holder_of[name]: kind_of[name] for name in own})
        codes, _ = pd.factorize(kinds_of.loc[holders])
        alike = pd.Series(codes[i] == codes[j], apart.index)
        mine, others = (
            intervals.means_over_resampled_networks(apart, column, some, study.units, RESAMPLES)
            for some in (alike, ~alike)
        )
        values, source = apart[column].to_numpy(), np.random.default_rng(0)
        exchanged = [source.permutation(codes) for _ in range(PERMUTATIONS)]
        found = {
            f"{done} the same": (mean_difference, intervals.estimate(mine - others)),
            f"explained by {cause}": (explained, None),
        }
        for fact, (function, ends) in found.items():
            n = int(alike.sum()) if ends else len(apart)
            value = function(values, codes[i], codes[j])
            chance = np.array([function(values, of[i], of[j]) for of in exchanged])
            p = (1 + (chance >= value).sum()) / (1 + PERMUTATIONS)
            low, high = (ends.low, ends.high) if ends else (np.nan, np.nan)
            rows.append((fact, column, n, value, low, high, chance.mean(), p))
    names = ["fact", "of", "n", "value", "low", "high", "chance", "p"]
    return pd.DataFrame(rows, columns=names)


def mean_difference(values: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean of the values (n,) of pairs of one kind, less that of all others.

    `a` and `b` are the kinds of both networks of each pair; nan where all pairs are of one sort.
    """
    equal = a == b
    return values[equal].mean() - values[~equal].mean() if 0 < equal.mean() < 1 else np.nan


def explained(values: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Return the share of the variance of values (n,) that lies between pairs of kinds."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    means = pd.Series(values).groupby(low * (high.max() + 1) + high).transform("mean")
    return float(means.var(ddof=0) / values.var())
