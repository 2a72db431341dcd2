"""Plots of networks show the tables that they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from paradoxlib import plotting
from paradoxlib.images import distortions

pytestmark = pytest.mark.usefixtures("styled")


def random_means(columns):
    return pd.DataFrame(np.random.default_rng(0).random((3, len(columns))), list("abc"), columns)


def accuracies(conditions):
    """Return a table of two networks' accuracies, all different."""
    rows = [(network, *condition) for network in "ab" for condition in conditions]
    table = pd.DataFrame(rows, columns=["network", "distortion", "level"])
    return table.assign(accuracy=np.linspace(0, 1, len(table)))


def test_stacked_bars_are_as_high_as_the_visual_intelligence():
    means = random_means(list(distortions.GRID))
    ax = plotting.draw_stacked_bars(means)
    intelligence = means.mean(axis=1)
    assert [text.get_text() for text in ax.texts] == [f"{value:.2f}" for value in intelligence]
    tops = [bar.get_y() + bar.get_height() for bar in ax.containers[-1]]
    np.testing.assert_allclose(tops, intelligence)


def test_stacks_take_the_colours_in_their_order_and_begin_anew():
    ax = plotting.draw_stacked_bars(random_means([f"distortion_{i}" for i in range(9)]))
    colours = [plt.matplotlib.colors.to_hex(bars[0].get_facecolor()) for bars in ax.containers]
    assert colours == [colour.lower() for colour in [*plotting.PALETTE, plotting.PALETTE[0]]]
    legend = [text.get_text() for text in ax.get_legend().texts]
    assert legend == [f"distortion {i}" for i in range(8, -1, -1)]


def test_accuracy_curves_have_a_panel_for_each_distortion():
    table = accuracies(distortions.conditions())
    axes = plotting.draw_accuracy_curves(table, ("a",))
    assert axes.shape == (2, 4)
    titles = [ax.get_title("left") for ax in axes.flat]
    assert titles == [plotting.label(name) for name in distortions.GRID]
    for ax, (name, levels) in zip(axes.flat, distortions.GRID.items(), strict=True):
        grey, coloured = ax.lines
        assert (grey.get_color(), coloured.get_color()) == ("#BBBBBB", "C0")
        part = table[(table["distortion"] == name) & (table["network"] == "a")]
        curve = part.sort_values("level")["accuracy"].tolist()
        assert list(coloured.get_ydata()) == curve and len(curve) == len(levels)


@pytest.mark.parametrize(("count", "shape"), [(3, (1, 4)), (9, (3, 4))])
def test_accuracy_curves_of_more_or_fewer_distortions(count, shape):
    table = accuracies([(f"d{i}", level) for i in range(count) for level in (0.1, 0.2)])
    axes = plotting.draw_accuracy_curves(table, ("a",))
    assert axes.shape == shape
    assert [ax.axison for ax in axes.flat] == [i < count for i in range(axes.size)]
    assert [text.get_text() for text in axes.flat[-1].get_legend().texts] == ["a"]


def test_training_has_a_panel_for_loss_and_accuracy():
    columns = {"network": ["a", "a"], "epoch": [1, 2], "loss": [2.0, 1.0], "accuracy": [0.1, 0.5]}
    loss, accuracy = plotting.draw_history(pd.DataFrame(columns), {"a": "a"})
    assert loss.get_ylabel() == "training loss" and list(loss.lines[0].get_ydata()) == [2, 1]
    assert list(accuracy.lines[0].get_ydata()) == [0.1, 0.5]


def test_a_family_has_one_colour_and_its_children_are_dashed():
    columns = {"network": list("abc"), "epoch": 1, "loss": 2.0, "accuracy": 0.1}
    families = {"a": "a", "b": "a", "c": "c"}
    loss, accuracy = plotting.draw_history(pd.DataFrame(columns), families)
    a, b, c = loss.lines
    assert a.get_color() == b.get_color() != c.get_color()
    assert [line.get_linestyle() for line in (a, b, c)] == ["-", "--", "-"]
    named = [text.get_text() for text in accuracy.get_legend().texts]
    assert named == ["a", "c", "children"]


def test_images_stand_in_rows_of_different_lengths():
    images = [[torch.full((3, 4, 4), value) for value in row] for row in ([0.25, 0.5], [0.75])]
    axes = plotting.draw_images(images, ["one", "two"], [["1", "2"], ["3"]])
    assert axes.shape == (2, 2) and axes[0, 0].texts[0].get_text() == "one"
    shown = [[ax.images[0].get_array().max() for ax in row if ax.images] for row in axes]
    assert shown == [[0.25, 0.5], [0.75]]
    assert axes[0, 0].images[0].get_array().shape == (4, 4, 3)


def test_profiles_have_a_panel_for_each_couple():
    means = random_means(["blur", "salt_pepper"])
    couples = {"near": ("a", "b"), "far": ("c", "a")}
    axes = plotting.draw_profiles(means, couples, {"near": "line", "far": "other line"})
    assert [ax.get_title("left") for ax in axes] == ["near\nline", "far\nother line"]
    for ax, couple in zip(axes, couples.values(), strict=True):
        assert [line.get_label() for line in ax.lines] == list(couple)
        assert [list(line.get_ydata()) for line in ax.lines] == means.loc[
            list(couple)
        ].values.tolist()
        assert [tick.get_text() for tick in ax.get_xticklabels()] == ["blur", "salt & pepper"]


def test_children_stand_by_their_rate():
    rates = pd.DataFrame({"parent": list("aab"), "learning_rate": [1e-3, 1e-5, 1e-5]})
    rates = rates.assign(similarity=1.0, compatibility=0.5, low=0.4, high=0.6)
    similar, compatible = plotting.draw_against_rate(rates)
    for ax in (similar, compatible):
        lines = [list(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) <= 2]
        assert [1e-5, 1e-3] in lines and [1e-5] in lines
    assert [list(line.get_xdata()) for line in similar.lines] == [[1e-5, 1e-3], [1e-5]]


def test_a_network_is_drawn_beside_the_others():
    numbers = pd.DataFrame({"quantity": ["CKA", "units"] * 2, "value": [0.8, 0.4, 0.7, 0.3]})
    among = numbers.assign(value=numbers["value"] + 0.1)
    left, right = plotting.draw_placement(
        "a", random_means(["blur"]), numbers.assign(chance=0.1), among
    )
    assert (
        left.lines[-1].get_label() == "a" and "the other 2" in left.get_legend_handles_labels()[1]
    )
    drawn = [sorted(points.get_offsets()[:, 0].tolist()) for points in right.collections]
    assert drawn == [[0.7, 0.8], pytest.approx([0.8, 0.9]), [0.3, 0.4], pytest.approx([0.4, 0.5])]
    assert [line.get_xdata()[0] for line in right.lines] == [0.1, 0.1]
    assert [tick.get_text() for tick in right.get_yticklabels()] == ["CKA", "units"]


def test_legends_of_a_placement_stand_above_what_is_drawn_and_what_is_not_defined_says_so():
    numbers = pd.DataFrame({"quantity": ["CKA", "units"], "value": [0.8, np.nan], "chance": 0.1})
    axes = plotting.draw_placement("a", random_means(["blur"]), numbers)
    axes[0].figure.draw_without_rendering()
    assert [text.get_text() for text in axes[1].texts] == ["not defined"]
    for ax in axes:
        assert ax.get_legend().get_window_extent().y0 >= ax.get_window_extent().y1 - 1


def test_statements_stand_beside_both_samples_and_their_verdict():
    table = pd.DataFrame({"statement": ["one", "other"], "first": [0.5, 0.2], "value": [0.4, 0.1]})
    table["first_low"], table["low"] = table["first"] - 0.1, [0.3, np.nan]
    table["first_high"], table["high"] = table["first"] + 0.1, [0.6, np.nan]
    table["turns_at"], table["verdict"] = 0.0, ["same", "open"]
    ax = plotting.draw_judged(table)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["one", "other"]
    assert [text.get_text() for text in ax.texts] == ["same", "open"]
    points = [list(container.lines[0].get_xdata()) for container in ax.containers]
    assert points == [[0.5, 0.2], [0.4, 0.1]]
    bar, none = ax.containers[1].lines[2][0].get_segments()
    assert np.allclose(bar[:, 0], [0.3, 0.6]) and len(none) == 0
