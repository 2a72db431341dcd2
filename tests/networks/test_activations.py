"""Layers are seen in order, and as they were before anything changed them."""

import pytest
import torch
from torch import nn

from paradoxlib import seeds
from paradoxlib.networks import activations, models


def test_outputs_are_those_before_they_are_changed_in_place():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True)).eval()
    source = torch.Generator().manual_seed(1)
    with torch.no_grad():
        model[0].weight.copy_(torch.randn(4, 3, 3, 3, generator=source))
    outputs = activations.record(model, torch.randn(5, 3, 8, 8, generator=source))
    assert list(outputs) == ["0", "1", "relu_1"]
    assert (outputs["1"] < 0).any() and (outputs["relu_1"] >= 0).all()
    assert torch.equal(outputs["relu_1"], outputs["1"].clamp(min=0))


def test_an_output_may_be_summarised_at_once():
    network = models.build("resnet20", generator=seeds.generator("a")).eval()
    images = torch.rand(2, 3, 32, 32, generator=seeds.generator("images"))
    whole = activations.record(network, images)
    sums = activations.record(network, images, summarise=lambda output: output.flatten(1).sum(1))
    assert list(sums) == list(whole)
    assert all(torch.equal(sums[name], whole[name].flatten(1).sum(1)) for name in whole)


def test_layers_are_seen_in_order_and_an_unknown_one_is_named():
    network = models.build("resnet20", generator=seeds.generator("a")).eval()
    images = torch.rand(2, 3, 32, 32, generator=seeds.generator("images"))
    seen = activations.layer_names(network, images)
    assert seen[:3] == ["conv1", "bn_conv1", "relu_1"] and seen[-1] == "fc"
    assert len(seen) == 21 + 19 + 19 + 9 + 1
    assert set(models.conv_layers(network)) < set(seen)
    assert list(activations.record(network, images, ["fc", "conv1"])) == ["conv1", "fc"]
    with pytest.raises(ValueError, match="unknown layer 'relu_99': did you mean 'relu_9'"):
        activations.record(network, images, ["relu_99"])


def test_units_stand_on_the_second_axis_of_tokens_and_of_maps_alike():
    tokens = nn.Sequential(nn.Flatten(2), nn.Linear(16, 6), nn.LayerNorm(6), nn.GELU())
    seen = activations.record(tokens, torch.rand(2, 3, 4, 4))
    shapes = {name: tuple(output.shape) for name, output in seen.items()}
    assert shapes == {"1": (2, 6, 3), "2": (2, 6, 3), "gelu_1": (2, 6, 3)}
    maps = nn.Sequential(nn.Conv2d(3, 8, 1), nn.GroupNorm(2, 8), nn.Hardswish(), nn.ReLU6())
    shapes = {
        n: tuple(o.shape) for n, o in activations.record(maps, torch.rand(2, 3, 4, 4)).items()
    }
    assert shapes == dict.fromkeys(["0", "1", "hardswish_1", "relu_1"], (2, 8, 4, 4))
    assert activations.relu_places(maps, torch.rand(2, 3, 4, 4)) == {"0": "relu_1"}


def test_the_receptive_field_is_what_changes_a_unit():
    network = models.build("resnet20", generator=seeds.generator(1)).eval()
    images = torch.rand(1, 3, 32, 32, generator=seeds.generator(2))
    where = activations.relu_places(network, images)
    for place, field in {"conv1": 3, "res2a": 7, "res3a": 21, "res4c": 32}.items():
        assert activations.receptive_field(network, images, where[place]) == field
