"""The sister works' tables are made from a study's networks once, and agree with what their parts say."""

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import TINY

from paradoxlib import paths, sisters, training, units, weights


@pytest.fixture
def study(tiny, monkeypatch):
    monkeypatch.setattr(sisters, "IMAGES", 20)
    monkeypatch.setattr(sisters, "SAMPLES", 2000)
    return tiny


def test_places_name_convolutions_and_blocks(study):
    networks, images = sisters.shown(study)
    where = sisters.places(networks["A"], images)
    assert list(where)[:4] == ["conv1", "res2a_branch2a", "res2a", "res2b_branch2a"] and len(where) == 19
    assert where["res2a"] == "relu_3" and list(where)[-1] == "res4c"


def test_examples_are_a_child_and_the_founders_that_differ_least(study):
    assert sisters.examples(study) == {"parent and child": ("A", "B"), "strangers": ("A", "C")}


def test_all_pairs_are_matched_once(study):
    table = sisters.unit_matches(study)
    assert table.groupby(["a", "b"], sort=False).size().to_dict() == {("A", "B"): 19, ("A", "C"): 19, ("B", "C"): 19, ("C", "chance"): 19}
    assert table.groupby("relation")["matching"].mean()["parent and child"] > 0.9  # the child has hardly moved
    assert table.groupby("relation")["by_weight"].mean()["parent and child"] > 0.9
    assert (table["matching"] <= table["semi_matching"] + 1e-12).all()
    assert table[table["relation"] == "chance"]["by_weight"].isna().all()
    pd.testing.assert_frame_equal(table, sisters.unit_matches(study))


def test_layers_and_patches_are_kept_for_a_reader_without_data(study, monkeypatch):
    layers, patches = sisters.unit_layers(study)
    monkeypatch.setattr(sisters, "shown", None)  # not needed again
    again, pictures = sisters.unit_layers(study)
    assert {relation for relation, _ in layers} == {"parent and child", "strangers"} and len(layers) == 6
    for place, layer in layers.items():
        assert all(np.array_equal(x, y, equal_nan=True) for x, y in zip(layer, again[place], strict=True))
    assert {(place, name): value.shape for (place, name), value in patches.items()}["conv1", "A"][1:] == (9, 3, 11, 11)
    assert patches.keys() == pictures.keys()


def test_dead_units_are_kept_as_such(study):
    training.train_all(study)
    path = paths.weights(study.name, "A")
    state, about = weights.read(path)
    state["bn_conv1.weight"][3], state["bn_conv1.bias"][3] = 0, -1
    weights.write(path, state, about)
    layers, _ = sisters.unit_layers(study)
    assert np.isnan(layers["strangers", "conv1"].between[3]).all() and np.isfinite(layers["strangers", "conv1"].between[2]).any()
    table = sisters.unit_matches(study).query("a == 'A' and layer == 'conv1'")
    assert (table["dead_a"] >= 1).all() and table["matching"].notna().all()


def test_information_finds_the_partners_of_a_child(study):
    table = sisters.unit_information(study)
    means = table.groupby("relation")[["semi_matching", "matching"]].mean()
    assert len(table) == 6 and means.loc["parent and child", "matching"] > 0.7
    assert (means.loc["parent and child"] >= means.loc["strangers"]).all() and table["units"].max() <= 64


def test_same_partners_of_a_permuted_network():
    layer, order = torch.randn(16, 27, generator=torch.Generator().manual_seed(0)), np.random.default_rng(0).permutation(16)
    one = units.Layer(*[np.zeros(16)] * 4, np.eye(16), np.eye(16), np.eye(16)[:, order], 100)
    assert sisters.same_partners(one, layer, layer[order]) == 1
    assert sisters.same_partners(one, layer, layer) < 0.5


def test_cka_of_a_network_with_itself_and_of_relatives(study, monkeypatch):
    layers = sisters.cka_layers(study)
    assert {relation for relation, _ in layers} == {"itself", "parent and child", "strangers"} and len(layers) == 6
    table = layers["itself", "clean"]
    assert np.allclose(np.diag(table), 1, atol=1e-6) and np.allclose(table, table.T, atol=1e-6)
    shares = sisters.first_components(study)
    assert shares["share"].between(0, 1 + 1e-12).all() and list(shares["network"].unique()) == ["A", "B", "C"]
    monkeypatch.setattr(sisters, "shown", None)
    assert all(value.equals(layers[name]) for name, value in sisters.cka_layers(study).items())


def test_cka_of_the_same_layer_is_near_0_by_chance(study):
    means = sisters.cka_pairs(study).query("condition == 'clean'").groupby("relation")["cka"].mean()
    assert means["parent and child"] > 0.9 > means["strangers"] > means["chance"] and abs(means["chance"]) < means["strangers"] / 2


def test_depths_are_compared_with_the_first(study, monkeypatch, home):
    (home / "deeper.yaml").write_text(TINY.replace("name: tiny", "name: deeper").replace("A: {seed: 1}", "A: {seed: 9}"))
    monkeypatch.setattr(sisters, "DEEPER", (str(home / "deeper.yaml"),))
    depths = sisters.cka_depths(study)
    assert list(depths) == ["tiny", "deeper"] and depths["tiny"].shape == depths["deeper"].shape
    assert np.allclose(np.diag(depths["tiny"]), 1, atol=1e-2) and np.diag(depths["deeper"]).mean() < 0.99
    parts = sisters.depth_components(study)
    assert list(parts["network"].unique()) == ["tiny", "deeper"] and parts["share"].between(0, 1 + 1e-12).all()
    monkeypatch.setattr(sisters, "depths", None)
    assert sisters.cka_depths(study)["deeper"].equals(depths["deeper"])
