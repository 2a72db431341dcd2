"""The grounding tests find what measures see, and a probe's accuracy is that of its slow way."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import LeaveOneOut, cross_val_score

from paradoxlib.measures import grounding, of_features


@pytest.fixture
def source():
    return np.random.default_rng(0)


@pytest.fixture
def networks(source):
    """Three networks of four layers: each layer is the same in all, rotated and with noise."""
    shared = [source.normal(size=(60, 8)) for _ in range(4)]
    return [
        {
            f"layer{i}": x @ np.linalg.qr(source.normal(size=(8, 8)))[0]
            + 0.1 * source.normal(size=x.shape)
            for i, x in enumerate(shared)
        }
        for _ in range(3)
    ]


def test_a_measure_that_finds_the_layer_is_specific_and_one_that_finds_the_network_is_not(networks):
    assert grounding.specificity(of_features.procrustes, networks) == (1, 1, 1)
    owner = {id(x): i for i, network in enumerate(networks) for x in network.values()}
    assert grounding.specificity(lambda x, y: owner[id(x)] == owner[id(y)], networks).value == 0


def test_ties_count_half_and_what_is_not_defined_does_not_count(networks):
    assert grounding.specificity(lambda x, y: 1.0, networks).value == 0.5
    dead = [network | {"layer0": np.ones((60, 8))} for network in networks]
    assert grounding.specificity(of_features.linear_cka, dead).value == 1
    assert np.isnan(grounding.specificity(lambda x, y: np.nan, networks)).all()


def test_random_answers_are_at_chance(source):
    many = [{str(i): np.zeros((3, 1)) for i in range(30)} for _ in range(4)]
    value, low, high = grounding.specificity(lambda x, y: source.normal(), many)
    assert value == pytest.approx(0.5, abs=0.05) and low < value < high


@pytest.mark.parametrize("units", (1, 5, 70))
def test_the_probe_is_a_ridge_classifier_with_one_image_left_out(source, units):
    labels = source.integers(0, 3, 40) * 2
    x = 4 * source.normal(size=(40, units)) + labels[:, None] + 9
    scaled = x / np.sqrt(np.var(x, axis=0).mean())
    slow = cross_val_score(RidgeClassifier(), scaled, labels, cv=LeaveOneOut()).mean()
    assert grounding.probe_accuracy(x, labels) == pytest.approx(slow, abs=1e-9)
    unequal = np.repeat([0, 2, 4], [20, 12, 8])
    assert grounding.probe_accuracy(np.ones((40, units)), unequal) == 0.5  # the commonest


def test_removals_leave_the_first_components_as_they_are(source):
    x = source.normal(size=(50, 8)) * np.arange(8, 0, -1) + 3
    labels = (x[:, 0] > 3).astype(int)
    found = grounding.removals([{"layer": x}], labels, 20)
    assert [np.linalg.matrix_rank(one.left - one.left.mean(0)) for one in found] == [4, 2, 1]
    _, _, directions = np.linalg.svd(x - x.mean(0), full_matrices=False)
    for one, kept in zip(found, (4, 2, 1), strict=True):
        assert np.array_equal(one.whole, x[:20])
        both = ((z - x.mean(0)) @ directions[:kept].T for z in (one.left, x[:20]))
        assert np.allclose(*both)
    assert all(abs(one.loss) < 0.3 for one in found)


def test_a_measure_is_sensitive_to_what_the_probe_loses(source):
    labels = source.integers(0, 8, 200)
    centres = source.normal(size=(8, 16)) * 1.2 ** np.arange(16)
    x = centres[labels] + source.normal(size=(200, 16))
    removed = grounding.removals([{"a": x, "b": x[:, ::2]}], labels, 200)
    by_loss = {id(one.left): -one.loss for one in removed}
    for sign in (1, -1):
        found = grounding.sensitivity(lambda left, _, s=sign: s * by_loss[id(left)], removed)
        assert found == pytest.approx((sign,) * 3)
    assert grounding.sensitivity(of_features.procrustes, removed).value > 0.5


def test_cca_does_not_see_that_components_are_gone(source):
    x, labels = source.normal(size=(60, 8)), source.integers(0, 2, 60)
    removed = grounding.removals([{"layer": x}], labels, 60)
    assert np.isnan(grounding.sensitivity(of_features.cca, removed)).all()
