"""Intervals of resampled values: 95 % of the resamples lie within the bounds."""

from typing import NamedTuple

import numpy as np
import pandas as pd


class Estimate(NamedTuple):
    """A value and the bounds of its interval."""

    value: float
    low: float
    high: float


def bounds(samples: np.ndarray, tail: float = 0.025) -> np.ndarray:
    """Return the percentile interval over the first axis: (2, ...), the low bounds, then the high.

    Parameters
    ----------
    samples : array
        Resampled values (resample, ...). Undefined ones (nan) are ignored; where all of them are
        undefined, the bounds are nan.
    tail : float
        The share of the values on either side of the interval, 0..0.5.
    """
    samples = np.asarray(samples)
    defined = ~np.isnan(samples).all(0)
    result = np.full((2, *samples.shape[1:]), np.nan)
    if defined.any():
        result[:, defined] = np.nanquantile(samples[:, defined], [tail, 1 - tail], axis=0)
    return result


def estimate(samples: np.ndarray) -> Estimate:
    """Return the first of the values (resample,), which is the real one, and the interval of all.

    The real value counts as one of the resampled.
    """
    low, high = bounds(samples)
    return Estimate(float(samples[0]), float(low), float(high))


def as_columns(name: str, samples: np.ndarray) -> dict[str, float]:
    """Return {name, name_low, name_high} of samples whose first is the real one, not resampled."""
    low, high = bounds(samples[1:])
    return {name: samples[0], f"{name}_low": low, f"{name}_high": high}


def exact(value: float) -> Estimate:
    """Return a value that has no interval."""
    return Estimate(value, value, value)


def draw_networks(count: int, resamples: int, seed: int) -> np.ndarray:
    """Return how often each network is drawn, `count` at a time, with replacement.

    Returns
    -------
    array
        Integers (resample, network) whose rows add up to `count`.
    """
    shares = np.full(count, 1 / count)
    return np.random.default_rng(seed).multinomial(count, shares, resamples)


def of_means(values: pd.DataFrame, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Return the mean of each column over networks, the rows, with its interval.

    Networks are resampled. The rows (column) have ``value``, ``low`` and ``high``; undefined values
    (nan) are left out.
    """
    drawn = draw_networks(len(values), resamples, seed).astype(float)
    known = values.notna().to_numpy(float)
    with np.errstate(invalid="ignore"):
        samples = drawn @ values.fillna(0).to_numpy() / (drawn @ known)
    low, high = bounds(samples)
    return pd.DataFrame({"value": values.mean(), "low": low, "high": high}, index=values.columns)
