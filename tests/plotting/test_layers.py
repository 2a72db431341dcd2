"""Plots of layers show the tables that they are given."""

import numpy as np
import pandas as pd
import pytest

from paradoxlib import plotting

pytestmark = pytest.mark.usefixtures("styled")


def tick_names(axis):
    return [tick.get_text() for tick in axis.get_ticklabels()]


def test_values_stand_with_their_intervals_and_marks():
    values = pd.Series([0.1, 0.2], ["p", "q"])
    ax = plotting.draw_values(values, values - 0.05, values + 0.1, {"mark": 0.15})
    assert [text.get_text() for text in ax.get_legend().texts] == ["mark"]
    assert tick_names(ax.xaxis) == ["p", "q"]
    (bars,) = ax.containers[0].lines[2]
    ends = [segment[:, 1].tolist() for segment in bars.get_segments()]
    np.testing.assert_allclose(ends, [[0.05, 0.2], [0.15, 0.3]])
    mark = ax.lines[-1]
    assert mark.get_label() == "mark" and set(mark.get_ydata()) == {0.15}


def test_values_without_intervals_or_marks():
    ax = plotting.draw_values(pd.Series([0.1, 0.2], ["p", "q"]))
    assert not ax.get_legend() and not ax.containers[0].lines[2]


def test_a_layer_profile_has_its_chance_level():
    mean, sd = pd.Series([0.5, 0.25], ["x", "y"]), pd.Series([0.1, 0.2], ["x", "y"])
    ax = plotting.draw_layer_profile(mean, sd, 0.13)
    assert ax.get_ylabel() and tick_names(ax.xaxis) == ["x", "y"]
    assert set(ax.lines[-1].get_ydata()) == {0.13}
    assert [text.get_text() for text in ax.texts] == ["chance level"]


def test_a_layer_profile_has_a_chance_level_for_each_layer():
    mean, chance = pd.Series([0.5, 0.25], ["x", "y"]), pd.Series([0.1, 0.4], ["x", "y"])
    ax = plotting.draw_layer_profile(mean, mean / 2, chance)
    levels = ax.collections[-1]
    assert levels.get_label() == "chance level" and ax.get_legend()
    assert [piece[:, 1].tolist() for piece in levels.get_segments()] == [[0.1] * 2, [0.4] * 2]


def test_layer_profiles_show_how_far_layers_have_moved():
    changes = pd.DataFrame(
        [(network, f"res{i}", 1 - i * 1e-3, 1e-3, 1.0) for network in "ab" for i in range(3)],
        columns=["network", "layer", "mean", "sd", "whole"],
    )
    above, below = plotting.draw_layer_profiles(changes, "b")
    assert above.get_yscale() == "log" and len(below.lines) == 2
    assert tick_names(below.xaxis) == ["res0", "res1", "res2"]
    (main,) = (line for line in above.lines if line.get_label() == "b")
    np.testing.assert_allclose(main.get_ydata(), [1e-9, 1e-3, 2e-3])
    assert list(below.lines[1].get_ydata()) == [1e-9] * 3


def test_kernel_lengths_draw_every_kernel():
    table = pd.DataFrame({"of": list("aab"), "length": [1, 0, 2], "correlation": [1, np.nan, 0.9]})
    first, second, none, dead = plotting.draw_kernel_lengths(table, 0.05).lines
    assert [list(line.get_xdata()) for line in (first, second, none)] == [[1, 1e-6], [2], [1e-6]]
    assert list(none.get_ydata()) == [0] and none.get_label() == "no correlation (1)"
    assert set(dead.get_xdata()) == {0.05}


def test_cumulative_transplants_run_in_both_directions():
    layers = ["x", "y", "z"]
    both_ways = ["up to x", "up to y", "from y", "from z", "all convs and batch norms"]
    names = ["a", "b", *layers, *both_ways]
    columns = [f"{name}{end}" for name in ("gain", "recovered") for end in ("", "_low", "_high")]
    values = np.random.default_rng(0).random((len(names), len(columns)))
    table = pd.DataFrame(values, names, columns)
    axes = plotting.draw_cumulative(table, layers)
    assert tick_names(axes[1].xaxis) == layers
    for ax, column in zip(axes, ("gain", "recovered"), strict=True):
        assert [len(line.get_xdata()) for line in ax.lines] == [3, 3, 2, 2]
        down, up, recipient, donor = (list(line.get_ydata()) for line in ax.lines)
        rows = ["up to x", "up to y", "all convs and batch norms"], ["b", "from y", "from z"]
        assert [down, up] == [table.loc[row, column].tolist() for row in rows]
        assert set(recipient + donor) == set(table.loc[["a", "b"], column])


def test_cumulative_transplants_skip_what_deep_networks_do_not_have():
    columns = [f"{name}{end}" for name in ("gain", "recovered") for end in ("", "_low", "_high")]
    names = ["a", "b", "up to y", "from z", "all convs and batch norms"]
    table = pd.DataFrame(0.5, names, columns)
    for ax in plotting.draw_cumulative(table, ["x", "y", "z"]):
        assert [list(line.get_xdata()) for line in ax.lines[:2]] == [[1, 2], [0, 2]]


def test_batches_are_drawn_layer_by_layer_with_their_intervals():
    kinds = [(layer, images) for layer in "xy" for images in ("other images", "the same images")]
    table = pd.DataFrame(
        [(*kind, n, 0.5, 0.5 - 0.1 / n, 0.5 + 0.1 / n) for kind in kinds for n in (1, 4, 40)],
        columns=["layer", "images", "batches", "cka", "low", "high"],
    )
    axes = plotting.draw_batches(table, 4)
    assert [ax.get_title("left") for ax in axes] == ["x", "y"]
    assert [list(line.get_xdata()) for line in axes[0].lines] == [[1, 4, 40], [1, 4, 40], [4, 4]]
    names = [text.get_text() for text in axes[-1].get_legend().texts]
    assert names == ["other images", "the same images", "end of a pass"]
