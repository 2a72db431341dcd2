"""The tables of a study's networks: pairs, running statistics, what they see, their CKA."""

import numpy as np
import pytest
import torch

from paradoxlib import results
from paradoxlib.behaviour import predictions
from paradoxlib.images import distortions
from paradoxlib.networks import resnets
from paradoxlib.similarity import kernels
from paradoxlib.studies import comparing, trained


def test_layers_of_pairs_are_those_of_each_pair_and_make_its_similarity(tiny_trained):
    table, states = results.layers_of_pairs(tiny_trained), results.states(tiny_trained)
    assert table[["a", "b"]].to_numpy().tolist() == [["A", "B"], ["A", "C"], ["B", "C"]]
    for row in table.set_index(["a", "b"]).iloc:
        layers = kernels.layer_similarity(*(states[name] for name in row.name))
        assert row.to_dict() == pytest.approx({k: v.mean for k, v in layers.items()}, abs=1e-6)
        assert row.mean() == pytest.approx(kernels.mean_of_layers(layers), abs=1e-6)


def test_running_statistics_summarise_each_batch_norm(tiny_trained):
    table = results.running_statistics(tiny_trained).set_index(["network", "layer"])
    states = results.states(tiny_trained)
    for (network, layer), row in table.iterrows():
        norm, state = resnets.batch_norm_name(layer), states[network]
        means, variances = (state[f"{norm}.running_{what}"].numpy() for what in ("mean", "var"))
        assert row["running_mean"] == pytest.approx(np.sqrt((means**2).mean()), rel=1e-5)
        assert row["running_sd"] == pytest.approx(np.sqrt(variances.mean()), rel=1e-5)


def test_example_predictions_are_those_of_the_distorted_examples(tiny_trained):
    study, images = tiny_trained.study, results.shown_examples(tiny_trained)
    assert len(images) == 8 and len(set(images.labels[:5].tolist())) == 5
    table = results.example_predictions(tiny_trained)
    assert len(table) == 3 * len(study.conditions) * 8
    blurred = distortions.distort(images.pixels.float() / 255, "blur", 1.0)
    for name in study.networks:
        network = trained.load_network(study, name)
        own = table.query("network == @name and distortion == 'blur'")["predicted"]
        assert own.tolist() == predictions.predict(network, blurred).argmax(1).tolist()


def test_examples_of_few_images_a_class_are_taken_in_turn(tiny_trained):
    labels = results.shown_examples(tiny_trained).labels
    counts = torch.bincount(labels)
    assert counts.max() - counts[counts > 0].min() <= 1


@pytest.fixture
def compared(tiny_trained, monkeypatch):
    monkeypatch.setattr(comparing, "IMAGES", 20)
    return tiny_trained


def test_cka_of_a_network_with_itself_and_of_relatives(compared, monkeypatch):
    layers = results.cka_layers(compared)
    relations = {relation for relation, _ in layers}
    assert relations == {"itself", "parent and child", "strangers"} and len(layers) == 6
    table = layers["itself", "clean"]
    assert np.allclose(np.diag(table), 1, atol=1e-6) and np.allclose(table, table.T, atol=1e-6)
    monkeypatch.setattr(comparing, "compared", None)  # not needed again
    assert all(value.equals(layers[name]) for name, value in results.cka_layers(compared).items())


def test_cka_of_the_same_layer_is_near_0_by_chance(compared):
    clean = results.cka_pairs(compared).query("condition == 'clean'")
    means = clean.groupby("relation")["cka"].mean()
    assert means["parent and child"] > 0.9 > means["strangers"] > means["chance"]
    assert abs(means["chance"]) < means["strangers"] / 2
