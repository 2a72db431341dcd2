"""Scores are what the paper defines."""

import numpy as np
import pandas as pd
import pytest
import torch

from paradoxlib.behaviour import scores
from paradoxlib.images import distortions


def test_scores():
    rows = [("a", "contrast", 0.5, 0.2), ("a", "contrast", 1.0, 0.6), ("a", "blur", 1.0, 0.8)]
    table = pd.DataFrame(rows, columns=["network", "distortion", "level", "accuracy"])
    assert scores.mean_accuracies(table).loc["a"].tolist() == pytest.approx([0.4, 0.8])
    assert scores.visual_intelligence(table)["a"] == pytest.approx((0.4 + 0.8) / 2)
    assert scores.visual_intelligence(table, "conditions")["a"] == pytest.approx(1.6 / 3)
    assert scores.clean_accuracy(table)["a"] == 0.6
    with pytest.raises(ValueError, match="choose distortions or conditions"):
        scores.visual_intelligence(table, "levels")


def test_accuracy_and_agreement():
    labels = torch.tensor([0, 1, 2, 3])
    predicted = {"a": torch.tensor([[0, 1, 2, 0]]), "b": torch.tensor([[0, 1, 1, 0]])}
    table = scores.accuracy(predicted, labels, [("blur", 1.0)])
    assert table["accuracy"].tolist() == [0.75, 0.5] and (table["n"] == 4).all()
    assert scores.agreement(predicted).loc["a", "b"] == 0.75


def test_equal_values_are_counted_as_a_plain_comparison_counts_them():
    shape = (4, 2 * scores.COLUMNS_AT_ONCE + 809)
    rows = np.random.default_rng(0).integers(0, 3, shape, dtype=np.int16)
    assert (scores.count_equal(rows) == (rows[:, None] == rows).sum(2)).all()


def test_resampled_accuracies_scatter_around_the_real_ones():
    predicted = {"a": torch.zeros(2, 400, dtype=torch.int16)}
    labels = (torch.arange(400) % 4 == 0).long()
    samples = scores.resampled_accuracy(predicted, labels, resamples=500, real_first=True)
    assert samples.shape == (501, 1, 2) and samples[0, 0, 0] == 0.75
    assert samples[1:, 0, 0].mean().item() == pytest.approx(0.75, abs=0.005)
    assert samples[1:, 0, 0].std().item() == pytest.approx((0.75 * 0.25 / 400) ** 0.5, rel=0.15)
    assert torch.equal(samples[:, 0, 0], samples[:, 0, 1])  # the same images in all conditions


def test_distortions_count_alike_however_many_levels_they_have():
    conditions = distortions.conditions()
    accuracies = np.array([1.0 if name == "contrast" else 0.0 for name, _ in conditions])
    means = scores.distortion_means(np.stack([accuracies, 1 - accuracies]), conditions)
    assert np.allclose(means, [[1] + [0] * 7, [0] + [1] * 7])
    assert scores.clean_samples(np.stack([accuracies, 1 - accuracies]), conditions).tolist() == [
        1,
        0,
    ]


def test_error_consistency_is_0_for_independent_errors():
    source, n = torch.Generator().manual_seed(0), 20_000
    labels = torch.zeros(n, dtype=torch.int64)
    a, b = ((torch.rand(5, n, generator=source) >= 0.7).to(torch.int16) for _ in range(2))
    assert scores.equal_predictions(a, b) == pytest.approx(0.58, abs=0.01)
    assert scores.error_consistency(a, b, labels) == pytest.approx(0, abs=0.02)
    assert scores.error_consistency(a, a, labels) == pytest.approx(1)
    assert scores.error_consistency(a, 1 - a, labels) < -0.5
    always = torch.zeros_like(a)  # always right: no condition has a kappa
    assert np.isnan(scores.error_consistency(always, always, labels))


def test_independent_networks_agree_by_chance():
    source, n = torch.Generator().manual_seed(1), 50_000
    a = torch.randint(4, (3, n), generator=source)
    b = torch.randint(8, (3, n), generator=source) % 5
    shares = [scores.class_shares(classes, 5) for classes in (a, b)]
    assert shares[0].shape == (3, 5) and torch.allclose(shares[0].sum(1), torch.ones(3).double())
    expected = scores.independent_agreement(*shares)
    assert expected == pytest.approx(scores.equal_predictions(a, b), abs=0.01)
