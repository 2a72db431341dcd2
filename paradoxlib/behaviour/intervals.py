"""Intervals of resampled values: 95 % of the resamples lie within the bounds."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

RESAMPLES_AT_ONCE = 500  # what fits in memory


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
        known = samples[:, defined]
        quantile = np.nanquantile if np.isnan(known).any() else np.quantile  # three times as fast
        result[:, defined] = quantile(known, [tail, 1 - tail], axis=0)
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


def resampled_units(names: Sequence[str], units: Mapping[str, str] | None) -> list[str]:
    """Return of each network what is resampled: itself, or what `units` says, its family."""
    return [name if units is None else units[name] for name in names]


def count_pairs(
    drawn: np.ndarray, units: Sequence[Hashable], i: np.ndarray, j: np.ndarray
) -> np.ndarray:
    """Return how often each pair of networks is among resampled ones.

    Parameters
    ----------
    drawn : array
        How often each unit is drawn (resample, unit), units in the order in which they come.
    units : sequence
        Of each network what is drawn: itself, or its family. A pair within a unit is there as often
        as the unit, a pair of two units as often as both.
    i, j : array
        The places of the pairs' networks, i != j.

    Returns
    -------
    array
        Integers (resample, pair).
    """
    place, _ = pd.factorize(pd.Series(units))
    a, b, drawn = place[i], place[j], drawn.astype(np.int32)  # of many pairs, half the memory
    first = drawn[:, a]
    return np.where(a == b, first, first * drawn[:, b])


def blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an array's rows in order, as many at once as `RESAMPLES_AT_ONCE`."""
    for start in range(0, len(rows), RESAMPLES_AT_ONCE):
        yield rows[start : start + RESAMPLES_AT_ONCE]


def means_over_resampled_networks(
    pairs: pd.DataFrame,
    column: str,
    chosen: pd.Series,
    units: Mapping[str, str] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> np.ndarray:
    """Return the mean of a column over chosen pairs: (1 + resamples,).

    The first mean is the real one; the others are those of resampled networks, or of what `units`
    says, {network: its family}. `chosen` is a mask of the rows of `pairs`.
    """
    names = sorted({*pairs["a"], *pairs["b"]})
    unit_of = resampled_units(names, units)
    drawn = draw_networks(len(set(unit_of)), resamples, seed)
    counts = np.vstack([np.ones_like(drawn[:1]), drawn])
    some = pairs[chosen & pairs[column].notna()]
    i, j = (pd.Categorical(some[end], names).codes for end in "ab")
    values, means = some[column].to_numpy(), []
    for block in blocks(counts):
        weights = count_pairs(block, unit_of, i, j)
        with np.errstate(invalid="ignore"):
            means.append(weights @ values / weights.sum(1))
    return np.concatenate(means)


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
