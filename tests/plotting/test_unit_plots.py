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


def test_blocks_are_parted_by_lines():
    axes = plotting.draw_correlations({"one": np.eye(4)}, axes=plt.subplots()[1])
    lines = plotting.draw_blocks(axes[0], [0, 0, 1, 2]).lines
    assert len(lines) == 4
    assert [line.get_ydata()[0] for line in lines[::2]] == [1.5, 2.5]
    assert [line.get_xdata()[0] for line in lines[1::2]] == [1.5, 2.5]


def test_match_curves_are_sorted_by_the_semi_matching():
    both = np.array([0.2, np.nan, 0.9]), np.array([0.1, np.nan, 0.8])
    (ax,) = plotting.draw_match_curves({"layer": both})
    loose, strict = (line.get_ydata() for line in ax.lines[:2])
    np.testing.assert_array_equal(loose, [0.9, 0.2, np.nan])
    np.testing.assert_array_equal(strict, [0.8, 0.1, np.nan])


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


def test_patches_stand_in_rows():
    strips = np.zeros((9, 3, 5, 5), dtype=np.uint8)
    axes = plotting.draw_patches({"r = .9": (strips, strips), "r = .1": (strips, strips)})
    assert plotting.draw_patches({"r = .9": (strips, strips)}).shape == (1, 2)
    picture = axes[0, 0].images[0].get_array()
    assert axes.shape == (2, 2) and picture.shape == (5, 54, 3)
    assert (picture[:, 5::6] == 255).all() and picture.sum() == 255 * 5 * 9 * 3


def test_heatmaps_tick_the_stages():
    names = ["conv1", "relu_1", "res2a_branch2a", "fc"]
    (ax,) = plotting.draw_heatmaps({"a": pd.DataFrame(np.eye(4), names, names)})
    for axis in (ax.xaxis, ax.yaxis):
        ticks = [text.get_text() for text in axis.get_ticklabels()]
        assert ticks == ["conv1", "res2a_branch2a", "fc"]
    assert not ax.yaxis_inverted()


def test_stages_too_close_to_the_one_before_have_no_tick():
    layers = pd.Index(["conv1", "res2a_branch2a", *(f"bn_{i}" for i in range(48)), "fc"])
    assert unit_plots.stage_starts(layers) == [0, 50]


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
