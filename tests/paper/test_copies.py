"""Statements on transplants."""

import pytest

from paradoxlib.paper import copies, verdicts

FACT = (0.5, 0.4, 0.6)


def test_claims_on_transplants_follow_the_layers():
    copied = {"conv1": (FACT, (7.0, 7.0, 7.0)), "fc": ((0.02, 0.01, 0.03), (8.0, 8.0, 8.0))}
    shares = (0.3, 0.2, 0.4), (1.0, 0.95, 1.05)
    claims = copies.transplant_claims({"fc": "The paper's layer"}, copied, *shares)
    table = verdicts.tabulate(claims)
    assert table["statement"][0].startswith("The paper's layer (fc) transplanted")
    assert table["reproduced"].tolist() == [0.02, 8, 0.3, 1]
    assert table["verdict"].tolist() == ["same", "same", "same direction, other size", "same"]
    assert table["published"].tolist() == pytest.approx([0.02, 8, 1, 1])


def test_a_small_dense_layer_is_a_weaker_test():
    claims = [copies.dense_claim(0.0009, False), copies.dense_claim(0.08, True)]
    assert verdicts.tabulate(claims)["verdict"].tolist() == ["not testable here", "same"]


def test_weights_of_strangers_that_help_speak_against_the_paper():
    gains = {"conv1": (-0.1, -0.2, -0.05), "all": (0.1, 0.05, 0.2)}
    table = verdicts.tabulate(copies.control_claims("A", "B", gains, (0.2, 0.1, 0.3)))
    assert table["verdict"].tolist() == ["same", "opposite", "same"]
    assert "B into A" in table["statement"][0] and table["statement"].is_unique
