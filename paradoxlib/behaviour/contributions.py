"""How much of a network's behaviour each of its parts carries."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import factorial
from typing import Any, NamedTuple

import numpy as np
import torch

from paradoxlib.behaviour import scores
from paradoxlib.images import distortions
from paradoxlib.networks import surgery


class Behaviour(NamedTuple):
    """How some networks behave, on resampled images too (the first resample is the real one)."""

    profiles: np.ndarray  # mean accuracies (resample, network, distortion)
    recovered: np.ndarray  # share of the way from the first network to the second
    visual_intelligence: np.ndarray  # (resample, network)


def behave(
    predicted: Mapping[str, torch.Tensor],
    labels: torch.Tensor,
    conditions: Sequence[distortions.Condition],
) -> Behaviour:
    """Return how networks behave, given their predictions (see `scores.resampled_accuracy`)."""
    samples = scores.resampled_accuracy(predicted, labels, real_first=True)
    profiles = scores.distortion_means(samples, conditions)
    return Behaviour(profiles, recovered(profiles), profiles.mean(-1))


def recovered(means: np.ndarray) -> np.ndarray:
    """Return how far each network lies on the way from recipient to donor.

    Each profile of accuracies is projected on the line from the recipient's to the donor's.

    Parameters
    ----------
    means : array
        Accuracies (..., network, distortion), the recipient's first, the donor's second.

    Returns
    -------
    array
        (..., network): 0 for a network that behaves like the recipient, 1 for one that behaves like
        the donor; nan where these two are equal.
    """
    start, way = means[..., :1, :], means[..., 1:2, :] - means[..., :1, :]
    length = (way**2).sum(-1)
    return ((means - start) * way).sum(-1) / np.where(length > 0, length, np.nan)


def agree(predicted: Mapping[str, torch.Tensor], donor: torch.Tensor) -> np.ndarray:
    """Return how often networks predict as the donor does: shares (resample, network), 0..1.

    Predictions are (condition, image). Test images are resampled; the first resample is the real
    one.
    """
    equal = {name: classes == donor for name, classes in predicted.items()}
    every = torch.ones(donor.shape[1]).bool()
    return scores.resampled_accuracy(equal, every, real_first=True).mean(-1).numpy()


def answers_recovered(agreeing: np.ndarray) -> np.ndarray:
    """Return how much of the answers in which recipient and donor differ became the donor's.

    `agreeing` is what `agree` returns (..., network), the recipient first, the donor second; nan
    where these two answer alike.
    """
    gained = agreeing - agreeing[..., :1]
    return gained / np.where(gained[..., 1:2] > 0, gained[..., 1:2], np.nan)


def subsets(parts: Sequence[str] = surgery.NETWORK_PARTS) -> list[tuple[str, ...]]:
    """Return all subsets of the parts, the smaller ones first."""
    return [chosen for size in range(len(parts) + 1) for chosen in combinations(parts, size)]


def ends_first(parts: Sequence[str]) -> list[tuple[str, ...]]:
    """Return all subsets of parts: none, then all (the recipient and the donor), then the rest."""
    none, *rest = subsets(parts)
    return [none, *rest[-1:], *rest[:-1]]


def shapley(
    values: Mapping[tuple[str, ...], Any], parts: Sequence[str] = surgery.NETWORK_PARTS
) -> dict[str, Any]:
    """Return how much each part contributes to the value of all of them (Shapley 1953).

    This is what the part's exchange adds, averaged over all orders of exchange.

    Parameters
    ----------
    values : dict
        {subset of the parts: value}, for all `subsets`; numbers, or arrays of one shape.

    Returns
    -------
    dict
        {part: share}; the shares add up to the value of all parts less that of none.
    """
    n, shares = len(parts), {}
    for part in parts:
        gains = []
        for without in subsets([other for other in parts if other != part]):
            joined = tuple(other for other in parts if other in without or other == part)
            weight = factorial(len(without)) * factorial(n - len(without) - 1) / factorial(n)
            gains.append(weight * (values[joined] - values[without]))
        shares[part] = sum(gains)
    return shares
