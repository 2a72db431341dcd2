"""Run the notebooks of a study through papermill.

Parameters are checked first, what is done is skipped, and a list of what was made is printed.
"""

import ast
import json
import time
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

import nbformat
import papermill
from nbclient import NotebookClient
from papermill.exceptions import PapermillExecutionError

from paradoxlib import devices, keep, paths
from paradoxlib.images import datasets
from paradoxlib.results import tables
from paradoxlib.studies import sessions, trained
from paradoxlib.studies.study import Study

LAST = "00"  # the summary reads what the others make
SETTINGS = ("data_root", "device", "workers", "recompute")  # parameters of the session
LISTED = (".png", ".svg", ".csv", ".json")  # of files that are listed at the end
Splits = Mapping[str, datasets.Images | datasets.ImageFiles]  # {split: images}


class NotebookFailed(RuntimeError):
    """A notebook that stopped with an error."""


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


def run(
    study_name: str | Path,
    chosen: Iterable[str] = (),
    parameters: Mapping | None = None,
    refresh: bool = False,
    echo: Callable[[str], None] = print,
) -> None:
    """Run a study's notebooks, and skip finished work.

    Parameters
    ----------
    study_name : str or Path
        A study's name or YAML file.
    chosen : iterable of str
        Numbers or names of notebooks; all where empty.
    parameters : dict
        Of the notebooks, beside ``study_name``; ``recompute`` is True where it is not given.
    refresh : bool
        Forget what was trained and computed for this study on this machine and start anew.
    echo : callable
        Takes the lines that say what happens.

    Raises
    ------
    ValueError
        For an unknown study, notebook or parameter, or bad data, before anything runs.
    NotebookFailed
        Where a notebook stops with an error; what was done stays done.
    """
    if Path(study_name).suffix in (".yaml", ".yml"):
        study_name = Path(study_name).resolve()
    wanted = notebooks(chosen)
    parameters = {"recompute": True, **(parameters or {}), "study_name": str(study_name)}
    for notebook in wanted:
        check_parameters(notebook, parameters)
    settings = {name: parameters[name] for name in SETTINGS if name in parameters}
    session = sessions.start(study_name, **settings)
    study, images = session.study, {}
    if session.recompute:  # data that are missing are reported now
        images = {split: session.images(split) for split in ("train", "test")}
    if len(study.families) < 2 or len(study.families) == len(study.networks):
        missing = "has no strangers or no children: the notebooks compare both"
        raise ValueError(f"study {study.name} {missing}")
    if refresh:
        forget(study)
    if images:
        check_data(study, images)
    times = {}
    for notebook in wanted:
        key = notebook_key(notebook, study, parameters)
        target = paths.executed_file(study.name, notebook.name)
        if is_done(target, key, study):
            echo(f"{notebook.stem}: done before")
            continue
        echo(f"{notebook.stem}: running")
        begun = time.time()
        execute(notebook, target, key, study, parameters)
        times[notebook.stem] = round(time.time() - begun, 1)
    if times and images:
        write_facts(study, images, times)
    echo_summary(study, times, echo)


def echo_summary(study: Study, times: Mapping[str, float], echo: Callable[[str], None]) -> None:
    """List what a study's notebooks made, and how long each took."""
    figures = paths.figures_folder(study.name)
    made = sorted(path.name for path in figures.glob("*") if path.suffix in LISTED)
    echo(f"\n{figures.relative_to(paths.HOME)}: {len(made)} files")
    for name in made:
        echo(f"  {name}")
    for name, seconds in times.items():
        echo(f"{name}: {seconds:.0f} s")
    executed = paths.executed_file(study.name, "").relative_to(paths.HOME)
    echo(f"all notebooks: {sum(times.values()):.0f} s; executed copies in {executed}")


def check_data(study: Study, images: Splits) -> None:
    """Raise ValueError where a study's results here were made from other data than today's."""
    path = paths.data_file(study.name)
    today = {split: part.fingerprint() for split, part in images.items()}
    if path.is_file() and json.loads(path.read_text()) != today:
        changed = f"the data of study {study.name} have changed since its results were computed"
        raise ValueError(f"{changed}: add --refresh to compute them anew")
    with keep.atomic(path) as temporary:
        temporary.write_text(json.dumps(today))


def execute(
    notebook: Path, target: Path, key: str, study: Study, parameters: Mapping[str, object]
) -> None:
    """Execute one notebook; its copy takes its place only when it ended without an error."""
    figures = paths.figures_folder(study.name)
    before = {path: path.stat().st_mtime_ns for path in figures.glob("*")}
    failed = target.with_name(f"failed_{target.name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    kernel = {"kernel_name": "python3", "progress_bar": False}
    try:
        papermill.execute_notebook(notebook, failed, dict(parameters), **kernel)
    except PapermillExecutionError as error:
        where = f"{notebook.name} failed in cell {error.cell_index}"
        raise NotebookFailed(f"{where}: {error.ename}: {error.evalue} (see {failed})") from None
    document = nbformat.read(failed, 4)
    describe_figures(document)
    made = [path for path in figures.glob("*") if before.get(path) != path.stat().st_mtime_ns]
    names = sorted(path.name for path in made)
    document.metadata["paradox"] = {"key": key, "made": names}
    with keep.atomic(target) as temporary:
        nbformat.write(document, temporary)
    failed.unlink()


def store(chosen: Iterable[str] = (), echo: Callable[[str], None] = print) -> None:
    """Execute notebooks in place, as they stand, so that they hold their outputs."""
    for notebook in notebooks(chosen):
        echo(f"{notebook.stem}: running")
        document = nbformat.read(notebook, 4)
        NotebookClient(document, kernel_name="python3", timeout=None).execute()
        describe_figures(document)
        with keep.atomic(notebook) as temporary:
            nbformat.write(document, temporary)


def describe_figures(document: nbformat.NotebookNode) -> None:
    """Give every figure in a notebook's outputs its cell's alternative text.

    A cell's metadata hold the text where MyST-NB looks for it; nbconvert takes it from the output.
    """
    for cell in document.cells:
        text = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
        for output in cell.get("outputs", []):
            if text and "image/png" in output.get("data", {}):
                output.metadata.setdefault("image/png", {})["alt"] = text


def notebook_key(notebook: Path, study: Study, parameters: Mapping[str, object]) -> str:
    """Return the key of an executed notebook: its source, the package's, study, parameters."""
    cells = [cell["source"] for cell in json.loads(notebook.read_text())["cells"]]
    files = sorted(path for path in paths.PACKAGE.rglob("*") if path.suffix != ".yaml")
    package = [path.read_text() for path in files if path.suffix in (".py", ".csv", ".mplstyle")]
    return keep.key(cells, package, study.model_dump(mode="json"), sorted(parameters.items()))


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


def forget(study: Study) -> None:
    """Delete what was trained and computed for a study on this machine."""
    for name in study.networks:
        for place in (paths.weights_file, paths.checkpoint_file, paths.predictions_file):
            place(study.name, name).unlink(missing_ok=True)
    for folder in (paths.computed_file(study.name, ""), paths.executed_file(study.name, "")):
        for path in filter(Path.is_file, folder.glob("*")):
            path.unlink()


def write_facts(study: Study, images: Splits, times: Mapping[str, float]) -> None:
    """Write how a study's results came to be into its provenance.json."""
    facts = {
        "study": study.title,
        "hardware": devices.hardware(),
        "versions": devices.versions(),
        "last_run_seconds": times,
        "data": {split: describe(part) for split, part in images.items()},
        "training": trained.read_rates(study).round(2).to_dict("records"),
    }
    tables.write_provenance(study, facts)


def describe(images: datasets.Images | datasets.ImageFiles) -> dict[str, object]:
    """Return what provenance says of a data set."""
    return {
        "source": images.source,
        "count": len(images),
        "sha256": images.fingerprint(),
        "classes": len(images.classes),
    }
