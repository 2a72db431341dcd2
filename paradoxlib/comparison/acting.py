"""What can be said of two networks by what they answer: predictions, and who is right."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from paradoxlib.behaviour import intervals, paradox, predictions, scores
from paradoxlib.comparison.given import Given
from paradoxlib.images import datasets, distortions
from paradoxlib.measures.views import chosen_conditions
from paradoxlib.similarity import kernels

Predicted = dict[str, torch.Tensor]  # {network: classes (condition, image)}


class AnswersInCommon(NamedTuple):
    """What two networks answer (see `compare_answers`)."""

    conditions: pd.DataFrame
    profiles: pd.DataFrame
    numbers: pd.DataFrame


def clean_place(conditions: Sequence[distortions.Condition]) -> int | None:
    """Return the place of the first condition that leaves images as they are."""
    return next((i for i, one in enumerate(conditions) if distortions.is_identity(*one)), None)


def compare_answers(
    predicted: Predicted,
    labels: torch.Tensor | None,
    conditions: Sequence[distortions.Condition],
    classes: int,
) -> AnswersInCommon:
    """Return how alike two networks' predictions are, and, given labels, how right they are.

    Intervals are 95 %, over resampled images, the same for all numbers.

    Parameters
    ----------
    predicted : dict
        Predicted of two networks by name (condition, image).
    labels : torch.Tensor, optional
        The right classes (image,).
    conditions : list
        [(distortion, level)].
    classes : int
        How many classes the networks know.

    Returns
    -------
    AnswersInCommon
        ``conditions``: distortion, level, ``agreement``, and of each network the share of
        predictions that are those of the clean images (``A unchanged``) and its accuracy (``A
        accuracy``). ``profiles``: the same, means over the levels of each distortion. ``numbers``:
        index ``quantity``; value, low, high, chance.
    """
    (name_a, a), (name_b, b) = predicted.items()
    clean = clean_place(conditions)
    table = pd.DataFrame(conditions, columns=["distortion", "level"])
    table["agreement"] = (a == b).double().mean(1)
    if clean is not None:
        for name, own in predicted.items():
            table[f"{name} unchanged"] = (own == own[clean]).double().mean(1)
    statements = {"equal": a == b}
    if labels is not None:
        for name, own in predicted.items():
            table[f"{name} accuracy"] = (own == labels).double().mean(1)
        statements |= {"a": a == labels, "b": b == labels}
        statements["same"] = statements["a"] == statements["b"]
    means = scores.resampled_accuracy(statements, torch.ones(a.shape[1]).bool(), real_first=True)
    samples = dict(zip(statements, means.unbind(1), strict=True))
    shares = [scores.class_shares(own, classes) for own in (a, b)]
    rows = {"agreement": as_number(samples["equal"].mean(1), scores.independent_agreement(*shares))}
    if clean is not None:
        level = scores.independent_agreement(*(share[[clean]] for share in shares))
        rows["agreement, clean"] = as_number(samples["equal"][:, clean], level)
    if labels is not None:
        rows |= right_numbers(samples, (name_a, name_b), conditions, clean)
    profiles = table.drop(columns="level").groupby("distortion", sort=False).mean()
    return AnswersInCommon(
        table, profiles, pd.DataFrame.from_dict(rows, "index").rename_axis("quantity")
    )


def right_numbers(
    samples: Mapping[str, torch.Tensor],
    names: tuple[str, str],
    conditions: Sequence[distortions.Condition],
    clean: int | None,
) -> dict[str, dict[str, float]]:
    """Return the numbers that need labels, of resampled shares (resample, condition).

    These are the shares of images that each is right on (``a``, ``b``) and that both are right or
    wrong on (``same``).
    """
    rows = {}
    both = torch.stack([samples["a"], samples["b"]], 1)
    means = scores.distortion_means(both, conditions)  # (resample, network, distortion)
    for i, name in enumerate(names):
        rows[f"visual intelligence of {name}"] = as_number(means[:, i].mean(-1))
        if clean is not None:
            rows[f"clean accuracy of {name}"] = as_number(both[:, i, clean])
    rows["compatibility"] = as_number(row_correlations(means[:, 0], means[:, 1]), 0.0)
    kappas = scores.kappa(samples["same"], samples["a"], samples["b"])
    rows["error consistency"] = as_number(kappas.nanmean(1), 0.0)
    if clean is not None:
        rows["error consistency, clean"] = as_number(kappas[:, clean], 0.0)
    return rows


def row_correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return Pearson's r of the rows of two arrays (n, m): (n,), nan where one is constant."""
    x, y = (values - values.mean(1, keepdims=True) for values in (x, y))
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return (x * y).sum(1) / np.where(lengths > paradox.EQUAL, lengths, np.nan)


def as_number(samples: np.ndarray | torch.Tensor, chance: float = np.nan) -> dict[str, float]:
    """Return value, low, high and chance of resampled values whose first is the real one."""
    found = intervals.as_columns("value", np.asarray(samples))
    return {
        "value": float(found["value"]),
        "low": float(found["value_low"]),
        "high": float(found["value_high"]),
        "chance": chance,
    }


def mean_number(name: str, values: pd.Series, chance: pd.Series) -> pd.DataFrame:
    """Return a number that is the mean over layers, without an interval."""
    means = [kernels.mean_of_known(each.to_numpy(dtype=float)) for each in (values, chance)]
    row = {"value": means[0], "low": np.nan, "high": np.nan, "chance": means[1]}
    return pd.DataFrame.from_dict({name: row}, "index").rename_axis("quantity")


def predict_pair(
    a: Given,
    b: Given,
    images: datasets.Images,
    conditions: Sequence[distortions.Condition],
    device: str,
) -> Predicted:
    """Return both networks' predictions under every condition."""
    networks = {given.name: given.module for given in (a, b)}
    return predictions.predict_conditions(networks, images, conditions, device=device)


def predictions_of(
    predicted: torch.Tensor, conditions: Sequence[distortions.Condition]
) -> Callable[[str], torch.Tensor]:
    """Return what a view asks for its predictions, of a network's under all conditions."""
    return lambda which: predicted[chosen_conditions(conditions, which)]
