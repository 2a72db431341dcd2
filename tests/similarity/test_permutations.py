"""A permuted network computes the same function, and matching finds the permutation."""

import pytest
import torch

from paradoxlib import seeds
from paradoxlib.networks import activations, models
from paradoxlib.similarity import kernels, permutations


def network(seed, architecture="resnet20"):
    """Return a network whose batch norms are no identities."""
    source = seeds.generator("norms", seed)
    model = models.build(architecture, generator=seeds.generator(seed)).eval()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.startswith("bn") and value.dim() == 1:
                value.copy_(0.5 + torch.rand(value.shape, generator=source))
    return model


def shuffled(model, architecture, seed=0):
    """Return a copy of a network with its units in random orders."""
    source = seeds.generator("orders", seed)
    state = model.state_dict()
    names = {group for group, _ in permutations.unit_groups(architecture).values() if group}
    orders = {
        group: torch.randperm(len(state[f"{group}.bias"]), generator=source)
        for group in sorted(names)
    }
    copy = models.build(architecture).eval()
    models.load_state(copy, permutations.permute(state, orders, architecture))
    return copy


def test_groups_keep_residual_streams_together():
    where = permutations.unit_groups("resnet20")
    assert where.keys() == {*models.conv_layers(models.empty("resnet20")), "fc"}
    writers = ("conv1", "res2a_branch2b", "res2c_branch2b")
    assert {where[name].outputs for name in writers} == {"conv1"}
    assert where["res3a_branch1"] == ("res3a_branch1", "conv1")
    assert where["res3a_branch2b"] == ("res3a_branch1", "res3a_branch2a")
    assert where["res4c_branch2a"].inputs == "res4a_branch1"
    assert where["fc"] == (None, "res4a_branch1")
    deep = permutations.unit_groups("resnet50")
    assert deep["res2a_branch1"] == ("res2a_branch1", "conv1")
    assert deep["res3b_branch2c"] == ("res3a_branch1", "res3b_branch2b")


@pytest.mark.parametrize("architecture", ["resnet20", "resnet50"])
def test_a_permuted_network_computes_the_same_function(architecture):
    model = network(1, architecture)
    other = shuffled(model, architecture)
    images = torch.rand(2, 3, 32, 32, generator=seeds.generator("images"))
    with torch.inference_mode():
        ours, theirs = model.double()(images.double()), other.double()(images.double())
    assert torch.allclose(ours, theirs, rtol=1e-9)
    assert not torch.equal(model.conv1.weight, other.conv1.weight)


def test_weights_find_the_permutation():
    model = network(1)
    state, other = model.state_dict(), shuffled(model, "resnet20").state_dict()
    assert kernels.similarity(state, other, "none") < 0.2
    orders = permutations.match_weights(state, other, "resnet20")
    found = permutations.permute(other, orders, "resnet20")
    assert all(torch.equal(found[name], value) for name, value in state.items())


def test_activations_find_the_permutation():
    model = network(1)
    other = shuffled(model, "resnet20")
    images = torch.rand(20, 3, 32, 32, generator=seeds.generator("images"))
    where = permutations.observed(model, "resnet20", images)
    assert where["conv1"] == ["relu_1", "relu_3", "relu_5", "relu_7"]
    assert where["res2a_branch2a"] == ["relu_2"]
    relus = [name for name in activations.layer_names(model, images) if name.startswith("relu")]
    assert sorted(relus) == sorted(relu for some in where.values() for relu in some)
    both = {"model": model, "other": other}
    (orders,) = permutations.match_activations(both, [tuple(both)], "resnet20", images).values()
    found = permutations.permute(other.state_dict(), orders, "resnet20")
    assert kernels.similarity(model.state_dict(), other.state_dict(), "none") < 0.2
    # A unit that no image moves has no partner.
    assert kernels.similarity(model.state_dict(), found, "none") > 0.98


def test_strangers_gain_by_matching():
    one, other = (network(seed).state_dict() for seed in (1, 2))
    orders = permutations.match_weights(one, other, "resnet20")
    found = permutations.permute(other, orders, "resnet20")
    assert kernels.similarity(one, found, "none") > kernels.similarity(one, other, "none") + 0.02


def test_units_of_a_network_without_blocks_are_not_permuted_in_part():
    with pytest.raises(ValueError, match="units of convnet cannot be permuted"):
        permutations.unit_groups("convnet")
