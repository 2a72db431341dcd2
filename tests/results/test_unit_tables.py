"""Tables of matched units are made once, and agree with what their parts say."""

import numpy as np
import pandas as pd
import pytest

from paradoxlib import keep, paths, results
from paradoxlib.results import unit_tables
from paradoxlib.studies import comparing, sessions


@pytest.fixture
def session(tiny_trained, monkeypatch):
    monkeypatch.setattr(comparing, "IMAGES", 20)
    monkeypatch.setattr(unit_tables, "SAMPLES", 2000)
    return tiny_trained


def test_all_pairs_are_matched_once(session):
    table = results.unit_matches(session)
    pairs = [("A", "B"), ("A", "C"), ("B", "C"), ("C", "chance")]
    assert table.groupby(["a", "b"], sort=False).size().to_dict() == dict.fromkeys(pairs, 19)
    means = table.groupby("relation")[["matching", "by_weight"]].mean()
    assert (means.loc["parent and child"] > 0.9).all()  # the child has hardly moved
    assert (table["matching"] <= table["semi_matching"] + 1e-12).all()
    assert table[table["relation"] == "chance"]["by_weight"].isna().all()
    pd.testing.assert_frame_equal(table, results.unit_matches(session))


def test_pairs_one_by_one_match_as_all_together(session, monkeypatch):
    table = unit_tables.unit_matches.__wrapped__(session)
    monkeypatch.setattr(unit_tables, "TABLE_BYTES", 0)
    pd.testing.assert_frame_equal(table, unit_tables.unit_matches.__wrapped__(session))


def test_units_of_strangers_are_kept_for_a_reader_without_data(session, monkeypatch):
    shown = results.example_units(session)
    monkeypatch.setattr(comparing, "compared", None)  # not needed again
    again = results.example_units(session)
    assert len(shown.layers) == 19
    for place, layer in shown.layers.items():
        pairs = zip(layer, again.layers[place], strict=True)
        assert all(np.array_equal(x, y, equal_nan=True) for x, y in pairs)
    assert shown.fields == {"conv1": 3, "res2b": 11, "res3b_branch2a": 25}
    assert shown.patches["conv1", "A"].shape == (16, 9, 3, 7, 7)
    assert shown.patches["res3b_branch2a", "C"].shape == (32, 9, 3, 25, 25)
    assert shown.information["res2b"].shape == (16, 16) and (shown.information["res2b"] >= 0).all()
    assert shown.joint["conv1"].shape == (4, 40, 40)


def test_five_layers_stand_at_the_depths_of_the_paper_s():
    places = unit_tables.at_their_depths([f"layer {i}" for i in range(19)])
    assert list(places) == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    assert [places[name][6:] for name in places] == ["0", "4", "9", "14", "18"]


def test_dead_units_are_kept_as_such(session):
    path = paths.weights_file("tiny", "A")
    state, about = keep.read_tensors(path)
    state["bn_conv1.weight"][3], state["bn_conv1.bias"][3] = 0, -1
    keep.write_tensors(path, state, about)
    between = results.example_units(session).layers["conv1"].between
    assert np.isnan(between[3]).all() and np.isfinite(between[2]).any()
    table = results.unit_matches(session).query("a == 'A' and layer == 'conv1'")
    assert (table["dead_a"] >= 1).all() and table["matching"].notna().all()


def test_information_finds_the_partners_of_a_child(session):
    table = results.unit_information(session)
    means = table.groupby("relation")[["semi_matching", "matching"]].mean()
    assert len(table) == 6 and means.loc["parent and child", "matching"] > 0.7
    assert (means.loc["parent and child"] >= means.loc["strangers"]).all()
    assert table["units"].between(1, 64).all()


def test_committed_claims_on_units_follow_from_the_committed_tables():
    session = sessions.start("cifar10-20")
    found, committed = results.unit_claims.__wrapped__(session), results.unit_claims(session)
    pd.testing.assert_frame_equal(found, committed, rtol=0, atol=1e-9, check_dtype=False)
    matches = results.unit_matches(session)
    first = matches[(matches["layer"] == "conv1") & (matches["relation"] == "strangers")]
    assert len(committed) == 15 + 4 and committed["statement"].is_unique
    assert committed["reproduced"][0] == pytest.approx(first["semi_matching"].mean())
