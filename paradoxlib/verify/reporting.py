"""The reproduction report: what was expected, what is here, and whether the two agree."""

import textwrap
from typing import NamedTuple

import numpy as np
import pandas as pd

from paradoxlib.studies.study import Study
from paradoxlib.verify import expected

WIDTH = 68  # of the column of quantities
AGREES, DIFFERS = "agrees", "DIFFERS"


class Report(NamedTuple):
    """The lines to print, and how many quantities differ from what was expected."""

    lines: list[str]
    differing: int


def report(study: Study) -> Report:
    """Return the reproduction report of a study."""
    known = expected.read_expected(study)
    if known is None:
        absent = "there are no expected values to compare its results with"
        return Report([f"Reproduction of {study.title}: {absent}."], 0)
    table, n = compare_quantities(expected.quantities(study), known), int(known["trainings"].max())
    columns = ["expected", "low", "high", "here"] if n > 1 else ["expected", "here"]
    source = f"the mean of {n} trainings" if n > 1 else "what was published"
    lines = [
        f"Reproduction of {study.title}; expected is {source}.",
        " ".join([" " * WIDTH, *(f"{column:>9}" for column in columns)]),
    ]
    for name, row in table.iterrows():
        numbers = ["-".rjust(9) if pd.isna(x) else f"{x:9.4g}" for x in row[columns]]
        quantity = textwrap.shorten(str(name), WIDTH).ljust(WIDTH)
        verdict = f", {row['verdict']}" if row["verdict"] else ""
        lines.append(" ".join([quantity, *numbers, f" {row['result']}{verdict}"]))
    right, wrong = ((table["result"] == result).sum() for result in (AGREES, DIFFERS))
    within = "what another seed or machine does" if n > 1 else "the rounding of another machine"
    return Report([*lines, f"{right} of {right + wrong} agree to within {within}."], int(wrong))


def compare_quantities(found: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Compare what was found (`expected.quantities`) with expected values.

    Returns
    -------
    pandas.DataFrame
        A row for each quantity that is expected or here: ``expected``, ``low`` and ``high``
        (`expected.tolerated`), ``here``, the ``verdict``, `expected.VARIES` where other seeds lead
        to others, and the ``result``: `AGREES`, `DIFFERS`, or why the two cannot be compared.
    """
    here = found.set_index("quantity")
    names = known.index.append(here.index.difference(known.index, sort=False))
    table = known[["expected"]].join(expected.tolerated(known)).reindex(names)
    table["here"] = here["value"].reindex(names)
    verdict, steady = (part["verdict"].reindex(names).fillna("") for part in (here, known))
    varies = steady == expected.VARIES
    table["verdict"] = verdict.mask(varies, expected.VARIES)
    near = table["here"].between(table["low"], table["high"]) | table["here"].eq(table["expected"])
    near |= table["here"].isna() & (table["expected"].isna() | varies)  # no such pair
    table["result"] = np.where(near & (varies | (verdict == steady)), AGREES, DIFFERS)
    table.loc[~names.isin(here.index), "result"] = "not computed yet"
    table.loc[~names.isin(known.index), "result"] = "not expected"
    return table
