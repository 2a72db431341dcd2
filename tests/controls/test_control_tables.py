"""Tables of the control: distances and ways by formulas written out, on three tiny networks."""

import shutil

import numpy as np
import pytest
import torch
from conftest import TINY, tiny_file

from paradoxlib import controls, paths, results
from paradoxlib.behaviour import scores
from paradoxlib.controls import control_tables, expectations
from paradoxlib.networks import surgery
from paradoxlib.results import part_tables
from paradoxlib.studies import comparing, predicting, sessions, trained


@pytest.fixture
def named(home, trained_home):
    """A session of the tiny study whose child is named as those of the control are."""
    shutil.copytree(trained_home / "weights", home / "weights")
    folder = home / "weights" / "tiny"
    (folder / "B.safetensors").rename(folder / "A-noise-5.safetensors")
    return sessions.start(tiny_file(home, TINY.replace("  B:", "  A-noise-5:")), workers=1)


def test_names_say_what_children_were_taught(named):
    assert control_tables.children_of(named.study) == [("A", "A-noise-5", "noise", "5")]
    assert control_tables.clean_founders(named.study) == ["A", "C"]


def test_children_beside_their_parents(named):
    row = controls.control_children(named).iloc[0]
    means = scores.mean_accuracies(results.accuracies(named))
    apart = means.loc["A"] - means.loc["A-noise-5"]
    assert row["profile_distance"] == pytest.approx(np.sqrt((apart**2).mean()))
    assert row["profile_distance_low"] <= row["profile_distance"] <= row["profile_distance_high"]
    profiles = means.T.corr()  # nan for a network as able under all distortions
    assert row["compatibility"] == pytest.approx(profiles.loc["A", "A-noise-5"], nan_ok=True)
    clean = scores.clean_accuracy(results.accuracies(named))
    assert (row["parent_accuracy"], row["accuracy"]) == (clean["A"], clean["A-noise-5"])
    assert row["similarity"] > 0.99 and row["learning_rate"] == 1e-5


def test_parts_that_do_not_differ_carry_nothing_and_cost_nothing(named, monkeypatch):
    ours, theirs = trained.load_states(named.study, ["A", "C"]).values()
    kept = surgery.exchange(theirs, ours, ["biases"])
    assert "biases" not in surgery.differing_parts(ours, kept)
    made = []

    def load(study, names=None):
        return dict(zip(names, (ours, kept), strict=True))

    def predict(session, name, recipient, donor, makers):
        made.extend(makers)
        states = {one: make(ours, kept) for one, make in makers.items()}
        return predicting.predict_states(session, states, part_tables.exchange_images(session))

    monkeypatch.setattr(trained, "load_states", load)
    monkeypatch.setattr(part_tables, "predict_made_of", predict)
    shares = part_tables.evaluate_shares(named, "A", "C").set_index("part")["recovered"]
    assert len(made) == 16 and shares["biases"] == 0
    assert shares.sum() == pytest.approx(1)


def test_shares_of_the_children_that_are_looked_at_closely(named):
    shares = controls.control_shares(named)
    own = part_tables.evaluate_shares(named, "A", "A-noise-5")
    assert shares["child"].unique() == ["A-noise-5"] and len(shares) == 5
    assert np.allclose(shares["recovered"], own["recovered"], equal_nan=True)


def test_studies_side_by_side(named, monkeypatch):
    monkeypatch.setattr(expectations, "is_there", lambda session, name, table: name == "controls")
    monkeypatch.setattr(sessions.Session, "beside", lambda session, name: session)
    row = controls.side_by_side(named, controls.control_children).iloc[0]
    assert row["norm":"child"].tolist() == ["batch norm", "noise", "1e-5", "A", "A-noise-5"]
    frozen = control_tables.Child("A", "A-noise-5", "noise-statistics", "own")
    monkeypatch.setattr(control_tables, "children_of", lambda study: [frozen])
    row = controls.side_by_side(named, controls.control_children).iloc[0]
    assert row["norm":"rate"].tolist() == ["batch norm, statistics frozen", "noise", "own"]


def test_statistics_of_few_images(named):
    table = controls.few_images(named)
    assert table["images"].tolist() == list(control_tables.IMAGE_COUNTS)
    known, images = predicting.predict_study(named), named.images("test")
    state = {"32": comparing.reestimate_as(named, "A", "A-noise-5", 32)}
    again = predicting.predict_states(named, state, images)["32"]
    pair = {"A-noise-5": known["A-noise-5"], "32": again}
    means = scores.mean_accuracies(scores.accuracy(pair, images.labels, named.study.conditions))
    expected = means.T.corr().iloc[0, 1]
    assert table["with child"][0] == pytest.approx(expected, nan_ok=True)


def test_adapted_networks_have_the_statistics_of_each_condition(named, monkeypatch):
    table = controls.adapted_pairs(named)
    assert table[["a", "b"]].to_numpy().tolist() == [["A", "C"], ["A", "A-noise-5"]]
    assert table["relation"].tolist() == ["strangers", "parent and child"]
    model, pictures = trained.load_network(named.study, "A"), comparing.pictures(named)
    batch = model.train()(pictures)  # one batch: its own statistics
    clean = named.study.conditions.index(("contrast", 1.0))
    adapted = control_tables.predict_adapted(named, ["A"])["A"]
    assert (adapted[clean] == batch.argmax(1)).double().mean() > 0.9  # but for n / (n - 1)
    assert adapted.dtype == torch.int16


def test_averages_of_founders(named):
    table = controls.averaged_founders(named)
    assert table["matched"].tolist() == ["index to index", "weights", "activations"]
    assert table["repaired"].tolist() == pytest.approx(table["halfway_repaired"] - table["halfway"])
    clean = scores.clean_accuracy(results.accuracies(named))
    assert table["endpoints"].tolist() == pytest.approx([(clean["A"] + clean["C"]) / 2] * 3)
    assert (table["chance"] == 0.1).all()
    assert paths.published_file("tiny", "averaged_founders.csv").is_file()
