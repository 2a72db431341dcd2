"""Score predictions: accuracies, visual intelligence, agreement, and their bootstrap samples."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from numba import njit

from paradoxlib.images import distortions

RESAMPLES = 1000
COLUMNS_AT_ONCE = 4096  # so many values of all rows stay in the cache


def accuracy(
    predicted: Mapping[str, torch.Tensor],
    labels: torch.Tensor,
    conditions: Sequence[distortions.Condition],
) -> pd.DataFrame:
    """Return the tidy table (network, distortion, level, accuracy, n): top-1, 0..1.

    `predicted` is {network: predicted classes (condition, image)}.
    """
    rows = []
    for name, classes in predicted.items():
        shares = (classes == labels).double().mean(1).tolist()
        for (distortion, level), share in zip(conditions, shares, strict=True):
            rows.append((name, distortion, level, share, len(labels)))
    return pd.DataFrame(rows, columns=["network", "distortion", "level", "accuracy", "n"])


def mean_accuracies(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean accuracy over the levels of each distortion: (network, distortion).

    Networks and distortions stand in the order of the tidy table of accuracies.
    """
    means = table.groupby(["network", "distortion"], sort=False)["accuracy"].mean().unstack()
    networks, columns = table["network"].unique(), table["distortion"].unique()
    return means.loc[networks, columns].rename_axis(columns=None)


def check_over(over: str) -> None:
    """Raise ValueError for anything but ``distortions`` and ``conditions``."""
    if over not in ("distortions", "conditions"):
        raise ValueError(f"over is {over!r}: choose distortions or conditions")


def visual_intelligence(table: pd.DataFrame, over: str = "distortions") -> pd.Series:
    """Return the visual intelligence of each network, 0..1.

    Parameters
    ----------
    table : pandas.DataFrame
        Tidy accuracies (network, distortion, level, accuracy).
    over : str
        ``distortions``: the mean over the levels of each distortion, then the mean of these eight
        (the paper's definition); ``conditions``: the plain mean over all conditions.
    """
    check_over(over)
    if over == "distortions":
        means = mean_accuracies(table).mean(axis=1)
    else:
        means = table.groupby("network", sort=False)["accuracy"].mean()
    return means.rename("visual_intelligence")


def clean_accuracy(table: pd.DataFrame) -> pd.Series:
    """Return each network's accuracy on the images as they are, those of full contrast."""
    clean = table[(table["distortion"] == "contrast") & (table["level"] == 1)]
    return clean.set_index("network")["accuracy"].rename("clean_accuracy")


def agreement(predicted: Mapping[str, torch.Tensor]) -> pd.DataFrame:
    """Return the share of equal predictions of all pairs: (network, network), 0..1.

    It is counted over all conditions and images of `predicted`, {network: (condition, image)}.
    """
    names, classes = list(predicted), torch.stack(list(predicted.values())).flatten(1)
    shares = count_equal(classes.numpy()) / classes.shape[1]
    return pd.DataFrame(shares, index=names, columns=names)


@njit(cache=True)
def count_equal(rows: np.ndarray) -> np.ndarray:
    """Return how many values each two rows of (n, m) have in common: int64 (n, n)."""
    counts = np.zeros((len(rows), len(rows)), dtype=np.int64)
    for start in range(0, rows.shape[1], COLUMNS_AT_ONCE):
        part = rows[:, start : start + COLUMNS_AT_ONCE]
        for i in range(len(rows)):
            for j in range(i + 1):
                equal = 0
                for k in range(part.shape[1]):
                    equal += part[i, k] == part[j, k]
                counts[i, j] += equal
    return np.maximum(counts, counts.T)


def resampled_accuracy(
    predicted: Mapping[str, torch.Tensor],
    labels: torch.Tensor,
    resamples: int = RESAMPLES,
    seed: int = 0,
    real_first: bool = False,
) -> torch.Tensor:
    """Return accuracies on bootstrap samples of the test images.

    All networks and conditions are scored on the same resampled images, so their accuracies vary
    together.

    Parameters
    ----------
    predicted : dict
        {network: predicted classes (condition, image)}.
    labels : torch.Tensor
        The right classes (image,).
    real_first : bool
        Whether the accuracies on the test images themselves stand before the samples.

    Returns
    -------
    torch.Tensor
        (resample, network, condition), float64, 0..1.
    """
    # Counts of images are below 2 ** 24, so their sums are exact in float32.
    correct = torch.stack([classes == labels for classes in predicted.values()]).float()
    n = len(labels)
    source = torch.Generator().manual_seed(seed)
    result = [correct.mean(2, dtype=torch.float64)] if real_first else []
    for start in range(0, resamples, 100):
        drawn = torch.randint(n, (min(100, resamples - start), n), generator=source)
        one = torch.ones(1).expand(drawn.shape)
        counts = torch.zeros(len(drawn), n).scatter_add_(1, drawn, one)
        result += (correct @ counts.T).double().div(n).unbind(2)
    return torch.stack(result)


def distortion_means(
    accuracies: np.ndarray | torch.Tensor, conditions: Sequence[distortions.Condition]
) -> np.ndarray:
    """Return the means over the levels of each distortion: (..., distortion), float64.

    `accuracies` is (..., condition).
    """
    names = list(dict.fromkeys(name for name, _ in conditions))
    member = np.array([[name == other for other in names] for name, _ in conditions], dtype=float)
    return np.asarray(accuracies) @ (member / member.sum(0))


def profile_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return how far two networks' profiles are apart: 0..1, of accuracies (..., distortion).

    It is the root mean square of their differences over the distortions. It says what compatibility
    cannot: whether profiles of another shape are far from each other at all.
    """
    return np.sqrt(((a - b) ** 2).mean(-1))


def clean_samples(
    accuracies: np.ndarray | torch.Tensor, conditions: Sequence[distortions.Condition]
) -> np.ndarray:
    """Return the part of accuracies (..., condition) that belongs to full contrast: (...)."""
    return np.asarray(accuracies)[..., list(conditions).index(("contrast", 1.0))]


def equal_predictions(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the share of equal predictions (condition, image): the mean over conditions, 0..1."""
    return (a == b).double().mean().item()


def error_consistency(a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor) -> float:
    """Return Cohen's kappa of being right, the mean over conditions (Geirhos et al. 2020).

    It is 1 for networks that are right on the same images, and 0 for two that err independently,
    given how often each is right. Conditions in which it is undefined do not count.

    Parameters
    ----------
    a, b : torch.Tensor
        Predicted classes (condition, image).
    labels : torch.Tensor
        The right classes (image,).
    """
    right_a, right_b = a == labels, b == labels
    same = (right_a == right_b).double().mean(1)
    p, q = right_a.double().mean(1), right_b.double().mean(1)
    return kappa(same, p, q).nanmean().item()


def kappa(same: torch.Tensor, p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """Return Cohen's kappa of two networks that are right as often as `p` and `q`.

    `same` is how often both are right or both wrong; shares of one shape. nan where both are always
    right, or always wrong.
    """
    expected = p * q + (1 - p) * (1 - q)
    return (same - expected) / (1 - expected)


def class_shares(predicted: torch.Tensor, classes: int) -> torch.Tensor:
    """Return how often each class is predicted: (condition, class), of (condition, image)."""
    counts = torch.zeros(len(predicted), classes, dtype=torch.float64)
    one = torch.ones(1, dtype=torch.float64).expand(predicted.shape)
    return counts.scatter_add_(1, predicted.long(), one) / predicted.shape[1]


def independent_agreement(shares_a: torch.Tensor, shares_b: torch.Tensor) -> float:
    """Return the share of equal predictions of two networks that predict independently.

    `shares_a` and `shares_b` say how often each names each class: `class_shares`.
    """
    return (shares_a * shares_b).sum(1).mean().item()
