"""Surgery changes exactly what it names, and all of a donor makes the donor."""

import pytest
import torch

from paradoxlib import seeds
from paradoxlib.networks import models, resnets, surgery


@pytest.fixture
def states():
    """Two networks that differ in every tensor."""
    recipient, donor = (
        models.build("resnet20", generator=seeds.generator(seed)).state_dict() for seed in (1, 2)
    )
    return recipient, {name: value + 0.01 for name, value in donor.items()}


@pytest.fixture
def images():
    return torch.rand(24, 3, 32, 32, generator=seeds.generator("images"))


def named_entries(layer, parts):
    """Return the entries that parts of a layer have, or would have."""
    norm = resnets.batch_norm_name(layer)
    entries = {
        "kernel": {f"{layer}.weight"},
        "bias": {f"{layer}.bias"},
        "scale": {f"{norm}.weight", f"{norm}.bias"},
        "statistics": {f"{norm}.running_mean", f"{norm}.running_var"},
    }
    return set().union(*(entries[part] for part in parts))


@pytest.mark.parametrize(
    "parts", [("kernel",), ("bias",), ("statistics",), ("kernel", "scale"), surgery.LAYER_PARTS]
)
@pytest.mark.parametrize("layers", [["conv1"], ["res3a_branch2b", "res4a_branch1"], ["fc"]])
def test_exactly_what_is_named_changes(states, layers, parts):
    recipient, donor = states
    named = set().union(*(named_entries(layer, parts) for layer in layers)) & set(recipient)
    before = {name: value.clone() for name, value in recipient.items()}
    if layers == ["fc"] and parts == ("statistics",):
        assert not named
        with pytest.raises(ValueError, match="nothing to copy"):
            surgery.transplant(recipient, donor, layers, parts)
        return
    made = surgery.transplant(recipient, donor, layers, parts)
    for name in recipient:
        assert torch.equal(made[name], donor[name] if name in named else before[name]), name
        assert torch.equal(recipient[name], before[name])
        assert not torch.equal(recipient[name], donor[name])
    assert list(made) == list(recipient)


def test_all_parts_of_all_layers_give_the_donor_s_outputs(states, images):
    recipient, donor = states
    layers = [*models.convolutions(recipient), "fc"]
    made = surgery.transplant(recipient, donor, layers, surgery.LAYER_PARTS)
    outputs = []
    for state in (made, donor, recipient):
        network = models.build("resnet20").eval()
        models.load_state(network, state)
        with torch.inference_mode():
            outputs.append(network(images))
    assert torch.equal(outputs[0], outputs[1]) and not torch.equal(outputs[0], outputs[2])


def test_a_copy_is_a_copy(states):
    recipient, donor = states
    before = donor["conv1.weight"].clone()
    made = surgery.transplant(recipient, donor, ["conv1"])
    made["conv1.weight"].zero_()
    assert torch.equal(donor["conv1.weight"], before)


def test_bad_transplants_are_refused(states):
    recipient, donor = states
    near = "unknown layer 'res3c_branch2': did you mean 'res3c_branch2"
    with pytest.raises(ValueError, match=near):
        surgery.transplant(recipient, donor, ["res3c_branch2"])
    with pytest.raises(ValueError, match="unknown part 'weights'"):
        surgery.transplant(recipient, donor, ["conv1"], ["weights"])
    with pytest.raises(ValueError, match="different architectures: 'fc.weight'"):
        surgery.transplant(recipient, {**donor, "fc.weight": torch.zeros(3, 64)}, ["conv1"])


def test_the_plan_covers_every_convolution_and_the_paper_s_groups(states):
    plan = surgery.plan_transplants(states[0])
    assert len(plan) == 21 + 20 + 20 + 7
    groups = {
        "all convs",
        "all convs and batch norms",
        "batch norms alone",
        "their running statistics alone",
        "dense alone",
    }
    assert groups < set(plan)
    assert set(models.convolutions(states[0])) < set(plan)
    assert plan[surgery.ALL_CONVS].layers == models.convolutions(states[0])


def test_the_plan_leaves_out_what_a_network_has_nothing_of():
    state = models.build("resnet20", norm="group").state_dict()
    plan = surgery.plan_layers(state)
    assert surgery.STATISTICS_ALONE not in plan and surgery.SCALE_ALONE in plan
    for choice in plan.values():
        surgery.transplant(state, state, choice.layers, choice.parts)


def test_every_planned_transplant_copies_something_else(states):
    made = [
        surgery.transplant(*states, choice.layers, choice.parts)
        for choice in surgery.plan_transplants(states[0]).values()
    ]
    changed = {
        frozenset(name for name in state if not torch.equal(state[name], states[0][name]))
        for state in made
    }
    assert len(changed) == len(made)


def test_deep_networks_are_cut_behind_each_block():
    with torch.device("meta"):
        state = models.empty("resnet50").state_dict()
    plan = surgery.plan_transplants(state)
    assert len(plan) == 53 + 16 + 16 + 7
    assert {"up to conv1", "up to res3c_branch2c", "from res3d_branch2a"} < set(plan)
    assert "up to res3c_branch2a" not in plan
    first = ["conv1", "res2a_branch2a", "res2a_branch2b", "res2a_branch2c", "res2a_branch1"]
    assert plan["up to res2a_branch1"].layers == first


def test_cumulative_transplants_meet_in_the_middle(states):
    recipient, donor = states
    plan, convs = surgery.plan_transplants(recipient), models.convolutions(recipient)
    for i, layer in enumerate(convs[:-1]):
        lower = surgery.transplant(recipient, donor, *plan[f"up to {layer}"])
        whole = surgery.transplant(lower, donor, *plan[f"from {convs[i + 1]}"])
        assert all(torch.equal(whole[name], donor[name]) for name in donor)
        changed = {
            name.rpartition(".")[0]
            for name in donor
            if not torch.equal(lower[name], recipient[name])
        }
        assert changed & set(convs) == set(convs[: i + 1])


def test_every_entry_belongs_to_one_part(states):
    owner = surgery.part_of(states[0])
    assert set(owner.values()) == set(surgery.NETWORK_PARTS) and owner.keys() == states[0].keys()
    sizes = dict.fromkeys(surgery.NETWORK_PARTS, 0)
    for entry, part in owner.items():
        sizes[part] += states[0][entry].numel()
    assert sizes == {
        "kernels": 270_256,
        "biases": 784,
        "scale and shift": 1_376,
        "running statistics": 1_376,
        "dense layer": 650,
    }


@pytest.mark.parametrize(
    "parts", [(), ("biases",), ("kernels", "dense layer"), surgery.NETWORK_PARTS]
)
def test_what_is_named_is_the_donor_s_and_the_rest_the_recipient_s(states, parts):
    recipient, donor = states
    owner, made = surgery.part_of(recipient), surgery.exchange(recipient, donor, parts)
    assert list(made) == list(recipient)
    for entry, value in made.items():
        expected = donor if owner[entry] in parts else recipient
        assert torch.equal(value, expected[entry])
        assert value.data_ptr() not in (recipient[entry].data_ptr(), donor[entry].data_ptr())


def test_bad_exchanges_are_refused(states):
    recipient, donor = states
    with pytest.raises(ValueError, match="unknown part 'kernel': choose of kernels"):
        surgery.exchange(recipient, donor, ["kernel"])
    short = {**donor, "fc.bias": donor["fc.bias"][:5]}
    with pytest.raises(ValueError, match="different architectures"):
        surgery.exchange(recipient, short, ["kernels"])


@pytest.fixture
def network(images):
    """A network that has seen one batch, in evaluation mode."""
    made = models.build("resnet20", generator=seeds.generator("network"))
    made.standardise([0.4] * 3, [0.2] * 3)
    made(images)
    return made.eval()


def test_reestimation_changes_running_statistics_alone_and_not_the_model(network, images):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    after = surgery.reestimate(network, images.split(8))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if "running" in name}
    assert list(after) == list(before)
    assert not network.training and network.bn_conv1.momentum == 0.01
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


def test_reestimated_statistics_are_the_mean_over_batches(network, images):
    batches = images.split([16, 8])  # each counts as often as it has images
    state = surgery.reestimate(network, iter(batches))
    with torch.no_grad():
        seen = [network.conv("conv1", (b - network.mean) / network.std) for b in batches]
    mean = torch.cat(seen).mean((0, 2, 3))
    variance = (16 * seen[0].var((0, 2, 3)) + 8 * seen[1].var((0, 2, 3))) / 24
    assert torch.allclose(state["bn_conv1.running_mean"], mean, atol=1e-5)
    assert torch.allclose(state["bn_conv1.running_var"], variance, rtol=1e-4)


@pytest.mark.parametrize("count", [1, 49, 50, 51, 101])
def test_no_batch_is_much_smaller_than_the_others(count):
    sizes = [len(batch) for batch in surgery.even_batches(torch.zeros(count, 3, 1, 1), 50)]
    assert sum(sizes) == count and max(sizes) <= 50 and (count == 1 or min(sizes) > 1)


def test_reestimation_without_images_is_refused(network):
    with pytest.raises(ValueError, match="no batch of images"):
        surgery.reestimate(network, [])


def test_the_parts_of_anybody_s_network():
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 1),
        torch.nn.BatchNorm2d(4),
        torch.nn.Linear(4, 4),
        torch.nn.LayerNorm(4),
        torch.nn.Linear(4, 2),
    )
    parts = surgery.part_of(network.state_dict())
    assert parts == {
        "0.weight": "kernels",
        "0.bias": "biases",
        "1.weight": "scale and shift",
        "1.bias": "scale and shift",
        "1.running_mean": "running statistics",
        "1.running_var": "running statistics",
        "1.num_batches_tracked": "running statistics",
        "2.weight": "kernels",
        "2.bias": "biases",
        "3.weight": "scale and shift",
        "3.bias": "scale and shift",
        "4.weight": "dense layer",
        "4.bias": "dense layer",
    }
