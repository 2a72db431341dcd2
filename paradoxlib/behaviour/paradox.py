"""Pairs of networks: compatibility, difference, kinds of pair (paper, sections 2.3 and 3)."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from paradoxlib.behaviour import intervals, scores
from paradoxlib.images import distortions
from paradoxlib.paper import published

KINDS = ("as alike as they behave", "similar yet different", "different yet similar")
MARGIN = 0.25  # a difference beyond it is a yellow or a red cell
EQUAL = 1e-12  # accuracies that differ by less are equal but for rounding
Parents = Mapping[str, str | None]  # {network: its parent, if it has one}


class Pairs(NamedTuple):
    """The columns of the table of pairs."""

    a: list[str]
    b: list[str]
    relation: list[str]  # parent and child, same family or strangers
    similarity: np.ndarray  # of the kernels, -1..1
    compatibility: np.ndarray  # over the eight distortions, -1..1
    low: np.ndarray  # 95 % interval of the compatibility, over bootstrap samples of the test images
    high: np.ndarray
    compatibility_conditions: np.ndarray  # the compatibility over all conditions
    difference: np.ndarray  # |compatibility| - similarity
    kind: list[str]  # one of KINDS, or "undefined"
    agreement: np.ndarray  # share of equal predictions, 0..1


def compatibility(table: pd.DataFrame, over: str = "distortions") -> pd.DataFrame:
    """Return the compatibility of all pairs: the Pearson correlation of their accuracies.

    Parameters
    ----------
    table : pandas.DataFrame
        Tidy accuracies (network, distortion, level, accuracy).
    over : str
        ``distortions``: of the eight means over a distortion's levels (as the captions of the
        paper's Figures 6 and 9 say); ``conditions``: of all conditions (as its text says).

    Returns
    -------
    pandas.DataFrame
        (network, network), -1..1, 1 on the diagonal; nan for a network whose accuracies are equal.
    """
    scores.check_over(over)
    keys = ["distortion"] if over == "distortions" else ["distortion", "level"]
    wide = table.pivot_table("accuracy", keys, "network", sort=False)[table["network"].unique()]
    return correlate_profiles(wide).rename_axis(None).rename_axis(columns=None)


def correlate_profiles(profiles: pd.DataFrame) -> pd.DataFrame:
    """Return the correlations (network, network) of profiles, accuracies (condition, network).

    They are nan for a network whose accuracies are equal, but for rounding.
    """
    names, known = profiles.columns, profiles.max() - profiles.min() > EQUAL
    return profiles.loc[:, known].corr().reindex(index=names, columns=names)


def compatibility_intervals(
    accuracies: np.ndarray | torch.Tensor,
    conditions: Sequence[distortions.Condition],
    share: float = 0.95,
) -> np.ndarray:
    """Return the bounds of the compatibility over bootstrap samples of the test images.

    Parameters
    ----------
    accuracies : array
        (resample, network, condition).
    conditions : list
        [(distortion, level)].
    share : float
        How many of the samples lie within the bounds.

    Returns
    -------
    array
        (2, network, network); nan for a pair whose compatibility is undefined in every sample.
    """
    means = scores.distortion_means(accuracies, conditions)
    centred = means - means.mean(-1, keepdims=True)
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    unit = centred / np.where(length > EQUAL, length, np.nan)
    count = unit.shape[1]
    result = np.empty((2, count, count))
    for i in range(count):  # one network at a time: all pairs would not fit in memory
        samples = np.einsum("rd,rnd->rn", unit[:, i], unit[:, i:])
        found = intervals.bounds(samples, tail=(1 - share) / 2)
        result[:, i, i:] = result[:, i:, i] = found
    return result


def pair_compatibilities(
    predicted: Mapping[str, torch.Tensor],
    labels: torch.Tensor,
    conditions: Sequence[distortions.Condition],
) -> pd.DataFrame:
    """Return the compatibility of all pairs of networks, given their predictions.

    Parameters
    ----------
    predicted : dict
        {network: predicted classes (condition, image)}.
    labels : torch.Tensor
        The right classes (image,).
    conditions : list
        [(distortion, level)].

    Returns
    -------
    pandas.DataFrame
        a, b (networks), compatibility, and its interval over resampled images, low and high.
    """
    values = compatibility(scores.accuracy(predicted, labels, conditions))
    samples = scores.resampled_accuracy(predicted, labels)
    low, high = compatibility_intervals(samples, conditions)
    i, j = np.triu_indices(len(values), 1)
    names = values.index.to_numpy()
    pairs = {"a": names[i], "b": names[j], "compatibility": values.to_numpy()[i, j]}
    return pd.DataFrame(pairs | {"low": low[i, j], "high": high[i, j]})


def difference(compatibility: Any, similarity: Any) -> Any:
    """Return `|compatibility| - similarity`, of numbers, arrays or tables.

    It is -1 for networks alike in kernels alone, 1 for networks alike in behaviour alone. The
    paper's text leaves out the absolute value; its matrices have it (notebook 05).
    """
    return abs(compatibility) - similarity


def kind(difference: float, margin: float = MARGIN) -> str:
    """Return which of `KINDS` a pair is.

    `margin` separates the paper's green cells from its yellow and red ones. A network that is
    equally accurate under all distortions has no compatibility: its pairs are "undefined".
    """
    if np.isnan(difference):
        return "undefined"
    if abs(difference) <= margin:
        return KINDS[0]
    return KINDS[1] if difference < 0 else KINDS[2]


def relation(a: str, b: str, parents: Parents) -> str:
    """Return what two networks are to each other: parent and child, same family or strangers."""

    def founder(name: str) -> str:
        while (parent := parents[name]) is not None:
            name = parent
        return name

    if parents[a] == b or parents[b] == a:
        return "parent and child"
    return "same family" if founder(a) == founder(b) else "strangers"


def pair_table(
    compatibility: pd.DataFrame,
    variant: pd.DataFrame,
    similarity: pd.DataFrame,
    bounds: np.ndarray,
    agreement: pd.DataFrame,
    parents: Parents,
) -> pd.DataFrame:
    """Return one row for each pair, with the columns of `Pairs`.

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
    i, j = np.triu_indices(len(names), 1)

    def of(matrix: pd.DataFrame) -> np.ndarray:
        return matrix.to_numpy()[i, j]

    gap = difference(of(compatibility), of(similarity))
    ends = [(names[x], names[y]) for x, y in zip(i, j, strict=True)]
    columns = Pairs(
        a=[a for a, _ in ends],
        b=[b for _, b in ends],
        relation=[relation(a, b, parents) for a, b in ends],
        similarity=of(similarity),
        compatibility=of(compatibility),
        low=bounds[0, i, j],
        high=bounds[1, i, j],
        compatibility_conditions=of(variant),
        difference=gap,
        kind=[kind(value) for value in gap],
        agreement=of(agreement),
    )
    return pd.DataFrame(columns._asdict())


def kind_shares(
    pairs: pd.DataFrame,
    units: Mapping[str, str] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the share of each kind among the pairs of each relation.

    Pairs share networks, so for the 95 % interval networks are resampled, not pairs; or what
    `units` says, {network: its family}. Pairs of a network with itself are left out.

    Returns
    -------
    pandas.DataFrame
        relation, kind, pairs (how many), share (0..1), low, high.
    """
    names = list(dict.fromkeys([*pairs["a"], *pairs["b"]]))
    a, b = (pd.Categorical(pairs[column], names).codes for column in "ab")
    unit_of = intervals.resampled_units(names, units)
    drawn = intervals.draw_networks(len(set(unit_of)), resamples, seed)
    rows = []
    for related in pairs["relation"].unique():
        own = np.flatnonzero(pairs["relation"] == related)
        is_kind = np.array([pairs["kind"].iloc[own] == name for name in KINDS], dtype=float)
        samples = []
        for block in intervals.blocks(drawn):
            weights = intervals.count_pairs(block, unit_of, a[own], b[own])
            samples += [is_kind @ weight / weight.sum() for weight in weights if weight.any()]
        low, high = intervals.bounds(np.array(samples))
        for i, name in enumerate(KINDS):
            count, share = int(is_kind[i].sum()), is_kind[i].mean()
            rows.append((related, name, count, share, low[i], high[i]))
    return pd.DataFrame(rows, columns=["relation", "kind", "pairs", "share", "low", "high"])


def published_pairs(architecture: str = "resnet20") -> pd.DataFrame:
    """Return the pair table of the published matrices of an architecture's experiment.

    What they do not print is nan.
    """
    compatibility, similarity = published.read_experiment(architecture)
    families = published.families_of(similarity)
    parents = {name: None if founder == name else founder for name, founder in families.items()}
    nothing = compatibility * np.nan
    bounds = np.full((2, *compatibility.shape), np.nan)
    return pair_table(compatibility, nothing, similarity, bounds, nothing, parents)
