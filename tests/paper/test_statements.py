"""Statements and their verdicts."""

import math

import pytest

from paradoxlib.paper import published, statements

FACT = (0.5, 0.4, 0.6)
PAIRS = dict.fromkeys(
    ("family", "strangers", "gap", "alike and alike", "yellow", "red", "different and different"),
    FACT,
)
SCORES = ("clean accuracy", "visual intelligence")
ACCURACIES = dict.fromkeys(
    [f"{score}, {end}" for score in SCORES for end in ("lowest", "highest")], FACT
)
ACCURACIES |= {"spread": FACT, "same score": FACT}


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((0.96, 1), "holds"),
        ((0.95, 1), "holds"),
        ((0.5, 0.9), "fails"),
        ((1.1, 1.2), "fails"),
        ((0.9, 0.97), "open"),
        ((0.9, 1.1), "open"),
        ((math.nan, math.nan), "no such pair"),
    ],
)
def test_verdicts(interval, expected):
    assert statements.verdict(*interval, 0.95, 1) == expected


def test_the_table_has_a_verdict_for_each_claim():
    claims = [
        statements.Claim("it is", "1", "00_start_here", 1.0, *FACT, 0, 1),
        statements.Claim("it is not", "2", "00_start_here", math.nan, *FACT, 0.7, 1),
    ]
    table = statements.tabulate(claims)
    assert list(table.columns) == statements.CLAIM_COLUMNS
    assert table["verdict"].tolist() == ["holds", "fails"]
    assert table[["reproduced", "low", "high"]].to_numpy().tolist() == [list(FACT)] * 2
    assert list(statements.tabulate([]).columns) == statements.CLAIM_COLUMNS


@pytest.mark.parametrize("architecture", published.EXPERIMENT_OF)
def test_claims_name_the_section_figures_and_pairs_of_their_experiment(architecture):
    relative, absolute = (
        statements.behaviour_claims(PAIRS, PAIRS, ACCURACIES, FACT, 0.1, comparable, architecture)
        for comparable in (False, True)
    )
    assert absolute[:10] == relative and len(absolute) == 14
    first = architecture == "resnet20"
    assert absolute[0].section == ("3.1" if first else "3.2")
    assert absolute[2].section == ("3.1, Figure 7" if first else "3.2, Figure 10")
    assert absolute[-1].section == ("3.1, Figure 1" if first else "3.2, Figure 4")
    assert "as N14-N16:" in absolute[5].statement or not first
    assert not any("{" in claim.statement for claim in absolute)
    assert all((claim.reproduced, claim.low, claim.high) == FACT for claim in absolute)
    assert absolute[9].published == 0.1 and math.isnan(absolute[1].published)
    lowest, highest = published.text_range("clean_accuracy", architecture)
    assert [claim.published for claim in absolute[10:12]] == [lowest, highest]
    assert absolute[10].statement == "Clean accuracy, lowest of the networks"


def test_claims_on_transplants_follow_the_layers():
    copied = {"conv1": (FACT, (7.0, 7.0, 7.0)), "fc": ((0.1, 0.05, 0.2), (8.0, 8.0, 8.0))}
    claims = statements.transplant_claims({"fc": "The paper's layer"}, copied, (1.0, 0.95, 1.05))
    table = statements.tabulate(claims)
    assert table["statement"][0].startswith("The paper's layer (fc) transplanted")
    assert table["reproduced"].tolist() == [0.1, 8, 1] and (table["verdict"] == "holds").all()
    assert table["published"].tolist() == pytest.approx([0.02, 8, 1])
