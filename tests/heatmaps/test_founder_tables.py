"""All layers of founders with all: each founder, a part removed, and more images."""

import numpy as np
import pandas as pd
import pytest

from paradoxlib import heatmaps, results
from paradoxlib.heatmaps import founder_tables
from paradoxlib.studies import comparing, sessions


@pytest.fixture
def session(tiny_trained, monkeypatch):
    monkeypatch.setattr(comparing, "IMAGES", 20)
    return tiny_trained


def test_founders_are_compared_whole_and_without_their_first_component(session, monkeypatch):
    found = heatmaps.cka_founders(session)
    pairs = [("A", "A"), ("A", "C"), ("C", "C")]
    assert sorted(found) == [(*pair, removed) for pair in pairs for removed in (0, 1)]
    own = results.cka_layers(session)["itself", "clean"]
    np.testing.assert_allclose(found["A", "A", 0], own, atol=1e-3)
    assert np.allclose(np.diag(found["A", "A", 1]), 1, atol=1e-3)
    assert not np.allclose(found["A", "C", 0], found["A", "C", 1], atol=0.1)
    table = heatmaps.cka_structure(session).set_index(["a", "b", "removed"])
    assert table["block"].notna().groupby(["a", "b"]).all().tolist() == [True, False, True]
    values = found["A", "C", 0].to_numpy().copy()
    np.fill_diagonal(values, np.nan)
    assert table.loc[("A", "C", 0), "mean_cka"] == pytest.approx(np.nanmean(values))
    monkeypatch.setattr(comparing, "compared", None)  # not needed again
    assert heatmaps.cka_founders(session)["C", "C", 1].equals(found["C", "C", 1])


def test_more_batches_of_other_images_narrow_the_interval(session, monkeypatch):
    monkeypatch.setattr(founder_tables, "SETS", 2)  # of 15 images each
    monkeypatch.setattr(founder_tables, "BATCHES", 3)
    table = heatmaps.cka_batches(session)
    assert list(table["relation"].unique()) == ["parent and child", "strangers", "chance"]
    assert table["layer"].nunique() == 3 and sorted(table["batches"].unique())[:4] == [1, 2, 3, 6]
    means = table.groupby("relation")["cka"].mean()
    assert means["parent and child"] > means["strangers"] > means["chance"]
    wide = (table["high"] - table["low"]).groupby([table["images"], table["batches"]]).mean()
    assert wide["other images", 30] < wide["other images", 1] / 2
    one = table[(table["batches"] == 1) & (table["relation"] == "strangers")]
    assert (one["low"] <= one["cka"]).all() and (one["cka"] <= one["high"]).all()


def test_first_components_of_the_founders(session):
    shares = heatmaps.first_components(session)
    assert shares["share"].between(0, 1 + 1e-12).all()
    assert shares["dominant"].between(0, 1 + 1e-12).all()
    assert list(shares["network"].unique()) == ["A", "C"]


def test_a_mean_over_networks_resamples_networks():
    rows = pd.DataFrame({"a": list("pqr"), "b": list("pqr"), "x": [0.0, 0.5, 1.0]})
    value, low, high = founder_tables.mean_fact(rows, "x")
    assert value == 0.5 and low == 0 and high == 1
    pairs = pd.DataFrame({"a": list("ppq"), "b": list("qrr"), "x": [0.2, 0.4, 0.6]})
    value, low, high = founder_tables.mean_fact(pairs, "x")
    assert value == pytest.approx(0.4) and low < 0.4 < high


def test_committed_claims_on_cka_follow_from_the_committed_tables():
    session = sessions.start("cifar10-20")
    found, committed = heatmaps.cka_claims.__wrapped__(session), heatmaps.cka_claims(session)
    assert set(committed["group"]) == {"checkerboard", "block"}
    pd.testing.assert_frame_equal(found, committed, rtol=0, atol=1e-9, check_dtype=False)
