"""Moments lose no precision, samples are pairs, patches lie where the unit is highest."""

import numpy as np
import pytest
import torch

from paradoxlib import seeds
from paradoxlib.images import data
from paradoxlib.networks import activations, models
from paradoxlib.similarity import unit_samples

LAYER = "relu_3"


@pytest.fixture
def networks():
    return [models.build("resnet20", generator=seeds.generator(name)).eval() for name in "ab"]


@pytest.fixture
def images():
    return data.load("digits", "test").first(23).pixels.float() / 255


def test_large_means_cost_no_precision():
    values = torch.randn(400, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    moments = unit_samples.Moments()
    for part in (values + 1e7).split(37):
        moments.add(part)
    assert np.allclose(moments.products / 400, np.cov(values.T, bias=True), rtol=1e-6)


def test_moments_of_pairs_are_correlations_on_the_same_images_and_on_others():
    source = torch.Generator().manual_seed(1)
    x, y = (torch.randn(9, units, 2, 3, generator=source) + 1e4 for units in (3, 2))
    y[:, 1] = 5
    moments, shifted = unit_samples.PairMoments(), []
    for a, b in zip(x.split(4), y.split(4), strict=True):
        moments.add(a, b)
        shifted.append(b.roll(max(1, len(b) // 2), 0))
    for found, other in zip(moments.correlations(), (y, torch.cat(shifted)), strict=True):
        columns = torch.cat([unit_samples.by_unit(v).double() for v in (x, other)], 1)[:, :4]
        assert found[:, :1] == pytest.approx(np.corrcoef(columns.T)[:3, 3:], abs=1e-9)
        assert np.isnan(found[:, 1]).all()
    assert [sd.isnan().sum().item() for sd in moments.deviations()] == [0, 1]


def test_samples_are_pairs_of_the_same_position(networks, images):
    a, again = unit_samples.paired_samples(networks[0], networks[0], images, LAYER, count=500)
    assert a.shape == (500, 16) and torch.equal(a, again)
    ours, theirs = unit_samples.paired_samples(*networks, images[:2], LAYER, count=60_000)
    a, b = (
        unit_samples.by_unit(activations.record(model, images[:2])[LAYER]) for model in networks
    )
    assert len(ours) == 2 * 32 * 32 and torch.allclose(ours.T @ theirs, a.T @ b, rtol=1e-4)


def test_top_patches_are_where_the_unit_is_highest():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 1, 1, bias=False), torch.nn.ReLU())
    with torch.no_grad():
        model[0].weight.fill_(1)
    images = torch.zeros(4, 3, 16, 16)
    images[2, :, 9, 4] = 1.0
    images[1, :, 0, 15] = 0.5  # in a corner: the patch reaches beyond the image
    patches = unit_samples.top_patches(model, images, "relu_1", [0], count=2, size=5)
    assert patches.shape == (1, 2, 3, 5, 5)
    assert patches[0, 0, 0, 2, 2] == 1 and patches[0, 1, 0, 2, 2] == 0.5
    beyond = patches[0, 1] == unit_samples.GREY
    assert beyond[:, :2].all() and beyond[:, :, 3:].all() and not beyond[:, 2:, :3].any()


def test_large_patches_are_reduced(monkeypatch):
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 1, 1, bias=False), torch.nn.ReLU())
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    whole = unit_samples.top_patches(model, images, "relu_1", [0], count=2, size=12)
    monkeypatch.setattr(unit_samples, "LARGEST_PATCH", 4)
    reduced = unit_samples.top_patches(model, images, "relu_1", [0], count=2, size=12)
    assert reduced.shape == (1, 2, 3, 4, 4)
    torch.testing.assert_close(reduced[..., 0, 0], whole[..., :3, :3].mean((3, 4)))


def test_answers_of_pairs_are_counted_together():
    a = torch.rand(4000, 2, generator=torch.Generator().manual_seed(1))
    counts, limits = unit_samples.joint_histograms(a, a.flip(1) * 2, [(0, 1), (0, 0)], bins=10)
    assert counts.shape == (2, 10, 10) and limits.shape == (2, 2)
    assert counts.sum((1, 2)).min() >= 0.995 * 4000
    assert counts[0].diagonal().sum() == counts[0].sum()  # twice itself
    assert counts[1].diagonal().sum() < 0.2 * counts[1].sum()
    torch.testing.assert_close(limits[0, 1], 2 * limits[0, 0])


def test_a_unit_of_a_dense_layer_sees_the_middle_of_an_image():
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 2, bias=False))
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[1.0], [-1.0]]).expand(2, 3 * 8 * 8))
    noise = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    images = noise + torch.arange(3.0).view(3, 1, 1, 1)  # each brighter than the one before
    patches = unit_samples.top_patches(model, images, "1", [0, 1], count=9, size=4)
    assert torch.equal(patches[0], images[[2, 1, 0], :, 2:6, 2:6])  # all three images, no more
    assert torch.equal(patches[1], images[:, :, 2:6, 2:6])
