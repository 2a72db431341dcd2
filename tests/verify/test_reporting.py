"""The report says of each quantity whether it agrees with what is expected, and why not."""

import numpy as np
import pandas as pd
import pytest

from paradoxlib import paths
from paradoxlib.verify import expected, reporting


def quantities(**values):
    rows = [
        (name, *value) if isinstance(value, tuple) else (name, value, "")
        for name, value in values.items()
    ]
    return pd.DataFrame(rows, columns=["quantity", "value", "verdict"])


def compare(found, *trainings):
    table = expected.summarise_trainings(trainings).set_index("quantity")
    return reporting.compare_quantities(found, table)


def test_each_quantity_is_judged():
    known = quantities(
        near=0.5, far=0.5, turned=(1.0, "holds"), nowhere=1.0, none=np.nan, same=np.inf
    )
    found = quantities(
        near=0.501, far=0.51, turned=(1.0, "fails"), new=3.0, none=np.nan, same=np.inf
    )
    assert compare(found, known)["result"].to_dict() == {
        "near": "agrees",
        "far": "DIFFERS",
        "turned": "DIFFERS",
        "nowhere": "not computed yet",
        "none": "agrees",
        "same": "agrees",
        "new": "not expected",
    }


def test_a_verdict_that_varies_is_neither_stated_nor_judged():
    trainings = [quantities(gap=(x, y)) for x, y in ((0.1, "holds"), (0.2, "open"), (0.15, "open"))]
    row = compare(quantities(gap=(0.16, "fails")), *trainings).loc["gap"]
    assert (row["result"], row["verdict"]) == ("agrees", expected.VARIES)
    assert row["low"] < 0.1 and row["high"] > 0.2


def test_pairs_that_only_some_trainings_have_may_be_missing():
    trainings = [quantities(gap=(x, y)) for x, y in ((0.1, "holds"), (np.nan, "no such pair"))]
    found = quantities(gap=(np.nan, "no such pair"))
    assert compare(found, *trainings).loc["gap", "result"] == "agrees"
    assert compare(found, trainings[0]).loc["gap", "result"] == "DIFFERS"


@pytest.mark.parametrize("count", [1, 3])
def test_the_report(tiny, tmp_path, monkeypatch, count):
    monkeypatch.setattr(paths, "expected_file", lambda study: tmp_path / "expected.csv")
    report = reporting.report(tiny.study)
    assert report.differing == 0 and len(report.lines) == 1
    assert report.lines[0].endswith("there are no expected values to compare its results with.")
    trainings = [quantities(gap=(0.1 + i / 100, "holds"), other=1.0) for i in range(count)]
    expected.write_expected(tiny.study, expected.summarise_trainings(trainings))
    found = quantities(gap=(0.1, "holds"), other=2.0)
    monkeypatch.setattr(expected, "quantities", lambda study: found)
    lines, differing = reporting.report(tiny.study)
    source = "the mean of 3 trainings" if count > 1 else "what was published"
    assert lines[0] == f"Reproduction of {tiny.study.title}; expected is {source}."
    assert ("low" in lines[1]) == (count > 1)
    assert lines[2].endswith("agrees, holds") and lines[3].endswith("DIFFERS")
    assert differing == 1 and lines[-1].startswith("1 of 2 agree to within ")
    assert all(len(line) < 150 for line in lines)
