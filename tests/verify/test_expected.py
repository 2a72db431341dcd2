"""Expected values come from trainings, and say how far one more may be off."""

import shutil

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from paradoxlib import keep, paths, results
from paradoxlib.verify import expected


def training(value, verdict="holds", name="gap"):
    rows = [(name, value, verdict), ("Mean accuracy", value / 2, "")]
    return pd.DataFrame(rows, columns=["quantity", "value", "verdict"])


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder for expected values."""
    monkeypatch.setattr(paths, "expected_file", lambda study: tmp_path / f"expected_{study}.csv")


def test_quantities_are_read_from_the_tables_that_are_there(tiny_computed, home):
    study = tiny_computed.study
    claims = results.claims(tiny_computed)
    found = expected.quantities(study).set_index("quantity")
    assert found.index.is_unique and (found["verdict"] != "").sum() == len(claims)
    assert found["value"].tolist()[: len(claims)] == pytest.approx(
        claims["reproduced"].tolist(), nan_ok=True
    )
    accuracy = results.accuracies(tiny_computed)
    clean = accuracy[(accuracy["distortion"] == "contrast") & (accuracy["level"] == 1)]
    mean = found.loc["Mean accuracy on clean images", "value"]
    assert mean == pytest.approx(clean["accuracy"].mean())
    strangers = results.pairs(tiny_computed).query("relation == 'strangers'")["similarity"]
    assert found.loc["Mean similarity of strangers", "value"] == pytest.approx(strangers.mean())
    shutil.rmtree(home / "figures")
    assert expected.quantities(study).empty


def test_tables_of_other_settings_do_not_count(tiny_trained):
    results.pairs(tiny_trained)
    path = paths.published_file("tiny", "pairs.csv")
    keep.write_table(path, keep.read_table(path), "another")
    assert not expected.quantities(tiny_trained.study)["quantity"].str.contains("similar").any()


def test_names_of_layers_are_no_part_of_a_quantity():
    names = ["(res4c_branch2a) moved", "The layer (res4c_branch2a) moved", "A gap (within .02)"]
    assert [expected.without_layer(name) for name in names] == [
        "(res4c_branch2a) moved",
        "The layer moved",
        "A gap (within .02)",
    ]
    assert expected.distinct(["a", "b", "a", "a"]) == ["a", "b", "a (2)", "a (3)"]


def test_several_trainings_are_summed_up():
    parts = [training(1.0), training(2.0), training(6.0, "open")]
    table = expected.summarise_trainings(parts).set_index("quantity")
    assert table.loc["gap", ["expected", "lowest", "highest", "trainings"]].tolist() == [3, 1, 6, 3]
    assert table.loc["gap", "sd"] == pytest.approx(np.std([1, 2, 6], ddof=1))
    assert table["verdict"].tolist() == [expected.VARIES, ""]


def test_one_more_training_falls_in_the_tolerated_range_99_of_100_times():
    source, times = np.random.default_rng(0), 4000
    values = norm.rvs(size=(times, 9), random_state=source)
    known = pd.DataFrame(
        {
            "expected": values[:, :8].mean(1),
            "sd": values[:, :8].std(1, ddof=1),
            "lowest": values[:, :8].min(1),
            "highest": values[:, :8].max(1),
            "trainings": 8,
        }
    )
    range_ = expected.tolerated(known)
    inside = pd.Series(values[:, 8]).between(range_["low"], range_["high"]).mean()
    assert inside == pytest.approx(0.99, abs=0.006)


def test_of_one_training_rounding_alone_is_tolerated():
    range_ = expected.tolerated(expected.summarise_trainings([training(0.5)]))
    assert (range_["high"] - range_["low"]).tolist() == pytest.approx(
        [2 * expected.SAME_WEIGHTS] * 2
    )


def test_a_verdict_that_varies_is_not_stated(tiny, here):
    claims = pd.DataFrame({"statement": ["gap", "other"], "verdict": ["holds", "fails"]})
    assert expected.mark_unsteady(tiny.study, claims).equals(claims)
    table = expected.summarise_trainings([training(1.0), training(1.0, "open")])
    expected.write_expected(tiny.study, table)
    marked = expected.mark_unsteady(tiny.study, claims)
    assert marked["verdict"].tolist() == [expected.VARIES, "fails"]
    known = expected.read_expected(tiny.study)
    assert known.reset_index().equals(table)
