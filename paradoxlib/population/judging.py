"""What was said of one sample of families, judged on families that were drawn behind it.

Some of it had been looked for after other things were not found; on the same networks that cannot
be tested. The statements were written down before a network of these families was evaluated, and no
number of theirs is chosen: the range that each must meet is its interval in the first sample.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from paradoxlib.behaviour import correspondence, intervals, paradox
from paradoxlib.paper import statements, verdicts
from paradoxlib.population.bench_tables import ADJUSTED, BASELINE, PAPER, population_scores
from paradoxlib.population.child_tables import (
    population_children,
    population_relatives,
    population_shares,
)
from paradoxlib.population.stranger_tables import stranger_facts
from paradoxlib.results.behaviour_tables import correspondences, pairs
from paradoxlib.results.tables import table
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import load

FIRST_SAMPLE = "population-sample"  # the study of the first sample
SIGNIFICANT = 0.05  # p from which a statement without an interval is open


class Reading(NamedTuple):
    """A value over n pairs or families, with its interval, or else a p (nan: there is none)."""

    value: float
    low: float
    high: float
    p: float
    n: int


class Statement(NamedTuple):
    """What is said of a sample, how it is read, and the value at which it turns."""

    text: str
    turns_at: float
    read: Callable[[Session], Reading]


def one_row(row: pd.Series, value: str, p: str = "p") -> Reading:
    """Return the reading of a row of a table; an interval belongs to a value, r or rho alone."""
    low, high = (row.get(end, np.nan) if p == "p" else np.nan for end in ("low", "high"))
    return Reading(row[value], low, high, row.get(p, np.nan), int(row["n"]))


def kind_of_strangers(session: Session, kind: str) -> Reading:
    """Return the share of strangers that are of a kind."""
    found = paradox.kind_shares(pairs(session), session.study.units)
    found = found.assign(n=found.groupby("relation")["pairs"].transform("sum"))
    return one_row(found.set_index(["relation", "kind"]).loc[("strangers", kind)], "share")


def extreme_pair(session: Session, relatives: bool) -> Reading:
    """Return the least compatible pair of nearly identical relatives, or the most of strangers.

    Its interval resamples test images; n is of how many pairs it is the extreme.
    """
    known = pairs(session).dropna(subset="compatibility")
    apart = known["relation"] == "strangers"
    some = known[~apart & (known["similarity"] >= statements.ALIKE)] if relatives else known[apart]
    if some.empty:
        return Reading(np.nan, np.nan, np.nan, np.nan, 0)
    row = some.sort_values("compatibility").iloc[0 if relatives else -1]
    return Reading(row["compatibility"], row["low"], row["high"], np.nan, len(some))


def inside_families(session: Session) -> Reading:
    """Return how similarity goes with compatibility inside each family: Spearman's rho."""
    found = correspondences(session).set_index(["definition", "pairs"])
    return one_row(found.loc[("distortions", correspondence.INSIDE)], "rho", "rho_p")


def fact(session: Session, name: str) -> Reading:
    """Return one of `stranger_facts`."""
    return one_row(stranger_facts(session).set_index("fact").loc[name], "value")


def goes_with(session: Session, measure: str, which: str = "between families") -> Reading:
    """Return how a measure goes with compatibility."""
    found = population_scores(session).set_index(["measure", "pairs"])
    return one_row(found.loc[(measure, which)], "rho")


def with_parents_kernels(session: Session, statistics: str) -> Reading:
    """Return how pairs of relatives go with the same pairs when all have the parent's kernels."""
    own, study = population_relatives(session), session.study
    own = own.rename(columns={"trained": "compatibility"})
    found = correspondence.score_measures(study.family_of, own, [statistics], study.units)
    return one_row(found.set_index("pairs").loc["within families"], "rho")


def over_families(session: Session, children: pd.DataFrame, column: str) -> Reading:
    """Return the mean over families of the means of their children."""
    means = children.groupby(children["child"].map(session.study.family_of))[[column]].mean()
    value, low, high = intervals.of_means(means).loc[column, ["value", "low", "high"]]
    return Reading(value, low, high, np.nan, len(means))


def moved_parents(session: Session) -> Reading:
    """Return how alike children and parents behave whose statistics moved as far as theirs."""
    children = population_children(session)
    last = children.groupby("child", sort=False).tail(1)  # see `population_children`
    return over_families(session, last, "with_child")


def share_of_statistics(session: Session) -> Reading:
    """Return the share of the way from parent to child that running statistics carry."""
    shares = population_shares(session)
    return over_families(session, shares[shares["part"] == "running statistics"], "recovered")


SAID = (
    Statement(
        "Most strangers are different yet similar: their share",
        0.5,
        partial(kind_of_strangers, kind="different yet similar"),
    ),
    Statement(
        "Some strangers behave the same: the highest compatibility",
        0.95,
        partial(extreme_pair, relatives=False),
    ),
    Statement(
        "Some nearly identical relatives hardly behave alike: the lowest compatibility",
        0.3,
        partial(extreme_pair, relatives=True),
    ),
    Statement(
        "Kernel correlation goes with strangers' behaviour: rho",
        0,
        partial(goes_with, measure=PAPER),
    ),
    Statement(
        "So it does once initialisers are taken out: rho", 0, partial(goes_with, measure=ADJUSTED)
    ),
    Statement(
        "So does the correlation of whole networks matched by weight: rho",
        0,
        partial(goes_with, measure="whole network matched by weight"),
    ),
    Statement("Inside each family, it goes with behaviour: rho", 0, inside_families),
    Statement(
        "Initialisers explain how similar strangers are: share of variance",
        0,
        partial(fact, name="explained by initialisers"),
    ),
    Statement(
        "What both were taught explains how alike strangers behave: share of variance",
        0,
        partial(fact, name="explained by what was taught"),
    ),
    Statement(
        "Strangers taught the same behave more alike: difference of means",
        0,
        partial(fact, name="taught the same"),
    ),
    Statement(
        "Closeness of clean accuracies goes with strangers' behaviour: rho",
        0,
        partial(goes_with, measure=BASELINE),
    ),
    *(
        Statement(
            f"On clean images, '{measure}' goes with strangers' behaviour: rho",
            0,
            partial(goes_with, measure=measure),
        )
        for measure in ("CKA of unit means", "CCA", "nearest images", "linear regression")
    ),
    Statement(
        "On clean images, 'CKA of unit means' goes with relatives' behaviour: rho",
        0,
        partial(goes_with, measure="CKA of unit means", which="within families"),
    ),
    Statement(
        "Parents' kernels with re-estimated statistics behave as relatives do: rho",
        0,
        partial(with_parents_kernels, statistics="identical"),
    ),
    Statement(
        "So they do with statistics moved as far as training moves them: rho",
        0,
        partial(with_parents_kernels, statistics="gathered"),
    ),
    Statement("Such a parent behaves as its child does: compatibility, mean", 0.9, moved_parents),
    Statement(
        "Running statistics carry most of the way to the child: share, mean",
        0.5,
        share_of_statistics,
    ),
)


def judge_reading(first: Reading, second: Reading, turns_at: float) -> str:
    """Return the verdict on a statement: `verdicts.verdict`, with the first sample as the claim.

    Where there is no interval, a statement is open unless its p is below `SIGNIFICANT`.
    """
    if not np.isnan(second.low):
        return verdicts.verdict(second.low, second.high, first.low, first.high, turns_at)
    if np.isnan(second.value):
        return verdicts.NOT_TESTABLE
    if not second.p < SIGNIFICANT:
        return verdicts.OPEN
    turned = (second.value > turns_at) != (first.value > turns_at)
    return verdicts.OPPOSITE if turned else verdicts.SAME


@table(
    "readings",
    "statement, value, low, high, p, n",
    needs="pairs, correlations, stranger_facts, population_scores, population_children, "
    "population_relatives, population_shares",
    depends=lambda study: ([one.text for one in SAID],),
)
def readings(session: Session) -> pd.DataFrame:
    """What the statements on the first sample are in a study, whatever the verdict.

    Intervals resample families, those of extremes test images; ``n`` counts pairs or families.
    """
    rows = [(one.text, *one.read(session)) for one in SAID]
    return pd.DataFrame(rows, columns=["statement", *Reading._fields])


@table(
    "other_families",
    "statement, first, first_low, first_high, first_p, first_n, value, low, high, p, n, turns_at, "
    "verdict",
    needs="readings",
    depends=lambda study: (load(FIRST_SAMPLE).table_key(), [one.text for one in SAID]),
)
def other_families(session: Session) -> pd.DataFrame:
    """What was said of the first sample, with what families say that were drawn behind it.

    Intervals resample families, those of extremes test images; ``n`` counts pairs or families.
    """
    first, second = readings(session.beside(FIRST_SAMPLE)), readings(session)
    before = {name: f"first_{name}".removesuffix("_value") for name in Reading._fields}
    table = first.rename(columns=before).join(second.drop(columns="statement"))
    table["turns_at"] = [one.turns_at for one in SAID]
    known, found = (
        [Reading(*row) for row in of[[*Reading._fields]].itertuples(index=False)]
        for of in (first, second)
    )
    judged = map(judge_reading, known, found, table["turns_at"])
    return table.assign(verdict=list(judged))
