"""A transplant changes exactly what it names, and all of a donor makes the donor."""

import numpy as np
import pytest
import torch

from paradoxlib import data, evaluation, models, results, transplant


@pytest.fixture
def states():
    """Two networks that differ in every tensor."""
    made = [models.build("resnet20", generator=data.generator(seed)).state_dict() for seed in (1, 2)]
    donor = {name: value + 0.01 for name, value in made[1].items()}
    return made[0], donor


@pytest.mark.parametrize("parts", [("kernel",), ("bias",), ("statistics",), ("kernel", "scale"), transplant.PARTS])
@pytest.mark.parametrize("layers", [["conv1"], ["res3a_branch2b", "res4a_branch1"], ["fc"]])
def test_exactly_what_is_named_changes(states, layers, parts):
    recipient, donor = states
    suffixes = {"kernel": ["weight"], "bias": ["bias"]}
    named = {f"{layer}.{suffix}" for layer in layers for part in parts for suffix in suffixes.get(part, [])}
    norms = {"scale": ("weight", "bias"), "statistics": ("running_mean", "running_var")}
    named |= {f"{models.batch_norm_name(layer)}.{s}" for layer in layers for part in parts for s in norms.get(part, [])}
    named &= set(recipient)
    before = {name: value.clone() for name, value in recipient.items()}
    if not named or (layers == ["fc"] and parts == ("statistics",)):
        with pytest.raises(ValueError, match="nothing to copy"):
            transplant.transplant(recipient, donor, layers, parts)
        return
    made = transplant.transplant(recipient, donor, layers, parts)
    for name in recipient:
        assert torch.equal(made[name], donor[name] if name in named else before[name]), name
        assert torch.equal(recipient[name], before[name])
    assert list(made) == list(recipient)


def test_all_parts_of_all_layers_give_the_donor_s_predictions(states):
    recipient, donor = states
    made = transplant.transplant(recipient, donor, [*models.convolutions(recipient), "fc"], transplant.PARTS)
    images = data.load("digits", "test").first(20).pixels.float() / 255
    nets = [models.build("resnet20"), models.build("resnet20")]
    for net, state in zip(nets, (made, donor), strict=True):
        models.load_state(net, state)
    assert torch.equal(*(evaluation.predict(net, images) for net in nets))


def test_a_copy_is_a_copy(states):
    recipient, donor = states
    made = transplant.transplant(recipient, donor, ["conv1"])
    made["conv1.weight"].zero_()
    assert (donor["conv1.weight"] != 0).any()


def test_bad_choices_are_refused(states):
    recipient, donor = states
    with pytest.raises(ValueError, match="unknown layer 'res3c_branch2': did you mean 'res3c_branch2"):
        transplant.transplant(recipient, donor, ["res3c_branch2"])
    with pytest.raises(ValueError, match="unknown part 'weights'"):
        transplant.transplant(recipient, donor, ["conv1"], ["weights"])
    with pytest.raises(ValueError, match="different architectures: 'fc.weight'"):
        transplant.transplant(recipient, {**donor, "fc.weight": torch.zeros(3, 64)}, ["conv1"])


def test_the_plan_covers_every_convolution_and_the_paper_s_groups(states):
    plan = transplant.plan(states[0])
    assert len(plan) == 21 + 20 + 20 + 7
    assert {"all convs", "all convs and batch norms", "batch norms alone", "their running statistics alone", "dense alone"} < set(plan)


def test_deep_networks_are_cut_behind_each_block():
    with torch.device("meta"):
        state = models.empty("resnet50").state_dict()
    plan = transplant.plan(state)
    assert len(plan) == 53 + 16 + 16 + 7
    assert "up to conv1" in plan and "up to res3c_branch2c" in plan and "from res3d_branch2a" in plan and "up to res3c_branch2a" not in plan
    assert plan["up to res2a_branch1"][0] == ["conv1", "res2a_branch2a", "res2a_branch2b", "res2a_branch2c", "res2a_branch1"]


def test_cumulative_transplants_meet_in_the_middle(states):
    recipient, donor = states
    plan, convs = transplant.plan(recipient), models.convolutions(recipient)
    for i, layer in enumerate(convs[:-1]):
        lower = transplant.transplant(recipient, donor, *plan[f"up to {layer}"])
        whole = transplant.transplant(lower, donor, *plan[f"from {convs[i + 1]}"])
        assert all(torch.equal(whole[name], donor[name]) for name in donor)
        changed = {name.rpartition(".")[0] for name in donor if not torch.equal(lower[name], recipient[name])}
        assert changed & set(convs) == set(convs[: i + 1])


def test_recovered_is_the_share_of_the_way_from_recipient_to_donor():
    start, end = np.array([0.2, 0.4, 0.9]), np.array([0.5, 0.3, 0.9])
    profiles = np.stack([start, end, (start + end) / 2, [0.2, 0.4, 1.0], 2 * end - start])
    assert np.allclose(transplant.recovered(profiles), [0, 1, 0.5, 0, 2])
    assert np.allclose(transplant.recovered(np.stack([profiles] * 3)), [[0, 1, 0.5, 0, 2]] * 3)
    assert np.isnan(transplant.recovered(np.stack([start, start, end]))).all()


def test_the_table_of_a_study(tiny):
    table = results.transplants(tiny).set_index("transplant")
    assert list(table.index[:2]) == ["A", "B"] and len(table) == 2 + 68
    assert table.loc["all convs", "layers"] == 21 and table.loc["conv1", "values"] == 448
    assert (table["gain_low"] <= table["gain_high"]).all() and table.loc["A", "gain"] == 0
    assert np.allclose(table["gain"], table["visual_intelligence"] - table.loc["A", "visual_intelligence"])
    assert table.loc["B", "values"] == 274_442
    assert set(tiny.evaluation.grid) < set(table.columns)
