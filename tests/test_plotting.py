"""Every plot takes tables, returns Axes, and saves nothing."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from paradoxlib import claims, distortions, paradox, plotting, plotting_pairs, published


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
    changes = pd.DataFrame(
        [(n, f"res{i}", 1 - i * 1e-3, 1e-3, 1.0) for n in "ab" for i in range(3)], columns=["network", "layer", "mean", "sd", "whole"]
    )
    above, below = plotting.layer_profiles(changes, "b")
    assert above.get_yscale() == "log" and len(below.lines) == 2 and [tick.get_text() for tick in below.get_xticklabels()] == ["res0", "res1", "res2"]
    pairs, families = claims.published_pairs(), published.families(published.matrix("fig7"))
    left, right = plotting_pairs.scatter(pairs, families, 0.135)
    assert sum(len(part.get_offsets()) for part in [*left.collections, *right.collections]) == 190 and right.xaxis_inverted()
    assert plotting_pairs.agreement(pairs.assign(agreement=0.5)).get_legend()
    assert len(plotting_pairs.densities(pairs, 0.25)) == 2
    assert len(plotting_pairs.shares(paradox.kind_shares(pairs, 50)).get_xticks()) == pairs["relation"].nunique()


def test_pairs_of_many_networks_are_points_without_intervals():
    source, n = np.random.default_rng(0), 30
    names = [f"N{i}" for i in range(n)]
    pairs = pd.DataFrame([(a, b) for i, a in enumerate(names) for b in names[i + 1 :]], columns=["a", "b"])
    family = {name: f"N{i // 2 * 2}" for i, name in enumerate(names)}  # 15 families: coloured by relation
    related = pairs["a"].map(family) == pairs["b"].map(family)
    pairs["relation"] = np.where(related, "parent and child", "strangers")
    pairs["similarity"], pairs["compatibility"] = np.where(related, 0.999, 0.15), source.uniform(-1, 1, len(pairs))
    pairs["low"] = pairs["high"] = pairs["compatibility"]
    pairs["kind"] = [paradox.kind(d) for d in paradox.difference(pairs["compatibility"], pairs["similarity"])]
    left, right = plotting_pairs.scatter(pairs, family, 0.135)
    assert not left.containers and [text.get_text() for text in right.get_legend().texts] == ["parent and child (15)"]


def test_transplant_plots_draw():
    layers = ["x", "y", "z"]
    names = ["a", "b", *layers, "up to x", "up to y", "from y", "from z", "all convs and batch norms"]
    columns = [f"{name}{end}" for name in ("gain", "recovered") for end in ("", "_low", "_high")]
    table = pd.DataFrame(np.random.default_rng(0).random((len(names), len(columns))), names, columns)
    for ax in plotting.cumulative(table, layers):
        assert [len(line.get_xdata()) for line in ax.lines] == [3, 3, 2, 2]
    rates = pd.DataFrame(
        {"parent": list("aab"), "learning_rate": [1e-3, 1e-5, 1e-5], "similarity": 1.0, "compatibility": 0.5, "low": 0.4, "high": 0.6}
    )
    assert [list(line.get_xdata()) for line in plotting.against_rate(rates)[0].lines] == [[1e-5, 1e-3], [1e-5]]
    change = pd.DataFrame([[0.1, -0.25]], ["x"], ["blur", "salt_pepper"])
    assert [text.get_text() for text in plotting.changes(change).texts] == ["+.10", "-.25"]


PAIRS_OF_TWO = [name + end for name in ("trained", "identical") for end in ("", "_low", "_high")]


def test_kernel_lengths_draw_every_kernel():
    table = pd.DataFrame({"of": list("aab"), "length": [1, 0, 2], "correlation": [1, np.nan, 0.9]})
    lines = plotting.kernel_lengths(table, 0.05).lines
    assert [list(line.get_xdata()) for line in lines[:3]] == [[1, 1e-6], [2], [1e-6]]


def test_measures_their_bench_and_exchanges():
    pairs = pd.DataFrame({"relation": ["strangers", "parent and child"] * 3, "compatibility": np.linspace(0, 1, 6), "x": range(6), "y": range(6)})
    axes = plotting_pairs.measures(pairs, ["x", "y"])
    assert axes.shape == (1, 4) and len(axes[0, 0].lines[0].get_xdata()) == 3
    rows = [(name, kind, 0.3, 0.1, 0.5, p) for name, p in (("x", 0.01), ("y", 0.5)) for kind in paradox.PAIRS]
    one, *_ = plotting_pairs.bench(pd.DataFrame(rows, columns=["measure", "pairs", "rho", "low", "high", "p"]))
    assert [text.get_text() for text in one.get_yticklabels()] == ["x", "y"] and one.get_title("left") == "all pairs"
    rows = [("N1", child, part, 0.5, 0.4, 0.6) for child in ("N2", "N3") for part in ("kernels", "dense layer")]
    ax = plotting_pairs.exchange_shares(pd.DataFrame(rows, columns=["parent", "child", "part", "recovered", "recovered_low", "recovered_high"]))
    assert [text.get_text() for text in ax.texts] == ["0.50 (0.40 to 0.60)"] * 4
    assert [text.get_text() for text in ax.get_yticklabels()] == ["N2 from N1", "N3 from N1"]


def test_shares_by_rate_and_pairs_with_identical_kernels():
    rows = [(parent, f"{parent}{i}", part, 0.5, 0.4, 0.6) for parent in "AB" for i in (2, 1) for part in ("kernels", "dense layer")]
    table = pd.DataFrame(rows, columns=["parent", "child", "part", "recovered", "recovered_low", "recovered_high"])
    axes = plotting_pairs.shares_by_rate(table, {"A1": 1e-6, "A2": 1e-3, "B1": 1e-6, "B2": 1e-3})
    assert [ax.get_title("left") for ax in axes] == ["children of A", "children of B"]
    assert np.diff(axes[0].lines[0].get_xdata())[0] > 0
    pairs = pd.DataFrame([("A", name, 0.5, 0.4, 0.6, 0.7, 0.6, 0.8) for name in "BC"], columns=["a", "b", *PAIRS_OF_TWO])
    assert [text.get_text() for text in plotting_pairs.identical_pairs(pairs, 1).texts] == ["A, B"]
