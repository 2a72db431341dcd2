"""Measures are highest for relatives, and the bench finds the one that goes with behaviour."""

import pytest
import torch

from paradoxlib import results
from paradoxlib.measures import views
from paradoxlib.results import measure_tables
from paradoxlib.studies import comparing

OF_KERNELS = "kernel correlation above chance"


def test_all_measures_of_a_study(tiny_trained, monkeypatch):
    monkeypatch.setattr(comparing, "IMAGES", 30)  # all of them
    table = results.measure_values(tiny_trained)
    assert table[["a", "b"]].to_numpy().tolist() == [["A", "B"], ["A", "C"], ["B", "C"]]
    related, strangers = table.iloc[0], table.iloc[1]
    for name, measure in results.MEASURES.items():
        if measure.needs == "weights" and "statistics" not in name:
            assert related[name] > strangers[name], name
    matched = strangers["whole network matched by weight"]
    assert matched > strangers["kernel correlation, index to index"]
    assert abs(strangers[OF_KERNELS]) < 0.1 and related[OF_KERNELS] > 0.9
    costs = measure_tables.measure_costs(tiny_trained).set_index("measure")
    assert list(costs.index) == list(results.MEASURES) and (costs["seconds"] > 0).all()
    for name, level in costs["chance"].items():
        if results.MEASURES[name].needs == "weights":
            assert level < related[name], name


@pytest.mark.parametrize(
    "name", [*measure_tables.ALIGNED, *measure_tables.OF_LAYERS, measure_tables.MATCHED]
)
def test_the_fast_way_to_all_pairs_gives_each_pair_s_value(tiny_trained, monkeypatch, name):
    monkeypatch.setattr(comparing, "IMAGES", 30)  # all of them
    seen = measure_tables.views_of(
        tiny_trained, comparing.compared(tiny_trained), measure_tables.shown_to(tiny_trained)
    )
    one = results.MEASURES[name].pair(seen["A"], seen["C"])
    all_pairs = measure_tables.measure_matrix(tiny_trained, name, seen)
    assert all_pairs.loc["A", "C"] == pytest.approx(one, abs=1e-6), name


def test_error_consistency_is_0_for_independent_errors():
    source, n = torch.Generator().manual_seed(0), 20_000
    labels = torch.zeros(n, dtype=torch.int64)
    right = {name: torch.rand((3, n), generator=source) < 0.7 for name in "AB"}

    def view(name):
        return views.View(None, views.Stimuli({}, labels), lambda _: (~right[name]).to(torch.int16))

    consistency = results.MEASURES["error consistency, distorted"]
    assert abs(consistency.pair(view("A"), view("B"))) < 0.02
    assert consistency.pair(view("A"), view("A")) == 1


def test_measures_of_features_are_grounded_on_founders(tiny_trained):
    table = results.measure_grounding(tiny_trained)
    assert list(table["measure"].unique()) == list(measure_tables.GROUNDED)
    assert list(table["test"].unique()) == ["specificity", "sensitivity"]
    defined = table.dropna(subset=["value"])
    assert ((defined["low"] <= defined["value"]) & (defined["value"] <= defined["high"])).all()
    assert table.loc[table["test"] == "specificity", "value"].between(0, 1).all()


def test_a_bench_that_was_stopped_computes_the_rest(tiny_trained, monkeypatch):
    names = ["kernel correlation, index to index", "cosine of the kernels"]
    networks = comparing.compared(tiny_trained)
    shown = measure_tables.shown_to(tiny_trained)
    known = measure_tables.measure_matrix

    def stopped(session, name, *rest):
        if name == names[1]:
            raise KeyboardInterrupt
        return known(session, name, *rest)

    monkeypatch.setattr(measure_tables, "measure_matrix", stopped)
    with pytest.raises(KeyboardInterrupt):
        measure_tables.tabulate_measures(tiny_trained, names, networks, shown)
    asked = []
    monkeypatch.setattr(
        measure_tables, "measure_matrix", lambda *given: asked.append(given[1]) or known(*given)
    )
    table = measure_tables.tabulate_measures(tiny_trained, names, networks, shown)
    assert asked == names[1:] and table[names].notna().all(axis=None)
