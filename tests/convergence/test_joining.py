"""Joined networks are at least what they are alone, and overlapping features add nothing."""

import numpy as np
import pytest
import torch

from paradoxlib import convergence, results
from paradoxlib.behaviour import predictions
from paradoxlib.convergence import joining
from paradoxlib.studies import comparing, trained


@pytest.fixture
def session(tiny_trained, monkeypatch):
    monkeypatch.setattr(comparing, "IMAGES", 20)
    return tiny_trained


def test_last_features_lead_to_the_network_s_own_answers(session):
    network = trained.load_network(session.study, "A")
    features, labels = joining.last_features(session, {"A": network}, "test")
    assert features["A"].shape == (30, 64) and len(labels) == 30
    answers = network.fc(features["A"])
    expected = predictions.predict(network, comparing.pictures(session, 30))
    torch.testing.assert_close(answers, expected, rtol=1e-4, atol=1e-4)


def test_ensembles_are_compared_with_their_members(session):
    table = convergence.ensembles(session)
    assert len(table) == 3 and (table["gain_over_better"] <= table["gain_over_mean"] + 1e-12).all()
    better = table[["accuracy_a", "accuracy_b"]].max(axis=1)
    np.testing.assert_allclose(table["gain_over_better"], table["together"] - better, atol=1e-9)
    matches = results.unit_matches(session).query("a == 'A' and b == 'C'")
    assert table["matching"][1] == pytest.approx(matches["matching"].mean())
    scores = convergence.ensemble_scores(session)
    assert scores["of"].unique().tolist() == list(joining.GAINS) and (scores["n"] == 3).any()


def test_a_linear_layer_reads_what_is_there():
    source = torch.Generator().manual_seed(1)
    classes = torch.arange(90) % 3
    features = torch.nn.functional.one_hot(classes).float()
    features = features + 0.1 * torch.randn(90, 3, generator=source)
    assert joining.linear_accuracy((features, classes), (features, classes)) == 1
    noise = torch.randn(90, 1, generator=source)
    assert joining.linear_accuracy((noise, classes), (noise, classes)) < 0.6


def test_a_copy_overlaps_entirely_and_noise_does_not():
    source = torch.Generator().manual_seed(2)
    ours = torch.randn(500, 2, generator=source)
    theirs = torch.stack([ours[:, 1] * 3, torch.randn(500, generator=source), torch.ones(500)], 1)
    overlap = joining.overlap_of(ours, theirs)
    assert overlap[[0, 2]] == pytest.approx([1, 1]) and overlap[1] < 0.3


def test_combinations_start_from_one_network_and_end_with_both(session):
    table = convergence.combinations(session)
    ends = table[table["kept"].isin([0.0, 1.0])].groupby(["a", "b", "kept"])["accuracy"]
    assert (ends.nunique() == 1).all() and len(table) == 2 * 3 * 5
