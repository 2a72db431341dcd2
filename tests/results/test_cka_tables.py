"""CKA of a network with itself is 1 on its diagonal, and that of strangers lies above chance."""

import numpy as np
import pandas as pd
import pytest
from conftest import TINY

from paradoxlib import results
from paradoxlib.measures import of_features
from paradoxlib.results import cka_tables
from paradoxlib.studies import comparing, sessions


@pytest.fixture
def session(tiny_trained, monkeypatch):
    monkeypatch.setattr(comparing, "IMAGES", 20)
    return tiny_trained


def test_cka_of_a_network_with_itself_and_of_relatives(session, monkeypatch):
    layers = results.cka_layers(session)
    relations = {relation for relation, _ in layers}
    assert relations == {"itself", "parent and child", "strangers"} and len(layers) == 6
    table = layers["itself", "clean"]
    assert np.allclose(np.diag(table), 1, atol=1e-6) and np.allclose(table, table.T, atol=1e-6)
    monkeypatch.setattr(comparing, "compared", None)  # not needed again
    assert all(value.equals(layers[name]) for name, value in results.cka_layers(session).items())


def test_first_components_of_the_examples(session):
    shares = results.first_components(session)
    assert shares["share"].between(0, 1 + 1e-12).all()
    assert list(shares["network"].unique()) == ["A", "B", "C"]


def test_cka_of_the_same_layer_is_near_0_by_chance(session):
    clean = results.cka_pairs(session).query("condition == 'clean'")
    means = clean.groupby("relation")["cka"].mean()
    assert means["parent and child"] > 0.9 > means["strangers"] > means["chance"]
    assert abs(means["chance"]) < means["strangers"] / 2


def test_depths_are_compared_with_the_first(session, monkeypatch, home):
    text = TINY.replace("name: tiny", "name: deeper").replace("A: {seed: 1}", "A: {seed: 9}")
    (home / "deeper.yaml").write_text(text)
    monkeypatch.setattr(cka_tables, "DEEPER", (str(home / "deeper.yaml"),))
    depths = results.cka_depths(session)
    assert list(depths) == ["tiny", "deeper"] and depths["tiny"].shape == depths["deeper"].shape
    assert np.allclose(np.diag(depths["tiny"]), 1, atol=1e-2)
    assert np.diag(depths["deeper"]).mean() < 0.99
    parts = results.depth_components(session)
    assert list(parts["network"].unique()) == ["tiny", "deeper"]
    assert parts["share"].between(0, 1 + 1e-12).all()
    monkeypatch.setattr(cka_tables, "compared_depths", None)  # not needed again
    assert results.cka_depths(session)["deeper"].equals(depths["deeper"])


def test_measures_of_features_are_grounded_on_founders(session):
    table = results.measure_grounding(session)
    assert list(table["measure"].unique()) == list(cka_tables.GROUNDED)
    assert set(cka_tables.GROUNDED.values()) == set(of_features.REGISTERED.values())
    assert list(table["test"].unique()) == ["specificity", "sensitivity"]
    defined = table.dropna(subset=["value"])
    assert ((defined["low"] <= defined["value"]) & (defined["value"] <= defined["high"])).all()
    assert table.loc[table["test"] == "specificity", "value"].between(0, 1).all()


@pytest.mark.parametrize(
    ("study", "table"),
    [("cifar10-20", results.cka_claims), ("cifar10-resnet50", results.cka_depth_claims)],
)
def test_committed_claims_on_cka_follow_from_the_committed_tables(study, table):
    session = sessions.start(study)
    found, committed = table.__wrapped__(session), table(session)
    assert len(committed) == 12 and set(committed["verdict"]) <= {"same", "opposite"}
    pd.testing.assert_frame_equal(found, committed, rtol=0, atol=1e-9, check_dtype=False)
