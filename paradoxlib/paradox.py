"""The paradox: how alike two networks behave against how alike their kernels are (paper, sections 3 and 4)."""

import numpy as np
import pandas as pd
from scipy import stats

KINDS = ("as alike as they behave", "similar yet different", "different yet similar")
MARGIN = 0.25  # a difference beyond it is a yellow or a red cell
PAIR_COLUMNS = ["a", "b", "relation", "similarity", "compatibility", "low", "high", "difference", "kind", "agreement"]


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

    `accuracies` is (resample, network, condition); `conditions` the list of (distortion, level).
    """
    means = distortion_means(accuracies, conditions)
    centred = means - means.mean(-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = centred / np.linalg.norm(centred, axis=-1, keepdims=True)
    samples = unit @ unit.transpose(0, 2, 1)
    return np.nanquantile(samples, [(1 - share) / 2, (1 + share) / 2], axis=0)


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


def pair_table(compatibility, similarity, bounds, agreement, parents):
    """Return one row for each pair: `PAIR_COLUMNS`.

    Parameters
    ----------
    compatibility, similarity, agreement : pandas.DataFrame
        (network, network).
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
            rows.append((a, b, relation(a, b, parents), similarity.iloc[i, j], compatibility.iloc[i, j], low, high, d, kind(d), agreement.iloc[i, j]))
    return pd.DataFrame(rows, columns=PAIR_COLUMNS)


def correlation(compatibility, similarity):
    """Return Pearson's r of similarity with compatibility over all pairs."""
    upper = np.triu_indices(len(compatibility), 1)
    return float(stats.pearsonr(np.asarray(similarity)[upper], np.asarray(compatibility)[upper])[0])


def correlation_interval(compatibility, similarity, resamples=2000, seed=0):
    """Return Pearson's r of similarity with compatibility over all pairs and its 95 % interval.

    Pairs share networks, so not pairs but networks are resampled (pairs of a network with itself are left out).
    """
    c, s = np.asarray(compatibility), np.asarray(similarity)
    source, n = np.random.default_rng(seed), len(c)
    upper = np.triu_indices(n, 1)
    samples = []
    for _ in range(resamples):
        chosen = source.integers(n, size=n)
        i, j = chosen[upper[0]], chosen[upper[1]]
        x, y = s[i, j][i != j], c[i, j][i != j]
        if len(x) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0:
            samples.append(stats.pearsonr(x, y)[0])
    return correlation(c, s), *np.quantile(samples, [0.025, 0.975])
