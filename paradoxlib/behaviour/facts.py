"""Compute what the paper states of networks and of pairs, each fact with its interval.

`paper.statements` says what the paper states of them, and in which range a statement holds.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from paradoxlib.behaviour import intervals, scores
from paradoxlib.images import distortions
from paradoxlib.paper import statements

Z = 1.96  # standard errors that 95 % lie within
DRAWS, DRAWS_AT_ONCE = 2000, 100  # as many as fit in memory
LIMIT = 1 - 1e-9  # of a correlation that Fisher transforms
SAME_SCORE = 0.02  # networks whose visual intelligence is so near score the same


class Able(NamedTuple):
    """How networks that were trained on all distortions compare with one that was not."""

    loss: intervals.Estimate  # the largest loss of accuracy on clean images
    better: intervals.Estimate  # distortions under which all of them are more accurate


class DeviatingLayer(NamedTuple):
    """The layer whose kernels one child changed most, and how many others changed it most, too."""

    layer: str
    same: intervals.Estimate  # children other than the first that share the layer
    others: int  # children other than the first


class Transplanted(NamedTuple):
    """What a transplant does to its recipient."""

    gain: intervals.Estimate  # of visual intelligence
    kept: intervals.Estimate  # distortions under which it is as accurate as before, or more


def extreme(pairs: pd.DataFrame, highest: bool) -> intervals.Estimate:
    """Return the compatibility of the pair that behaves most alike, or least; nan without pairs.

    The highest is that with its sign; the lowest is the lowest absolute one. Its interval chooses
    the extreme anew each time: every pair's compatibility is drawn from its own interval
    (independently, normal after Fisher's transformation), and the extreme of the drawn ones is
    taken. The value itself always lies within.
    """
    some = pairs[pairs["compatibility"].notna()]
    if some.empty:
        return intervals.exact(math.nan)
    value, low, high = (
        np.arctanh(np.clip(some[column].fillna(some["compatibility"]), -LIMIT, LIMIT).to_numpy())
        for column in ("compatibility", "low", "high")
    )
    source, extremes = np.random.default_rng(0), []
    for start in range(0, DRAWS, DRAWS_AT_ONCE):
        noise = source.normal(size=(min(DRAWS_AT_ONCE, DRAWS - start), len(some)))
        drawn = np.tanh(value + noise * (high - low) / (2 * Z))
        extremes.append(drawn.max(1) if highest else abs(drawn).min(1))
    known = some["compatibility"]
    real = known.max() if highest else known.abs().min()
    ends = intervals.bounds(np.concatenate(extremes))
    if some["low"].isna().all():  # printed values have no intervals
        return intervals.exact(real)
    return intervals.Estimate(real, float(min(ends[0], real)), float(max(ends[1], real)))


def pair_fact(pairs: pd.DataFrame, a: str, b: str) -> tuple[intervals.Estimate, intervals.Estimate]:
    """Return the similarity and the compatibility of one pair; the similarity has no interval."""
    ends = {a, b}
    row = pairs[pairs["a"].isin(ends) & pairs["b"].isin(ends)].iloc[0]
    behave = intervals.Estimate(*(float(row[name]) for name in ("compatibility", "low", "high")))
    return intervals.exact(float(row["similarity"])), behave


def pair_facts(
    pairs: pd.DataFrame, units: Mapping[str, str] | None = None
) -> dict[str, intervals.Estimate]:
    """Return the facts of a table of pairs.

    The intervals of means are those of resampled networks (or `units`, {network: its family}),
    those of extremes of test images. The lowest similarity has none.

    Returns
    -------
    dict
        ``family``, the lowest similarity within a family; ``strangers``, the mean similarity
        between families; ``gap``, the mean compatibility of nearly identical networks less that of
        all others; and the compatibility of the pair at each corner: ``alike and alike``,
        ``yellow``, ``red`` and ``different and different``.
    """
    apart, near = pairs["relation"] == "strangers", pairs["similarity"] >= statements.ALIKE
    means = {
        "strangers": intervals.means_over_resampled_networks(pairs, "similarity", apart, units),
        "near": intervals.means_over_resampled_networks(pairs, "compatibility", near, units),
        "far": intervals.means_over_resampled_networks(pairs, "compatibility", ~near, units),
    }
    return {
        "family": intervals.exact(pairs[~apart]["similarity"].min()),
        "strangers": intervals.estimate(means["strangers"]),
        "gap": intervals.estimate(means["near"] - means["far"]),
        "alike and alike": extreme(pairs[near], highest=True),
        "yellow": extreme(pairs[near], highest=False),
        "red": extreme(pairs[apart], highest=True),
        "different and different": extreme(pairs[apart], highest=False),
    }


def accuracy_facts(
    samples: np.ndarray | torch.Tensor, conditions: Sequence[distortions.Condition]
) -> dict[str, intervals.Estimate]:
    """Return the facts of accuracies (resample, network, condition), the real ones first.

    Returns
    -------
    dict
        ``spread``, the range of visual intelligence over that of clean accuracy; and ``same
        score``, the largest gap on one distortion between two networks of equal visual
        intelligence.
    """
    means = scores.distortion_means(samples, conditions)
    able, clean = means.mean(-1), scores.clean_samples(samples, conditions)
    with np.errstate(divide="ignore", invalid="ignore"):  # networks that are all equally accurate
        spread = np.ptp(able, 1) / np.ptp(clean, 1)
    found = {"spread": spread, "same score": largest_gap(means)}
    return {name: intervals.estimate(values) for name, values in found.items()}


def bounded(value: float, accuracies: Iterable[float], n: int) -> intervals.Estimate:
    """Return a sum or difference of accuracies with an interval that is rather too wide.

    It is that of resampled test images, `n` of them, at its widest: as though an image were
    classified rightly under all conditions that an accuracy is the mean of, or under none, and
    networks erred independently, where in fact they tend to err on the same images.
    """
    variance = sum(share * (1 - share) for share in accuracies) / n
    return intervals.Estimate(value, value - Z * variance**0.5, value + Z * variance**0.5)


def range_facts(accuracies: pd.DataFrame) -> dict[str, intervals.Estimate]:
    """Return the lowest and the highest ``clean accuracy`` and ``visual intelligence``.

    `accuracies` is the tidy table (network, distortion, level, accuracy, n). Intervals are
    `bounded`; the extreme network is not chosen anew.
    """
    n, found = int(accuracies["n"].iloc[0]), {}
    for what, values in (
        ("clean accuracy", scores.clean_accuracy(accuracies)),
        ("visual intelligence", scores.visual_intelligence(accuracies)),
    ):
        for end, value in (("lowest", values.min()), ("highest", values.max())):
            found[f"{what}, {end}"] = bounded(value, [value], n)
    return found


def order_fact(
    accuracies: pd.DataFrame, better: str, worse: str, some: Sequence[str] = ()
) -> intervals.Estimate:
    """Return one network's accuracy less another's: the mean over some distortions, else all."""
    means = scores.mean_accuracies(accuracies)
    a, b = (means.loc[name, list(some) or list(means)].mean() for name in (better, worse))
    return bounded(a - b, [a, b], int(accuracies["n"].iloc[0]))


def farthest_fact(accuracies: pd.DataFrame, a: str, b: str) -> intervals.Estimate:
    """Return the largest difference of two networks' accuracies under one distortion; `bounded`."""
    means = scores.mean_accuracies(accuracies).loc[[a, b]]
    ends = means[means.diff().iloc[1].abs().idxmax()].tolist()
    return bounded(abs(ends[0] - ends[1]), ends, int(accuracies["n"].iloc[0]))


def is_unseen(name: str, level: float) -> bool:
    """Say whether training with a distortion never draws a level."""
    drawn = distortions.DISTORTIONS[name].training
    return drawn is not None and not drawn[0] <= level <= drawn[1]


def unseen_facts(
    accuracies: pd.DataFrame, able: Sequence[str], other: str
) -> dict[str, intervals.Estimate]:
    """Return how much more accurate able networks are than another: {what is shown: difference}.

    They are the mean over the networks, under each condition that training does not draw, and the
    mean over the other levels of the same distortion.
    """
    wide = accuracies.pivot(index=["distortion", "level"], columns="network", values="accuracy")
    n, found = int(accuracies["n"].iloc[0]), {}
    for name, rows in wide.groupby(level="distortion", sort=False):
        unseen = [condition for condition in rows.index if is_unseen(*condition)]
        if not unseen:
            continue
        shown = {f"{name} {level:g} (unseen in training)": [(name, level)] for _, level in unseen}
        shown |= {f"{name} (levels seen in training)": list(rows.index.difference(unseen))}
        for what, conditions in shown.items():
            ours, theirs = (
                rows.loc[conditions, list(able)].mean().mean(),
                rows.loc[conditions, other].mean(),
            )
            found[what] = bounded(ours - theirs, [ours, theirs], n)
    return found


def largest_gap(means: np.ndarray) -> np.ndarray:
    """Return the largest gap between the accuracies of two networks of equal score: (resample,).

    `means` are accuracies (resample, network, distortion), the real ones first, by which the two
    networks are chosen; nan where no two networks score the same.
    """
    able = means[0].mean(-1)
    near = abs(able[:, None] - able) <= SAME_SCORE
    if near.sum() == len(near):
        return np.full(len(means), np.nan)
    gap = abs(means[0][:, None] - means[0]).max(-1)
    a, b = np.unravel_index(np.argmax(np.where(near, gap, -1)), near.shape)
    return abs(means[:, a] - means[:, b]).max(-1)


def able_facts(
    samples: np.ndarray | torch.Tensor,
    conditions: Sequence[distortions.Condition],
    parent: int,
    others: Sequence[int],
) -> Able:
    """Return how networks that were trained on all distortions compare with one that was not.

    `parent`, the latter, and `others` are places of networks in `samples` (resample, network,
    condition), the real ones first.
    """
    clean = scores.clean_samples(samples, conditions)
    means = scores.distortion_means(samples, conditions)
    loss = (clean[:, [parent]] - clean[:, others]).max(1)
    better = (means[:, others] > means[:, [parent]]).all(1).sum(1).astype(float)
    return Able(intervals.estimate(loss), intervals.estimate(better))


def layer_facts(changes: pd.DataFrame, child: str) -> DeviatingLayer:
    """Return which layer deviates most in a child, and in how many others.

    `changes` are the mean similarities of layers to the parent's: (network, layer, mean).
    """
    lowest = changes.loc[changes.groupby("network", sort=False)["mean"].idxmin()]
    layers = lowest.set_index("network")["layer"]
    same = (layers.drop(child) == layers[child]).sum()
    return DeviatingLayer(layers[child], intervals.exact(float(same)), len(layers) - 1)


def transplant_facts(
    transplants: pd.DataFrame, layers: Iterable[str], columns: Sequence[str]
) -> dict[str, Transplanted]:
    """Return {layer: what its transplant does}.

    Parameters
    ----------
    transplants : pandas.DataFrame
        A row for the recipient, which is the first, the donor and each transplant: ``transplant``
        (its name), ``gain``, ``gain_low``, ``gain_high``, and the accuracy under each distortion.
    layers : list
        Names of transplants.
    columns : list
        The distortions.
    """
    rows = transplants.set_index("transplant")
    means, found = rows[list(columns)], {}
    for layer in layers:
        kept = (means.loc[layer] >= means.iloc[0] - 1e-9).sum()
        gain = intervals.Estimate(*rows.loc[layer, ["gain", "gain_low", "gain_high"]])
        found[layer] = Transplanted(gain, intervals.exact(float(kept)))
    return found


def transplant_fact(transplants: pd.DataFrame, name: str, what: str) -> intervals.Estimate:
    """Return what a transplant does: its ``recovered`` (share of the way to the donor) or gain."""
    rows = transplants.set_index("transplant")
    return intervals.Estimate(*rows.loc[name, [what, f"{what}_low", f"{what}_high"]])
