"""Predictions are as they were committed; verdicts follow from their bounds."""

import numpy as np
import pandas as pd
import pytest

from paradoxlib import controls
from paradoxlib.controls import expectations
from paradoxlib.studies import study


@pytest.mark.parametrize(
    ("value", "n", "verdict"),
    [
        (0.9, 3, "as predicted"),
        (1.0, 3, "as predicted"),
        (0.8, 3, "neither"),
        (0.7, 3, "neither"),
        (0.69, 3, "refuted"),
        (np.nan, 0, "not run"),
    ],
)
def test_verdicts(value, n, verdict):
    row = pd.Series({"median": value, "n": n, "low": 0.9, "high": 1, "refuted_below": 0.7})
    assert expectations.weigh(row.reindex([*row.index, "refuted_above"])) == verdict


def test_an_upper_bound_alone():
    row = {"n": 3, "low": np.nan, "high": 0.5, "refuted_below": np.nan, "refuted_above": 0.7}
    verdicts = [expectations.weigh(pd.Series(row | {"median": x})) for x in (-1, 0.5, 0.6, 0.71)]
    assert verdicts == ["as predicted", "as predicted", "neither", "refuted"]


def test_each_prediction_is_of_networks_that_are_there():
    for row in pd.read_csv(expectations.PREDICTIONS, dtype={"rate": str}).itertuples():
        assert row.quantity in expectations.QUANTITIES and row.study in controls.CONTROLS
        if row.child != expectations.STRANGERS:
            assert f"A1-{row.child}-{row.rate}" in study.load(row.study).networks


def test_without_results_nothing_is_judged(tiny, monkeypatch):
    monkeypatch.setattr(expectations, "is_there", lambda *_: False)
    judged = controls.judge(tiny)
    assert set(judged["verdict"]) == {"not run"} and set(judged["n"]) == {0}
    assert controls.missing(tiny) == list(controls.CONTROLS)
    assert controls.side_by_side(tiny, controls.control_children).empty


def test_medians_over_clean_founders(tiny, monkeypatch):
    names = ["A1-noise-5", "A2-noise-5", "A3-noise-5", "B1-noise-5", "A1-noise-4"]
    values = pd.DataFrame({"child": names, "compatibility": [0.1, 0.3, 0.9, 0.0, 0.0]})
    table = expectations.QUANTITIES["compatibility"]._replace(table=lambda session: values)
    monkeypatch.setitem(expectations.QUANTITIES, "compatibility", table)
    monkeypatch.setattr(expectations, "is_there", lambda *_: True)
    row = {"study": "controls", "quantity": "compatibility", "child": "noise", "rate": "5"}
    assert expectations.measure(tiny, pd.Series(row)) == (0.3, 0.1, 0.9, 3)


def test_the_least_compatible_of_nearly_identical_pairs():
    children = pd.DataFrame(
        {
            "norm": ["batch norm"] * 4,
            "rate": ["1e-5", "1e-5", "1e-5", "own"],
            "child": list("wxyz"),
            "similarity": [0.99, 0.999, 0.9, 0.5],
            "compatibility": [0.5, 0.2, 0.0, 0.0],
        }
    ).assign(low=0.0, high=1.0, profile_distance=0.1)
    least = controls.least_compatible(children)
    assert least["child"].tolist() == ["x"] and least["of"].tolist() == [2]
