"""Checkerboards and blocks are found where they were put; PCA and outliers explain them."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from paradoxlib import seeds
from paradoxlib.heatmaps import structure
from paradoxlib.images import data
from paradoxlib.networks import activations, models


@pytest.fixture
def images():
    return data.load("digits", "test").first(41).pixels.float() / 255


def test_a_checkerboard_is_told_from_a_plain_one():
    names = ["add_1", "res2a_branch2a", "bn2a_branch2a", "add_2", "res2a_branch1", "res2b_branch2b"]
    stream = np.array([name.startswith("add") for name in names])
    values = np.where(np.outer(stream, stream), 0.9, 0.5)
    values[np.outer(~stream, ~stream)] = 0.2
    found = structure.checkerboard(pd.DataFrame(values, names, names))
    assert found == pytest.approx({"stream": 0.9, "inside": 0.2, "across": 0.5})


def test_the_largest_block_is_found_where_it_was_put():
    values = np.eye(9)
    values[1:3, 1:3] = values[4:8, 4:8] = 0.95
    values[4, 7] = values[7, 4] = 0.7  # the mean counts
    matrix = pd.DataFrame(values)
    assert structure.largest_block(matrix) == (4, 8)
    assert structure.largest_block(matrix, 0.95) == (1, 3)
    assert structure.largest_block(pd.DataFrame(np.eye(3))) == (0, 1)
    values[5] = values[:, 5] = np.nan
    assert structure.largest_block(pd.DataFrame(values)) == (1, 3)


def test_the_first_component_explains_what_pca_says(images):
    network = models.build("resnet20", generator=seeds.generator("a")).eval()
    shares = structure.first_component(network, images, ["relu_3", "fc"])
    flat = activations.record(network, images, ["fc"])["fc"].double()
    singular = torch.linalg.svdvals(flat - flat.mean(0)) ** 2
    assert list(shares.index) == ["relu_3", "fc"]
    assert shares["fc"] == pytest.approx((singular[0] / singular.sum()).item())


def test_an_image_unlike_all_others_dominates():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
    source = torch.Generator().manual_seed(0)
    with torch.no_grad():
        model[1].weight.copy_(torch.randn(2, 3, generator=source))
    images = torch.rand(50, 3, 1, 1, generator=source)
    assert structure.dominant_images(model, images)["1"] < 0.2
    images[7] = 1000
    assert structure.dominant_images(model, images)["1"] > 0.97
