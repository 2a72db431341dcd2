"""Measures are highest for copies, see through a permutation where they say so, and know chance."""

import numpy as np
import pytest
import torch

from paradoxlib import seeds
from paradoxlib.images import data
from paradoxlib.networks import models
from paradoxlib.similarity import measures, permutations, units


@pytest.fixture
def networks():
    """Two strangers, and a copy of the first with its units in random orders."""
    ours, theirs = (models.build("resnet20", generator=seeds.generator(seed)) for seed in (1, 2))
    state, source = ours.state_dict(), seeds.generator("orders")
    orders = {
        group: torch.randperm(size, generator=source)
        for group, size in permutations.group_sizes(state, "resnet20").items()
    }
    copy = models.build("resnet20")
    models.load_state(copy, permutations.permute(state, orders, "resnet20"))
    return ours.eval(), theirs.eval(), copy.eval()


@pytest.fixture
def states(networks):
    return [network.state_dict() for network in networks]


@pytest.fixture
def images():
    return data.load("digits", "test").first(30).pixels.float() / 255


@pytest.mark.parametrize(
    ("function", "same", "strangers"), [(measures.cosine, 1, 0), (measures.closeness, 0, -(2**0.5))]
)
def test_measures_of_kernels(states, function, same, strangers):
    one, other, _ = states
    assert function(one, one) == pytest.approx(same)
    assert function(one, other) == pytest.approx(strangers, abs=0.05)


def test_statistics_see_what_the_kernels_do_not(states):
    state = states[0]
    moved = {
        name: value + 1 if name.endswith("running_mean") else value for name, value in state.items()
    }
    assert measures.cosine(state, moved) == pytest.approx(1)
    assert measures.statistics_closeness(state, state) == 0
    one_deviation = measures.statistics_closeness(state, moved)
    assert one_deviation == pytest.approx(-1)


def test_strangers_are_not_above_chance_and_copies_wholly(states):
    one, other, _ = states
    assert measures.above_chance(one, one) == pytest.approx(1)
    assert abs(measures.above_chance(one, other)) < 0.01


def test_matching_by_weight_and_by_activation_undoes_a_permutation(networks, states, images):
    ours, theirs, copy = networks
    one, other, permuted = states
    assert measures.cosine(one, permuted) < 0.2
    assert measures.matched_weights(one, permuted, "resnet20") == pytest.approx(1)
    assert measures.matched_weights(one, other, "resnet20") < 0.3
    found = measures.matched_activations(ours, copy, images, "resnet20")
    strangers = measures.matched_activations(ours, theirs, images, "resnet20")
    assert found > 0.9 and strangers < 0.3  # a unit that no image moves has no partner


def test_units_and_cka_do_not_depend_on_the_order_of_units(networks, images):
    ours, theirs, copy = networks
    assert measures.matched_units(ours, copy, images) == pytest.approx(1, abs=1e-4)
    assert measures.matched_units(ours, theirs, images) < 0.9
    assert measures.layers_cka(ours, copy, images) == pytest.approx(1, abs=1e-4)
    assert measures.layers_cka(ours, theirs, images) < 0.99


def test_all_pairs_are_asked_once_in_the_order_of_names():
    asked = []

    def function(a, b):
        asked.append((a, b))
        return a - b

    matrix = measures.pairwise(function, {"x": 5, "y": 3, "z": 10})
    assert asked == [(5, 3), (5, 10), (3, 10)]
    assert matrix.loc["x", "z"] == matrix.loc["z", "x"] == -5
    assert np.isnan(np.diag(matrix)).all()


def test_same_partners_of_a_permuted_network():
    kernels = torch.randn(16, 27, generator=torch.Generator().manual_seed(0))
    order = np.random.default_rng(0).permutation(16)
    layer = units.Layer(*[np.zeros(16)] * 4, np.eye(16), np.eye(16), np.eye(16)[:, order], 100)
    assert measures.same_partners(layer, kernels, kernels[order]) == 1
    assert measures.same_partners(layer, kernels, kernels) < 0.5
