"""Every plot takes tables, returns Axes, and saves nothing."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from paradoxlib import claims, distortions, plotting, published


@pytest.fixture(autouse=True)
def style():
    plt.switch_backend("agg")
    with plt.rc_context():
        plotting.use_style()
        yield
    plt.close("all")


@pytest.mark.parametrize(("figure", "scale"), [("fig2", "difference"), ("fig6", "compatibility"), ("fig7", "similarity")])
def test_matrices_print_their_values_and_leave_the_diagonal_blank(figure, scale):
    frame = published.matrix(figure)
    ax = plotting.matrix(frame, scale, "title")
    assert len(ax.texts) == 20 * 19
    assert {text.get_text() for text in ax.texts} >= {"1"} or scale == "difference"


def test_a_large_matrix_has_no_text():
    names = [f"N{i}" for i in range(100)]
    ax = plotting.matrix(pd.DataFrame(np.eye(100), names, names), "similarity")
    assert not ax.texts and ax.get_xlabel() == "network"


def test_minus_zero_is_zero():
    frame = pd.DataFrame([[0, -0.001], [0.3, 0]], list("ab"), list("ab"))
    assert [text.get_text() for text in plotting.matrix(frame, "difference").texts] == [".00", ".30"]


def test_stacked_bars_are_as_high_as_the_visual_intelligence():
    means = pd.DataFrame(np.random.default_rng(0).random((3, 8)), list("abc"), list(distortions.GRID))
    ax = plotting.stacked_bars(means)
    assert [text.get_text() for text in ax.texts] == [f"{value:.2f}" for value in means.mean(axis=1)]


def test_the_other_plots_draw():
    rows = [(n, d, level, 0.5) for n in "ab" for d, level in distortions.conditions()]
    table = pd.DataFrame(rows, columns=["network", "distortion", "level", "accuracy"])
    assert plotting.accuracy_curves(table, ("a",)).shape == (2, 4)
    history = pd.DataFrame({"network": ["a", "a"], "epoch": [1, 2], "loss": [2.0, 1.0], "accuracy": [0.1, 0.5]})
    assert len(plotting.history(history)) == 2
    assert plotting.image_grid([[torch.zeros(3, 4, 4)] * 2], ["row"], [["1", "2"]]).shape == (1, 2)
    means = table.pivot_table("accuracy", "network", "distortion", sort=False)
    assert len(plotting.profiles(means, {"x": ("a", "b")}, {"x": "text"})) == 1
    series = pd.Series([0.1, 0.2], ["p", "q"])
    assert plotting.bars(series, series - 0.1, series + 0.1, {"mark": 0.15}).get_legend()
    assert plotting.layer_profile(series, series, 0.13).get_ylabel()
    assert len(plotting.pair_scatter(claims.published_pairs(), 0.135).collections) == 3
