"""Run the notebooks of a study through papermill: parameters checked first, finished ones skipped, a list of what was made."""

import ast
import json
import time
from difflib import get_close_matches
from pathlib import Path

import nbformat
import papermill
from papermill.exceptions import PapermillExecutionError

from paradoxlib import paths, tables, training
from paradoxlib import study as studies

LAST = "00"  # the summary reads what the others make


class NotebookFailed(RuntimeError):
    """A notebook that stopped with an error."""


def notebooks(chosen=()):
    """Return the notebooks in the order in which they run: by number, the summary (00) last.

    `chosen` names some of them by number or by name; an unknown one is a ValueError.
    """
    found = sorted(paths.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise FileNotFoundError(f"there are no notebooks in {paths.NOTEBOOKS}: run from a clone of the repository, or set PARADOX_HOME to one")
    for name in chosen:
        if not any(matches(path, name) for path in found):
            raise ValueError(f"unknown notebook {name!r}: choose of {', '.join(path.stem for path in found)}")
    wanted = [path for path in found if not chosen or any(matches(path, name) for name in chosen)]
    return sorted(wanted, key=lambda path: (path.name.startswith(LAST), path.name))


def matches(path, name):
    """Say whether a notebook is meant by a number, a stem or a file name."""
    return name in (path.name, path.stem, path.stem.split("_")[0])


def check_parameters(notebook, parameters):
    """Raise ValueError for a parameter that a notebook does not have, or of another type (papermill alone would only warn)."""
    known = papermill.inspect_notebook(str(notebook))
    for name, value in parameters.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f": did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"unknown parameter {name!r}{hint} ({notebook.name} has {', '.join(known)})")
        default = ast.literal_eval(known[name]["default"])
        if type(value) is not type(default) and (name, value) != ("workers", "ray"):
            raise ValueError(f"parameter {name} is {value!r}: {notebook.name} needs a value like {default!r}")


def run(study_name, chosen=(), parameters=None, refresh=False, echo=print):
    """Run a study's notebooks; what is done is not done again.

    Parameters
    ----------
    study_name : str
        A study's name or YAML file.
    chosen : sequence of str
        Numbers or names of notebooks; all where empty.
    parameters : dict
        Of the notebooks, beside ``study_name``; ``recompute`` is True where it is not given.
    refresh : bool
        Forget what was trained and computed for this study on this machine and start anew.

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
    session = {name: parameters[name] for name in ("data_root", "device", "workers") if name in parameters}
    study = studies.load(study_name, recompute=parameters["recompute"], **session)
    images = {}
    if study.session.recompute:  # a device or data that are missing are said now
        images = {split: study.images(split) for split in ("train", "test") if study.device}
    if len(study.families) < 2 or len(study.families) == len(study.networks):
        raise ValueError(f"study {study.name} has no strangers or no children: the notebooks compare both")
    if refresh:
        forget(study)
    if images:
        check_data(study, images)
    times = {}
    for notebook in wanted:
        key, target = notebook_key(notebook, study, parameters), paths.executed(study.name, notebook.name)
        if is_done(target, key):
            echo(f"{notebook.stem}: done before")
            continue
        echo(f"{notebook.stem}: running")
        begun = time.time()
        execute(notebook, target, key, study, parameters)
        times[notebook.stem] = round(time.time() - begun, 1)
    if times and images:
        record(study, images, times)
    made = sorted(path for path in paths.figures(study.name).glob("*") if path.suffix in (".png", ".svg", ".csv", ".json"))
    echo(f"\n{paths.figures(study.name).relative_to(paths.HOME)}: {len(made)} files")
    for path in made:
        echo(f"  {path.name}")
    for name, seconds in times.items():
        echo(f"{name}: {seconds:.0f} s")
    echo(f"all notebooks: {sum(times.values()):.0f} s; executed copies in {target.parent.relative_to(paths.HOME)}")


def check_data(study, images):
    """Raise ValueError where a study's results on this machine were made from other data than those of today."""
    path, today = paths.computed(study.name, "data").with_suffix(".json"), {split: part.fingerprint() for split, part in images.items()}
    if path.is_file() and json.loads(path.read_text()) != today:
        raise ValueError(f"the data of study {study.name} have changed since its results were computed: add --refresh to compute them anew")
    with paths.atomic(path) as temporary:
        temporary.write_text(json.dumps(today))


def execute(notebook, target, key, study, parameters):
    """Execute one notebook; its executed copy takes its place only when it ended without an error."""
    before = {path: path.stat().st_mtime_ns for path in paths.figures(study.name).glob("*")}
    failed = target.with_name(f"failed_{target.name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(notebook, failed, parameters, kernel_name="python3", progress_bar=False)
    except PapermillExecutionError as error:
        raise NotebookFailed(f"{notebook.name} failed in cell {error.cell_index}: {error.ename}: {error.evalue} (see {failed})") from None
    document = nbformat.read(failed, 4)
    made = [path.name for path in paths.figures(study.name).glob("*") if before.get(path) != path.stat().st_mtime_ns]
    document.metadata["paradox"] = {"key": key, "made": sorted(made)}
    with paths.atomic(target) as temporary:
        nbformat.write(document, temporary)
    failed.unlink()


def notebook_key(notebook, study, parameters):
    """Return the key of an executed notebook: its source, the package's, the study and the parameters."""
    cells = [cell["source"] for cell in json.loads(notebook.read_text())["cells"]]
    package = [path.read_text() for path in sorted(paths.PACKAGE.rglob("*")) if path.suffix in (".py", ".csv", ".mplstyle")]
    return studies.key(cells, package, study.model_dump(mode="json", exclude={"session"}), sorted(parameters.items()))


def is_done(target, key):
    """Say whether a notebook was executed to its end by the same sources and settings, and what it made is still there."""
    try:
        mark = json.loads(target.read_text())["metadata"].get("paradox", {})
    except (FileNotFoundError, ValueError, KeyError):
        return False
    figures = paths.figures(target.parent.parent.name)
    return mark.get("key") == key and all((figures / name).is_file() for name in mark["made"])


def forget(study):
    """Delete what was trained and computed for a study on this machine."""
    for name in study.networks:
        for path in (paths.weights(study.name, name), paths.checkpoint(study.name, name), paths.predictions(study.name, name)):
            path.unlink(missing_ok=True)
    for folder in (paths.computed(study.name, "").parent, paths.executed(study.name, "")):
        for path in filter(Path.is_file, folder.glob("*")):
            path.unlink()


def record(study, images, times):
    """Write how a study's results came to be into its provenance.json."""
    facts = {"study": study.title, "hardware": tables.hardware(), "versions": tables.versions(), "last_run_seconds": times}
    facts["data"] = {
        split: {"source": part.source, "count": len(part), "sha256": part.fingerprint(), "classes": len(part.classes)}
        for split, part in images.items()
    }
    facts["training"] = training.rates(study).round(2).to_dict("records")
    tables.write_provenance(study, facts)
