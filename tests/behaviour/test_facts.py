"""Facts: those of the published matrices, of made-up networks, and of the committed tables."""

import numpy as np
import pandas as pd
import pytest

from paradoxlib import paths
from paradoxlib.behaviour import correspondence, facts, paradox
from paradoxlib.images import distortions
from paradoxlib.paper import published, statements

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
    values = facts.means_over_resampled_networks(pairs, "compatibility", near, resamples=300)
    assert len(values) == 301 and values[0] == pytest.approx(pairs[near]["compatibility"].mean())
    value, low, high = facts.pair_facts(pairs)["gap"]
    assert low < value < high
    assert value == pytest.approx(values[0] - pairs[~near]["compatibility"].mean())


def test_the_pair_that_behaves_least_alike_may_have_an_interval_around_0():
    columns = ["compatibility", "low", "high"]
    pairs = pd.DataFrame([(-0.1, -0.3, 0.2), (0.9, 0.8, 0.95), (-0.95, -1, -0.9)], columns=columns)
    assert facts.extreme(pairs, highest=True) == (0.9, 0.8, 0.95)
    assert facts.extreme(pairs, highest=False) == (0.1, 0.0, 0.3)
    assert facts.extreme(pairs[2:], highest=False) == (0.95, 0.9, 1)
    assert np.isnan(facts.extreme(pairs[:0], highest=True)).all()


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
    assert found["clean accuracy, lowest"] == pytest.approx((0.8,) * 3)
    assert found["clean accuracy, highest"] == pytest.approx((0.9,) * 3)
    low, high = 0.5 + 0.3 / 7 / 8, 0.7 + 0.2 / 7 / 8  # one of seven levels, of eight distortions
    assert found["visual intelligence, lowest"].value == pytest.approx(low)
    assert found["visual intelligence, highest"].value == pytest.approx(high)
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
    verdicts = statements.tabulate(statements.able_claims(*found))["verdict"]
    assert verdicts.tolist() == ["holds", "holds"]
    found = facts.able_facts(samples, CONDITIONS, 0, [1, 2])
    verdicts = statements.tabulate(statements.able_claims(*found))["verdict"]
    assert found.better.value == 7 and verdicts.tolist() == ["holds", "fails"]


def test_one_layer_for_all_children():
    names, layers = list("abc"), ["conv1", "res2a", "res2b"]
    rows = [(name, layer, 0.9 if layer == "res2a" else 0.95) for name in names for layer in layers]
    changes = pd.DataFrame(rows, columns=["network", "layer", "mean"])
    changes.loc[(changes["network"] == "c") & (changes["layer"] == "conv1"), "mean"] = 0.5
    found = facts.layer_facts(changes, "a")
    assert found == ("res2a", (1, 1, 1), 2)
    row = statements.tabulate(statements.layer_claims("a", *found)).iloc[0]
    assert row["reproduced"] == 1 and row["holds_from"] == 2 and row["verdict"] == "fails"
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
    assert facts.recovered_fact(table, "conv1") == (0.5, 0.4, 0.6)


@pytest.fixture
def population():
    """Accuracies (resample, network, condition) of a, b like a, c unlike a, d; and their pairs."""
    names, source = list("abcd"), np.random.default_rng(0)
    parents = {"a": None, "b": "a", "c": None, "d": None}
    a = source.random(34)
    accuracies = np.stack([a, a, 1 - a, source.random(34)])
    noise = np.random.default_rng(2).normal(0, 0.01, (200, *accuracies.shape))
    samples = np.clip(accuracies + noise, 0, 1)
    samples[0] = accuracies
    rows = [
        (name, *condition, value)
        for name, row in zip(names, accuracies, strict=True)
        for condition, value in zip(CONDITIONS, row, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["network", "distortion", "level", "accuracy"])
    similarity = pd.DataFrame(0.13, names, names)
    similarity.loc["a", "b"] = similarity.loc["b", "a"] = 0.999
    values = paradox.compatibility(table)
    bounds = paradox.compatibility_intervals(samples, CONDITIONS)
    pairs = paradox.pair_table(values, similarity * 0, similarity, bounds, similarity, parents)
    return samples, pairs


def test_claims_of_a_made_up_population(population):
    samples, pairs = population
    claims = statements.behaviour_claims(
        facts.pair_facts(pairs),
        facts.pair_facts(paradox.published_pairs()),
        facts.accuracy_facts(samples, CONDITIONS),
        correlation=(0.0, -0.1, 0.1),
        printed_correlation=correspondence.published_correlation("resnet20"),
        comparable=True,
    )
    table = statements.tabulate(claims).set_index("statement")
    assert len(table) == 14
    verdicts = {text.split(":")[0]: verdict for text, verdict in table["verdict"].items()}
    assert verdicts["Similar and alike, as N16-N17"] == "holds"
    assert verdicts["Similar yet different, as N14-N16"] == "fails"
    assert verdicts["Mean similarity between families"] == "holds"
    assert table["verdict"].iloc[9] == "holds"  # the correlation


@pytest.mark.parametrize(
    ("study", "architecture"), [("cifar10-20", "resnet20"), ("cifar10-resnet50", "resnet50")]
)
def test_committed_claims_follow_from_the_committed_tables(population, study, architecture):
    """Those on pairs and transplants, to the last digit; accuracies need the predictions."""
    folder = paths.figures_folder(study)
    pairs, transplants, committed = (
        pd.read_csv(folder / f"{name}.csv", comment="#")
        for name in ("pairs", "transplants", "claims")
    )
    claims = statements.behaviour_claims(
        facts.pair_facts(pairs),
        facts.pair_facts(paradox.published_pairs(architecture)),
        facts.accuracy_facts(population[0], CONDITIONS),
        correlation=(0.0, 0.0, 0.0),
        printed_correlation=correspondence.published_correlation(architecture),
        comparable=False,
        architecture=architecture,
    )
    found = statements.tabulate(claims)
    assert found["statement"].tolist() == committed["statement"][:10].tolist()
    pd.testing.assert_frame_equal(found[2:9], committed[2:9], rtol=0, atol=1e-15)
    columns = ["section", "notebook", "published", "holds_from", "holds_to"]
    pd.testing.assert_frame_equal(found[columns], committed[columns][:10], rtol=0, atol=1e-15)

    layers = {"res4c_branch2a": "The layer that deviates most"}
    if architecture == "resnet50":
        layers = {"res3c_branch2c": "The paper's layer"}
        layers |= {"res4a_branch2b": "The layer that deviates most"}
    copied = facts.transplant_facts(transplants, layers, list(distortions.GRID))
    whole = facts.recovered_fact(transplants, "all convs")
    found = statements.tabulate(statements.transplant_claims(layers, copied, whole))
    last = committed.tail(len(found)).reset_index(drop=True)
    pd.testing.assert_frame_equal(found, last, rtol=0, atol=1e-15)
