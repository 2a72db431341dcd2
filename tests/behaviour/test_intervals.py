"""Intervals: percentiles of what is defined, whatever the shape."""

import numpy as np
import pandas as pd
import pytest

from paradoxlib.behaviour import intervals


def test_bounds_are_percentiles():
    samples = np.random.default_rng(0).permutation(1001) / 1000
    assert intervals.bounds(samples) == pytest.approx([0.025, 0.975])
    assert intervals.bounds(samples, tail=0.1) == pytest.approx([0.1, 0.9])


@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 3), (50, 2, 3)])
def test_bounds_of_any_shape_are_those_of_each_series(shape):
    samples = np.random.default_rng(1).normal(size=shape)
    found = intervals.bounds(samples)
    assert found.shape == (2, *shape[1:])
    for place in np.ndindex(*shape[1:]):
        series = samples[(slice(None), *place)]
        assert (found[(slice(None), *place)] == np.quantile(series, [0.025, 0.975])).all()


def test_undefined_values_are_ignored():
    samples = np.random.default_rng(2).normal(size=(50, 2))
    samples[::2, 0], samples[:, 1] = np.nan, np.nan
    low, high = intervals.bounds(samples)
    assert [low[0], high[0]] == np.quantile(samples[1::2, 0], [0.025, 0.975]).tolist()
    assert np.isnan([low[1], high[1]]).all()
    assert np.isnan(intervals.bounds(np.array([]))).all()
    assert np.isnan(intervals.estimate(np.full(5, np.nan))).all()


def test_an_estimate_is_the_first_value_with_the_interval_of_all():
    samples = np.array([5.0, 1.0, 2.0, 3.0])
    value, low, high = intervals.estimate(samples)
    assert value == 5 and (low, high) == pytest.approx((1.075, 4.85))
    assert intervals.exact(2.0) == (2, 2, 2)


def test_networks_are_drawn_with_replacement():
    drawn = intervals.draw_networks(10, 500, seed=0)
    assert drawn.shape == (500, 10) and (drawn.sum(1) == 10).all() and drawn.max() > 2
    assert drawn.mean(0) == pytest.approx(np.ones(10), abs=0.15)
    assert (drawn == intervals.draw_networks(10, 500, seed=0)).all()
    assert (drawn != intervals.draw_networks(10, 500, seed=1)).any()


def test_pairs_of_resampled_families_are_counted_by_hand():
    drawn = np.array([[2, 0, 1], [1, 1, 1]])  # families A (two networks), B and C
    i, j = np.array([0, 0, 0, 2]), np.array([1, 2, 3, 3])  # within A, A and B, A and C, B and C
    counts = intervals.count_pairs(drawn, ["A", "A", "B", "C"], i, j)
    assert counts.tolist() == [[2, 0, 2, 0], [1, 1, 1, 1]]
    alone = intervals.count_pairs(np.array([[2, 3]]), ["a", "b"], np.array([0]), np.array([1]))
    assert alone.tolist() == [[6]]


def test_families_that_agree_within_make_wide_intervals():
    """Members of a family repeat each other, so twenty networks say no more than five families."""
    source = np.random.default_rng(0)
    level = dict(zip("ABCDE", source.normal(size=5), strict=True))
    names = [f"{family}{i}" for family in level for i in range(4)]
    rows = [
        (a, b, level[a[0]] + level[b[0]] + source.normal() / 100)
        for k, a in enumerate(names)
        for b in names[:k]
        if a[0] != b[0]
    ]
    pairs = pd.DataFrame(rows, columns=["a", "b", "value"])
    everyone, widths = pairs["value"].notna(), []
    for units in (None, {name: name[0] for name in names}):
        means = intervals.means_over_resampled_networks(pairs, "value", everyone, units, 500)
        _, low, high = intervals.estimate(means)
        widths.append(high - low)
    assert widths[1] > 1.5 * widths[0]
