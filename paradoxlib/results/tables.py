"""One idiom for every result of a study: computed once, kept, and read ever after.

A table is a function of a session that computes it, under one of the decorators `table`, `matrix`
and `tensors`; `TABLES` lists them all. Called, it is read from runs/ (computed on this machine)
or, unless the session recomputes, from figures/ (what the repository holds), where the same
settings made it; else it is computed, kept and published. What a table needs is another table or
a network, never a notebook; so any of them may be asked for first. A study that joins others has
their rows where a table is `by_network`; all others it computes, of all its networks together.
"""

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure

from paradoxlib import keep, paths
from paradoxlib.studies.sessions import Session
from paradoxlib.studies.study import Study

ROUNDING = 1e-5  # difference of numbers that another processor or library may make
MEANINGS = Path(__file__).with_name("columns.csv")  # what each column means, its unit and range
STATES = ("-", "other settings", "committed", "here")  # of a study's table
Kept = tuple[dict[str, torch.Tensor], dict]  # tensors, and what they are


@dataclass(frozen=True)
class Table:
    """What is known of a kept result: its file, what it shows, needs, depends on, its columns."""

    name: str
    suffix: str
    shows: str
    needs: tuple[str, ...]
    columns: tuple[str, ...]
    key: Callable[..., str]
    by_network: bool = False

    def state(self, study: Study) -> str:
        """Return one of `STATES`: whether a study's file is there and was made by its settings.

        A result that depends on more than the study is found by its name alone. Of a table that a
        study has from those that it joins, it is the least of theirs.
        """
        if self.by_network and study.joined:
            return min((self.state(part) for part in study.parts), key=STATES.index)
        found = STATES[0]
        for state, place in (("here", paths.computed_file), ("committed", paths.published_file)):
            if (key := written_key(place(study.name, self.name + self.suffix))) is not None:
                try:
                    if key == self.key(study):
                        return state
                    found = "other settings"
                except TypeError:
                    return state
        return found


TABLES: dict[str, Table] = {}


def table(
    name: str,
    columns: str,
    needs: str,
    depends: Callable[..., tuple] = lambda study: (),
    index: str | None = None,
    by_network: bool = False,
) -> Callable:
    """Make a table of the function that computes it from a session.

    Parameters
    ----------
    name : str
        The stem of its file.
    columns : str
        Its columns, separated by commas; columns.csv says what they mean.
    needs : str
        What it is computed from: ``weights``, ``images``, ``predictions`` or other tables.
    depends : callable
        depends(study, ...) returns what its key stands for beside the networks' predictions; the
        function's other arguments are passed on to it.
    index : str, optional
        The column that becomes the index when the table is read.
    by_network : bool
        Whether its rows know of one network, or of one family, each.
    """

    def key(study: Study, *arguments: Any) -> str:
        return study.table_key(name, *depends(study, *arguments))

    def decorate(compute: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
        register(compute, name, ".csv", needs, columns, key, by_network)

        @wraps(compute)
        def read(session: Session, *arguments: Any) -> pd.DataFrame:
            if session.study.joined and by_network:
                return join(session.study, [read(part, *arguments) for part in session.parts])
            own = key(session.study, *arguments)
            path, found = find(session, f"{name}.csv", lambda path: keep.read_table(path, own))
            if found is None:
                keep.write_table(path, compute(session, *arguments), own)
                found = keep.read_table(path, own)
                publish_computed(session.study, path)
            return found if index is None else found.set_index(index)

        return read

    return decorate


def matrix(name: str, needs: str, depends: Callable[..., tuple] = lambda study: ()) -> Callable:
    """Make a table of the function that computes a square matrix (network, network)."""

    def decorate(compute: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
        @table(name, "network, {network}", needs, depends)
        @wraps(compute)
        def listed(session: Session, *arguments: Any) -> pd.DataFrame:
            return compute(session, *arguments).rename_axis("network").reset_index()

        @wraps(compute)
        def read(session: Session, *arguments: Any) -> pd.DataFrame:
            return listed(session, *arguments).set_index("network").rename_axis(None)

        return read

    return decorate


def tensors(name: str, needs: str, key: Callable[..., str]) -> Callable:
    """Make a result of the function that computes (tensors, what they are): what is no table."""

    def decorate(compute: Callable[..., Kept]) -> Callable[..., Kept]:
        register(compute, name, ".safetensors", needs, "", key)

        @wraps(compute)
        def read(session: Session) -> Kept:
            own = key(session.study)

            def read_own(path: Path) -> Kept | None:
                return keep.read_tensors(path, finite=False) if keep.has(path, key=own) else None

            path, found = find(session, f"{name}.safetensors", read_own)
            if found is None:
                made, about = compute(session)
                keep.write_tensors(path, made, about | {"key": own})
                found = keep.read_tensors(path, finite=False)
                publish_computed(session.study, path)
            return found

        return read

    return decorate


def join(study: Study, parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of tables of a study's parts; networks are in the study's own order."""
    rows = pd.concat(parts, ignore_index=(numbered := parts[0].index.name is None))
    if "network" not in (*rows.columns, rows.index.name):
        return rows
    place = list(study.networks).index
    return rows.sort_values(
        "network", ignore_index=numbered, key=lambda x: x.map(place), kind="stable"
    )


def register(
    compute: Callable, name: str, suffix: str, needs: str, columns: str, *rest: Any
) -> None:
    """Add a result to `TABLES`; its docstring's first line says what it shows."""
    shows = (compute.__doc__ or "").strip().splitlines()[0]
    wanted, named = (tuple(filter(None, text.split(", "))) for text in (needs, columns))
    TABLES[name] = Table(name, suffix, shows, wanted, named, *rest)


def find(session: Session, file: str, read: Callable[[Path], Any]) -> tuple[Path, Any]:
    """Return where a result is kept and what is there: from runs/, else from figures/, or None."""
    study = session.study
    computed, published = (
        place(study.name, file) for place in (paths.computed_file, paths.published_file)
    )
    found = read(computed)
    if found is not None:
        publish_computed(study, computed)
    elif not session.recompute:
        found = read(published)
    return computed, found


def publish_computed(study: Study, computed: Path) -> None:
    """Copy what was computed to figures/, where it is not there as it is.

    A table that was published before in the other form, compressed or not, goes.
    """
    if computed.suffix == ".csv":
        forms = {computed, keep.compressed_name(computed)}
        computed = keep.table_file(computed)
        for other in forms - {computed}:
            paths.published_file(study.name, other.name).unlink(missing_ok=True)
    published = paths.published_file(study.name, computed.name)
    if not published.is_file() or published.read_bytes() != computed.read_bytes():
        with keep.atomic(published) as temporary:
            shutil.copy(computed, temporary)


def written_key(path: Path) -> str | None:
    """Return the key that a kept file carries; None where it carries none or is not there."""
    if path.suffix == ".safetensors":
        return (keep.read_about(path) or {}).get("key")
    return keep.table_key(path)


def meanings() -> dict[str, str]:
    """Return {column: what it means, with unit and range}, for the columns of all tables."""
    return pd.read_csv(MEANINGS, index_col="column")["meaning"].to_dict()


def publish(session: Session, name: str, content: pd.DataFrame) -> None:
    """Write a table that a notebook made to figures/<study>/, as `save_figure` does."""
    path = paths.published_file(session.study.name, f"{name}.csv")
    key = session.study.table_key(name)
    if session.recompute or not same_numbers(path, keep.table_text(content, key), key):
        keep.write_table(path, content, key)


def save_figure(session: Session, figure: Figure, name: str, content: pd.DataFrame) -> None:
    """Write a figure as PNG and SVG, and what it shows as CSV, to figures/<study>/.

    Where the session shows committed results, a figure of the same numbers (to `ROUNDING`, which is
    what machines differ by) is left alone.
    """
    lay_out_once(figure)
    csv, *pictures = (
        paths.published_file(session.study.name, f"{name}.{kind}") for kind in ("csv", "png", "svg")
    )
    text = keep.table_text(content, key := session.study.table_key(name))
    if not session.recompute and all(map(Path.is_file, pictures)) and same_numbers(csv, text, key):
        return
    for path in pictures:
        undated = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        with keep.atomic(path) as temporary:
            figure.savefig(temporary, metadata=undated)
    keep.write_table(csv, content, key)  # last: where it is there, so are the pictures


def lay_out_once(figure: Figure) -> None:
    """Lay out a finished figure; else each of six drawings, to files and the page, would do so."""
    engine = figure.get_layout_engine()
    if figure.axes and engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def same_numbers(path: Path, text: str, key: str) -> bool:
    """Say whether a table's file has this key and, to `ROUNDING`, the numbers of this text."""
    known = keep.read_table(path, key)
    if known is None:
        return False
    try:
        fresh = keep.parse_table(io.StringIO(text))
        pd.testing.assert_frame_equal(known, fresh, rtol=ROUNDING, atol=ROUNDING)
    except AssertionError:
        return False
    return True


def read_provenance(study: Study) -> dict:
    """Return how a study's results came to be: figures/<study>/provenance.json, {} without one."""
    path = paths.provenance_file(study.name)
    return json.loads(path.read_text()) if path.is_file() else {}


def write_provenance(study: Study, facts: dict) -> None:
    """Merge facts on how a study's results came to be into its provenance.json."""
    known = read_provenance(study)
    with keep.atomic(paths.provenance_file(study.name)) as temporary:
        temporary.write_text(json.dumps(known | facts, indent=1, sort_keys=True) + "\n")


def run_time(session: Session, number: str) -> str:
    """Return a line on how long a notebook took, and where, when it was run last for a study.

    `number` is the notebook's, as ``"03"``; the line is "run time: not recorded" where
    provenance.json does not know.
    """
    facts = read_provenance(session.study)
    for name, seconds in facts.get("last_run_seconds", {}).items():
        if name.startswith(number):
            place = facts["hardware"]
            machine = place["accelerator"] or place.get("processor") or place["machine"]
            length = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
            return f"run time: {length} with {place['cores']} cores, {machine}"
    return "run time: not recorded"
