"""Compatibility, difference and kinds of pair; the published matrices; the claims and their verdicts."""

import math

import numpy as np
import pandas as pd
import pytest

from paradoxlib import claims, distortions, paradox, published


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
        for (distortion, level), value in zip(distortions.conditions(), row, strict=True)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("over", ["distortions", "conditions"])
def test_compatibility(accuracies, over):
    matrix = paradox.compatibility(tidy(accuracies), over)
    assert matrix.loc["a", "b"] == pytest.approx(1) and matrix.loc["a", "c"] == pytest.approx(-1)
    assert np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1)
    values = accuracies if over == "conditions" else paradox.distortion_means(accuracies, distortions.conditions())
    assert np.allclose(matrix, np.corrcoef(values))
    with pytest.raises(ValueError, match="choose distortions or conditions"):
        paradox.compatibility(tidy(accuracies), "levels")


def test_intervals_contain_the_value_and_shrink_without_noise(accuracies):
    still = np.repeat(accuracies[None], 20, 0)
    low, high = paradox.compatibility_intervals(still, distortions.conditions())
    assert np.allclose(low, high)
    moving = still + np.random.default_rng(1).normal(0, 0.05, still.shape)
    low, high = paradox.compatibility_intervals(moving, distortions.conditions())
    assert low[0, 3] < high[0, 3] and (low <= high).all()


def test_published_difference_is_the_absolute_one():
    for compatible, similar, difference in (("fig6", "fig7", "fig2"), ("fig9", "fig10", "fig3")):
        c, s, d = (published.matrix(name) for name in (compatible, similar, difference))
        assert (paradox.difference(c, s) - d).abs().max().max() <= 0.011
        assert (c - s - d).abs().max().max() > 0.1


def test_published_matrices():
    for name, caption in published.MATRICES.items():
        matrix = published.matrix(name)
        n = 20 if "ResNet20" in caption else 12
        assert matrix.shape == (n, n) and (matrix.index == matrix.columns).all() and np.isnan(np.diag(matrix)).all()
    with pytest.raises(ValueError, match="unknown figure 'fig1'"):
        published.matrix("fig1")
    assert paradox.correlation(published.matrix("fig6"), published.matrix("fig7")) == pytest.approx(0.016, abs=5e-4)


def test_published_facts_are_those_the_text_names():
    facts = claims.pair_facts(claims.published_pairs())
    assert facts["yellow"][0] == 0.0  # N14 and N16
    assert published.matrix("fig6").loc["N01", "N10"] == 0.99 and facts["red"][0] == 1.0  # N01 and N16, N04 and N06
    assert facts["alike and alike"][0] == 0.99 and facts["family"][0] == 0.99  # N16 and N17


def test_means_over_resampled_networks_start_with_the_real_one():
    pairs = claims.published_pairs()
    near = pairs["similarity"] >= claims.ALIKE
    values = claims.means_over_resampled_networks(pairs, "compatibility", near, resamples=300)
    assert len(values) == 301 and values[0] == pytest.approx(pairs[near]["compatibility"].mean())
    value, low, high = claims.pair_facts(pairs)["gap"]
    assert low < value < high and value == pytest.approx(values[0] - pairs[~near]["compatibility"].mean())


@pytest.mark.parametrize(("difference", "expected"), [(0.0, 0), (0.25, 0), (-0.26, 1), (-1, 1), (0.26, 2)])
def test_kinds(difference, expected):
    assert paradox.kind(difference) == paradox.KINDS[expected]
    assert paradox.kind(float("nan")) == "undefined"


def test_relations():
    parents = {"a": None, "b": "a", "c": "a", "d": None, "e": "b"}
    assert paradox.relation("a", "b", parents) == paradox.relation("b", "a", parents) == "parent and child"
    assert paradox.relation("b", "c", parents) == paradox.relation("a", "e", parents) == "same family"
    assert paradox.relation("a", "d", parents) == "strangers"


def test_correlation_interval():
    source = np.random.default_rng(0)
    similar = pd.DataFrame(source.random((12, 12)))
    similar = (similar + similar.T) / 2
    r, low, high = paradox.correlation_interval(similar, similar)
    assert r == pytest.approx(1) and low == pytest.approx(1)
    other = pd.DataFrame(source.random((12, 12)))
    r, low, high = paradox.correlation_interval((other + other.T) / 2, similar)
    assert low < 0 < high and low < r < high


FAMILIES = dict(zip("abcdefghij", [0, 0, 0, 1, 1, 2, 2, 3, 4, 5], strict=True))


def symmetric(seed):
    values = np.random.default_rng(seed).random((10, 10))
    return pd.DataFrame(values + values.T, list(FAMILIES), list(FAMILIES))


def test_chosen_pairs():
    masks = {which: paradox.chosen_pairs(FAMILIES, list(FAMILIES), which) for which in paradox.PAIRS}
    assert [int(mask.sum()) // 2 for mask in masks.values()] == [45, 5, 40]
    assert not any(np.diag(mask).any() for mask in masks.values())
    assert (masks["within families"] ^ masks["between families"] == masks["all pairs"]).all()
    with pytest.raises(ValueError, match="choose of all pairs"):
        paradox.chosen_pairs(FAMILIES, list(FAMILIES), "some")


def test_relabelling_leaves_families_families():
    founder, source = np.array(list(FAMILIES.values())), np.random.default_rng(0)
    same, seen = founder[:, None] == founder, set()
    for _ in range(50):
        new = paradox.relabelled(founder.tolist(), source)
        assert sorted(new) == list(range(10)) and (same[np.ix_(new, new)] == same).all()
        seen.add(tuple(new))
    assert len(seen) > 40


@pytest.mark.parametrize("families", [None, list(FAMILIES.values())])
def test_permutation_test(families):
    one, other = symmetric(1), symmetric(2)
    assert paradox.permutation_test(one, one + 1, family_of=families, permutations=99) == 0.01
    assert paradox.permutation_test(one, other, family_of=families, permutations=199) > 0.05


def test_correlations_by_kind_of_pair():
    similarity = symmetric(3)
    same = paradox.chosen_pairs(FAMILIES, list(FAMILIES), "within families")
    opposed = similarity.where(~same, -(similarity**3))
    table = paradox.correlations({"made up": opposed}, similarity, FAMILIES).set_index("pairs")
    assert table.loc["between families", "r"] == pytest.approx(1) and table.loc["within families", "rho"] == pytest.approx(-1)
    assert -1 < table.loc["within families", "r"] < -0.5 and table["n"].tolist() == [45, 5, 40]
    assert table.loc["between families", "p"] < 0.01 and (table["low"] <= table["r"]).all()
    few = paradox.correlations({"made up": opposed}, similarity, dict.fromkeys(FAMILIES, 0)).set_index("pairs")
    assert np.isnan(few.loc["between families", "r"]) and few.loc["between families", "n"] == 0


@pytest.mark.parametrize(
    ("interval", "expected"),
    [((0.96, 1), "holds"), ((0.5, 0.9), "fails"), ((0.9, 0.97), "open"), ((math.nan, math.nan), "no such pair")],
)
def test_verdicts(interval, expected):
    assert claims.verdict(*interval, 0.95, 1) == expected


def test_claims_of_a_made_up_population(accuracies):
    names = list("abcd")
    parents = {"a": None, "b": "a", "c": None, "d": None}
    similarity = pd.DataFrame(0.13, names, names)
    similarity.loc["a", "b"] = similarity.loc["b", "a"] = 0.999
    source = np.random.default_rng(2)
    samples = np.clip(accuracies + source.normal(0, 0.01, (200, *accuracies.shape)), 0, 1)
    samples[0] = accuracies
    conditions = distortions.conditions()
    bounds = paradox.compatibility_intervals(samples, conditions)
    pairs = paradox.pair_table(paradox.compatibility(tidy(accuracies)), similarity * 0, similarity, bounds, similarity, parents)
    table = claims.claims(pairs, samples, conditions, (0.0, -0.1, 0.1), comparable=True).set_index("statement")
    assert len(table) == 14
    verdicts = {text.split(":")[0]: verdict for text, verdict in table["verdict"].items()}
    assert verdicts["Similar and alike, as N16-N17"] == "holds"
    assert verdicts["Similar yet different, as N14-N16"] == "fails"
    assert verdicts["Mean similarity between families"] == "holds"
    assert table["verdict"].iloc[9] == "holds"  # the correlation


def test_claims_of_the_second_experiment():
    facts = claims.pair_facts(claims.published_pairs("resnet50"))
    compatibility = published.matrix("fig9")
    assert facts["yellow"][0] == abs(compatibility.loc["N1-Contrast", "N1-All [5 Epochs]"]) == 0.0
    assert facts["red"][0] == compatibility.loc["N2", "N1-All [10 Epochs]"] == 1.0
    assert facts["different and different"][0] == compatibility.loc["N2", "N1-Contrast"] == 0.05
    assert facts["alike and alike"][0] == 1.0 and facts["strangers"][0] == pytest.approx(0.13)


def test_networks_that_match_on_clean_images_and_are_better_under_every_distortion():
    conditions = distortions.conditions()
    weak = np.array([0.7 if level == distortions.IDENTITY.get(name) else 0.3 for name, level in conditions])
    able, half = np.where(weak < 0.7, 0.5, 0.69), np.where([name == "blur" for name, _ in conditions], 0.1, weak + 0.01)
    samples = np.tile(np.stack([weak, able, half]), (3, 1, 1))
    rows = claims.able_claims(samples, conditions, 0, [1])
    assert rows["reproduced"].tolist() == pytest.approx([0.01, 8]) and rows["verdict"].tolist() == ["holds", "holds"]
    rows = claims.able_claims(samples, conditions, 0, [1, 2])
    assert rows["reproduced"].iloc[1] == 7 and rows["verdict"].iloc[1] == "fails"


def test_one_layer_for_all_children():
    names, layers = list("abc"), ["conv1", "res2a", "res2b"]
    rows = [(name, layer, 0.9 if layer == "res2a" else 0.95) for name in names for layer in layers]
    changes = pd.DataFrame(rows, columns=["network", "layer", "mean"])
    changes.loc[(changes["network"] == "c") & (changes["layer"] == "conv1"), "mean"] = 0.5
    row = claims.layer_claims(changes, "a").iloc[0]
    assert row["reproduced"] == 1 and row["holds_from"] == 2 and row["verdict"] == "fails" and "(res2a)" in row["statement"]


def test_shares_of_kinds_and_their_intervals():
    names = [f"N{i}" for i in range(12)]
    pairs = pd.DataFrame([(a, b) for i, a in enumerate(names) for b in names[i + 1 :]], columns=["a", "b"])
    pairs["relation"] = "strangers"
    pairs["kind"] = np.where(pairs["a"].isin(names[:6]) & pairs["b"].isin(names[:6]), paradox.KINDS[2], paradox.KINDS[0])
    table = paradox.kind_shares(pairs).set_index("kind")
    assert table["pairs"].to_dict() == {paradox.KINDS[0]: 51, paradox.KINDS[1]: 0, paradox.KINDS[2]: 15}
    assert table["share"].sum() == pytest.approx(1)
    red = table.loc[paradox.KINDS[2]]
    assert red["low"] < red["share"] < red["high"] and red["high"] - red["low"] > 0.2  # wider than 66 independent pairs would have it
    assert (table.loc[paradox.KINDS[1], ["share", "low", "high"]] == 0).all()
