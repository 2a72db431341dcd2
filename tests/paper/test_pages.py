"""The page of claims."""

import math

import pandas as pd
import pytest

from paradoxlib import paths
from paradoxlib.paper import pages, verdicts

PAGE = paths.PACKAGE.parent / "docs" / "claims.md"


def test_the_committed_page_shows_the_committed_tables():
    def read(name):
        return pd.read_csv(paths.PACKAGE.parent / "figures" / f"{name}.csv", comment="#")

    page = PAGE.read_text()
    assert "cifar10-20/claims" in page and "cifar10-resnet50/claims" in page
    assert pages.fill_page(page, read) == page, "run `paradox claims`"


def test_text_around_the_tables_stays():
    claim = verdicts.Claim(
        "gains", "it gains", "4.2", "06_transplant_weights", 0.02, 0.01, 0.03, verdicts.FROM_TEXT,
        0.0014, 0.0002, 0.0027, verdicts.OF_IMAGES, 0,
    )  # fmt: skip
    page = "before\n<!-- claims: x/claims -->\nold\n<!-- end of claims -->\nafter\n"
    filled = pages.fill_page(page, lambda name: verdicts.tabulate([claim]))
    assert filled.startswith("before\n<!-- claims: x/claims -->\n")
    assert filled.endswith("<!-- end of claims -->\nafter\n") and "old" not in filled
    assert "1 statement: 1 *same direction, other size*." in filled
    assert "| 0.02 | 0.01 to 0.03; text | 0.0014 | 0.0002 to 0.0027; test images" in filled
    assert pages.fill_page(filled, lambda name: verdicts.tabulate([claim])) == filled


def test_the_same_statements_in_another_study_stand_beside():
    def claim(statement, value):
        about = "gains", statement, "4.2", "06_transplant_weights", 1.0, 0.9, 1.1
        ends = value, value - 0.05, value + 0.05, verdicts.OF_FAMILIES
        return verdicts.Claim(*about, verdicts.FROM_TEXT, *ends, 0)

    tables = {
        "x/claims": verdicts.tabulate([claim("it gains", 1.0), claim("it wins", 1.0)]),
        "y/claims": verdicts.tabulate([claim("it loses", 0.5), claim("it gains", 0.5)]),
    }
    page = "<!-- claims: x/claims beside y/claims -->\n<!-- end of claims -->\n"
    filled = pages.fill_page(page, tables.__getitem__)
    assert "\n2 statements: 2 *same*.\n" in filled
    assert "In `y`, 2 statements: 2 *same direction, other size*.\n" in filled
    gains, wins, loses = (line for line in filled.splitlines() if line.startswith("| it "))
    assert gains.endswith("| same | 0.50, 0.45 to 0.55; families | same direction, other size |")
    assert wins.endswith("| same |  |  |")
    assert filled.index("**In `y`, about networks or layers of its own**") < filled.index(loses)
    assert pages.fill_page(filled, tables.__getitem__) == filled


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0014, None, "0.0014"),
        (0.0014, 4, "0.0014"),
        (53_956, None, "53,956"),
        (8.0, None, "8"),
        (math.nan, None, ""),
        (0.75536, 3, "0.755"),
    ],
)
def test_numbers_keep_their_significant_digits(value, digits, text):
    assert pages.number(value, digits) == text


def test_ranges_in_words():
    assert pages.span(*verdicts.POSITIVE) == "more than 0"
    assert pages.span(-math.inf, 0.5) == "0.5 or less"
    assert pages.span(8, 8) == "8" and pages.span(0.1, 0.2) == "0.1 to 0.2"
    assert pages.decimals(0.0002, 0.0027) == 4 and pages.decimals(1, 3) == 2
    assert pages.decimals(1, 1) is None
