"""Compatibility, difference, relations and kinds of pair."""

import numpy as np
import pandas as pd
import pytest
import torch

from paradoxlib.behaviour import paradox, scores
from paradoxlib.images import distortions
from paradoxlib.paper import published

CONDITIONS = distortions.conditions()


@pytest.fixture
def accuracies():
    """(network, condition) of four networks: b is a, c is a upside down, d is noise."""
    source = np.random.default_rng(0)
    a = source.random(34)
    return np.stack([a, a, 1 - a, source.random(34)])


def tidy(accuracies):
    rows = [
        {"network": name, "distortion": distortion, "level": level, "accuracy": value}
        for name, row in zip("abcd", accuracies, strict=True)
        for (distortion, level), value in zip(CONDITIONS, row, strict=True)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("over", ["distortions", "conditions"])
def test_compatibility(accuracies, over):
    matrix = paradox.compatibility(tidy(accuracies), over)
    assert matrix.loc["a", "b"] == pytest.approx(1) and matrix.loc["a", "c"] == pytest.approx(-1)
    assert np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1)
    values = accuracies
    if over == "distortions":
        values = scores.distortion_means(accuracies, CONDITIONS)
    assert np.allclose(matrix, np.corrcoef(values))
    with pytest.raises(ValueError, match="choose distortions or conditions"):
        paradox.compatibility(tidy(accuracies), "levels")


def test_intervals_contain_the_value_and_shrink_without_noise(accuracies):
    value = paradox.compatibility(tidy(accuracies)).to_numpy()
    still = np.repeat(accuracies[None], 200, 0)
    low, high = paradox.compatibility_intervals(still, CONDITIONS)
    assert np.allclose(low, value) and np.allclose(high, value)
    noise, widths = np.random.default_rng(1).normal(size=still.shape), []
    for amount in (0.01, 0.05):
        low, high = paradox.compatibility_intervals(still + amount * noise, CONDITIONS)
        assert (low <= high).all() and (low <= high.T).all()
        for i in (0, 1, 2):  # a perfect correlation, that of a with b, can only fall
            assert low[i, 3] < value[i, 3] < high[i, 3]
        widths.append(high - low)
    different = ~np.eye(4, dtype=bool)
    assert (widths[0] < widths[1])[different].all() and np.allclose(np.diag(widths[1]), 0)
    low, high = paradox.compatibility_intervals(still + 0.05 * noise, CONDITIONS, share=0.5)
    assert (high - low < widths[1])[different].all()


@pytest.mark.parametrize("accuracy", [0, 0.1, 0.103])  # of one that always names one class
def test_a_network_without_a_profile_has_no_interval(accuracies, accuracy):
    accuracies[3] = accuracy
    low, high = paradox.compatibility_intervals(np.repeat(accuracies[None], 9, 0), CONDITIONS)
    assert np.isnan(low[3]).all() and np.isnan(high[:, 3]).all()
    assert not np.isnan(low[:3, :3]).any()
    value = paradox.compatibility(tidy(accuracies))
    assert value.loc["d"].isna().all() and value.loc["a", ["a", "b", "c"]].notna().all()


def test_compatibilities_of_predictions():
    n, source = 2000, torch.Generator().manual_seed(0)
    often = torch.linspace(0.2, 0.8, len(CONDITIONS))[:, None]
    right = {"a": often, "b": often, "c": 1 - often}
    predicted = {
        name: (torch.rand(len(often), n, generator=source) > share).to(torch.int16)
        for name, share in right.items()
    }
    labels = torch.zeros(n, dtype=torch.int64)
    table = paradox.pair_compatibilities(predicted, labels, CONDITIONS)
    assert table[["a", "b"]].to_numpy().tolist() == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert table["compatibility"][0] > 0.98 and (table["compatibility"][1:] < -0.98).all()
    assert table["compatibility"].between(table["low"], table["high"]).all()
    assert (table["low"] < table["high"]).all()


def test_published_difference_is_the_absolute_one():
    for compatible, similar, difference in (("fig6", "fig7", "fig2"), ("fig9", "fig10", "fig3")):
        c, s, d = (published.read_matrix(name) for name in (compatible, similar, difference))
        assert (paradox.difference(c, s) - d).abs().max().max() <= 0.011
        assert (c - s - d).abs().max().max() > 0.1


@pytest.mark.parametrize(
    ("difference", "expected"), [(0.0, 0), (0.25, 0), (-0.26, 1), (-1, 1), (0.26, 2)]
)
def test_kinds(difference, expected):
    assert paradox.kind(difference) == paradox.KINDS[expected]
    assert paradox.kind(float("nan")) == "undefined"


def test_relations():
    parents = {"a": None, "b": "a", "c": "a", "d": None, "e": "b"}
    assert paradox.relation("a", "b", parents) == "parent and child"
    assert paradox.relation("b", "a", parents) == "parent and child"
    assert paradox.relation("b", "c", parents) == "same family"
    assert paradox.relation("a", "e", parents) == "same family"
    assert paradox.relation("a", "d", parents) == "strangers"


def test_the_table_of_pairs_says_of_each_pair_what_the_matrices_say():
    names, source = list("abc"), np.random.default_rng(0)
    matrices = []
    for _ in range(4):
        values = source.random((3, 3))
        matrices.append(pd.DataFrame(values + values.T, names, names))
    compatibility, variant, similarity, agreement = matrices
    bounds = np.stack([compatibility - 0.1, compatibility + 0.2])
    parents = {"a": None, "b": "a", "c": None}
    table = paradox.pair_table(compatibility, variant, similarity, bounds, agreement, parents)
    assert table[["a", "b"]].to_numpy().tolist() == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert table["relation"].tolist() == ["parent and child", "strangers", "strangers"]
    for row in table.itertuples():
        place = row.a, row.b
        assert row.compatibility == compatibility.loc[place]
        assert row.compatibility_conditions == variant.loc[place]
        assert row.similarity == similarity.loc[place] and row.agreement == agreement.loc[place]
        assert row.difference == row.compatibility - row.similarity
        assert row.kind == paradox.kind(row.difference)
        assert row.low == row.compatibility - 0.1 and row.high == row.compatibility + 0.2


def test_shares_of_kinds_and_their_intervals():
    names = [f"N{i}" for i in range(12)]
    rows = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    pairs = pd.DataFrame(rows, columns=["a", "b"])
    alike = pairs["a"].isin(names[:6]) & pairs["b"].isin(names[:6])
    pairs["relation"] = "strangers"
    pairs["kind"] = np.where(alike, paradox.KINDS[2], paradox.KINDS[0])
    table = paradox.kind_shares(pairs).set_index("kind")
    counts = dict(zip(paradox.KINDS, (51, 0, 15), strict=True))
    assert table["pairs"].to_dict() == counts and table["share"].sum() == pytest.approx(1)
    red = table.loc[paradox.KINDS[2]]
    assert red["low"] < red["share"] < red["high"]
    assert red["high"] - red["low"] > 0.2  # wider than 66 independent pairs would have it
    assert (table.loc[paradox.KINDS[1], ["share", "low", "high"]] == 0).all()
