"""Measures of weights are highest for copies and find a permutation where they look for it."""

import pytest
import torch
from torch import nn

from paradoxlib import seeds
from paradoxlib.images import data
from paradoxlib.measures import of_networks, of_weights
from paradoxlib.networks import models
from paradoxlib.similarity import cka, permutations


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
    ("function", "same", "strangers"),
    [(of_weights.cosine, 1, 0), (of_weights.closeness, 0, -(2**0.5))],
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
    assert of_weights.cosine(state, moved) == pytest.approx(1)
    assert of_weights.statistics_closeness(state, state) == 0
    one_deviation = of_weights.statistics_closeness(state, moved)
    assert one_deviation == pytest.approx(-1)


def test_strangers_are_not_above_chance_and_copies_wholly(states):
    one, other, _ = states
    assert of_weights.above_chance(one, one) == pytest.approx(1)
    assert abs(of_weights.above_chance(one, other)) < 0.01


def test_matching_by_weight_and_by_activation_undoes_a_permutation(networks, states, images):
    named, pairs = dict(zip("abc", networks, strict=True)), [("a", "c"), ("a", "b")]
    one, other, permuted = states
    assert of_weights.cosine(one, permuted) < 0.2
    assert of_weights.matched_weights(one, permuted, "resnet20") == pytest.approx(1)
    assert of_weights.matched_weights(one, other, "resnet20") < 0.3
    found = of_networks.matched_activations(named, pairs, images, "resnet20")
    assert found["a", "c"] > 0.9 and found["a", "b"] < 0.3


def test_units_and_cka_do_not_depend_on_the_order_of_units(networks, images):
    ours, theirs, copy = networks
    assert of_networks.matched_units(ours, copy, images) == pytest.approx(1, abs=1e-4)
    assert of_networks.matched_units(ours, theirs, images) < 0.9
    assert of_networks.layers_cka(ours, copy, images) == pytest.approx(1, abs=1e-4)
    assert of_networks.layers_cka(ours, theirs, images) < 0.99


def test_cka_compares_layers_of_one_name(images):
    def network(*activations):
        torch.manual_seed(0)
        layers = [nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)]
        return nn.Sequential(*(m for pair in zip(layers, activations, strict=True) for m in pair))

    one = network(nn.Hardswish(), nn.ReLU(), nn.ReLU()).eval()
    other = network(nn.ReLU(), nn.ReLU(), nn.ReLU()).eval()
    table = cka.cka_matrix(one, other, images, layers=["relu_1", "relu_2"])
    expected = (table.loc["relu_1", "relu_1"] + table.loc["relu_2", "relu_2"]) / 2
    assert of_networks.layers_cka(one, other, images) == pytest.approx(expected)
