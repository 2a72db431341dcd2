"""Unit statistics agree with NumPy in one piece, matchings recover a permutation, clusters find planted groups."""

import numpy as np
import pytest
import torch
from sklearn.metrics import mutual_info_score

from paradoxlib import activations, data, models, units

LAYER = "relu_3"


@pytest.fixture
def networks():
    return [models.build("resnet20", generator=data.generator(name)).eval() for name in "ab"]


def pair(a, b, images, layer=LAYER, **settings):
    return units.correlations({"a": a, "b": b}, images, [layer], **settings)[layer].pair("a", "b")


@pytest.fixture
def images():
    return data.load("digits", "test").first(23).pixels.float() / 255


def test_statistics_in_one_pass_are_those_of_all_samples_at_once(networks, images):
    layer = pair(*networks, images, batch_size=7)
    a, b = (units.by_unit(activations.record(model, images)[LAYER]).double().numpy() for model in networks)
    assert layer.samples == len(a) == 23 * 32 * 32
    assert np.allclose(layer.mean_a, a.mean(0)) and np.allclose(layer.sd_b, b.std(0))
    expected = np.corrcoef(a.T, b.T)
    assert np.allclose(layer.within_a, expected[:16, :16]) and np.allclose(layer.between, expected[:16, 16:])


def test_any_number_of_networks_side_by_side(networks, images):
    several = {"a": networks[0], "b": networks[1], "c": networks[0]}
    found = units.correlations(several, images, [LAYER])[LAYER]
    two = pair(*networks, images)
    assert all(np.allclose(x, y, equal_nan=True) for x, y in zip(found.pair("a", "b"), two, strict=True))
    alive = ~np.isnan(found.pair("a", "c").between.diagonal())
    assert alive.any() and np.allclose(found.pair("a", "c").between.diagonal()[alive], 1)


def test_large_means_cost_no_precision():
    values = torch.randn(400, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    moments = units.Moments()
    for part in (values + 1e7).split(37):
        moments.add(part)
    assert np.allclose(moments.products / 400, np.cov(values.T, bias=True), rtol=1e-6)


def test_a_dead_unit_has_no_partner(networks, images):
    with torch.no_grad():
        networks[0].bn2a_branch2b.weight.zero_()
        networks[0].res2a_branch2a.bias.zero_()
        networks[0].bn_conv1.weight[3] = 0
        networks[0].bn_conv1.bias[3] = -1  # unit 3 is 0 after the ReLU, and after the block's addition
    layer = pair(*networks, images)
    dead_a, dead_b = (
        (units.by_unit(activations.record(model, images)[LAYER]).std(0) == 0).numpy() for model in networks
    )  # an untrained network has some of its own
    assert dead_a[3] and not dead_a.all()
    assert (np.isnan(layer.between) == (dead_a[:, None] | dead_b)).all()
    for find in (units.semi_match, units.match):
        partners, values = find(layer.between)
        assert partners[3] == -1 and np.isnan(values[3]) and not dead_b[partners[partners >= 0]].any()
    assert units.match_table({LAYER: layer}).loc[LAYER, ["dead_a", "dead_b"]].tolist() == [dead_a.sum(), dead_b.sum()]
    labels = units.spectral_clusters(layer, 4)
    assert ((labels[0] == -1) == dead_a).all() and ((labels[1] == -1) == dead_b).all()


def test_matchings_recover_a_permutation(networks, images):
    layer = pair(networks[0], networks[0], images)
    order = torch.randperm(16, generator=data.generator(1)).numpy()
    shuffled = layer.between[:, order]
    for find in (units.semi_match, units.match):
        partners, values = find(shuffled)
        assert (order[partners] == np.arange(16)).all() and np.allclose(values, 1)
    assert units.match_table({LAYER: layer})["overlap"].item() == 1


def test_matching_is_one_to_one_and_never_above_semi_matching():
    table = np.random.default_rng(1).random((9, 9))
    (_, loose), (partners, strict) = units.semi_match(table), units.match(table)
    assert len(set(partners)) == 9 and strict.sum() <= loose.sum() and (loose >= strict).all()


def test_mutual_information_is_that_of_the_same_bins():
    source = torch.Generator().manual_seed(2)
    a = torch.randn(3000, 2, generator=source).clamp(min=0)
    b = torch.stack([a[:, 0] ** 2, torch.randn(3000, generator=source)], 1)
    table = units.mutual_information(a, b)
    coded = [units.codes(values).numpy() for values in (a, b)]
    for i in range(2):
        for j in range(2):
            assert table[i, j] == pytest.approx(mutual_info_score(coded[0][:, i], coded[1][:, j]), abs=1e-9)
    assert table[0, 0] > 1 and table[1, 1] < 0.1
    assert (coded[0] == 0).mean() == pytest.approx(0.5, abs=0.03)  # a ReLU's zeros share one bin
    used = np.bincount(coded[1][:, 1])
    assert used[-1] / 3000 == pytest.approx(0.05, abs=0.01)


def test_clusters_find_planted_groups():
    source = np.random.default_rng(3)
    group = np.repeat(np.arange(4), 4)
    hidden = source.normal(size=(4, 500))
    values = [hidden[group] + 0.5 * source.normal(size=(16, 500)) for _ in range(2)]
    table = np.corrcoef(*values)
    layer = units.Layer(*[np.zeros(16)] * 4, table[:16, :16], table[16:, 16:], table[:16, 16:], 500)
    labels = units.spectral_clusters(layer, 4, alpha=1)
    for own in labels:
        assert all(len(set(own[group == g])) == 1 for g in range(4)) and len(set(own)) == 4
    assert (labels[0] == labels[1]).all()
    clusters = units.cluster_table(layer, *labels)
    assert (clusters[["units_a", "units_b"]] == 4).all().all() and (clusters["between"] > 0.5).all()
    assert np.unique(units.spectral_clusters(layer, 4, alpha=0.01)).tolist() == [0, 1, 2, 3]  # units in one place are not split
    with pytest.raises(ValueError, match="k is 40"):
        units.spectral_clusters(layer, 40)


def test_large_clusters_are_split():
    table = np.corrcoef(np.random.default_rng(4).normal(size=(40, 60)))
    layer = units.Layer(*[np.zeros(20)] * 4, table[:20, :20], table[20:, 20:], table[:20, 20:], 60)
    labels = np.concatenate(units.spectral_clusters(layer, 3, threshold=0, alpha=0.1))  # at most 2 * .1 * 20 = 4 units
    assert np.unique(labels, return_counts=True)[1].max() <= 4


def test_samples_are_pairs_of_the_same_position(networks, images):
    a, again = units.samples(networks[0], networks[0], images, LAYER, count=500)
    assert a.shape == (500, 16) and torch.equal(a, again)
    everything, _ = units.samples(*networks, images[:2], LAYER, count=60_000)
    assert len(everything) == 2 * 32 * 32


def test_top_patches_are_where_the_unit_is_highest():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 1, 1, bias=False), torch.nn.ReLU())
    with torch.no_grad():
        model[0].weight.fill_(1)
    images = torch.zeros(4, 3, 16, 16)
    images[2, :, 9, 4] = 1.0
    images[1, :, 0, 15] = 0.5  # in a corner: the patch stays inside
    patches = units.top_patches(model, images, "relu_1", [0], count=2, size=5)
    assert patches.shape == (1, 2, 3, 5, 5)
    assert patches[0, 0, 0, 2, 2] == 1 and patches[0, 1, 0, 0, 4] == 0.5


def test_unknown_layers_and_other_sizes_are_named(networks, images):
    with pytest.raises(ValueError, match="unknown layer 'relu_33'"):
        pair(*networks, images[:2], "relu_33")
    wide = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Conv2d(3, 4, 1)).eval()
    narrow = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Conv2d(3, 4, 1, 2)).eval()
    with pytest.raises(ValueError, match="1024 positions in a and 256 in b"):
        pair(wide, narrow, images[:2], "1")
