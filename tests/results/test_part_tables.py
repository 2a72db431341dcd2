"""Exchanges of parts end at the donor, shares add up, and identical kernels are identical."""

import numpy as np
import pytest
import torch

from paradoxlib import results, seeds
from paradoxlib.behaviour import predictions
from paradoxlib.images import augmentation
from paradoxlib.networks import surgery
from paradoxlib.results import part_tables
from paradoxlib.studies import comparing, trained


def test_exchanges_of_a_study_end_at_the_donor(tiny_trained, monkeypatch):
    table = part_tables.evaluate_exchanges(tiny_trained, "A", "C")
    shares = part_tables.evaluate_shares(tiny_trained, "A", "C")
    assert len(table) == 32 and table["recovered"].iloc[:2].tolist() == pytest.approx([0, 1])
    assert shares["recovered"].sum() == pytest.approx(1)
    gain = table["visual_intelligence"].iloc[1] - table["visual_intelligence"].iloc[0]
    assert shares["visual_intelligence"].sum() == pytest.approx(gain)
    monkeypatch.setattr(predictions, "predict_conditions", None)  # nothing is evaluated twice
    assert part_tables.evaluate_exchanges(tiny_trained, "A", "C").equals(table)


def test_statistics_of_single_layers(tiny_trained):
    table = part_tables.evaluate_layer_statistics(tiny_trained, "A", "C")
    assert len(table) == 19 and "res3a_branch1" not in set(table["layer"])
    assert (table["low"] <= table["high"]).all() and table["recovered"].notna().all()


def test_re_estimated_statistics_change_nothing_that_was_learned(tiny_trained):
    old = trained.load_network(tiny_trained.study, "A").state_dict()
    new = comparing.reestimate_as(tiny_trained, "A", "B", count=48)
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed == {name for name in old if "running" in name} and new.keys() == old.keys()
    table = part_tables.evaluate_identical_kernels(tiny_trained, "A", "B")
    assert table["network"].tolist() == ["A", "A re-estimated", "B"] and table.shape == (3, 10)


def test_re_estimated_statistics_are_those_of_the_images(tiny_trained):
    model, settings = trained.load_network(tiny_trained.study, "A"), tiny_trained.study.network("A")
    state, train = (
        comparing.reestimate_as(tiny_trained, "A", "A", 30),
        tiny_trained.images("train").first(30),
    )
    source = seeds.generator(settings.seed, "statistics")
    seen = augmentation.augment(train.pixels, tiny_trained.study.data, settings, source)
    with torch.no_grad():
        output = model.conv("conv1", (seen - model.mean) / model.std)
    assert torch.allclose(state["bn_conv1.running_mean"], output.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(state["bn_conv1.running_var"], output.var((0, 2, 3)), rtol=1e-4)


def test_tables_of_all_children(tiny_trained):
    every, parts = results.exchanges(tiny_trained), results.exchange_shares(tiny_trained)
    assert len(every) == 32 and set(parts["part"]) == set(surgery.NETWORK_PARTS)
    assert (parts[["parent", "child"]] == ["A", "B"]).all().all()
    alone = results.identical_pairs(tiny_trained)
    assert alone[["a", "b"]].to_numpy().tolist() == [["A", "B"]]
    with_parent = every["with_recipient"].iloc[1:2].to_numpy()
    assert np.allclose(alone["trained"], with_parent, equal_nan=True)
    assert len(results.statistics_by_layer(tiny_trained)) == 19
    assert results.identical_kernels(tiny_trained)["network"].tolist() == [
        "A",
        "A re-estimated",
        "B",
    ]
