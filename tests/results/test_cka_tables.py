"""CKA of a network with itself is 1 on its diagonal, and that of strangers lies above chance."""

import numpy as np
import pytest

from paradoxlib import results
from paradoxlib.studies import comparing


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


def test_cka_of_the_same_layer_is_near_0_by_chance(session):
    clean = results.cka_pairs(session).query("condition == 'clean'")
    means = clean.groupby("relation")["cka"].mean()
    assert means["parent and child"] > 0.9 > means["strangers"] > means["chance"]
    assert abs(means["chance"]) < means["strangers"] / 2
