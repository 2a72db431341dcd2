"""Unit statistics agree with NumPy, matchings recover a permutation, clusters planted groups."""

import numpy as np
import pytest
import torch
from sklearn.metrics import mutual_info_score

from paradoxlib import seeds
from paradoxlib.images import data
from paradoxlib.networks import activations, models
from paradoxlib.similarity import unit_samples, units

LAYER = "relu_3"


@pytest.fixture
def networks():
    return [models.build("resnet20", generator=seeds.generator(name)).eval() for name in "ab"]


def pair(a, b, images, layer=LAYER, **settings):
    return units.correlations({"a": a, "b": b}, images, [layer], **settings)[layer].pair("a", "b")


@pytest.fixture
def images():
    return data.load("digits", "test").first(23).pixels.float() / 255


def test_statistics_in_one_pass_are_those_of_all_samples_at_once(networks, images):
    layer = pair(*networks, images, batch_size=7)
    a, b = (
        unit_samples.by_unit(activations.record(model, images)[LAYER]).double().numpy()
        for model in networks
    )
    assert layer.samples == len(a) == 23 * 32 * 32
    assert np.allclose(layer.mean_a, a.mean(0)) and np.allclose(layer.sd_b, b.std(0))
    expected = np.corrcoef(a.T, b.T)
    assert np.allclose(layer.within_a, expected[:16, :16])
    assert np.allclose(layer.within_b, expected[16:, 16:])
    assert np.allclose(layer.between, expected[:16, 16:])


def test_any_number_of_networks_side_by_side(networks, images):
    several = {"a": networks[0], "b": networks[1], "c": networks[0]}
    found = units.correlations(several, images, [LAYER])[LAYER]
    two = pair(*networks, images)
    assert all(
        np.allclose(x, y, equal_nan=True) for x, y in zip(found.pair("a", "b"), two, strict=True)
    )
    alive = ~np.isnan(found.pair("a", "c").between.diagonal())
    assert alive.any() and np.allclose(found.pair("a", "c").between.diagonal()[alive], 1)


def test_a_dead_unit_has_no_partner(networks, images):
    with torch.no_grad():
        networks[0].bn2a_branch2b.weight.zero_()
        networks[0].res2a_branch2a.bias.zero_()
        networks[0].bn_conv1.weight[3] = 0
        networks[0].bn_conv1.bias[3] = -1  # unit 3 is 0 behind the ReLU and behind the addition
    layer = pair(*networks, images)
    dead_a, dead_b = (  # an untrained network has some of its own
        (unit_samples.by_unit(activations.record(model, images)[LAYER]).std(0) == 0).numpy()
        for model in networks
    )
    assert dead_a[3] and not dead_a.all()
    assert (np.isnan(layer.between) == (dead_a[:, None] | dead_b)).all()
    for find in (units.semi_match, units.match):
        partners, values = find(layer.between)
        assert partners[3] == -1 and np.isnan(values[3])
        assert not dead_b[partners[partners >= 0]].any()
    table = units.match_table({LAYER: layer})
    assert table.loc[LAYER, ["dead_a", "dead_b"]].tolist() == [dead_a.sum(), dead_b.sum()]
    labels = units.spectral_clusters(layer, 4)
    assert ((labels[0] == -1) == dead_a).all() and ((labels[1] == -1) == dead_b).all()


def test_matchings_recover_a_permutation(networks, images):
    layer = pair(networks[0], networks[0], images)
    order = torch.randperm(16, generator=seeds.generator(1)).numpy()
    shuffled = layer.between[:, order]
    for find in (units.semi_match, units.match):
        partners, values = find(shuffled)
        assert (order[partners] == np.arange(16)).all() and np.allclose(values, 1)
    assert units.match_table({LAYER: layer})["overlap"].item() == 1


def test_matching_is_one_to_one_and_never_above_semi_matching():
    table = np.random.default_rng(1).random((9, 9))
    (_, loose), (partners, strict) = units.semi_match(table), units.match(table)
    assert len(set(partners)) == 9 and strict.sum() <= loose.sum() and (loose >= strict).all()


def test_a_table_of_matches_says_what_its_columns_mean():
    between = np.array([[0.9, 0.3, np.nan], [0.8, 0.1, np.nan], [np.nan] * 3])
    within, sd = np.diag([1.0, 1.0, np.nan]), np.ones(3)
    means = np.array([0.0, 3.0, 0.0]), np.array([5.0, 1.0, 1.0])
    layer = units.Layer(*means, sd, sd, within, within, between, 10)
    row = units.match_table({"one": layer}).loc["one"]
    assert row["semi_matching"] == pytest.approx(0.85)  # both take the first unit
    assert row["matching"] == pytest.approx(0.55)  # .8 and .3, more than .9 and .1
    assert row["overlap"] == 0.5 and row[["units", "dead_a", "dead_b"]].tolist() == [3, 1, 1]
    assert row["spread"] == pytest.approx((2**0.5 + (32 / 9) ** 0.5) / 2)
    assert row["distance"] == pytest.approx(((1 + 1 + 4) / 3) ** 0.5)
    narrower = layer._replace(mean_b=np.zeros(2))
    assert np.isnan(units.match_table({"one": narrower}).loc["one", "distance"])


def test_best_and_worst_units_come_with_their_partners():
    between = np.array([[0.1, 0.2], [0.9, 0.3], [np.nan, np.nan], [0.0, 0.7], [0.5, 0.4]])
    assert units.best_and_worst(between, 1) == ([1, 0], [0, 1])
    assert units.best_and_worst(between, 9) == ([1, 3, 4, 0], [0, 1, 0, 1])  # without the dead one


def test_mutual_information_is_that_of_the_same_bins():
    source = torch.Generator().manual_seed(2)
    a = torch.randn(3000, 2, generator=source).clamp(min=0)
    b = torch.stack([a[:, 0] ** 2, torch.randn(3000, generator=source)], 1)
    table = unit_samples.mutual_information(a, b)
    coded = [unit_samples.codes(values) for values in (a, b)]
    for i in range(2):
        for j in range(2):
            expected = mutual_info_score(coded[0][i], coded[1][j])
            assert table[i, j] == pytest.approx(expected, abs=1e-9)
    assert table[0, 0] > 1 and table[1, 1] < 0.1
    assert (coded[0] == 0).mean() == pytest.approx(0.5, abs=0.03)  # a ReLU's zeros share one bin
    used = np.bincount(coded[1][1])
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
    unsplit = units.spectral_clusters(layer, 4, alpha=0.01)
    assert np.unique(unsplit).tolist() == [0, 1, 2, 3]  # units in one place are not split
    with pytest.raises(ValueError, match="k is 40"):
        units.spectral_clusters(layer, 40)


def test_large_clusters_are_split():
    table = np.corrcoef(np.random.default_rng(4).normal(size=(40, 60)))
    layer = units.Layer(*[np.zeros(20)] * 4, table[:20, :20], table[20:, 20:], table[:20, 20:], 60)
    whole, split = (
        np.concatenate(units.spectral_clusters(layer, 3, threshold=0, alpha=alpha))
        for alpha in (1, 0.1)
    )
    assert np.bincount(whole).max() > 4
    assert np.bincount(split).max() <= 4  # at most 2 * .1 * 20 units


def test_unknown_layers_and_other_sizes_are_named(networks, images):
    with pytest.raises(ValueError, match="unknown layer 'relu_33'"):
        pair(*networks, images[:2], "relu_33")
    wide = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Conv2d(3, 4, 1)).eval()
    narrow = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Conv2d(3, 4, 1, 2)).eval()
    with pytest.raises(ValueError, match="1024 positions in a and 256 in b"):
        pair(wide, narrow, images[:2], "1")
