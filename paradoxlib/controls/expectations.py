"""The studies of the control side by side, and what was predicted of them beside what came out.

The predictions were written down before the first network was trained.
"""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from paradoxlib import paths
from paradoxlib.controls import control_tables
from paradoxlib.results.tables import TABLES
from paradoxlib.studies import trained
from paradoxlib.studies.sessions import Session

CONTROLS = {  # {study: what its networks normalise by}
    "controls": "batch norm",
    "controls-frozen": "batch norm",
    "controls-group": "group norm",
    "controls-none": "no norm",
}
RATES = {"5": "1e-5", "4": "1e-4", "3": "1e-3", "own": "own"}
PREDICTIONS = paths.STUDIES / "predictions" / "controls.csv"
NEARLY_IDENTICAL = 0.985  # similarity of relatives that count as such
STRANGERS = "strangers"  # stands for a child where pairs of founders are meant


class Quantity(NamedTuple):
    """Where the values of a predicted quantity stand: a table, its rows and its column."""

    table: Callable[[Session], pd.DataFrame]
    rows: str  # a query
    column: str


QUANTITIES = {
    "similarity": Quantity(control_tables.control_children, "child == child", "similarity"),
    "compatibility": Quantity(control_tables.control_children, "child == child", "compatibility"),
    "statistics_share": Quantity(
        control_tables.control_shares, "part == 'running statistics'", "recovered"
    ),
    "kernels_share": Quantity(control_tables.control_shares, "part == 'kernels'", "recovered"),
    "recovered_by_32_images": Quantity(control_tables.few_images, "images == 32", "recovered"),
    "recovered_by_1000_images": Quantity(control_tables.few_images, "images == 1000", "recovered"),
    "compatibility_adapted": Quantity(
        control_tables.adapted_pairs, "relation == 'parent and child'", "adapted"
    ),
    "repair_gain": Quantity(control_tables.averaged_founders, "matched == 'weights'", "repaired"),
}


class Outcome(NamedTuple):
    """Values of a predicted quantity, one for each clean founder or each pair of them."""

    median: float
    lowest: float
    highest: float
    n: int


def is_there(session: Session, name: str, table: str) -> bool:
    """Say whether a study has a table, or all the networks to compute it from."""
    study = session.beside(name).study
    kept = TABLES[table].state(study) in ("here", "committed")
    return kept or all(trained.is_trained(study, network) for network in study.networks)


def read_control(
    session: Session, name: str, read: Callable[[Session], pd.DataFrame]
) -> pd.DataFrame:
    """Return a table of `control_tables` of a study of the control; an empty one if not there."""
    there = is_there(session, name, read.__name__)
    return read(session.beside(name)) if there else pd.DataFrame()


def side_by_side(session: Session, read: Callable[[Session], pd.DataFrame]) -> pd.DataFrame:
    """Return one table of all studies of the control that are there.

    Parameters
    ----------
    session : Session
        Of any study; where it is, the others are looked for.
    read : callable
        One of the tables of `control_tables`.

    Returns
    -------
    pandas.DataFrame
        The children's rows behind the columns ``norm``, ``taught`` and ``rate``, which their names
        say; a norm of which a part was frozen says so.
    """
    parts = []
    for name, norm in CONTROLS.items():
        table = read_control(session, name, read)
        if len(table):
            study = session.beside(name).study
            about = {child.name: child for child in control_tables.children_of(study)}
            children = [about[child] for child in table["child"]]
            taught, frozen = zip(
                *(child.taught.partition("-")[::2] for child in children), strict=True
            )
            table.insert(0, "norm", [f"{norm}, {part} frozen" if part else norm for part in frozen])
            table.insert(1, "taught", taught)
            table.insert(2, "rate", [RATES[child.rate] for child in children])
            parts.append(table)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def missing(session: Session) -> list[str]:
    """Return the studies of the control that are not there."""
    return [name for name in CONTROLS if not is_there(session, name, "control_children")]


def least_compatible(children: pd.DataFrame) -> pd.DataFrame:
    """Return the least compatible of nearly identical parents and children, by norm and rate.

    `children` is `control_children`, `side_by_side`. A row has the pair, its numbers, and ``of``,
    how many pairs are nearly identical (`NEARLY_IDENTICAL`).
    """
    alike = children[children["similarity"] > NEARLY_IDENTICAL].dropna(subset="compatibility")
    groups = alike.groupby(["norm", "rate"], sort=False)["compatibility"]
    least = alike.loc[groups.idxmin().dropna()].set_index(["norm", "rate"])
    columns = ["child", "similarity", "compatibility", "low", "high", "profile_distance"]
    return least[columns].assign(of=groups.size())


def judge(session: Session) -> pd.DataFrame:
    """Return the committed predictions beside the results.

    Returns
    -------
    pandas.DataFrame
        The predictions' columns, the ``median`` over the clean founders (or their pairs), the
        ``lowest`` and ``highest``, ``n``, and the ``verdict``: as predicted, neither, refuted, or
        not run.
    """
    predicted = pd.read_csv(PREDICTIONS, dtype={"rate": str})
    found = [measure(session, row) for _, row in predicted.iterrows()]
    judged = predicted.join(pd.DataFrame(found, columns=list(Outcome._fields)))
    return judged.assign(verdict=[weigh(row) for _, row in judged.iterrows()])


def weigh(row: pd.Series) -> str:
    """Return the verdict on a prediction; a bound that is nan does not bound."""
    if row["n"] == 0:
        return "not run"
    value = row["median"]
    if value < row["refuted_below"] or value > row["refuted_above"]:
        return "refuted"
    return "neither" if value < row["low"] or value > row["high"] else "as predicted"


def measure(session: Session, row: pd.Series) -> Outcome:
    """Return the outcome of a predicted quantity; of nothing where its study is not there."""
    values, quantity = pd.Series(dtype=float), QUANTITIES[row["quantity"]]
    table = read_control(session, row["study"], quantity.table)
    if len(table):
        table = table.query(quantity.rows)
        if row["child"] != STRANGERS:
            founders = control_tables.clean_founders(session.beside(row["study"]).study)
            children = [f"{founder}-{row['child']}-{row['rate']}" for founder in founders]
            table = table[table["child" if "child" in table else "b"].isin(children)]
        values = table[quantity.column].dropna()
    return Outcome(values.median(), values.min(), values.max(), len(values))
