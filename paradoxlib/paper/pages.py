"""The page of claims: tables of claims as Markdown, in their places among prose."""

import math
import re
from collections.abc import Callable
from typing import Any

import pandas as pd

from paradoxlib.paper import verdicts

PLACE = re.compile(
    r"(<!-- claims: (\S+)(?: beside (\S+))? -->\n).*?(<!-- end of claims -->)", re.DOTALL
)
HEAD = ("statement", "notebook", "published", "its range", "ours", "95 % interval", "verdict")


def fill_page(page: str, read: Callable[[str], pd.DataFrame]) -> str:
    """Return a page with its tables of claims made anew; the text around them stays.

    A table stands between ``<!-- claims: NAME -->`` and ``<!-- end of claims -->``, or, with the
    same statements in another study beside it, ``<!-- claims: NAME beside STUDY/claims -->``;
    `read` returns the claims of a name.
    """

    def fill(place: re.Match) -> str:
        head, name, other, end = place.groups()
        beside = (other.split("/")[0], read(other)) if other else None
        return head + show_claims(read(name), beside) + end

    return PLACE.sub(fill, page)


def show_claims(claims: pd.DataFrame, beside: tuple[str, pd.DataFrame] | None = None) -> str:
    """Return a table of claims as Markdown: how many have each verdict, then group by group.

    `beside` is another study and its claims: where it has the same statement, its value, interval
    and verdict stand in two columns more. Its other statements, about networks or layers of its
    own, have a table at the end.
    """
    lines, head, others = [count_verdicts(claims)], list(HEAD), {}
    if beside:
        study, table = beside
        lines.append(f"In `{study}`, {count_verdicts(table)[1:]}")
        head += [f"`{study}`", "its verdict"]
        others = {claim.statement: claim for claim in table.itertuples()}
    for group, rows in claims.groupby("group", sort=False):
        lines += ["", f"**{group[0].upper()}{group[1:]}**", "", row_of(head)]
        lines.append(row_of(["---"] * len(head)))
        for claim in rows.itertuples():
            cells = shown_cells(claim)
            if beside:
                other = others.get(claim.statement)
                cells += (
                    [", ".join(filter(None, value_of(other))), other.verdict] if other else ["", ""]
                )
            lines.append(row_of(cells))
    if beside and len(own := table[~table["statement"].isin(claims["statement"])]):
        lines += ["", f"**In `{study}`, about networks or layers of its own**", "", row_of(HEAD)]
        lines.append(row_of(["---"] * len(HEAD)))
        lines += [row_of(shown_cells(claim)) for claim in own.itertuples()]
    return "\n".join([*lines, "", ""])


def shown_cells(claim: Any) -> list[str]:
    """Return the cells of a claim's row, those of `HEAD`."""
    return [
        f"{claim.statement} ({claim.section})",
        f"[{claim.notebook[:2]}](../notebooks/{claim.notebook}.ipynb)",
        number(claim.published),
        f"{span(claim.range_low, claim.range_high)}; {claim.range_from}",
        *value_of(claim),
        claim.verdict,
    ]


def readable(claims: pd.DataFrame) -> pd.DataFrame:
    """Return claims as they are read, the columns of `HEAD`; cells without a number are empty."""
    rows = [shown_cells(claim) for claim in claims.itertuples()]
    return pd.DataFrame(rows, columns=HEAD).assign(notebook=claims["notebook"].str[:2].to_list())


def count_verdicts(claims: pd.DataFrame) -> str:
    """Return how many statements there are and how many have each verdict, in a line."""
    counts = claims["verdict"].value_counts(sort=False)
    told = ", ".join(f"{count} *{verdict}*" for verdict, count in counts.items())
    return f"\n{len(claims)} statement{'s' * (len(claims) > 1)}: {told}.\n"


def value_of(claim: Any) -> tuple[str, str]:
    """Return the value of a claim, and its interval with what this resamples."""
    digits = decimals(claim.low, claim.high)
    ends = f"{number(claim.low, digits)} to {number(claim.high, digits)}; "
    resampled = "" if math.isnan(claim.low) else claim.resampled
    return number(claim.reproduced, digits), f"{ends if claim.low < claim.high else ''}{resampled}"


def row_of(cells: tuple | list) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def span(low: float, high: float) -> str:
    """Return a range in words."""
    if (low, high) == verdicts.POSITIVE:
        return "more than 0"
    if math.isinf(low):
        return f"{number(high)} or less"
    return number(low) if low == high else f"{number(low)} to {number(high)}"


def decimals(low: float, high: float) -> int | None:
    """Return how many decimals show an interval with two digits, two at least; None: it is none."""
    width = high - low
    return max(2, 1 - math.floor(math.log10(width))) if width > 0 else None


def number(value: float, digits: int | None = None) -> str:
    """Return a number with so many decimals, or with four significant digits; nothing for nan."""
    if math.isnan(value):
        return ""
    if digits is not None:
        return f"{value:.{digits}f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
