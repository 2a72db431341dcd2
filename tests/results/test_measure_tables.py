"""Measures are highest for relatives, and the bench finds the one that goes with behaviour."""

from types import SimpleNamespace

import pytest
import torch

from paradoxlib import results
from paradoxlib.results import measure_tables
from paradoxlib.studies import comparing, predicting, sessions

OF_KERNELS = "kernel correlation above chance"


def test_all_measures_of_a_study(tiny_trained, monkeypatch):
    monkeypatch.setattr(comparing, "IMAGES", 20)
    table = results.measure_values(tiny_trained)
    assert table[["a", "b"]].to_numpy().tolist() == [["A", "B"], ["A", "C"], ["B", "C"]]
    assert table[list(results.MEASURES)].notna().all().all()
    related, strangers = table.iloc[0], table.iloc[1]
    for name in results.MEASURES:
        if "predictions" not in name and "consistency" not in name and "statistics" not in name:
            assert related[name] > strangers[name], name
    matched = strangers["whole network matched by weight"]
    assert matched > strangers["kernel correlation, index to index"]
    assert abs(strangers[OF_KERNELS]) < 0.1 and related[OF_KERNELS] > 0.9


def test_the_fast_way_to_all_pairs_gives_each_pair_s_value(tiny_trained, monkeypatch):
    monkeypatch.setattr(comparing, "IMAGES", 30)  # all of them
    networks = comparing.compared(tiny_trained)
    for name, measure in results.MEASURES.items():
        if measure.matrix:
            one = measure.pair(networks["A"], networks["C"], tiny_trained)
            all_pairs = measure.matrix(tiny_trained)
            assert all_pairs.loc["A", "C"] == pytest.approx(one, abs=1e-6), name


def test_chance_is_below_what_relatives_score(tiny_trained, monkeypatch):
    monkeypatch.setattr(comparing, "IMAGES", 30)
    related = results.measure_values(tiny_trained).iloc[0]
    costs = measure_tables.measure_costs(tiny_trained).set_index("measure")
    assert list(costs.index) == list(results.MEASURES) and (costs["seconds"] > 0).all()
    for name, level in costs["chance"].items():
        if "predictions" not in name and "consistency" not in name:
            assert level < related[name], name


def test_error_consistency_is_0_for_independent_errors(tiny, monkeypatch):
    source, n = torch.Generator().manual_seed(0), 20_000
    labels = torch.zeros(n, dtype=torch.int64)
    shape = len(tiny.study.conditions), n
    right = {name: torch.rand(shape, generator=source) < 0.7 for name in "AB"}
    right["C"] = right["A"]
    predicted = {name: (~value).to(torch.int16) for name, value in right.items()}
    monkeypatch.setattr(predicting, "predict_study", lambda session: predicted)
    shown = SimpleNamespace(labels=labels)
    monkeypatch.setattr(sessions.Session, "images", lambda session, split: shown)
    consistency = results.MEASURES["error consistency, distorted"].matrix(tiny)
    assert abs(consistency.loc["A", "B"]) < 0.02
    assert consistency.loc["A", "C"] == pytest.approx(1)
    equal = results.MEASURES["equal predictions, distorted"].matrix(tiny)
    assert equal.loc["A", "B"] == pytest.approx(0.58, abs=0.01)
