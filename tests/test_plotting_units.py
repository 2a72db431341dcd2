"""Plots of units and representations show what they are given."""

import matplotlib
import numpy as np
import pandas as pd

from paradoxlib import plotting_units

matplotlib.use("Agg")


def test_correlation_matrices_mask_dead_units():
    table = np.array([[1, np.nan], [0.5, -1]])
    axes = plotting_units.correlation_matrices({"one": table, "two": table})
    assert [ax.get_title() for ax in axes] == ["one", "two"]
    assert axes[0].images[0].get_array().mask.sum() == 1
    assert len(plotting_units.blocks(axes[0], [0, 0, 1, 2]).lines) == 4


def test_match_curves_are_sorted_by_the_semi_matching():
    (ax,) = plotting_units.match_curves({"layer": (np.array([0.2, np.nan, 0.9]), np.array([0.1, np.nan, 0.8]))})
    assert list(ax.lines[0].get_ydata())[:2] == [0.9, 0.2] and list(ax.lines[1].get_ydata())[:2] == [0.8, 0.1]


def test_by_layer_draws_the_mean_of_each_relation_where_there_are_values():
    table = pd.DataFrame({"layer": ["x", "y", "x", "y"], "relation": ["strangers"] * 2 + ["chance"] * 2, "r": [0.5, np.nan, 0.1, 0.2]})
    (ax,) = plotting_units.by_layer(table, {"r": "value"})
    assert {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines} == {
        "strangers": ([0], [0.5]),
        "chance": ([0, 1], [0.1, 0.2]),
    }


def test_by_layer_keeps_the_order_of_the_layers_where_a_pair_has_no_value():
    rows = [
        ("x", "strangers", 0.1),
        ("y", "strangers", 0.2),
        ("x", "chance", np.nan),
        ("y", "chance", 0.5),
        ("x", "chance", 0.9),
        ("y", "chance", 0.7),
    ]
    (ax,) = plotting_units.by_layer(pd.DataFrame(rows, columns=["layer", "relation", "r"]), {"r": "value"})
    chance = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines}["chance"]
    assert chance == ([0, 1], [0.9, 0.6])


def test_patches_stand_in_rows():
    strips = np.zeros((9, 3, 5, 5), dtype=np.uint8)
    axes = plotting_units.patches({"r = .9": (strips, strips), "r = .1": (strips, strips)})
    assert plotting_units.patches({"r = .9": (strips, strips)}).shape == (1, 2)
    assert axes.shape == (2, 2) and axes[0, 0].images[0].get_array().shape == (5, 54, 3)


def test_heatmaps_tick_the_stages():
    names = ["conv1", "relu_1", "res2a_branch2a", "fc"]
    (ax,) = plotting_units.heatmaps({"a": pd.DataFrame(np.eye(4), names, names)})
    assert [text.get_text() for text in ax.get_xticklabels()] == ["conv1", "res2a_branch2a", "fc"]


def test_shares_are_a_line_for_each_network():
    table = pd.DataFrame({"network": list("aabb"), "layer": ["conv1", "relu_1"] * 2, "share": [0.1, 0.2, 0.3, 0.4]})
    assert [list(line.get_ydata()) for line in plotting_units.shares(table).lines] == [[0.1, 0.2], [0.3, 0.4]]
    deeper = pd.DataFrame({"network": ["c"] * 3, "layer": ["conv1", "relu_1", "fc"], "share": [0.1, 0.2, 0.3]})
    ax = plotting_units.shares(pd.concat([table, deeper]))
    assert list(ax.lines[2].get_xdata()) == [0, 0.5, 1] and [text.get_text() for text in ax.get_xticklabels()] == ["input", "output"]
