"""Measures are highest for copies, and the bench finds the one that goes with behaviour."""

import numpy as np
import pandas as pd
import pytest
import torch

from paradoxlib import data, measure_bench, measures, models, paradox, sisters, training

STATE = dict(models.build("resnet20", generator=data.generator(1)).state_dict())
OTHER = dict(models.build("resnet20", generator=data.generator(2)).state_dict())


@pytest.mark.parametrize(("function", "same", "strangers"), [(measures.cosine, 1, 0), (measures.closeness, 0, -(2**0.5))])
def test_measures_of_kernels(function, same, strangers):
    assert function(STATE, STATE) == pytest.approx(same) and function(STATE, OTHER) == pytest.approx(strangers, abs=0.05)


def test_statistics_see_what_the_kernels_do_not():
    moved = {name: value + 1 if name.endswith("running_mean") else value for name, value in STATE.items()}
    assert measures.statistics(STATE, STATE) == 0 and measures.statistics(STATE, moved) == pytest.approx(-1)  # one standard deviation


def test_all_measures_of_a_study(tiny, monkeypatch):
    monkeypatch.setattr(sisters, "IMAGES", 20)
    training.train_all(tiny)
    table = measure_bench.values(tiny)
    assert table[["a", "b"]].to_numpy().tolist() == [["A", "B"], ["A", "C"], ["B", "C"]]
    assert table[list(measures.MEASURES)].notna().all().all()
    related, strangers = table.iloc[0], table.iloc[1]
    for name in measures.MEASURES:
        if "predictions" not in name and "consistency" not in name and "statistics" not in name:
            assert related[name] > strangers[name], name
    assert strangers["whole network matched by weight"] > strangers["kernel correlation, index to index"]
    assert abs(strangers["kernel correlation above chance"]) < 0.1 and related["kernel correlation above chance"] > 0.9


def test_the_fast_way_to_all_pairs_gives_each_pair_s_value(tiny, monkeypatch):
    monkeypatch.setattr(sisters, "IMAGES", 30)  # all of them
    networks, _ = sisters.shown(tiny)
    for name, measure in measures.MEASURES.items():
        if measure.matrix:
            one = measure.pair(networks["A"], networks["C"], tiny)
            assert measure.matrix(tiny).loc["A", "C"] == pytest.approx(one, abs=1e-6), name


def test_chance_is_below_what_relatives_score(tiny, monkeypatch):
    monkeypatch.setattr(sisters, "IMAGES", 30)
    table, costs = measure_bench.values(tiny).iloc[0], measure_bench.costs(tiny).set_index("measure")
    assert list(costs.index) == list(measures.MEASURES) and (costs["seconds"] > 0).all()
    for name, level in costs["chance"].items():
        if "predictions" not in name and "consistency" not in name:
            assert level < table[name], name


def test_error_consistency_is_0_for_independent_errors(tiny, monkeypatch):
    source, n = torch.Generator().manual_seed(0), 20_000
    labels = torch.zeros(n, dtype=torch.int64)
    right = {name: torch.rand(len(tiny.conditions), n, generator=source) < 0.7 for name in "AB"}
    predicted = {name: (~value).to(torch.int16) for name, value in right.items()} | {"C": (~right["A"]).to(torch.int16)}
    monkeypatch.setattr(measures.evaluation, "predictions", lambda study: predicted)
    monkeypatch.setattr(type(tiny), "images", lambda self, split: type("Images", (), {"labels": labels}))
    table = measures.consistency(tiny, clean=False, chance_corrected=True)
    assert abs(table.loc["A", "B"]) < 0.02 and table.loc["A", "C"] == pytest.approx(1)
    assert measures.consistency(tiny, clean=False, chance_corrected=False).loc["A", "B"] == pytest.approx(0.58, abs=0.01)


def test_the_bench_finds_the_measure_that_goes_with_behaviour(tiny):
    names, source = [f"N{i}" for i in range(12)], np.random.default_rng(0)
    study = tiny.model_copy(update={"networks": dict.fromkeys(names, tiny.networks["A"])})
    study.__dict__["family_of"] = {name: f"N{i // 2 * 2}" for i, name in enumerate(names)}
    pairs = pd.DataFrame([(a, b) for i, a in enumerate(names) for b in names[i + 1 :]], columns=["a", "b"])
    pairs["compatibility"] = source.normal(size=len(pairs))
    pairs["good"], pairs["bad"] = pairs["compatibility"] ** 3, source.normal(size=len(pairs))
    table = measure_bench.score(study, pairs, ["good", "bad"]).set_index(["measure", "pairs"])
    assert np.allclose(table.loc["good", ["rho", "chosen", "reported"]], 1) and table.loc[("good", "all pairs"), "p"] < 0.01
    assert abs(table.loc[("bad", "all pairs"), "rho"]) < 0.4 and table.loc[("good", "within families"), "n"] == 6
    few = measure_bench.score(study, pairs[:2], ["good"])
    assert few["n"].max() == 2 and few["rho"].isna().all()
    one, other = measure_bench.halves(study, names)
    assert not one & other and one | other == set(names) and {study.family_of[n] for n in one}.isdisjoint({study.family_of[n] for n in other})
    assert list(table.index.get_level_values("pairs")[:3]) == list(paradox.PAIRS)
