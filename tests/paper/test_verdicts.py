"""Verdicts on claims."""

import math

import pytest

from paradoxlib.paper import verdicts

FACT = (0.5, 0.4, 0.6)


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((0.96, 1), "same"),
        ((0.95, 1), "same"),
        ((0.5, 0.9), "opposite"),
        ((1.1, 1.2), "opposite"),
        ((0.9, 0.97), "open"),
        ((0.9, 1.1), "open"),
        ((math.nan, math.nan), "not testable here"),
    ],
)
def test_a_range_is_all_that_a_statement_says(interval, expected):
    assert verdicts.verdict(*interval, 0.95, 1) == expected


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((0.01, 0.015), "same"),
        ((0.03, 0.05), "same"),
        ((0.0002, 0.003), "same direction, other size"),
        ((0.04, 0.05), "same direction, other size"),
        ((-0.02, -0.01), "opposite"),
        ((-0.01, 0.005), "open"),
        ((-0.01, 0.02), "open"),
        ((math.nan, 1), "not testable here"),
    ],
)
def test_a_gain_may_have_another_size_or_another_sign(interval, expected):
    assert verdicts.verdict(*interval, 0.01, 0.03, turns_at=0) == expected
    low, high = interval
    assert verdicts.verdict(-high, -low, -0.03, -0.01, turns_at=0) == expected


def test_the_table_has_a_verdict_for_each_claim():
    about = ("group", "it is", "1", "00_start_here", 1.0)
    claims = [
        verdicts.Claim(*about, 0, 1, verdicts.FROM_TEXT, *FACT, verdicts.OF_IMAGES),
        verdicts.Claim(*about, 0.7, 1, verdicts.FROM_TEXT, *FACT, verdicts.OF_IMAGES, 0),
        verdicts.Claim(*about, 0, 1, verdicts.FROM_TEXT, *FACT, verdicts.OF_IMAGES, decided="run"),
    ]
    table = verdicts.tabulate(claims)
    assert list(table.columns) == verdicts.CLAIM_COLUMNS
    assert table["verdict"].tolist() == ["same", "same direction, other size", "run"]
    assert table[["reproduced", "low", "high"]].to_numpy().tolist() == [list(FACT)] * 3
    assert table["verdict"].isin(verdicts.VERDICTS).all()
    assert list(verdicts.tabulate([]).columns) == verdicts.CLAIM_COLUMNS


def test_the_range_of_a_printed_value():
    assert verdicts.rounding(0.18) == pytest.approx((0.175, 0.185))
