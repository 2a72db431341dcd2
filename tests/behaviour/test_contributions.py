"""Shares of the way from recipient to donor, and each part's contribution to it."""

import numpy as np
import pytest
import torch

from paradoxlib.behaviour import contributions


def test_recovered_is_the_share_of_the_way_from_recipient_to_donor():
    start, end = np.array([0.2, 0.4, 0.9]), np.array([0.5, 0.3, 0.9])
    profiles = np.stack([start, end, (start + end) / 2, [0.2, 0.4, 1.0], 2 * end - start])
    assert np.allclose(contributions.recovered(profiles), [0, 1, 0.5, 0, 2])
    assert np.allclose(contributions.recovered(np.stack([profiles] * 3)), [[0, 1, 0.5, 0, 2]] * 3)
    assert np.isnan(contributions.recovered(np.stack([start, start, end]))).all()


def test_shares_of_simple_games():
    parts = ("a", "b", "c")
    worth = {"a": 1, "b": 2, "c": 0}
    subsets = contributions.subsets(parts)
    additive = {chosen: sum(worth[part] for part in chosen) for chosen in subsets}
    assert contributions.shapley(additive, parts) == pytest.approx({"a": 1, "b": 2, "c": 0})
    # Neither of a and b does anything alone.
    both = {chosen: float({"a", "b"} <= set(chosen)) for chosen in subsets}
    assert contributions.shapley(both, parts) == pytest.approx({"a": 0.5, "b": 0.5, "c": 0})


def test_shares_add_up():
    source = np.random.default_rng(0)
    values = {chosen: source.normal(size=4) for chosen in contributions.subsets()}
    assert len(values) == 2**5 and next(iter(values)) == ()
    *_, whole = values.values()
    assert np.allclose(sum(contributions.shapley(values).values()), whole - values[()])


def test_answers_on_the_way_to_the_donor():
    own, other = torch.tensor([[0, 0, 0, 0]]), torch.tensor([[0, 1, 1, 1]])
    half = torch.tensor([[0, 1, 0, 2]])
    agreeing = contributions.agree({"own": own, "other": other, "half": half}, other)
    assert agreeing.shape == (1001, 3) and agreeing[0].tolist() == [0.25, 1, 0.5]
    assert contributions.answers_recovered(agreeing)[0].tolist() == pytest.approx([0, 1, 1 / 3])
    same = contributions.agree({"own": own, "other": own}, own)
    assert np.isnan(contributions.answers_recovered(same)).all()


def test_recipient_and_donor_stand_before_what_lies_between():
    none, every, *rest = contributions.ends_first(("x", "y"))
    assert (none, every, rest) == ((), ("x", "y"), [("x",), ("y",)])
    assert contributions.ends_first(()) == [()]
