"""Which notebooks run, with which parameters, and which of them are done."""

import ast
import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

import papermill

from paradoxlib import keep, paths
from paradoxlib.studies import sessions
from paradoxlib.studies.study import Study

LAST = "00"  # the summary reads what the others make
FIRST = ("01", "02", "03")  # they train and evaluate, on all cores, what the others look at


def notebooks(chosen: Iterable[str] = ()) -> list[Path]:
    """Return the notebooks in the order in which they run: by number, the summary (00) last.

    `chosen` names some of them by number or by name; an unknown one is a ValueError.
    """
    found = sorted(paths.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if not found:
        advice = "run from a clone of the repository, or set PARADOX_HOME to one"
        raise FileNotFoundError(f"there are no notebooks in {paths.NOTEBOOKS}: {advice}")
    chosen = list(chosen)
    for name in chosen:
        if not any(is_meant(path, name) for path in found):
            known = ", ".join(path.stem for path in found)
            raise ValueError(f"unknown notebook {name!r}: choose of {known}")
    wanted = [path for path in found if not chosen or any(is_meant(path, n) for n in chosen)]
    return sorted(wanted, key=lambda path: (path.name.startswith(LAST), path.name))


def in_groups(chosen: Iterable[Path]) -> list[list[Path]]:
    """Return notebooks in groups: one group runs after the other, those of one side by side.

    The longest are the last ones, so they begin.
    """
    ordered = list(chosen)
    alone = [path for path in ordered if path.name.startswith((*FIRST, LAST))]
    together = [path for path in ordered if path not in alone]
    groups = [*([path] for path in alone), together[::-1]]
    return sorted(filter(None, groups), key=lambda group: group[0].name.startswith(LAST))


def is_meant(path: Path, name: str) -> bool:
    """Say whether a notebook is meant by a number, a stem or a file name."""
    return name in (path.name, path.stem, path.stem.split("_")[0])


def check_parameters(notebook: Path, parameters: Mapping[str, object]) -> None:
    """Raise ValueError for a parameter that a notebook does not have, or of another type.

    Papermill alone would only warn.
    """
    known = papermill.inspect_notebook(str(notebook))
    for name, value in parameters.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f": did you mean {near[0]!r}?" if near else ""
            has = f"({notebook.name} has {', '.join(known)})"
            raise ValueError(f"unknown parameter {name!r}{hint} {has}")
        default = ast.literal_eval(known[name]["default"])
        if type(value) is not type(default) and (name, value) != ("workers", sessions.CLUSTER):
            needed = f"{notebook.name} needs a value like {default!r}"
            raise ValueError(f"parameter {name} is {value!r}: {needed}")


def package_text() -> list[str]:
    """Return the text of the package's own files, studies and what is expected of them left out."""
    kinds, aside = (".py", ".csv", ".mplstyle"), paths.expected_file("").parent
    files = sorted(path for path in paths.PACKAGE.rglob("*") if path.suffix in kinds)
    return [path.read_text() for path in files if path.parent != aside]


def notebook_key(notebook: Path, study: Study, parameters: Mapping[str, object]) -> str:
    """Return the key of an executed notebook: its source, the package's, study, parameters."""
    cells = [cell["source"] for cell in json.loads(notebook.read_text())["cells"]]
    settings, known = study.model_dump(mode="json"), paths.expected_file(study.name)
    text = known.read_text() if known.is_file() else ""
    return keep.key(cells, package_text(), settings, sorted(parameters.items()), text)


def is_done(target: Path, key: str, study: Study) -> bool:
    """Say whether a notebook was executed by the same sources and settings to its end.

    What it made must still be there.
    """
    try:
        mark = json.loads(target.read_text())["metadata"].get("paradox", {})
    except (FileNotFoundError, ValueError, KeyError):
        return False
    figures = paths.figures_folder(study.name)
    return mark.get("key") == key and all((figures / name).is_file() for name in mark["made"])
