"""Predictions of a study are computed once, and only for the images that they were made of."""

import pytest
import torch

from paradoxlib import paths
from paradoxlib.behaviour import predictions
from paradoxlib.studies import predicting, sessions, trained


def count_calls(monkeypatch):
    """Return the list of networks that are asked for their predictions from here on."""
    asked, real = [], predictions.predict_conditions

    def count(networks, *rest, **settings):
        asked.append(list(networks))
        return real(networks, *rest, **settings)

    monkeypatch.setattr(predictions, "predict_conditions", count)
    return asked


def test_finished_predictions_are_read_and_unfinished_ones_made(tiny_trained, monkeypatch):
    first = predicting.predict_study(tiny_trained)
    assert first["A"].shape == (5, 30)
    paths.predictions_file("tiny", "B").unlink()
    asked = count_calls(monkeypatch)
    again = predicting.predict_study(tiny_trained)
    assert asked == [["B"]] and all(torch.equal(first[name], again[name]) for name in "ABC")


def test_predictions_of_other_images_are_not_taken_for_done(tiny_trained, monkeypatch):
    first = predicting.predict_study(tiny_trained)
    others = tiny_trained.images("test")
    others.pixels.copy_(others.pixels.flip(0))
    monkeypatch.setattr(sessions.Session, "images", lambda session, split: others)
    again = predicting.predict_study(tiny_trained)
    assert any(not torch.equal(first[name], again[name]) for name in first)


def test_what_is_made_of_two_networks_is_kept(tiny_trained, monkeypatch):
    images = tiny_trained.images("test").first(10)
    makers = {"none": lambda ours, theirs: ours, "all": lambda ours, theirs: theirs}
    first = predicting.predict_kept(tiny_trained, "C into A", "A", "C", makers, images)
    asked = count_calls(monkeypatch)
    again = predicting.predict_kept(tiny_trained, "C into A", "A", "C", makers, images)
    assert asked == [] and all(torch.equal(first[name], again[name]) for name in makers)
    predicting.predict_kept(tiny_trained, "C into A", "A", "C", makers, images.first(5))
    assert asked == [["none", "all"]]


def test_states_are_predicted_as_the_networks_they_are_of(tiny_trained):
    known = predicting.predict_study(tiny_trained)
    states = trained.load_states(tiny_trained.study)
    again = predicting.predict_states(tiny_trained, states, tiny_trained.images("test"))
    assert all(torch.equal(known[name], again[name]) for name in "ABC")
    some = [tiny_trained.study.conditions[i] for i in (1, 3)]
    networks = {"A": trained.load_network(tiny_trained.study, "A")}
    part = predicting.predict_models(
        tiny_trained, networks, tiny_trained.images("test"), conditions=some
    )
    assert torch.equal(part["A"], known["A"][[1, 3]])
    with pytest.raises(ValueError, match="unknown distortion"):
        predicting.predict_models(
            tiny_trained, networks, tiny_trained.images("test"), conditions=[("fog", 1.0)]
        )


def test_each_state_is_made_once_and_as_many_are_evaluated_together_as_fit(
    tiny_trained, monkeypatch
):
    (state,) = trained.load_states(tiny_trained.study, "A").values()
    monkeypatch.setattr(predictions, "copies_at_once", lambda state: 2)
    asked, made = count_calls(monkeypatch), []

    def maker(name):
        return lambda: made.append(name) or state

    images = tiny_trained.images("test").first(10)
    makers = {name: maker(name) for name in "uvwxy"}
    assert list(predicting.predict_made(tiny_trained, makers, images, "states")) == list("uvwxy")
    assert made == list("uvwxy") and asked == [["u", "v"], ["w", "x"], ["y"]]
