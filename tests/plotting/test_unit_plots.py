"""Plots of units and representations show what they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from paradoxlib import plotting
from paradoxlib.plotting import unit_plots

pytestmark = pytest.mark.usefixtures("styled")


def lines_of(ax):
    """Return the lines of a plot, {label: (x, y)}."""
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines}


def test_correlation_matrices_mask_dead_units():
    table = np.array([[1, np.nan], [0.5, -1]])
    axes = plotting.draw_correlations({"one": table, "two": table})
    assert [ax.get_title("left") for ax in axes] == ["one", "two"]
    masked = axes[0].images[0].get_array().mask
    assert masked.sum() == 1 and masked[0, 1]


def test_blocks_are_framed():
    axes = plotting.draw_correlations({"one": np.eye(4)}, axes=plt.subplots()[1])
    frames = plotting.draw_blocks(axes[0], [0, 0, 1, 2]).patches
    assert [(frame.get_x(), frame.get_width()) for frame in frames] == [
        (-0.5, 2),
        (1.5, 1),
        (2.5, 1),
    ]


def test_match_curves_are_sorted_by_the_semi_matching():
    both = np.array([0.2, np.nan, 0.9]), np.array([0.1, np.nan, 0.8])
    axes = plotting.draw_match_curves({"layer": both}, {"layer": 0.05})
    loose, strict, chance = (line.get_ydata() for line in axes.flat[0].lines[:3])
    np.testing.assert_array_equal(loose, [0.9, 0.2, np.nan])
    np.testing.assert_array_equal(strict, [0.8, 0.1, np.nan])
    assert list(chance) == [0.05, 0.05]


def test_cluster_curves_show_both_similarities():
    table = pd.DataFrame({"between": [0.5, 0.0], "within": [0.6, 1.0]})
    (ax,) = plotting.draw_cluster_curves({"layer": table})
    found = {name: y for name, (_, y) in lines_of(ax).items()}
    assert found == {"within the networks": [0.6, 1], "between the networks": [0.5, 0]}


def test_by_layer_draws_the_mean_of_each_relation_where_there_are_values():
    table = pd.DataFrame(
        {
            "layer": ["x", "y", "x", "y"],
            "relation": ["strangers"] * 2 + ["chance"] * 2,
            "r": [0.5, np.nan, 0.1, 0.2],
        }
    )
    (ax,) = plotting.draw_by_layer(table, {"r": "value"})
    assert lines_of(ax) == {"strangers": ([0], [0.5]), "chance": ([0, 1], [0.1, 0.2])}
    assert ax.get_ylabel() == "value"


def test_by_layer_keeps_the_order_of_the_layers_where_a_pair_has_no_value():
    rows = [
        ("x", "strangers", 0.1),
        ("y", "strangers", 0.2),
        ("x", "chance", np.nan),
        ("y", "chance", 0.5),
        ("x", "chance", 0.9),
        ("y", "chance", 0.7),
    ]
    table = pd.DataFrame(rows, columns=["layer", "relation", "r"])
    (ax,) = plotting.draw_by_layer(table, {"r": "value"})
    assert lines_of(ax)["chance"] == ([0, 1], [0.9, 0.6])


def test_by_layer_leaves_out_layers_without_any_value():
    layers = ["y", "x", "z"]
    table = pd.DataFrame({"layer": layers, "relation": "strangers", "r": [0.1, np.nan, 0.3]})
    (ax,) = plotting.draw_by_layer(table, {"r": "value"})
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["y", "z"]
    assert lines_of(ax)["strangers"] == ([0, 1], [0.1, 0.3])


def test_bands_are_a_line_for_each_group():
    rows = pd.MultiIndex.from_product([["one", "two"], [0.0, 0.5]])
    table = pd.DataFrame({"value": [1, 2, 3, 4], "low": [0, 1, 2, 3], "high": [2, 3, 4, 5]}, rows)
    ax = plotting.draw_bands(table, ("share", "accuracy"))
    assert lines_of(ax) == {"one": ([0, 0.5], [1, 2]), "two": ([0, 0.5], [3, 4])}
    assert len(ax.collections) == 2 and ax.get_xlabel() == "share"


def test_gains_are_marked_by_relation():
    pairs = pd.DataFrame({"relation": ["strangers"], "matching": [0.3], "gain": [0.02]})
    (ax,) = plotting.draw_gains(pairs, {"gain": "accuracy gained"})
    points = {c.get_label(): c.get_offsets().tolist() for c in ax.collections}
    assert points["strangers"] == [[0.3, 0.02]] and points["same family"] == []


def test_heatmaps_tick_the_stages():
    names = ["conv1", "relu_1", "res2a_branch2a", "fc"]
    (ax,) = plotting.draw_heatmaps({"a": pd.DataFrame(np.eye(4), names, names)})
    for axis in (ax.xaxis, ax.yaxis):
        ticks = [text.get_text() for text in axis.get_ticklabels()]
        assert ticks == ["conv1", "res2a_branch2a", "fc"]
    assert not ax.yaxis_inverted()


def test_stages_too_close_to_the_one_before_have_no_tick():
    layers = pd.Index(["conv1", "res2a_branch2a", *(f"bn_{i}" for i in range(48)), "fc"])
    assert unit_plots.stage_starts(layers, 0.04) == [0, 50]
    assert unit_plots.stage_starts(layers, 0.01) == [0, 1, 50]


def test_shares_are_a_line_for_each_network():
    table = pd.DataFrame(
        {"network": list("aabb"), "layer": ["conv1", "relu_1"] * 2, "share": [0.1, 0.2, 0.3, 0.4]}
    )
    ax = plotting.draw_component_shares(table)
    assert [list(line.get_ydata()) for line in ax.lines] == [[0.1, 0.2], [0.3, 0.4]]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["conv1"]


def test_shares_of_networks_of_other_layers_are_stretched():
    rows = [("a", "conv1"), ("a", "relu_1"), ("c", "conv1"), ("c", "relu_1"), ("c", "fc")]
    table = pd.DataFrame(rows, columns=["network", "layer"]).assign(share=0.5)
    ax = plotting.draw_component_shares(table)
    assert list(ax.lines[1].get_xdata()) == [0, 0.5, 1]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["input", "output"]
