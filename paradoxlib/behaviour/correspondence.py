"""Does one matrix of pairs go with another?

Correlations over pairs, their intervals and tests (scikit-bio's Mantel test knows no families).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike

from paradoxlib.behaviour import intervals
from paradoxlib.paper import published

SCORES = ("measure", "pairs", "n", "rho", "low", "high", "p", "chosen", "reported")
PAIRS = ("all pairs", "within families", "between families")
INSIDE = "inside each family"  # within families, each family's mean taken from its pairs
CORRELATION_COLUMNS = ["definition", "pairs", "n", "r", "low", "high", "p", "rho", "rho_p"]


def chosen_pairs(family_of: Mapping[str, Any], names: Sequence[str], which: str) -> np.ndarray:
    """Return the mask (network, network) of one of `PAIRS`, given {network: family}.

    The diagonal is never in it.
    """
    if which not in PAIRS:
        raise ValueError(f"which is {which!r}: choose of {', '.join(PAIRS)}")
    families = np.array([family_of[name] for name in names])
    same, apart = families[:, None] == families, ~np.eye(len(names), dtype=bool)
    if which == "all pairs":
        return apart
    return apart & (same if which == "within families" else ~same)


def known_pairs(c: np.ndarray, s: np.ndarray, chosen: np.ndarray | None) -> np.ndarray:
    """Return the mask of the pairs, of those chosen, that have both values, each pair once."""
    known = ~np.isnan(c) & ~np.isnan(s)
    return np.triu(known if chosen is None else known & chosen, 1)


def correlation(
    compatibility: ArrayLike, similarity: ArrayLike, chosen: np.ndarray | None = None
) -> float:
    """Return Pearson's r over all known pairs, or those of a mask; nan where one is constant."""
    c, s = np.asarray(compatibility), np.asarray(similarity)
    pairs = known_pairs(c, s, chosen)
    if not pairs.any() or np.ptp(s[pairs]) == 0 or np.ptp(c[pairs]) == 0:
        return np.nan
    return float(scipy.stats.pearsonr(s[pairs], c[pairs])[0])


def correlation_interval(
    compatibility: ArrayLike,
    similarity: ArrayLike,
    chosen: np.ndarray | None = None,
    units: Sequence[Any] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> intervals.Estimate:
    """Return Pearson's r of similarity with compatibility over the chosen pairs.

    Pairs share networks, so for its 95 % interval networks are resampled, not pairs; or `units`, of
    each network its family. Pairs of a network with itself are left out.
    """
    c, s = np.asarray(compatibility), np.asarray(similarity)
    i, j = np.nonzero(known_pairs(c, s, chosen))
    x, y = s[i, j], c[i, j]
    x, y = x - x.mean() if len(x) else x, y - y.mean() if len(y) else y
    source, samples = np.random.default_rng(seed), [np.empty(0)]
    units = range(len(c)) if units is None else units
    n = len(set(units))
    for start in range(0, resamples, intervals.RESAMPLES_AT_ONCE):
        drawn = source.integers(n, size=(min(intervals.RESAMPLES_AT_ONCE, resamples - start), n))
        counts = (drawn[:, :, None] == np.arange(n)).sum(1)
        samples.append(weighted_correlations(x, y, intervals.count_pairs(counts, units, i, j)))
    low, high = intervals.bounds(np.concatenate(samples))
    return intervals.Estimate(correlation(c, s, chosen), float(low), float(high))


def weighted_correlations(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return Pearson's r of two vectors (n,) under several weights (m, n), whole numbers.

    Left out are weights by which fewer than three values count, or the same value every time.
    """
    drawn, enough = weights > 0, weights.sum(1) > 2
    for values in (x, y):
        lowest = np.where(drawn, values, np.inf).min(1, initial=np.inf)
        enough &= np.where(drawn, values, -np.inf).max(1, initial=-np.inf) > lowest
    weights = weights[enough].astype(float)
    weights /= weights.sum(1, keepdims=True)
    mean_x, mean_y = weights @ x, weights @ y
    covariance = weights @ (x * y) - mean_x * mean_y
    variances = (weights @ x**2 - mean_x**2) * (weights @ y**2 - mean_y**2)
    return np.clip(covariance / np.sqrt(variances), -1, 1)


def permutation_test(
    compatibility: ArrayLike,
    similarity: ArrayLike,
    chosen: np.ndarray | None = None,
    family_of: Sequence[Any] | None = None,
    permutations: int = 9999,
    seed: int = 0,
) -> float:
    """Return the two-sided p of Mantel's test.

    It is the share of relabelled networks that correlate as strongly as these, 1 / (permutations
    + 1) at least; nan where these have no correlation. Networks are relabelled in one of the two
    matrices. With `family_of` (one entry for each network) families stay families: members change
    places within a family, and families of one size with each other, so pairs within families
    remain such. Where relabelled networks make a pair without a compatibility (nan), it is the
    mean.
    """
    c, s = np.asarray(compatibility, dtype=float), np.asarray(similarity)
    i, j = np.nonzero(known_pairs(c, s, chosen))
    real = abs(correlation(c, s, chosen))
    if np.isnan(real):
        return np.nan
    c = np.where(np.isnan(c), c[i, j].mean(), c)
    families = None if family_of is None else tuple(family_of)
    orders = relabellings(families, len(c), permutations, seed)
    fixed, as_strong = s[i, j] - s[i, j].mean(), 0
    for new in intervals.blocks(orders):
        moved = c[new[:, i], new[:, j]]
        moved -= moved.mean(1, keepdims=True)
        with np.errstate(invalid="ignore"):  # where all values are the same, nothing is as strong
            r = moved @ fixed / (np.linalg.norm(moved, axis=1) * np.linalg.norm(fixed))
        as_strong += int((abs(r) >= real - 1e-12).sum())
    return (as_strong + 1) / (permutations + 1)


@lru_cache(maxsize=4)
def relabellings(families: tuple | None, count: int, permutations: int, seed: int) -> np.ndarray:
    """Return random permutations of networks (permutation, network), the same for every measure."""
    source, orders = np.random.default_rng(seed), np.empty((permutations, count), dtype=np.int32)
    for order in orders:
        order[:] = source.permutation(count) if families is None else relabelled(families, source)
    return orders


def relabelled(family_of: Sequence[Any], source: np.random.Generator) -> np.ndarray:
    """Return a random permutation of networks that maps every family onto one of its size.

    `family_of` has one entry for each network.
    """
    families: dict[Any, list[int]] = {}
    for network, family in enumerate(family_of):
        families.setdefault(family, []).append(network)
    new = np.empty(len(family_of), dtype=int)
    for size in {len(family) for family in families.values()}:
        alike = [family for family in families.values() if len(family) == size]
        for members, target in zip(alike, source.permutation(len(alike)), strict=True):
            new[members] = source.permutation(alike[target])
    return new


def ranks(matrix: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the ranks of the chosen pairs in a symmetric matrix; nan elsewhere."""
    result = np.full(matrix.shape, np.nan)
    result[chosen] = scipy.stats.rankdata(matrix[chosen])
    return result


def less_family_means(matrix: np.ndarray, chosen: np.ndarray, families: Sequence) -> np.ndarray:
    """Return the chosen pairs of relatives less the mean over their family's; nan elsewhere."""
    result, labels = np.full(matrix.shape, np.nan), np.array(families)
    for family in dict.fromkeys(families):
        if (own := chosen & (labels == family)).any():
            result[own] = matrix[own] - matrix[own].mean()
    return result


def correlate_matrices(
    compatibilities: Mapping[str, pd.DataFrame],
    similarity: pd.DataFrame,
    family_of: Mapping[str, Any],
    units: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Return how similarity goes with each definition of compatibility, for each of `PAIRS`.

    Parameters
    ----------
    compatibilities : dict
        {definition: (network, network)}.
    similarity : pandas.DataFrame
        (network, network).
    family_of : dict
        {network: family}.
    units : dict, optional
        {network: what is resampled}: the networks themselves where it is not given.

    Returns
    -------
    pandas.DataFrame
        definition, pairs, n (how many have both); r, Pearson's, with ``low`` and ``high``, its 95 %
        interval over resampled networks, and its ``p`` by permutation; rho, Spearman's (Pearson's
        of the ranks of the chosen pairs), with ``rho_p``. All are nan for fewer than three pairs.
    """
    names, rows = list(similarity.index), []
    families = [family_of[name] for name in names]
    resampled = intervals.resampled_units(names, units)
    for definition, compatibility in compatibilities.items():
        c, s = compatibility.to_numpy(), similarity.to_numpy()
        for which in (*PAIRS, INSIDE):
            kind = PAIRS[1] if which == INSIDE else which
            chosen = chosen_pairs(family_of, names, kind) & ~np.isnan(c) & ~np.isnan(s)
            labels = None if which == "all pairs" else families
            n = int(chosen.sum() // 2)
            row: dict[str, Any] = {"definition": definition, "pairs": which, "n": n}
            if n >= 3:
                values = [c, s, ranks(c, chosen), ranks(s, chosen)]
                if which == INSIDE:
                    values = [less_family_means(each, chosen, families) for each in values]
                x, y, c_ranks, s_ranks = values
                r, low, high = correlation_interval(x, y, chosen, resampled)
                row |= {"r": r, "low": low, "high": high}
                row["p"] = permutation_test(x, y, chosen, labels)
                row["rho"] = correlation(c_ranks, s_ranks, chosen)
                row["rho_p"] = permutation_test(c_ranks, s_ranks, chosen, labels)
            rows.append(row)
    return pd.DataFrame(rows, columns=CORRELATION_COLUMNS)


def published_correlation(architecture: str) -> float:
    """Return Pearson's r over all pairs of the published matrices of an experiment."""
    return correlation(*published.read_experiment(architecture))


def matrix_of(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the matrix (network, network) of a column of a table of pairs (a, b).

    Networks are in the order in which they come in the table. A pair with several rows gets their
    mean; the diagonal is nan.
    """
    means = table.groupby(["a", "b"], sort=False)[column].mean()
    names = list(dict.fromkeys(name for pair in means.index for name in pair))
    matrix = means.unstack().reindex(index=names, columns=names)
    return matrix.fillna(matrix.T).rename_axis(index=None, columns=None)


def halves(family_of: Mapping[str, str], names: Iterable[str]) -> tuple[set[str], set[str]]:
    """Return the networks of every other family and the rest, to choose on and to report on."""
    names = list(names)
    founders = list(dict.fromkeys(family_of[name] for name in names))
    first = {name for name in names if founders.index(family_of[name]) % 2 == 0}
    return first, set(names) - first


def score_measures(
    family_of: Mapping[str, str],
    pairs: pd.DataFrame,
    columns: Iterable[str],
    units: Mapping[str, Any] | None = None,
    compatibility: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return how the measures in columns of a table of pairs (a, b) go with its compatibility.

    Where the table holds only some pairs, `compatibility` is that of all, (network, network):
    relabelled networks make pairs that were not measured.

    Returns
    -------
    pandas.DataFrame
        A row for each measure and kind of pairs (`PAIRS`): n, Spearman's ``rho``
        with its interval over resampled networks, or `units` ({network: what is resampled}),
        ``low`` to ``high``, and ``p`` by permutation;
        and ``chosen`` and ``reported``, rho over the families of either half (see `halves`).
    """
    if compatibility is None:
        compatibility = matrix_of(pairs, "compatibility")
    names = list(compatibility)
    families = [family_of[name] for name in names]
    resampled = intervals.resampled_units(names, units)
    in_half = [np.array([name in half for name in names]) for half in halves(family_of, names)]
    rows = []
    for column in columns:
        matrix = matrix_of(pairs, column).reindex(index=names, columns=names)
        behaviour, own = compatibility.to_numpy(), matrix.to_numpy()
        defined = ~np.isnan(behaviour) & ~np.isnan(own)
        for which in PAIRS:
            chosen = chosen_pairs(family_of, names, which) & defined
            n = int(chosen.sum() // 2)
            row: dict[str, object] = {"measure": column, "pairs": which, "n": n}
            if n >= 3:
                x, y = (ranks(values, chosen) for values in (behaviour, own))
                rho, low, high = correlation_interval(x, y, chosen, resampled)
                strata = None if which == "all pairs" else families
                every = chosen_pairs(family_of, names, which) & ~np.isnan(behaviour)
                p = permutation_test(ranks(behaviour, every), y, chosen, strata)
                row |= {"rho": rho, "low": low, "high": high, "p": p}
                for name, half in zip(("chosen", "reported"), in_half, strict=True):
                    some = chosen & half & half[:, None]
                    x, y = (ranks(values, some) for values in (behaviour, own))
                    row[name] = correlation(x, y, some) if some.any() else np.nan
            rows.append(row)
    return pd.DataFrame(rows, columns=SCORES)
