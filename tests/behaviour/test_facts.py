"""Facts: those of the published matrices, of made-up networks, and of the committed tables."""

import numpy as np
import pandas as pd
import pytest

from paradoxlib.behaviour import facts, intervals, paradox
from paradoxlib.images import distortions
from paradoxlib.paper import copies, published, statements, verdicts

CONDITIONS = distortions.conditions()


def test_published_facts_are_those_the_text_names():
    found = facts.pair_facts(paradox.published_pairs())
    assert found["yellow"].value == 0.0  # N14 and N16
    assert published.read_matrix("fig6").loc["N01", "N10"] == 0.99
    assert found["red"].value == 1.0  # N01 and N16, N04 and N06
    assert found["alike and alike"].value == 0.99 and found["family"].value == 0.99  # N16 and N17


def test_published_facts_of_the_second_experiment():
    found = facts.pair_facts(paradox.published_pairs("resnet50"))
    compatibility = published.read_matrix("fig9")
    yellow = abs(compatibility.loc["N1-Contrast", "N1-All [5 Epochs]"])
    assert found["yellow"].value == yellow == 0.0
    assert found["red"].value == compatibility.loc["N2", "N1-All [10 Epochs]"] == 1.0
    apart = compatibility.loc["N2", "N1-Contrast"]
    assert found["different and different"].value == apart == 0.05
    assert found["alike and alike"].value == 1.0
    assert found["strangers"].value == pytest.approx(0.13)


def test_means_over_resampled_networks_start_with_the_real_one():
    pairs = paradox.published_pairs()
    near = pairs["similarity"] >= statements.ALIKE
    values = intervals.means_over_resampled_networks(pairs, "compatibility", near, resamples=300)
    assert len(values) == 301 and values[0] == pytest.approx(pairs[near]["compatibility"].mean())
    value, low, high = facts.pair_facts(pairs)["gap"]
    assert low < value < high
    assert value == pytest.approx(values[0] - pairs[~near]["compatibility"].mean())


def test_the_extreme_pair_is_chosen_anew_in_each_draw():
    columns = ["compatibility", "low", "high"]
    pairs = pd.DataFrame(
        [(-0.1, -0.3, 0.2), (0.9, 0.8, 0.95), (-0.95, -0.98, -0.9)], columns=columns
    )
    value, low, high = facts.extreme(pairs, highest=True)
    assert value == 0.9 and low == pytest.approx(0.8, abs=0.03) and high < 0.96
    value, low, high = facts.extreme(pairs, highest=False)
    assert value == 0.1 and 0 <= low < 0.02 and high == pytest.approx(0.32, abs=0.05)
    # Of many pairs like the best one the highest is higher: its interval is that of none of them.
    many = pd.concat([pairs[1:2]] * 50)
    value, low, high = facts.extreme(many, highest=True)
    assert value == low == 0.9 and high > 0.96
    assert np.isnan(facts.extreme(pairs[:0], highest=True)).all()
    printed = pairs.assign(low=np.nan, high=np.nan)
    assert facts.extreme(printed, highest=True) == (0.9, 0.9, 0.9)


def test_a_named_pair_in_either_order():
    pairs = pd.DataFrame(
        [("A", "B", 0.99, 0.5, 0.4, 0.6), ("A", "C", 0.1, 0.7, 0.6, 0.8)],
        columns=["a", "b", "similarity", "compatibility", "low", "high"],
    )
    assert facts.pair_fact(pairs, "C", "A") == ((0.1, 0.1, 0.1), (0.7, 0.6, 0.8))


def tidy(accuracies, n=100):
    """Return the tidy table of {network: accuracies (condition,)}."""
    rows = [
        (name, *condition, value, n)
        for name, values in accuracies.items()
        for condition, value in zip(CONDITIONS, values, strict=True)
    ]
    return pd.DataFrame(rows, columns=["network", "distortion", "level", "accuracy", "n"])


def test_bounded_intervals_are_no_narrower_than_resampled_ones():
    """Of means over conditions, and of differences of two networks on the same images."""
    source = np.random.default_rng(0)
    hard, n = source.random(400), 400
    right = {
        name: (source.random((len(CONDITIONS), n)) + hard) / 2 < ease
        for name, ease in (("a", 0.5), ("b", 0.6))
    }
    table = tidy({name: rows.mean(1) for name, rows in right.items()}, n)
    found = facts.order_fact(table, "b", "a")
    drawn = source.integers(n, size=(500, n))
    gaps = [right["b"][:, some].mean() - right["a"][:, some].mean() for some in drawn]
    low, high = np.quantile(gaps, [0.025, 0.975])
    assert found.low < low < high < found.high


def test_facts_of_the_range_of_accuracies():
    clean = np.array([distortions.is_identity(*condition) for condition in CONDITIONS])
    table = tidy({"a": np.where(clean, 0.8, 0.5), "b": np.where(clean, 0.9, 0.3)})
    found = facts.range_facts(table)
    assert found["clean accuracy, lowest"].value == 0.8
    assert found["clean accuracy, highest"].value == 0.9
    value, low, high = found["clean accuracy, lowest"]
    assert high - value == value - low == pytest.approx(1.96 * (0.8 * 0.2 / 100) ** 0.5)
    assert found["visual intelligence, lowest"].value < found["visual intelligence, highest"].value


def test_who_is_better_under_what():
    noisy = np.array([name == "gaussian_noise" for name, _ in CONDITIONS])
    table = tidy({"a": np.where(noisy, 0.8, 0.5), "b": np.full(len(CONDITIONS), 0.5)})
    assert facts.order_fact(table, "a", "b", ["gaussian_noise"]).value == pytest.approx(0.3)
    assert facts.order_fact(table, "b", "a").value == pytest.approx(-0.3 / 8)


def test_conditions_that_training_never_shows():
    unseen = [condition for condition in CONDITIONS if facts.is_unseen(*condition)]
    assert unseen == [("contrast", 0.01), ("blur", 1.5)]
    hidden = np.array([condition in unseen for condition in CONDITIONS])
    table = tidy({"able": np.where(hidden, 0.5, 0.9), "more": np.where(hidden, 0.5, 0.7)})
    table = pd.concat([table, tidy({"plain": np.full(len(CONDITIONS), 0.4)})])
    found = facts.unseen_facts(table, ["able", "more"], "plain")
    values = {what: fact.value for what, fact in found.items()}
    assert values == pytest.approx(
        {
            "contrast 0.01 (unseen in training)": 0.1,
            "contrast (levels seen in training)": 0.4,
            "blur 1.5 (unseen in training)": 0.1,
            "blur (levels seen in training)": 0.4,
        }
    )


def test_one_score_may_hide_two_behaviours():
    means = np.full((5, 3, 8), 0.5)
    means[:, 1, 0], means[:, 1, 1], means[:, 2] = 0.8, 0.2, 0.9
    assert facts.largest_gap(means) == pytest.approx(np.full(5, 0.3))
    assert np.isnan(facts.largest_gap(means[:, ::2])).all()  # no two of them score the same


def test_facts_of_accuracies():
    samples = np.full((4, 2, len(CONDITIONS)), 0.5)
    place = CONDITIONS.index(("contrast", 1.0))
    samples[:, 1], samples[:, 0, place], samples[:, 1, place] = 0.7, 0.8, 0.9
    found = facts.accuracy_facts(samples, CONDITIONS)
    low, high = 0.5 + 0.3 / 7 / 8, 0.7 + 0.2 / 7 / 8  # one of seven levels, of eight distortions
    assert found["spread"].value == pytest.approx((high - low) / 0.1)
    assert np.isnan(found["same score"]).all()


def test_networks_that_match_on_clean_images_and_are_better_under_every_distortion():
    clean = np.array([distortions.is_identity(*condition) for condition in CONDITIONS])
    weak = np.where(clean, 0.7, 0.3)
    able = np.where(clean, 0.69, 0.5)
    half = np.where([name == "blur" for name, _ in CONDITIONS], 0.1, weak + 0.01)
    samples = np.tile(np.stack([weak, able, half]), (3, 1, 1))
    found = facts.able_facts(samples, CONDITIONS, 0, [1])
    assert found.loss == pytest.approx((0.01,) * 3) and found.better == (8, 8, 8)
    table = verdicts.tabulate(statements.able_claims(*found))
    assert table["verdict"].tolist() == ["same", "same"]
    found = facts.able_facts(samples, CONDITIONS, 0, [1, 2])
    table = verdicts.tabulate(statements.able_claims(*found))
    assert found.better.value == 7 and table["verdict"].tolist() == [
        "same",
        "same direction, other size",
    ]


def test_two_networks_are_compared_under_the_distortion_where_they_are_farthest_apart():
    rows = [("a", "blur", 0.5), ("b", "blur", 0.6), ("a", "gamma", 0.7), ("b", "gamma", 0.4)]
    table = pd.DataFrame(rows, columns=["network", "distortion", "accuracy"])
    found = facts.farthest_fact(table.assign(level=1.0, n=100), "a", "b")
    assert found == pytest.approx(facts.bounded(0.3, [0.7, 0.4], 100))


def test_one_layer_for_all_children():
    names, layers = list("abc"), ["conv1", "res2a", "res2b"]
    rows = [(name, layer, 0.9 if layer == "res2a" else 0.95) for name in names for layer in layers]
    changes = pd.DataFrame(rows, columns=["network", "layer", "mean"])
    changes.loc[(changes["network"] == "c") & (changes["layer"] == "conv1"), "mean"] = 0.5
    found = facts.layer_facts(changes, "a")
    assert found == ("res2a", (1, 1, 1), 2)
    row = verdicts.tabulate(copies.layer_claims("a", *found)).iloc[0]
    assert (
        row["reproduced"] == 1
        and row["range_low"] == 2
        and row["verdict"] == "same direction, other size"
    )
    assert "(res2a)" in row["statement"]


def test_facts_of_transplants():
    row = {"gain": 0.0, "gain_low": 0.0, "gain_high": 0.0, "recovered": 0.0}
    row |= {"recovered_low": 0.0, "recovered_high": 0.0}
    other = {"gain": 0.1, "gain_low": 0.05, "gain_high": 0.2, "recovered": 0.5}
    other |= {"recovered_low": 0.4, "recovered_high": 0.6}
    table = pd.DataFrame(
        [
            {"transplant": "A"} | row | {"blur": 0.5, "gamma": 0.5},
            {"transplant": "conv1"} | other | {"blur": 0.5, "gamma": 0.4},
        ]
    )
    found = facts.transplant_facts(table, ["conv1"], ["blur", "gamma"])
    assert found == {"conv1": ((0.1, 0.05, 0.2), (1, 1, 1))}
    assert facts.transplant_fact(table, "conv1", "recovered") == (0.5, 0.4, 0.6)
