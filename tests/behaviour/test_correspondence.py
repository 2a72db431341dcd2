"""Correlations over pairs, their intervals, and tests that leave families families."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from paradoxlib.behaviour import correspondence

FAMILIES = dict(zip("abcdefghij", [0, 0, 0, 1, 1, 2, 2, 3, 4, 5], strict=True))


def symmetric(seed):
    values = np.random.default_rng(seed).random((10, 10))
    return pd.DataFrame(values + values.T, list(FAMILIES), list(FAMILIES))


def test_correlation_interval():
    source = np.random.default_rng(0)
    similar = pd.DataFrame(source.random((12, 12)))
    similar = (similar + similar.T) / 2
    r, low, high = correspondence.correlation_interval(similar, similar)
    assert r == pytest.approx(1) and low == pytest.approx(1) and high == pytest.approx(1)
    other = pd.DataFrame(source.random((12, 12)))
    r, low, high = correspondence.correlation_interval((other + other.T) / 2, similar)
    assert low < 0 < high and low < r < high


def test_nothing_correlates_with_a_constant():
    constant = np.ones((10, 10))
    assert np.isnan(correspondence.correlation(constant, symmetric(1)))
    assert np.isnan(correspondence.correlation_interval(constant, symmetric(1))).all()


def test_the_published_correlation():
    assert correspondence.published_correlation("resnet20") == pytest.approx(0.016, abs=5e-4)


def test_chosen_pairs():
    masks = {
        which: correspondence.chosen_pairs(FAMILIES, list(FAMILIES), which)
        for which in correspondence.PAIRS
    }
    assert [int(mask.sum()) // 2 for mask in masks.values()] == [45, 5, 40]
    assert not any(np.diag(mask).any() for mask in masks.values())
    assert (masks["within families"] ^ masks["between families"] == masks["all pairs"]).all()
    with pytest.raises(ValueError, match="choose of all pairs"):
        correspondence.chosen_pairs(FAMILIES, list(FAMILIES), "some")


def test_relabelling_leaves_families_families():
    founder, source = np.array(list(FAMILIES.values())), np.random.default_rng(0)
    same, seen = founder[:, None] == founder, set()
    for _ in range(50):
        new = correspondence.relabelled(founder.tolist(), source)
        assert sorted(new) == list(range(10)) and (same[np.ix_(new, new)] == same).all()
        seen.add(tuple(new))
    assert len(seen) > 40


@pytest.mark.parametrize("families", [None, list(FAMILIES.values())])
def test_permutation_test(families):
    one, other = symmetric(1), symmetric(2)
    again = correspondence.permutation_test(one, one + 1, family_of=families, permutations=99)
    assert again == 0.01
    assert correspondence.permutation_test(one, other, family_of=families, permutations=199) > 0.05


def test_correlations_by_kind_of_pair():
    similarity = symmetric(3)
    same = correspondence.chosen_pairs(FAMILIES, list(FAMILIES), "within families")
    opposed = {"made up": similarity.where(~same, -(similarity**3))}
    table = correspondence.correlate_matrices(opposed, similarity, FAMILIES).set_index("pairs")
    within, between = table.loc["within families"], table.loc["between families"]
    assert between["r"] == pytest.approx(1) and within["rho"] == pytest.approx(-1)
    assert -1 < within["r"] < -0.5 and table["n"].tolist() == [45, 5, 40, 5]
    assert between["p"] < 0.01 and (table["low"] <= table["r"]).all()
    alone = dict.fromkeys(FAMILIES, 0)
    few = correspondence.correlate_matrices(opposed, similarity, alone).set_index("pairs")
    assert np.isnan(few.loc["between families", "r"]) and few.loc["between families", "n"] == 0


def test_the_bench_finds_the_measure_that_goes_with_behaviour():
    names, source = [f"N{i}" for i in range(12)], np.random.default_rng(0)
    family_of = {name: f"N{i // 2 * 2}" for i, name in enumerate(names)}
    couples = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    pairs = pd.DataFrame(couples, columns=["a", "b"])
    pairs["compatibility"] = source.normal(size=len(pairs))
    pairs["good"], pairs["bad"] = pairs["compatibility"] ** 3, source.normal(size=len(pairs))
    scored = correspondence.score_measures(family_of, pairs, ["good", "bad"])
    assert list(scored["pairs"][:3]) == list(correspondence.PAIRS)
    table = scored.set_index(["measure", "pairs"])
    assert np.allclose(table.loc["good", ["rho", "chosen", "reported"]], 1)
    assert table.loc[("good", "all pairs"), "p"] < 0.01
    assert abs(table.loc[("bad", "all pairs"), "rho"]) < 0.4
    assert table.loc[("good", "within families"), "n"] == 6
    every = correspondence.matrix_of(pairs, "compatibility")
    again = correspondence.score_measures(family_of, pairs, ["good", "bad"], None, every)
    pd.testing.assert_frame_equal(again, scored)
    some = correspondence.score_measures(family_of, pairs[::2], ["good", "bad"], None, every)
    some = some.set_index(["measure", "pairs"])
    assert some.loc[("good", "all pairs"), "p"] < 0.01 < some.loc[("bad", "all pairs"), "p"]
    assert some["n"].max() == len(pairs) / 2
    few = correspondence.score_measures(family_of, pairs[:2], ["good"])
    assert few["n"].max() == 2 and few["rho"].isna().all()


def test_pairs_without_a_compatibility_are_left_out():
    compatibility, similarity = symmetric(3), symmetric(4)
    less = compatibility.copy()
    less.loc["j"] = less["j"] = np.nan
    rest = list("abcdefghi")
    own = correspondence.correlate_matrices({"less": less}, similarity, FAMILIES)
    few = correspondence.correlate_matrices(
        {"less": less.loc[rest, rest]}, similarity.loc[rest, rest], FAMILIES
    )
    assert own["n"].tolist() == few["n"].tolist() == [36, 5, 31, 5]
    assert np.allclose(own[["r", "rho"]], few[["r", "rho"]])
    assert np.allclose(own["p"], few["p"], atol=0.05)  # relabelled networks meet "j", too
    assert own["p"].between(0.001, 1).all() and own["rho_p"].between(0.001, 1).all()
    alone = correspondence.correlation_interval(less, similarity)
    assert alone.value == pytest.approx(few["r"][0]) and alone.low < alone.value < alone.high
    same = correspondence.correlate_matrices({"less": less}, less, FAMILIES)
    assert np.allclose(same["r"], 1) and same["p"][0] < 0.01
    constant = less * 0
    assert np.isnan(correspondence.permutation_test(constant, similarity, less.notna().to_numpy()))


def test_halves_keep_families_whole():
    names = [f"N{i}" for i in range(12)]
    family_of = {name: f"N{i // 3 * 3}" for i, name in enumerate(names)}
    one, other = correspondence.halves(family_of, names)
    assert not one & other and one | other == set(names)
    families = [{family_of[name] for name in half} for half in (one, other)]
    assert families[0].isdisjoint(families[1])


def test_a_table_of_pairs_becomes_the_matrix_of_its_means():
    rows = [("B", "A", 1.0), ("B", "A", 2.0), ("C", "B", 4.0)]
    matrix = correspondence.matrix_of(pd.DataFrame(rows, columns=["a", "b", "cka"]), "cka")
    expected = [[np.nan, 1.5, 4.0], [1.5, np.nan, np.nan], [4.0, np.nan, np.nan]]
    assert list(matrix.index) == list(matrix.columns) == ["B", "A", "C"]
    assert np.array_equal(matrix, expected, equal_nan=True)


@pytest.mark.parametrize("which", correspondence.PAIRS)
def test_intervals_are_those_of_networks_drawn_one_after_the_other(which):
    c, s = symmetric(1).to_numpy(), symmetric(2).to_numpy()
    chosen = correspondence.chosen_pairs(FAMILIES, list(FAMILIES), which)
    source, samples, (first, second) = np.random.default_rng(0), [], np.triu_indices(10, 1)
    for _ in range(300):
        drawn = source.integers(10, size=10)
        i, j = drawn[first], drawn[second]
        i, j = i[chosen[i, j]], j[chosen[i, j]]
        if len(i) > 2 and np.ptp(s[i, j]) > 0 and np.ptp(c[i, j]) > 0:
            samples.append(stats.pearsonr(s[i, j], c[i, j])[0])
    found = correspondence.correlation_interval(c, s, chosen, resamples=300)
    slow = np.quantile(samples, [0.025, 0.975])
    assert np.allclose([found.low, found.high], slow, rtol=0, atol=1e-12)


def test_inside_families_their_means_do_not_count():
    names = [f"{family}{i}" for family in "ABCDEF" for i in range(3)]
    family_of = {name: name[0] for name in names}
    source = np.random.default_rng(0)
    offset = {family: source.normal() * 9 for family in "ABCDEF"}
    similarity, compatibility = (pd.DataFrame(np.nan, names, names) for _ in range(2))
    for a, b in combinations(names, 2):
        value, apart = source.normal(), offset[a[0]] if a[0] == b[0] else 0.0
        similarity.loc[a, b] = similarity.loc[b, a] = value + apart
        compatibility.loc[a, b] = compatibility.loc[b, a] = value - apart
    table = correspondence.correlate_matrices({"made up": compatibility}, similarity, family_of)
    found = table.set_index("pairs")
    assert found.loc["within families", "r"] < -0.5
    assert found.loc["inside each family", "r"] == pytest.approx(1)
    assert found.loc["inside each family", "n"] == found.loc["within families", "n"] == 18
