"""What a study's claims and headline numbers are, and what they are expected to be.

Expected values stand in ``studies/expected/<study>.csv``. Those of the demo are the means of
several trainings, from several seeds and in both precisions (``benchmarks/spread.py``); those of
the published studies are the published results themselves.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from paradoxlib import keep, paths, results
from paradoxlib.studies.study import Study

SAME_WEIGHTS = (
    0.002  # by which another machine is off with the same weights; of numbers above 1, a share
)
COVERED = 0.99  # of the range in which one more training falls
VARIES = "varies with the seed"
COLUMNS = ["quantity", "expected", "sd", "lowest", "highest", "trainings", "verdict"]


class Headline(NamedTuple):
    """A number that sums up a table: the mean of a column over the rows that a query chooses."""

    quantity: str
    table: str
    query: str
    column: str


HEADLINES = [
    Headline(
        "Mean accuracy on clean images",
        "accuracy",
        "distortion == 'contrast' & level == 1",
        "accuracy",
    ),
    Headline("Mean accuracy over all conditions", "accuracy", "n > 0", "accuracy"),
    *(
        Headline(f"Mean {column} of {who}", "pairs", f"relation {sign} 'strangers'", column)
        for column in ("similarity", "compatibility")
        for who, sign in (("relatives", "!="), ("strangers", "=="))
    ),
    *(
        Headline(
            f"Share of the way from parent to child by {part}",
            "exchange_shares",
            f"part == '{part}'",
            "recovered",
        )
        for part in ("kernels", "running statistics")
    ),
    Headline(
        "Mean correlation of strangers' matched units",
        "unit_matches",
        "relation == 'strangers'",
        "matching",
    ),
    Headline(
        "Mean CKA of strangers' layers, clean images",
        "cka_pairs",
        "relation == 'strangers' & condition == 'clean'",
        "cka",
    ),
]


def quantities(study: Study) -> pd.DataFrame:
    """Return the claims and headline numbers that a study's folder of figures holds.

    Tables of other settings do not count, and what is not there is left out.

    Returns
    -------
    pandas.DataFrame
        ``quantity``, ``value`` and ``verdict``, which is empty for what is no claim.
    """
    rows, claims = [], read(study, "claims")
    if claims is not None:
        names = distinct(claims["statement"].map(without_layer))
        rows += list(zip(names, claims["reproduced"], claims["verdict"], strict=True))
    for quantity, name, query, column in HEADLINES:
        table = read(study, name)
        if table is not None and len(chosen := table.query(query)):
            rows.append((quantity, chosen[column].mean(), ""))
    return pd.DataFrame(rows, columns=["quantity", "value", "verdict"])


def read(study: Study, name: str) -> pd.DataFrame | None:
    """Return a table of figures/<study>/, None where it is not there as these settings make it."""
    key = results.TABLES[name].key(study)
    return keep.read_table(paths.published_file(study.name, f"{name}.csv"), key)


def without_layer(statement: str) -> str:
    """Return a statement without the names of layers, which differ from training to training."""
    return re.sub(r" \((conv|res|bn|fc)\w*\)", "", statement)


def distinct(names: Iterable[str]) -> list[str]:
    """Return names of which the second and later ones of a kind are numbered."""
    counts: Counter[str] = Counter()
    found = []
    for name in names:
        counts[name] += 1
        found.append(name if counts[name] == 1 else f"{name} ({counts[name]})")
    return found


def summarise_trainings(trainings: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return expected values from the `quantities` of several trainings.

    Returns
    -------
    pandas.DataFrame
        A row for each quantity: its mean (``expected``), ``sd``, ``lowest``, ``highest``, the
        number of ``trainings``, and its ``verdict``, `VARIES` where trainings differ in it.
    """
    rows = []
    for quantity, group in pd.concat(list(trainings)).groupby("quantity", sort=False):
        value, verdicts = group["value"], group["verdict"].unique()
        verdict = verdicts[0] if len(verdicts) == 1 else VARIES
        spread = value.mean(), value.std(), value.min(), value.max(), len(value)
        rows.append((quantity, *spread, verdict))
    return pd.DataFrame(rows, columns=COLUMNS)


def read_expected(study: Study) -> pd.DataFrame | None:
    """Return a study's expected values by quantity, None where there are none."""
    path = paths.expected_file(study.name)
    if not path.is_file():
        return None
    table = pd.read_csv(path).fillna({"verdict": ""})
    return table.set_index("quantity")


def write_expected(study: Study, table: pd.DataFrame) -> None:
    """Write a study's expected values."""
    with keep.atomic(paths.expected_file(study.name)) as temporary:
        table.round(6).to_csv(temporary, index=False)


def tolerated(known: pd.DataFrame) -> pd.DataFrame:
    """Return from where (``low``) to where (``high``) values agree with expected ones.

    After several trainings that is the range of all of them, and that in which one more falls in
    99 of 100 cases, were they normally distributed; after one, the rounding of another machine
    (`SAME_WEIGHTS`).
    """
    n = known["trainings"].clip(2)
    reach = known["sd"] * stdtrit(n - 1, (1 + COVERED) / 2) * np.sqrt(1 + 1 / n)
    rounding = SAME_WEIGHTS * known["expected"].abs().clip(1)
    reach = np.fmax(reach.where(known["trainings"] > 1), rounding)
    low = np.fmin(known["lowest"], known["expected"] - reach)
    return pd.DataFrame({"low": low, "high": np.fmax(known["highest"], known["expected"] + reach)})


def mark_unsteady(study: Study, claims: pd.DataFrame) -> pd.DataFrame:
    """Return claims whose verdict is `VARIES` where trainings from other seeds differ in it."""
    known = read_expected(study)
    if known is None:
        return claims
    names = distinct(claims["statement"].map(without_layer))
    steady = known["verdict"].reindex(names).to_numpy() != VARIES
    return claims.assign(verdict=claims["verdict"].where(steady, VARIES))
