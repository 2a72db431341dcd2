"""The command, ended by a signal or killed alone: within seconds none of its processes is left."""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nbformat
import psutil
import pytest
from conftest import TINY, tiny_file
from nbformat.v4 import new_code_cell, new_notebook

MARK = "PARADOX_TEST_RUN"  # the environment variable by which the processes of a run are known
START, END = 180, 30  # seconds at most: a loaded machine is slow
SIGNALS = {
    "training": signal.SIGTERM,
    "evaluation": signal.SIGINT,
    "notebook": signal.SIGHUP,
    "killed": signal.SIGKILL,
}
SIDE_BY_SIDE = ("04_one", "05_other", "06_waiting")  # two at once, where there are two cores
LONG = TINY.replace("fine_tuning: {epochs: 1", "fine_tuning: {epochs: 99999")
LONG = LONG.replace("C: {seed: 3}", "C: {seed: 3, epochs: 99999}")
LARGE = TINY.split("evaluation:")[0].replace("test_images: 30", "test_images: 500")
LARGE += "evaluation: {seed: 1}\n" + TINY.split("\n", 6)[-1]

TRAINING = """
from paradoxlib.studies import sessions, training
training.train_all(sessions.start(study_name, workers=2))
"""
EVALUATION = """
from pathlib import Path
from paradoxlib.behaviour import predictions
from paradoxlib.studies import predicting, sessions
classify = predictions.classify
predictions.classify = lambda *a: Path("READY").touch() or classify(*a)
predicting.predict_study(sessions.start(study_name))
"""
NOTEBOOK = """
import subprocess, sys, time
from pathlib import Path
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path("READY").touch()
time.sleep(600)
"""
SLEEPER = "import time; time.sleep(60)"
RUNNER = """
import nbformat, sys
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from paradoxlib.reproduce.executing import KERNEL
NotebookClient(new_notebook(cells=[new_code_cell(sys.argv[1])]), **KERNEL).execute()
"""
CELL = f"""
import os, subprocess, sys
from pathlib import Path
started = subprocess.Popen([sys.executable, "-c", {SLEEPER!r}])
orphan = subprocess.check_output(["sh", "-c", "sleep 60 >&2 & echo $!"], text=True)
Path("PIDS.part").write_text(f"{{os.getpid()}} {{started.pid}} {{orphan}}")
Path("PIDS.part").rename("PIDS")
{SLEEPER}
"""


@dataclass
class Run:
    """A run of the command in a home of its own."""

    home: Path
    mark: str
    command: subprocess.Popen
    log: Path

    def processes(self):
        """Return the processes that carry this run's mark; the dead are not among them."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def is_ready(self):
        """Say whether the run has come to the moment at which it is to be ended."""
        at_work = list((self.home / "runs" / "tiny" / "checkpoints").glob("[BC].images"))
        return (self.home / "READY").exists() or len(at_work) == 2


def heed_signals():
    """Heed the signals that a parent in the background, or under nohup, ignores."""
    for one in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(one, signal.SIG_DFL)


def start(home, study, code, weights=None, names=("01_work",)):
    """Start the command on a study with notebooks of one cell."""
    (home / "notebooks").mkdir(parents=True)
    parameters = new_code_cell(
        'study_name = "demo"\nrecompute = True', metadata={"tags": ["parameters"]}
    )
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = new_notebook(cells=[parameters, new_code_cell(code)])
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    for name in names:
        nbformat.write(notebook, home / "notebooks" / f"{name}.ipynb")
    if weights:
        shutil.copytree(weights, home / "weights")
    mark, log = uuid.uuid4().hex, home / "log.txt"
    environment = {**os.environ, "PARADOX_HOME": str(home), MARK: mark}
    with log.open("w") as file:
        command = subprocess.Popen(
            [sys.executable, "-m", "paradoxlib", "run", str(tiny_file(home, study))],
            env=environment,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            preexec_fn=heed_signals,
        )
    return Run(home, mark, command, log)


@dataclass
class End:
    """How a run was ended: its processes before, those left after it, its exit code and output."""

    before: list
    left: list
    code: int
    log: str


@pytest.fixture(scope="module")
def ends(tmp_path_factory, trained_home):
    """{moment: how a run was ended}; all start side by side, and the first ready ends first."""
    folder, weights = tmp_path_factory.mktemp("runs"), trained_home / "weights"
    runs = {
        "training": start(folder / "training", LONG, TRAINING, weights),
        "killed": start(folder / "killed", LONG, TRAINING, weights),
        "evaluation": start(folder / "evaluation", LARGE, EVALUATION, weights),
        "notebook": start(folder / "notebook", TINY, NOTEBOOK, weights, SIDE_BY_SIDE),
    }
    ends = {}
    try:
        while waiting := {name: run for name, run in runs.items() if name not in ends}:
            for name in wait_for(partial(ready, waiting), START) or waiting:
                ends[name] = end(runs[name], SIGNALS[name])
        yield ends
    finally:
        for run in runs.values():
            for process in run.processes():
                process.kill()
            run.command.wait()


def ready(runs):
    """Return the names of the runs that have come to their moment, or ended before it."""
    return [name for name, one in runs.items() if one.is_ready() or one.command.poll() is not None]


def end(run, number):
    """Send a signal to the command of a run, and wait until all is over or time is up."""
    before = run.processes()
    run.command.send_signal(number)
    wait_for(lambda: not run.processes(), END)
    left = run.processes()
    run.command.kill()
    return End(before, left, run.command.wait(), run.log.read_text())


def wait_for(condition, seconds):
    """Return a condition as soon as it is met, or as it is when so many seconds are over."""
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return met


@pytest.mark.parametrize(
    ("moment", "least"), [("notebook", 3), ("evaluation", 2), ("training", 4), ("killed", 4)]
)
def test_no_process_is_left(ends, moment, least):
    end, number = ends[moment], SIGNALS[moment]
    assert len(end.before) >= least, end.log  # the command, its kernel, and the kernel's workers
    assert not end.left
    if number == signal.SIGKILL:
        assert end.code == -number
        return
    assert end.code == 128 + number
    last = f"paradox: ended by {signal.Signals(number).name}; "
    assert end.log.splitlines()[-1].startswith(last) and "Trace" not in end.log


def test_no_temporary_file_is_left(ends, tmp_path_factory):
    for moment in ends:
        if SIGNALS[moment] != signal.SIGKILL:
            home = next(tmp_path_factory.getbasetemp().glob(f"runs*/{moment}"))
            assert not [path for path in home.rglob(".*") if path.is_file()]
            assert not list(home.rglob("kernel")) and not list(home.rglob("failed*"))


def test_a_kernel_and_what_its_notebook_started_end_with_the_command(tmp_path):
    command = subprocess.Popen([sys.executable, "-c", RUNNER, CELL], cwd=tmp_path)
    while not (tmp_path / "PIDS").is_file():
        assert command.poll() is None
        time.sleep(0.1)
    family = [psutil.Process(int(pid)) for pid in (tmp_path / "PIDS").read_text().split()]
    command.kill()
    command.wait()
    _, alive = psutil.wait_procs(family, END)
    assert len(family) == 3 and not alive
