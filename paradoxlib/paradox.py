"""The paradox: how alike two networks behave against how alike their kernels are (paper, sections 3 and 4)."""

import numpy as np
import pandas as pd
from scipy import stats

KINDS = ("as alike as they behave", "similar yet different", "different yet similar")
MARGIN = 0.25  # a difference beyond it is a yellow or a red cell
PAIR_COLUMNS = ["a", "b", "relation", "similarity", "compatibility", "low", "high", "compatibility_conditions", "difference", "kind", "agreement"]


def compatibility(table, over="distortions"):
    """Return the compatibility of all pairs: the Pearson correlation of their accuracies.

    Parameters
    ----------
    table : pandas.DataFrame
        Tidy accuracies (network, distortion, level, accuracy).
    over : str
        ``distortions``: of the eight means over a distortion's levels (what the published matrices fit); ``conditions``: of all
        conditions.

    Returns
    -------
    pandas.DataFrame
        (network, network), -1..1, 1 on the diagonal.
    """
    if over not in ("distortions", "conditions"):
        raise ValueError(f"over is {over!r}: choose distortions or conditions")
    keys = ["distortion"] if over == "distortions" else ["distortion", "level"]
    wide = table.pivot_table("accuracy", keys, "network", sort=False)
    return wide[table["network"].unique()].corr().rename_axis(None).rename_axis(columns=None)


def distortion_means(accuracies, conditions):
    """Return accuracies (..., condition) averaged over the levels of each distortion: (..., distortion), float64."""
    distortions = list(dict.fromkeys(name for name, _ in conditions))
    member = np.array([[name == d for d in distortions] for name, _ in conditions], dtype=float)
    return np.asarray(accuracies) @ (member / member.sum(0))


def compatibility_intervals(accuracies, conditions, share=0.95):
    """Return the bounds (2, network, network) of the compatibility over bootstrap samples of the test images.

    `accuracies` is (resample, network, condition); `conditions` the list of (distortion, level). A pair whose compatibility is undefined in
    every sample has nan bounds.
    """
    means = distortion_means(accuracies, conditions)
    centred = means - means.mean(-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = centred / np.linalg.norm(centred, axis=-1, keepdims=True)
    n = unit.shape[1]
    bounds = np.full((2, n, n), np.nan)
    for i in range(n):  # a network at a time: the samples of all pairs would not fit in memory
        samples = np.einsum("rd,rnd->rn", unit[:, i], unit)
        defined = ~np.isnan(samples).all(0)
        bounds[:, i, defined] = np.nanquantile(samples[:, defined], [(1 - share) / 2, (1 + share) / 2], axis=0)
    return bounds


def difference(compatibility, similarity):
    """Return |compatibility| - similarity: -1 for networks alike in kernels alone, 1 for networks alike in behaviour alone.

    The paper's text leaves out the absolute value; its matrices have it (notebook 05).
    """
    return abs(compatibility) - similarity


def kind(difference, margin=MARGIN):
    """Return which of `KINDS` a pair is; `margin` separates the paper's green cells from its yellow and red ones.

    A network that is equally accurate under all distortions has no compatibility: its pairs are "undefined".
    """
    if np.isnan(difference):
        return "undefined"
    return KINDS[0] if abs(difference) <= margin else KINDS[1] if difference < 0 else KINDS[2]


def relation(a, b, parents):
    """Return what two networks are to each other, given {network: parent or None}."""

    def founder(name):
        while parents[name] is not None:
            name = parents[name]
        return name

    if parents[a] == b or parents[b] == a:
        return "parent and child"
    return "same family" if founder(a) == founder(b) else "strangers"


def pair_table(compatibility, variant, similarity, bounds, agreement, parents):
    """Return one row for each pair: `PAIR_COLUMNS`.

    Parameters
    ----------
    compatibility, variant, similarity, agreement : pandas.DataFrame
        (network, network); the compatibility over distortions, and its variant over conditions.
    bounds : array
        (2, network, network), the interval of the compatibility.
    parents : dict
        {network: parent or None}.
    """
    names = list(compatibility.index)
    gap = difference(compatibility, similarity)
    rows = []
    for i, a in enumerate(names):
        for j, b in enumerate(names[i + 1 :], i + 1):
            d = gap.iloc[i, j]
            low, high = bounds[:, i, j]
            values = similarity.iloc[i, j], compatibility.iloc[i, j], low, high, variant.iloc[i, j], d, kind(d), agreement.iloc[i, j]
            rows.append((a, b, relation(a, b, parents), *values))
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def kind_shares(pairs, resamples=2000, seed=0):
    """Return the share of each kind among the pairs of each relation: (relation, kind, pairs, share, low, high).

    Pairs share networks, so for the 95 % interval not pairs but networks are resampled (pairs of a network with itself are left out).
    """
    names = list(dict.fromkeys([*pairs["a"], *pairs["b"]]))
    a, b = (pd.Categorical(pairs[column], names).codes for column in "ab")
    source = np.random.default_rng(seed)
    drawn = source.multinomial(len(names), np.full(len(names), 1 / len(names)), resamples)
    rows = []
    for relation in pairs["relation"].unique():
        own = np.flatnonzero(pairs["relation"] == relation)
        is_kind = np.array([pairs["kind"].iloc[own] == name for name in KINDS], dtype=float)
        samples = np.array([np.append(is_kind @ weight, weight.sum()) for weight in (counts[a[own]] * counts[b[own]] for counts in drawn)])
        samples = samples[samples[:, -1] > 0]
        for i, name in enumerate(KINDS):
            shares = samples[:, i] / samples[:, -1]
            rows.append((relation, name, int(is_kind[i].sum()), is_kind[i].mean(), *np.quantile(shares, [0.025, 0.975])))
    return pd.DataFrame(rows, columns=["relation", "kind", "pairs", "share", "low", "high"])


PAIRS = ("all pairs", "within families", "between families")


def chosen_pairs(family_of, names, which):
    """Return the mask (network, network) of one of `PAIRS`, given {network: family}; the diagonal is never in it."""
    if which not in PAIRS:
        raise ValueError(f"which is {which!r}: choose of {', '.join(PAIRS)}")
    founder = np.array([family_of[name] for name in names])
    same = founder[:, None] == founder
    return {"all pairs": True, "within families": same, "between families": ~same}[which] & ~np.eye(len(names), dtype=bool)


def correlation(compatibility, similarity, chosen=None):
    """Return Pearson's r of similarity with compatibility over all pairs, or those of a mask (network, network)."""
    c, s = np.asarray(compatibility), np.asarray(similarity)
    pairs = np.triu(np.ones_like(c, dtype=bool) if chosen is None else chosen, 1)
    if np.ptp(s[pairs]) == 0 or np.ptp(c[pairs]) == 0:
        return np.nan
    return float(stats.pearsonr(s[pairs], c[pairs])[0])


def correlation_interval(compatibility, similarity, chosen=None, resamples=2000, seed=0):
    """Return Pearson's r of similarity with compatibility over the chosen pairs and its 95 % interval.

    Pairs share networks, so not pairs but networks are resampled (pairs of a network with itself are left out).
    """
    c, s = np.asarray(compatibility), np.asarray(similarity)
    source, n = np.random.default_rng(seed), len(c)
    mask = ~np.eye(n, dtype=bool) if chosen is None else chosen
    upper = np.triu_indices(n, 1)
    samples = []
    for _ in range(resamples):
        drawn = source.integers(n, size=n)
        i, j = drawn[upper[0]], drawn[upper[1]]
        i, j = i[mask[i, j]], j[mask[i, j]]
        x, y = s[i, j], c[i, j]
        if len(x) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0:
            samples.append(stats.pearsonr(x, y)[0])
    return correlation(c, s, chosen), *np.quantile(samples or [np.nan], [0.025, 0.975])


def permutation_test(compatibility, similarity, chosen=None, family_of=None, permutations=9999, seed=0):
    """Return the two-sided p of Mantel's test: how often relabelled networks correlate as strongly as these (1 / permutations at least).

    Networks are relabelled in one of the two matrices. With `family_of` (one entry for each network) only so that families stay families:
    members change places within a family, and families of one size with each other; pairs within families then stay such.
    """
    c, s = np.asarray(compatibility), np.asarray(similarity)
    i, j = np.nonzero(np.triu(np.ones_like(c, dtype=bool) if chosen is None else chosen, 1))
    source, real = np.random.default_rng(seed), abs(correlation(c, s, chosen))
    fixed, as_strong = s[i, j] - s[i, j].mean(), 0
    for start in range(0, permutations, 500):
        count = min(500, permutations - start)
        new = np.stack([source.permutation(len(c)) if family_of is None else relabelled(family_of, source) for _ in range(count)])
        moved = c[new[:, i], new[:, j]]
        moved -= moved.mean(1, keepdims=True)
        r = moved @ fixed / (np.linalg.norm(moved, axis=1) * np.linalg.norm(fixed))
        as_strong += int((abs(r) >= real - 1e-12).sum())
    return (as_strong + 1) / (permutations + 1)


def relabelled(family_of, source):
    """Return a random permutation of networks that maps every family onto one of its size; `family_of` has one entry for each network."""
    families = {}
    for network, founder in enumerate(family_of):
        families.setdefault(founder, []).append(network)
    new = np.empty(len(family_of), dtype=int)
    for size in {len(family) for family in families.values()}:
        alike = [family for family in families.values() if len(family) == size]
        for family, target in zip(alike, source.permutation(len(alike)), strict=True):
            new[family] = source.permutation(alike[target])
    return new


def correlations(compatibilities, similarity, family_of):
    """Return the table of similarity against compatibility: (definition, pairs, n, r, low, high, p, rho, rho_p).

    Parameters
    ----------
    compatibilities : dict
        {definition: (network, network)}.
    similarity : pandas.DataFrame
        (network, network).
    family_of : dict
        {network: family}.

    Notes
    -----
    r is Pearson's with the 95 % interval of resampled networks, rho Spearman's (Pearson's of the ranks of the chosen pairs); p by permutation.
    """
    names, rows = list(similarity.index), []
    families = [family_of[name] for name in names]
    for definition, compatibility in compatibilities.items():
        for which in PAIRS:
            chosen = chosen_pairs(family_of, names, which)
            n, labels = int(chosen.sum() // 2), None if which == "all pairs" else families
            if n < 3:
                rows.append((definition, which, n, *[np.nan] * 6))
                continue
            matrices = np.asarray(compatibility), np.asarray(similarity)
            ranked = [ranks(matrix, chosen) for matrix in matrices]
            interval = correlation_interval(*matrices, chosen)
            p, rho_p = (permutation_test(*pair, chosen, labels) for pair in (matrices, ranked))
            rows.append((definition, which, n, *interval, p, correlation(*ranked, chosen), rho_p))
    return pd.DataFrame(rows, columns=["definition", "pairs", "n", "r", "low", "high", "p", "rho", "rho_p"])


def ranks(matrix, chosen):
    """Return a symmetric matrix with the values of the chosen pairs replaced by their ranks."""
    result = np.zeros(matrix.shape)
    result[chosen] = stats.rankdata(matrix[chosen])
    return result
