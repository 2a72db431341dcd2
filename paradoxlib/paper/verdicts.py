"""A claim, a published value against ours, and its verdict.

The published value lies in a range: its rounding, what the text says of it, or, where the paper
gives no number, a threshold of ours. Our value has an interval, which says what was resampled.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

SAME = "same"  # the interval and the range meet
OTHER_SIZE = "same direction, other size"
OPPOSITE = "opposite"
OPEN = "open"  # the interval leaves the direction open
NOT_TESTABLE = "not testable here"
RUN, NOT_RUN = "run", "not run"  # of counts
VERDICTS = (SAME, OTHER_SIZE, OPPOSITE, OPEN, NOT_TESTABLE, RUN, NOT_RUN)

# where a range comes from
FROM_TEXT = "text"
FROM_PRINT = "rounding of a printed matrix"
FROM_US = "our threshold"
POSITIVE = (1e-9, 1.0)  # the range of a difference that is only said to be there
# what an interval resamples
OF_IMAGES = "test images (these networks)"
OF_NETWORKS, OF_FAMILIES = "networks", "families"
OF_NOTHING = "nothing (these networks)"


class Claim(NamedTuple):
    """A statement, with what was published and what was reproduced."""

    group: str
    statement: str
    section: str
    notebook: str
    published: float
    range_low: float  # the range of the published value, or in which the statement is true
    range_high: float
    range_from: str  # where the range comes from
    reproduced: float
    low: float  # the interval of the reproduced value
    high: float
    resampled: str  # what the interval covers
    turns_at: float = math.nan  # the value at which the statement turns into its opposite
    decided: str | None = None  # a verdict that no interval decides


CLAIM_COLUMNS = [*Claim._fields[:-1], "verdict"]


def verdict(
    low: float, high: float, range_low: float, range_high: float, turns_at: float = math.nan
) -> str:
    """Return the verdict on an interval, low to high, given the range of what was published.

    Without a value at which the statement turns, the range is all that it says: an interval within
    the range is the same, one outside it is the opposite, and one across its ends is open. With
    such a value, an interval that holds it is open, one that meets the range is the same, and
    others are of another size in the same direction, or opposite. Nan is not testable.
    """
    if math.isnan(low) or math.isnan(high):
        return NOT_TESTABLE
    meets = low <= range_high and high >= range_low
    if math.isnan(turns_at):
        within = range_low <= low and high <= range_high
        return SAME if within else OPEN if meets else OPPOSITE
    if low < turns_at < high:
        return OPEN
    if meets:
        return SAME
    same_side = (low >= turns_at) == (range_low >= turns_at)
    return OTHER_SIZE if same_side else OPPOSITE


def tabulate(claims: Iterable[Claim]) -> pd.DataFrame:
    """Return the table of claims: a row for each, with its verdict."""
    rows = []
    for claim in claims:
        *known, decided = claim
        ends = claim.low, claim.high, claim.range_low, claim.range_high, claim.turns_at
        rows.append((*known, decided or verdict(*ends)))
    return pd.DataFrame(rows, columns=CLAIM_COLUMNS)


def rounding(value: float, digits: int = 2) -> tuple[float, float]:
    """Return the range of what is printed as a value of so many digits."""
    half = 0.5 / 10**digits
    return value - half, value + half
