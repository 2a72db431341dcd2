"""Does a measure of features see what it should, and not what it should not?

The tests of Ding et al. 2021 (arXiv 2108.01661). A measure should rate the same layer of another
training higher than another layer of the same network (*specificity*), and fall the further, the
more a layer loses of what a linear probe reads from it (*sensitivity*).
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import scipy

from paradoxlib.behaviour import correspondence, intervals
from paradoxlib.measures.of_features import Features

BOOTSTRAPS = 2000
DECIMALS = 9  # what falls by less does not fall


class Removal(NamedTuple):
    """A layer's features (n, units), what is left without some components, and what that costs."""

    layer: str
    whole: np.ndarray
    left: np.ndarray
    loss: float


def specificity(
    function: Callable[[Any, Any], float], networks: Sequence[Mapping[str, Any]]
) -> intervals.Estimate:
    """Return how often a layer is more like the same layer of another network than like its own.

    Parameters
    ----------
    function : callable
        The measure of two layers.
    networks : sequence of dict
        {layer: what the measure takes} of networks that were trained apart, the same images for
        all: features (n, units), or what was made of them once.

    Returns
    -------
    Estimate
        The share, 0..1, of all (layer, network, other network, other layer of the first network) in
        which the other network's layer is rated higher; .5 by chance. Ties count half, and what is
        not defined does not count. The interval resamples layers.
    """
    layers, count = list(networks[0]), len(networks)
    across = np.full((count, count, len(layers)), np.nan)
    within = np.full((count, len(layers), len(layers)), np.nan)
    for i, j in combinations(range(count), 2):
        values = [function(networks[i][layer], networks[j][layer]) for layer in layers]
        across[i, j] = across[j, i] = values
    for matrix, features in zip(within, networks, strict=True):
        for i, j in combinations(range(len(layers)), 2):
            matrix[i, j] = matrix[j, i] = function(features[layers[i]], features[layers[j]])
    gains = across[:, :, :, None] - within[:, None]
    won = np.nansum((1 + np.sign(gains)) / 2, (0, 1, 3))
    of = (~np.isnan(gains)).sum((0, 1, 3))
    drawn = np.vstack([np.ones_like(of), intervals.draw_networks(len(layers), BOOTSTRAPS, 0)])
    with np.errstate(invalid="ignore"):
        return intervals.estimate(drawn @ won / (drawn @ of))


def removals(
    networks: Sequence[Mapping[str, np.ndarray]], labels: np.ndarray, seen: int
) -> list[Removal]:
    """Return each layer with ever more principal components removed, the least variance first.

    Half of them, three quarters and so on, down to the first component alone. The probe reads all
    images; the features returned are those of the first `seen`, which measures compare.
    """
    found = []
    for features in networks:
        for layer, x in features.items():
            mean = x.mean(0)
            u, s, directions = np.linalg.svd(x - mean, full_matrices=False)
            accuracy, kept = probe_accuracy(x, labels), int((s > 1e-10 * s[0]).sum()) // 2
            while kept:
                left = (u[:, :kept] * s[:kept]) @ directions[:kept] + mean
                loss = accuracy - probe_accuracy(left, labels)
                found.append(Removal(layer, x[:seen], left[:seen], loss))
                kept //= 2
    return found


def probe_accuracy(x: np.ndarray, labels: np.ndarray) -> float:
    """Return the accuracy of a linear classifier (ridge) on images left out one at a time.

    Features (n, units) are scaled as a whole: their variance is 1 a unit on average, as strong as
    the penalty. The images left out are those of the closed form, without a fit for each.
    """
    x = x - x.mean(0)
    wanted = np.where(labels[:, None] == np.unique(labels), 1.0, -1.0)
    u, s, _ = np.linalg.svd(x / (np.sqrt(np.square(x).mean()) or 1.0), full_matrices=False)
    hat = (u * (s**2 / (s**2 + 1))) @ u.T + 1 / len(x)
    own = np.diag(hat)[:, None]
    left_out = (hat @ wanted - own * wanted) / (1 - own)
    return float((np.unique(labels)[left_out.argmax(1)] == labels).mean())


def sensitivity(function: Features, removed: Sequence[Removal]) -> intervals.Estimate:
    """Return the rank correlation of what a measure falls by with what the probe loses.

    Over all removals, those of several layers and networks together; 0 by chance. nan for a measure
    that falls by nothing. The interval resamples layers.
    """
    falls = np.array([-function(one.left, one.whole) for one in removed])  # copies score the same
    defined = ~np.isnan(falls)
    falls, losses = falls[defined].round(DECIMALS), np.array([r.loss for r in removed])[defined]
    if len(falls) < 2 or np.ptp(falls) == 0 or np.ptp(losses) == 0:
        return intervals.exact(np.nan)
    names = [one.layer for one, known in zip(removed, defined, strict=True) if known]
    layers, place = np.unique(names, return_inverse=True)
    drawn = intervals.draw_networks(len(layers), BOOTSTRAPS, 0)
    weights = np.vstack([np.ones_like(drawn[:1]), drawn])[:, place]
    x, y = (scipy.stats.rankdata(values.round(DECIMALS)) for values in (falls, losses))
    return intervals.estimate(correspondence.weighted_correlations(x, y, weights))
