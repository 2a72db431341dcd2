"""Statements on one sample, judged on another: by rules written out, and on the sample itself."""

import numpy as np
import pandas as pd
import pytest

from paradoxlib import results
from paradoxlib.paper import verdicts
from paradoxlib.population import judging
from paradoxlib.population.judging import Reading
from paradoxlib.studies import sessions
from paradoxlib.studies.study import load

NAN = np.nan


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ((0.3, 0.1, 0.5, NAN), (0.2, 0.05, 0.4, NAN), verdicts.SAME),
        ((0.3, 0.1, 0.5, NAN), (0.2, -0.1, 0.4, 0.01), verdicts.OPEN),  # the interval decides
        ((0.3, 0.1, 0.5, NAN), (0.8, 0.6, 0.9, NAN), verdicts.OTHER_SIZE),
        ((0.3, 0.1, 0.5, NAN), (-0.4, -0.6, -0.2, NAN), verdicts.OPPOSITE),
        ((0.3, NAN, NAN, 0.01), (0.1, NAN, NAN, 0.04), verdicts.SAME),
        ((0.3, NAN, NAN, 0.01), (0.9, NAN, NAN, 0.05), verdicts.OPEN),
        ((0.3, NAN, NAN, 0.01), (-0.1, NAN, NAN, 0.04), verdicts.OPPOSITE),
        ((0.3, NAN, NAN, 0.01), (NAN, NAN, NAN, NAN), verdicts.NOT_TESTABLE),
        ((0.3, NAN, NAN, 0.01), (0.3, NAN, NAN, NAN), verdicts.OPEN),
    ],
)
def test_a_statement_is_judged_by_its_interval_or_else_by_its_p(first, second, verdict):
    assert judging.judge_reading(Reading(*first, 9), Reading(*second, 9), turns_at=0) == verdict


def test_extremes_are_of_nearly_identical_relatives_and_of_strangers(monkeypatch):
    rows = [
        ("strangers", 0.1, 0.9),
        ("strangers", 0.2, 0.7),
        ("strangers", 0.99, NAN),
        ("parent and child", 0.999, 0.4),
        ("same family", 0.99, 0.2),
        ("same family", 0.9, -0.5),  # not nearly identical
    ]
    made = pd.DataFrame(rows, columns=["relation", "similarity", "compatibility"])
    made["low"], made["high"] = made["compatibility"] - 0.1, made["compatibility"] + 0.1
    for known, least in ((made, 0.2), (made.iloc[[0, 1, 2, 5]], NAN)):
        monkeypatch.setattr(judging, "pairs", lambda session, known=known: known.copy())
        assert judging.extreme_pair(None, relatives=False)[::4] == (0.9, 2)
        found = judging.extreme_pair(None, relatives=True)
        assert found.value == pytest.approx(least, nan_ok=True)
        assert found.n == (0 if np.isnan(least) else 2)


def test_families_count_once_however_many_children_they_have():
    session = sessions.start("population-sample")
    family_of = session.study.family_of
    children = [name for name, parent in session.study.parents.items() if parent]
    of_first = [float(family_of[child] == family_of[children[0]]) for child in children]
    values = pd.DataFrame({"child": children, "share": of_first})
    found = judging.over_families(session, values, "share")
    assert found.value == pytest.approx(1 / found.n) and found.low <= found.value <= found.high


def test_every_statement_can_be_read_of_the_first_sample():
    session = sessions.start(judging.FIRST_SAMPLE)
    assert len({one.text for one in judging.SAID}) == len(judging.SAID)
    for one in judging.SAID:
        found = one.read(session)
        certain = found.p < judging.SIGNIFICANT
        if not np.isnan(found.low):
            assert found.low <= found.value <= found.high
            certain = not found.low < one.turns_at < found.high
        verdict = verdicts.SAME if certain else verdicts.OPEN
        assert judging.judge_reading(found, found, one.turns_at) == verdict, one.text


def test_the_table_has_both_samples_and_verdicts(monkeypatch):
    said = [one for one in judging.SAID if one.read is judging.inside_families]
    monkeypatch.setattr(judging, "SAID", said)
    monkeypatch.setattr(judging, "readings", judging.readings.__wrapped__)
    session = sessions.start(judging.FIRST_SAMPLE)
    (row,) = judging.other_families.__wrapped__(session).to_dict("records")
    assert (row["first"], row["first_p"], row["first_n"]) == (row["value"], row["p"], row["n"])
    rows = results.correspondences(session).query("definition == 'distortions'").set_index("pairs")
    assert row["value"] == rows.loc["inside each family", "rho"] and np.isnan(row["low"])
    assert row["verdict"] == verdicts.SAME and row["turns_at"] == 0


def test_what_was_said_was_said_of_other_families():
    first, behind = load(judging.FIRST_SAMPLE), load("population-behind")
    assert not first.families.keys() & behind.families.keys()
    assert first.evaluation == behind.evaluation and first.data == behind.data


def test_of_all_families_the_readings_cover_those_of_both_studies():
    every = sessions.start("population")
    whole, *parts = (judging.readings(one).set_index("statement") for one in (every, *every.parts))
    together = sum(part["n"] for part in parts)
    within = whole.index.str.contains("relatives|family|So they do|Such|Running")
    assert (whole["n"] == together)[within].all() and within.sum() == 7
    kinds = results.pairs(every)["relation"].value_counts()
    assert kinds.sum() == 329 * 328 / 2 and whole["n"].iloc[0] == kinds["strangers"]
    for extreme, best in (("Some strangers", max), ("Some nearly", min)):
        (statement,) = whole.index[whole.index.str.startswith(extreme)]
        found = best(part.loc[statement, "value"] for part in parts)
        assert best(whole.loc[statement, "value"], found) == whole.loc[statement, "value"]
