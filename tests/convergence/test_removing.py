"""Rare units are found, removed and asked what drives them; tasks are compared."""

import numpy as np
import pandas as pd
import pytest
import torch

from paradoxlib import convergence
from paradoxlib.convergence import removing
from paradoxlib.networks import models
from paradoxlib.studies import comparing, sessions, trained


@pytest.fixture
def session(tiny_trained, monkeypatch):
    monkeypatch.setattr(comparing, "IMAGES", 20)
    return tiny_trained


def test_every_unit_of_the_founders_has_its_facts(session):
    facts = convergence.unit_facts(session)
    assert facts["network"].unique().tolist() == ["A", "C"]
    assert len(facts) == 2 * (4 * 16 + 3 * 32 + 3 * 64)
    state = trained.load_network(session.study, "C").state_dict()
    first = facts.query("network == 'C' and layer == 'conv1'")
    lengths = state["conv1.weight"].flatten(1).norm(dim=1).numpy()
    np.testing.assert_allclose(first["norm"], lengths, rtol=1e-5)
    assert facts["match"].dropna().between(-1, 1).all() and facts["classes"].between(1, 10).all()


def test_classes_that_drive_a_unit_are_counted():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 1, bias=False), torch.nn.ReLU())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0]])[:, :, None, None])
    images = torch.zeros(40, 3, 4, 4)
    images[:20, 0], images[::2, 1] = 1, 1
    labels = torch.arange(40) // 20
    found = removing.driven_by(model, images, labels, ["relu_1"])["relu_1"]
    assert found == pytest.approx([1, 2])  # one class alone, and both in equal parts


def test_units_are_removed_in_the_order_of_a_way():
    facts = pd.DataFrame({"unit": range(3), "match": [0.5, np.nan, 0.1], "norm": [2.0, 1.0, 3.0]})
    source = np.random.default_rng(1)
    assert removing.removal_order(facts, "lowest match", source).tolist() == [1, 2, 0]
    assert removing.removal_order(facts, "lowest norm", source).tolist() == [1, 0, 2]
    assert sorted(removing.removal_order(facts, "random", source)) == [0, 1, 2]


def test_nothing_removed_is_the_whole_network(session):
    table = convergence.compression(session)
    assert len(table) == 2 * len(removing.WAYS) * (1 + len(removing.SHARES))
    whole = table[table["removed"] == 0].groupby("network")["accuracy"]
    assert (whole.nunique() == 1).all() and table["accuracy"].between(0, 1).all()


def test_functions_are_scored_layer_by_layer():
    rows = [
        (name, layer, match, sign * match)
        for name in "AB"
        for layer, sign in (("one", 1), ("two", -1))
        for match in (0.1, 0.2, 0.3)
    ]
    facts = pd.DataFrame(rows, columns=["network", "layer", "match", "classes"])
    scores = convergence.function_scores(facts)
    assert scores.loc["one", "rho"] == pytest.approx(1)
    assert scores.loc["two", "high"] == pytest.approx(-1)
    assert scores.loc["all layers", "rho"] == pytest.approx(0)


def test_units_are_matched_with_those_of_another_task(session, monkeypatch):
    monkeypatch.setattr(removing, "OTHER_TASK", {})
    here, start = session, sessions.Session.beside
    monkeypatch.setattr(
        sessions.Session, "beside", lambda self, name: here if name == "demo" else start(self, name)
    )
    table = convergence.task_matches(session)
    pairs = table.groupby("relation", sort=False).apply(lambda part: part["b"].nunique())
    assert pairs.to_dict() == {"strangers": 1, "another task": 2, "untrained": 3, "chance": 1}
    means = table.query("a == 'A' and b == 'tiny A'")
    assert means["matching"].min() > 0.999  # the same networks under another name


def test_the_other_task_is_left_out_where_it_is_not_trained(session):
    assert not list(removing.other_task(session))
    kinds = set(convergence.task_matches(session)["relation"])
    assert kinds == {"strangers", "untrained", "chance"}


def test_silent_units_answer_nothing(session):
    network = trained.load_network(session.study, "A")
    from paradoxlib.networks import activations, surgery

    silent = models.with_state(network, surgery.silence(network.state_dict(), {"conv1": [3, 5]}))
    answers = activations.record(silent, comparing.pictures(session, 4), ["relu_1"])["relu_1"]
    assert (answers[:, [3, 5]] == 0).all() and (answers[:, 4] > 0).any()
