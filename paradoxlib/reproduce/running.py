"""Run the notebooks of a study in order, from the check of everything to the list at the end."""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from joblib import cpu_count

from paradoxlib import devices, keep, paths
from paradoxlib.images import datasets
from paradoxlib.reproduce import anew, choosing, ending
from paradoxlib.reproduce.executing import execute, explain
from paradoxlib.reproduce.progress import Progress
from paradoxlib.results import tables
from paradoxlib.studies import sessions, trained
from paradoxlib.studies.study import Study
from paradoxlib.verify import reporting

SETTINGS = ("data_root", "device", "workers", "recompute")  # parameters of the session
LEAST_TESTED = 16  # test images: four batches of which CKA by batches can be told (notebook 08)
SIDE_BY_SIDE = 2  # notebooks, each of which computes much on one core alone
LISTED = (".png", ".svg", ".csv", ".xz", ".json")  # of files that are listed at the end
Splits = Mapping[str, datasets.Images | datasets.ImageFiles]  # {split: images}
Parameters = Mapping[str, object]
Echo = Callable[[str], None]


def run(
    study_name: str | Path,
    chosen: Iterable[str] = (),
    parameters: Parameters | None = None,
    refresh: bool = False,
    echo: Echo = print,
) -> None:
    """Run a study's notebooks, and skip finished work.

    Parameters
    ----------
    study_name : str or Path
        A study's name or YAML file.
    chosen : iterable of str
        Numbers or names of notebooks; all where empty.
    parameters : dict
        Of the notebooks, without ``study_name``; ``recompute`` is True where it is not given.
    refresh : bool
        Set aside what was trained and computed for this study on this machine and start anew;
        where the run fails or is ended, the old comes back.
    echo : callable
        Takes the lines that say what happens.

    Raises
    ------
    ValueError
        For an unknown study, notebook or parameter, or bad data, before anything runs; `Busy`
        where another run is at work on the study.
    PermissionError
        Where a folder that results go to cannot be written.
    NotebookFailed
        Where a notebook stops with an error; what was done stays done.
    Ended
        Where a signal ends it, and every process that it started.
    """
    if Path(study_name).suffix in (".yaml", ".yml"):
        study_name = Path(study_name).absolute()
    given = dict(parameters or {})
    if "study_name" in given:
        problem = "the study is the command's argument, not one of its parameters"
        raise ValueError(f"study_name is {given['study_name']!r}: {problem}")
    wanted = choosing.notebooks(chosen)
    parameters = {"recompute": True, **given, "study_name": str(study_name)}
    for notebook in wanted:
        choosing.check_parameters(notebook, parameters)
    with ending.on_signals():
        settings: dict = {name: parameters[name] for name in SETTINGS if name in parameters}
        session = sessions.start(study_name, **settings)
        study, images = session.study, {}
        study.require_own()
        if session.recompute:  # data that are missing are reported now
            images = {split: session.images(split) for split in ("train", "test")}
        check_shown(study, images)
        check_writable(study)
        try:
            with ending.alone(study.name):
                ending.sweep(study.name)
                try:
                    work(session, images, wanted, parameters, refresh, echo)
                finally:
                    ending.sweep(study.name)
        except OSError as error:
            raise OSError(explain(type(error).__name__, str(error))) from None


def check_shown(study: Study, images: Splits) -> None:
    """Raise ValueError for a study that the notebooks cannot show."""
    problem = None
    if len(study.families) < 2 or len(study.families) == len(study.networks):
        problem = "has no strangers or no children: the notebooks compare both"
    elif study.model.norm != "batch" or study.model.architecture == "convnet":
        problem = "has no residual networks with batch norms: the notebooks take those apart"
    elif images and len(images["test"]) < LEAST_TESTED:
        problem = f"has {len(images['test'])} test images: the notebooks need {LEAST_TESTED}"
    if problem:
        raise ValueError(f"study {study.name} {problem}")


def work(
    session: sessions.Session,
    images: Splits,
    wanted: Sequence[Path],
    parameters: Parameters,
    refresh: bool,
    echo: Echo,
) -> None:
    """Run the notebooks of a checked study, its lock held."""
    study, begun = session.study, time.monotonic()
    if anew.put_right(study):
        echo("a run with --refresh was killed: what there was before is back")
    if refresh:
        prints = {split: part.fingerprint() for split, part in images.items()}
        key = keep.key(choosing.package_text(), study.model_dump(mode="json"), prints)
        with anew.fresh_start(study, key):
            times = run_notebooks(session, images, wanted, parameters, echo)
    else:
        times = run_notebooks(session, images, wanted, parameters, echo)
    echo_summary(study, times, time.monotonic() - begun, echo)
    for line in ("", *reporting.report(study).lines):
        echo(line)


def run_notebooks(
    session: sessions.Session,
    images: Splits,
    wanted: Sequence[Path],
    parameters: Parameters,
    echo: Echo,
) -> dict[str, float]:
    """Run the notebooks that are not done; return {notebook: seconds}."""
    study = session.study
    if images:
        check_data(study, images)
    keys = {notebook: choosing.notebook_key(notebook, study, parameters) for notebook in wanted}
    targets = {notebook: paths.executed_file(study.name, notebook.name) for notebook in wanted}
    waiting = [path for path in wanted if not choosing.is_done(targets[path], keys[path], study)]
    known = seconds_known(study)
    seconds = {notebook.stem: known.get(notebook.stem) for notebook in waiting}
    progress, times = Progress(seconds, echo), {}

    def run_one(notebook: Path) -> None:
        if ending.OVER.is_set():  # a thread that lost its kernel turns to the next notebook
            return
        progress.say(f"{notebook.stem}: running")
        begun = time.time()
        shown = progress if progress.shown else None
        with progress.at(notebook.stem):
            execute(notebook, targets[notebook], keys[notebook], study, parameters, shown)
        times[notebook.stem] = round(time.time() - begun, 1)

    try:
        for notebook in wanted:
            if notebook not in waiting:
                progress.say(f"{notebook.stem}: done before")
        for group in choosing.in_groups(waiting):
            run_group(session, group, run_one)
    finally:
        progress.close()
    if times and images:
        write_facts(study, images, times)
    return times


def run_group(
    session: sessions.Session, group: Sequence[Path], run_one: Callable[[Path], None]
) -> None:
    """Run a group of notebooks: two at a time on a CPU, where all that they look at is trained."""
    study = session.study
    ready = all(trained.is_trained(study, network) for network in study.networks)
    together = SIDE_BY_SIDE if session.device.type == "cpu" and ready else 1
    if min(together, len(group), session.networks_at_once) == 1:
        for notebook in sorted(group):
            run_one(notebook)
        return
    pool = ThreadPoolExecutor(together)
    with threads_of_kernels(max(1, cpu_count() // together)):
        try:
            for running in [pool.submit(run_one, notebook) for notebook in group]:
                running.result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def threads_of_kernels(number: int) -> Iterator[None]:
    """Give each kernel that is started so many threads, unless the user has given a number."""
    if "OMP_NUM_THREADS" in os.environ:
        yield
        return
    os.environ["OMP_NUM_THREADS"] = str(number)
    try:
        yield
    finally:
        del os.environ["OMP_NUM_THREADS"]


def echo_summary(study: Study, times: Mapping[str, float], seconds: float, echo: Echo) -> None:
    """List what a study's notebooks made, and how long each took, the slowest first."""
    figures = paths.figures_folder(study.name)
    made = sorted(path.name for path in figures.glob("*") if path.suffix in LISTED)
    echo(f"\n{figures.relative_to(paths.HOME)}: {len(made)} files")
    for name in made:
        echo(f"  {name}")
    for name in sorted(times, key=lambda name: -times[name]):
        echo(f"{name}: {times[name]:.0f} s")
    executed = paths.executed_file(study.name, "").relative_to(paths.HOME)
    echo(f"all notebooks: {seconds:.0f} s; executed copies in {executed}")


def check_writable(study: Study) -> None:
    """Raise PermissionError where a folder that results go to cannot be written."""
    weights = paths.weights_file(study.name, "").parent
    for folder in (paths.figures_folder(study.name), weights, paths.run_file(study.name, "")):
        existing = next(place for place in (folder, *folder.parents) if place.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            needed = f"results of study {study.name} go there"
            raise PermissionError(f"{existing} cannot be written ({needed}): make it writable")


def check_data(study: Study, images: Splits) -> None:
    """Raise ValueError where a study's results here were made from other data than today's.

    Only data of the same settings are compared, the number of images among them.
    """
    path = paths.data_file(study.name)
    known = json.loads(path.read_text()) if path.is_file() else {}
    settings = (study.data.name, study.data.image_size)
    today = {
        keep.key(*settings, split, len(part)): part.fingerprint() for split, part in images.items()
    }
    if any(known.get(key, value) != value for key, value in today.items()):
        changed = f"the data of study {study.name} have changed since its results were computed"
        raise ValueError(f"{changed}: add --refresh to compute them anew")
    with keep.atomic(path) as temporary:
        temporary.write_text(json.dumps(known | today))


def seconds_known(study: Study) -> dict[str, float]:
    """Return {notebook: seconds that it took when it ran last}, as provenance.json says."""
    try:
        return tables.read_provenance(study).get("last_run_seconds", {})
    except ValueError:  # the file is damaged
        return {}


def write_facts(study: Study, images: Splits, times: Mapping[str, float]) -> None:
    """Write how a study's results came to be into its provenance.json."""
    facts = {
        "study": study.title,
        "hardware": devices.hardware(),
        "versions": devices.versions(),
        "last_run_seconds": {**seconds_known(study), **times},
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
