"""Plots of what networks' parts carry show the tables that they are given."""

import numpy as np
import pandas as pd
import pytest

from paradoxlib import plotting

SHARES = ["parent", "child", "part", "recovered", "recovered_low", "recovered_high"]
PAIRS_OF_TWO = [name + end for name in ("trained", "identical") for end in ("", "_low", "_high")]


pytestmark = pytest.mark.usefixtures("styled")


def texts(artists):
    return [artist.get_text() for artist in artists]


def test_changes_print_their_sign_under_the_names_they_are_given():
    change = pd.DataFrame([[0.1, -0.25]], ["x"], ["blur", "res2a_branch2a"])
    ax = plotting.draw_changes(change)
    assert texts(ax.texts) == ["+.10", "-.25"]
    assert texts(ax.get_xticklabels()) == ["blur", "res2a_branch2a"]
    (mesh,) = ax.collections
    assert (mesh.norm.vmin, mesh.norm.vmax) == (-0.25, 0.25)


def test_small_changes_stay_pale():
    ax = plotting.draw_changes(pd.DataFrame([[0.001, -0.002]], ["x"], ["a", "b"]))
    assert ax.collections[0].norm.vmax == 0.05


def test_exchange_shares_print_their_intervals():
    rows = [
        ("N1", "N3", "kernels", 0.5, 0.4, 0.6),
        ("N1", "N3", "dense layer", 0.25, 0.125, 0.375),
        ("N1", "N2", "kernels", -0.001, -0.25, 0.25),
        ("N1", "N2", "dense layer", 0.75, 0.5, 1.5),
    ]
    ax = plotting.draw_exchange_shares(pd.DataFrame(rows, columns=SHARES))
    assert texts(ax.get_yticklabels()) == ["N3 from N1", "N2 from N1"]
    assert texts(ax.get_xticklabels()) == ["kernels", "dense layer"]
    assert texts(ax.texts) == [
        "0.50 (0.40 to 0.60)",
        "0.25 (0.12 to 0.38)",
        "0.00 (-0.25 to 0.25)",
        "0.75 (0.50 to 1.50)",
    ]


def test_shares_by_rate_have_a_panel_for_each_parent():
    rows = [
        (parent, f"{parent}{i}", part, share + i, 0.0, 3.0)
        for parent in "AB"
        for i in (2, 1)
        for part, share in (("kernels", 0.25), ("dense layer", 0.5))
    ]
    rates = {"A1": 1e-6, "A2": 1e-3, "B1": 1e-6, "B2": 1e-3}
    axes = plotting.draw_shares_by_rate(pd.DataFrame(rows, columns=SHARES), rates)
    assert [ax.get_title("left") for ax in axes] == ["children of A", "children of B"]
    for ax in axes:
        kernels, dense = (bars.lines[0] for bars in ax.containers)
        assert np.diff(kernels.get_xdata())[0] > 0
        assert list(kernels.get_ydata()) == [1.25, 2.25] and list(dense.get_ydata()) == [1.5, 2.5]


def test_the_least_compatible_of_identical_pairs_are_named():
    rows = [("A", "B", 0.6, 0.5, 0.7, 0.7, 0.6, 0.8), ("A", "C", 0.5, 0.4, 0.6, 0.7, 0.6, 0.8)]
    pairs = pd.DataFrame(rows, columns=["a", "b", *PAIRS_OF_TWO])
    ax = plotting.draw_identical_pairs(pairs, 1)
    assert texts(ax.texts) == ["A, C"] and ax.texts[0].xy == (0.5, 0.7)
    assert texts(plotting.draw_identical_pairs(pairs).texts) == ["A, C", "A, B"]
    for end in ("", "_low", "_high"):
        pairs[f"gathered{end}"] = pairs[f"trained{end}"]
    left, right = plotting.draw_moved_pairs(pairs, 1)
    for ax, column in ((left, "identical"), (right, "gathered")):
        assert list(ax.containers[0].lines[0].get_ydata()) == pairs[column].tolist()


def test_grounding_has_a_panel_for_each_test_and_a_place_for_what_is_not_defined():
    nan = float("nan")
    rows = [
        ("CKA", "specificity", 0.75, 0.5, 1.0),
        ("CKA", "sensitivity", 0.5, 0.25, 0.75),
        ("CCA", "specificity", 0.0, 0.0, 0.25),
        ("CCA", "sensitivity", nan, nan, nan),
    ]
    table = pd.DataFrame(rows, columns=["measure", "test", "value", "low", "high"])
    axes = plotting.draw_grounding(table)
    assert [ax.get_title("left") for ax in axes] == ["specificity", "sensitivity"]
    assert texts(axes[0].get_yticklabels()) == ["CKA", "CCA"]
    drawn = [list(ax.containers[0].lines[0].get_xdata()) for ax in axes]
    assert drawn[0] == [0.75, 0.0] and drawn[1][0] == 0.5 and np.isnan(drawn[1][1])
    assert [ax.get_lines()[-1].get_xdata()[0] for ax in axes] == [0.5, 0]


def test_seeds_are_points_and_their_medians_bars():
    rows = [
        (rate, kind, norm, float(seed + (rate == "own")))
        for rate in ("1e-5", "own")
        for kind in ("noise", "clean")
        for norm in ("batch", "group")
        for seed in (0, 1, 5)
    ]
    table = pd.DataFrame(rows, columns=["rate", "taught", "norm", "value"])
    axes = plotting.draw_seeds(table, "rate", {"value": "what"}, "taught", "norm")
    assert axes.shape == (1, 2) and axes[0, 0].get_ylabel() == "what"
    assert [ax.get_title("left") for ax in axes[0]] == ["noise", "clean"]
    assert texts(axes[0, 1].get_legend().get_texts()) == ["batch", "group"]
    assert texts(axes[0, 0].get_xticklabels()) == ["1e-5", "own"]
    points, bars = axes[0, 0].lines[0], axes[0, 0].collections[0].get_segments()
    assert list(points.get_ydata()) == [0, 1, 5, 1, 2, 6]
    assert [bar[0, 1] for bar in bars] == [1, 2]
    alone = plotting.draw_seeds(table, "rate", {"value": "what"}, "norm", "norm")
    assert alone[0, 1].get_legend() is None
    assert set(alone[0, 1].lines[1].get_xdata()) == {0, 1}  # of group, at their own places


def test_re_estimated_parents_stand_by_what_was_taught_by_rate_and_by_images():
    rows = [
        (child, taught, size, rate, images, 1.0, 0.2, value)
        for child, taught, size, rate, values in (
            ("C1", "blur", 32, 1e-6, (0.5, 0.9)),
            ("C2", "blur", 256, 1e-5, (0.1, 0.3)),
            ("C3", "clean", 32, 1e-7, (0.7, 0.8)),
        )
        for images, value in zip((100, 10_000), values, strict=True)
    ]
    rows.append(("C2", "blur", 256, 1e-5, 10_000, 0.6, 0.2, 0.95))
    settings = ["child", "taught", "batch_size", "learning_rate", "images", "moved"]
    table = pd.DataFrame(rows, columns=[*settings, "trained", "with_child"])
    axes = plotting.draw_reestimated(table)
    assert texts(axes[0].get_xticklabels()) == ["blur", "clean"]
    by_size = {line.get_label(): line.get_ydata().tolist() for line in axes[0].lines}
    assert by_size["re-estimated, batches of 32"] == [0.9, 0.8]
    assert by_size["re-estimated, batches of 256"] == [0.3]
    assert by_size["parent as trained"] == [0.2] * 3
    partly = np.array(by_size["moved as far as training moves them"])
    assert partly[1] == 0.95 and np.isnan(partly[[0, 2]]).all()
    assert axes[1].lines[0].get_xdata().tolist() == [1e-6, 1e-5, 1e-7]
    assert axes[2].lines[-1].get_ydata().tolist() == [0.5, 0.8]  # medians
