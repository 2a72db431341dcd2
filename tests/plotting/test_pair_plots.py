"""Plots of pairs show every pair, few or many."""

import numpy as np
import pandas as pd
import pytest

from paradoxlib import plotting
from paradoxlib.behaviour import correspondence, paradox
from paradoxlib.paper import published
from paradoxlib.plotting import pair_plots

pytestmark = pytest.mark.usefixtures("styled")


@pytest.fixture(scope="module")
def printed_pairs():
    """Return the paper's 190 pairs and its families."""
    return paradox.published_pairs(), published.families_of(published.read_matrix("fig7"))


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().texts]


@pytest.mark.parametrize(
    ("figure", "scale"), [("fig2", "difference"), ("fig6", "compatibility"), ("fig7", "similarity")]
)
def test_matrices_print_their_values_and_leave_the_diagonal_blank(figure, scale):
    frame = published.read_matrix(figure)
    ax = plotting.draw_matrix(frame, scale, "title")
    assert len(ax.texts) == 20 * 19
    cells = {tuple(np.floor(text.get_position()).astype(int)): text.get_text() for text in ax.texts}
    assert set(cells) == {(x, y) for x in range(20) for y in range(20) if x != y}
    for (x, y), text in cells.items():
        assert float(text) == pytest.approx(frame.iloc[y, x], abs=0.005 + 1e-9), (x, y)
    away = frame.to_numpy()[~np.eye(20, dtype=bool)]
    assert ("1" in cells.values()) == (away >= 0.995).any()


@pytest.mark.parametrize(("scale", "low"), [("difference", -1), ("agreement", 0)])
def test_matrices_of_a_kind_have_the_same_scale(scale, low):
    frame = pd.DataFrame([[0, 0.5], [0.25, 0]], list("ab"), list("ab"))
    (mesh,) = plotting.draw_matrix(frame, scale).collections
    assert (mesh.norm.vmin, mesh.norm.vmax) == (low, 1)


def test_a_large_matrix_has_no_text():
    names = [f"N{i}" for i in range(100)]
    ax = plotting.draw_matrix(pd.DataFrame(np.eye(100), names, names), "similarity")
    assert not ax.texts and ax.get_xlabel() == "network"
    assert not ax.get_xticklabels() and not ax.get_yticklabels()


def test_minus_zero_is_zero():
    frame = pd.DataFrame([[0, -0.001], [0.3, 0]], list("ab"), list("ab"))
    texts = plotting.draw_matrix(frame, "difference").texts
    assert [text.get_text() for text in texts] == [".00", ".30"]


def test_every_pair_is_drawn(printed_pairs):
    pairs, families = printed_pairs
    left, right = plotting.draw_pairs(pairs, families, 0.135)
    points = [len(part.get_offsets()) for part in [*left.collections, *right.collections]]
    assert sum(points) == len(pairs) == 190 and right.xaxis_inverted()
    assert "chance level (0.135)" in legend_of(left)
    strangers = (pairs["relation"] == "strangers").sum()
    assert sum(len(part.get_offsets()) for part in left.collections) == strangers


def test_few_pairs_have_intervals():
    pairs = pd.DataFrame(
        [
            ("a", "b", "parent and child", 0.9, 0.5, 0.25, 0.75, "as alike as they behave"),
            ("a", "d", "parent and child", 0.8, 0.5, 0.25, 0.75, "as alike as they behave"),
            ("a", "c", "strangers", 0.1, 0.0, -0.5, 0.5, "different yet similar"),
        ],
        columns=["a", "b", "relation", "similarity", "compatibility", "low", "high", "kind"],
    )
    left, right = plotting.draw_pairs(pairs, {"a": "a", "b": "a", "c": "c", "d": "a"})
    ends = [ax.containers[0].lines[2][0].get_segments()[0][:, 1].tolist() for ax in (left, right)]
    assert ends == [[-0.5, 0.5], [0.25, 0.75]]
    assert legend_of(left) == ["different yet similar (1)"]
    assert legend_of(right) == ["family of a (2)"]


def test_pairs_of_many_networks_are_points_without_intervals():
    n = 30
    names = [f"N{i}" for i in range(n)]
    pairs = pd.DataFrame(
        [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]], columns=["a", "b"]
    )
    assert len(pairs) > pair_plots.MANY
    family = {name: f"N{i // 2 * 2}" for i, name in enumerate(names)}
    assert len(set(family.values())) == 15 > pair_plots.FAMILIES  # coloured by relation
    related = pairs["a"].map(family) == pairs["b"].map(family)
    pairs["relation"] = np.where(related, "parent and child", "strangers")
    pairs["similarity"] = np.where(related, 0.999, 0.15)
    pairs["compatibility"] = np.random.default_rng(0).uniform(-1, 1, len(pairs))
    pairs["low"] = pairs["high"] = pairs["compatibility"]
    differences = paradox.difference(pairs["compatibility"], pairs["similarity"])
    pairs["kind"] = [paradox.kind(difference) for difference in differences]
    left, right = plotting.draw_pairs(pairs, family, 0.135)
    assert not left.containers and len(right.containers) == 1  # few pairs, with their intervals
    assert legend_of(right) == ["parent and child (15)"]


def test_agreement_is_drawn_within_and_between_families(printed_pairs):
    pairs, _ = printed_pairs
    ax = plotting.draw_agreement(pairs.assign(agreement=0.5))
    assert legend_of(ax) == ["between families", "within families"]
    strangers = (pairs["relation"] == "strangers").sum()
    counts = [len(part.get_offsets()) for part in ax.collections]
    assert counts == [strangers, len(pairs) - strangers]


def test_densities_mark_the_margin(printed_pairs):
    pairs, _ = printed_pairs
    axes = plotting.draw_densities(pairs, 0.25)
    assert [ax.get_xlabel() for ax in axes] == ["compatibility", "difference"]
    margins = [line.get_xdata()[0] for line in axes[1].lines if line.get_linestyle() == ":"]
    assert margins == [-0.25, 0.25]
    assert legend_of(axes[0]) == ["between families", "within families"]


def test_shares_of_kinds_stand_by_relation(printed_pairs):
    pairs, _ = printed_pairs
    shares = paradox.kind_shares(pairs, resamples=50)
    ax = plotting.draw_kind_shares(shares)
    assert len(ax.get_xticks()) == pairs["relation"].nunique()
    counts = pairs["relation"].value_counts()
    for tick in ax.get_xticklabels():
        relation, count = tick.get_text().split("\n")
        assert count == f"{counts[relation]:,} pairs"
    drawn = {bars.get_label(): bars.lines[0].get_ydata() for bars in ax.containers}
    for kind, part in shares.groupby("kind"):
        np.testing.assert_array_equal(drawn[kind], part["share"])


def test_measures_have_a_panel_each():
    relations = ["strangers", "parent and child"] * 3
    pairs = pd.DataFrame({"relation": relations, "compatibility": np.linspace(0, 1, 6)})
    axes = plotting.draw_measures(pairs.assign(x=range(6), y=range(6, 12)), ["x", "y"])
    assert axes.shape == (1, 4) and len(axes[0, 0].lines[0].get_xdata()) == 3
    assert [ax.get_title("left") for ax in axes[0]] == ["x", "y", "", ""]
    assert [ax.axison for ax in axes[0]] == [True, True, False, False]
    assert list(axes[0, 1].lines[0].get_xdata()) == [6, 8, 10]
    assert legend_of(axes[0, 3]) == list(plotting.RELATIONS)


def test_the_bench_tells_sure_correlations_from_others():
    rows = [
        (measure, kind, rho, 0.1, 0.5, p)
        for measure, rho, p in (("x", 0.3, 0.01), ("y", 0.4, 0.5))
        for kind in correspondence.PAIRS
    ]
    table = pd.DataFrame(rows, columns=["measure", "pairs", "rho", "low", "high", "p"])
    axes = plotting.draw_bench(table)
    assert [ax.get_title("left") for ax in axes] == list(correspondence.PAIRS)
    assert [text.get_text() for text in axes[0].get_yticklabels()] == ["x", "y"]
    for ax in axes:
        lines = {line.get_label(): line for line in ax.lines}
        sure, other = lines["p < .05"], lines["p at least .05"]
        assert (*sure.get_xdata(), *sure.get_ydata()) == (0.3, 0)
        assert (*other.get_xdata(), *other.get_ydata()) == (0.4, 1)
        assert other.get_markerfacecolor() == "white" != sure.get_markerfacecolor()
