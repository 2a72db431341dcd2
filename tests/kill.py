"""Kill runs of the command at random moments and see that nothing is lost and nothing left.

    python tests/kill.py 100

kills that many runs of a tiny study: every process of a run at once, a worker of its kernel alone,
or the command alone. After each kill no process may be left; after every few, the study is run to
its end, and its weights and tables must be those of an unbroken run, without a temporary file. It
is run by hand: a kill takes some twenty seconds on two cores.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path

import nbformat
import psutil
from conftest import TINY, tiny_file
from nbformat.v4 import new_code_cell, new_notebook

from paradoxlib import keep

MARK = "PARADOX_TEST_RUN"  # the environment variable by which the processes of a run are known
MOVES = ("everything", "a worker", "the command")
KILLS_A_ROUND = 3
END = 5  # seconds for the processes of a killed command to see it and end
STUDY = TINY.replace("{epochs: 2,", "{epochs: 24,").replace("{epochs: 1,", "{epochs: 12,")
NOTEBOOKS = {
    "01_train": """
from functools import partial
from paradoxlib.studies import sessions, training
session = sessions.start(study_name, recompute=recompute)
train = partial(training.train, checkpoint_seconds=0.3)
for generation in session.study.generations:
    sessions.run_tasks(session, train, generation, 2)
""",
    "02_evaluate": """
from paradoxlib import results
from paradoxlib.studies import sessions
session = sessions.start(study_name, recompute=recompute)
results.training_history(session)
results.accuracies(session)
""",
    "04_pairs": """
from paradoxlib import results
from paradoxlib.studies import sessions
session = sessions.start(study_name, recompute=recompute)
results.pairs(session)
""",
    "05_process": """
import subprocess, sys
from paradoxlib import results
from paradoxlib.studies import sessions
session = sessions.start(study_name, recompute=recompute)
subprocess.run([sys.executable, "-c", "import time; time.sleep(3)"], check=True)
results.layers_of_pairs(session)
""",
}  # the last two run side by side, and one of them starts a process of its own


def make_home(folder: Path) -> Path:
    """Return a new home with the tiny study and its notebooks."""
    (folder / "notebooks").mkdir(parents=True)
    parameters = 'study_name = "demo"\nrecompute = True'
    for name, code in NOTEBOOKS.items():
        tagged = new_code_cell(parameters, metadata={"tags": ["parameters"]})
        notebook = new_notebook(cells=[tagged, new_code_cell(code)])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        notebook.metadata["kernelspec"]["language"] = "python"
        nbformat.write(notebook, folder / "notebooks" / f"{name}.ipynb")
    tiny_file(folder, STUDY)
    return folder


def start(home: Path) -> tuple[subprocess.Popen, str]:
    """Start the command in a home; return it with the mark of its processes."""
    mark = uuid.uuid4().hex
    command = [sys.executable, "-m", "paradoxlib", "run", str(home / "tiny.yaml")]
    environment = {**os.environ, "PARADOX_HOME": str(home), MARK: mark}
    with (home / "log.txt").open("w") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log), mark


def await_work(home: Path, command: subprocess.Popen) -> float:
    """Wait until a run has started its first notebook, and return when that was."""
    while "running" not in (home / "log.txt").read_text() and command.poll() is None:
        time.sleep(0.1)
    return time.monotonic()


def marked(mark: str) -> list[psutil.Process]:
    """Return the processes of a run; the dead are not among them."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                found.append(process)
        except psutil.Error:
            continue
    return found


def kill(move: str, command: subprocess.Popen, mark: str) -> bool:
    """Kill what a move says, where it is there; return whether it was."""
    processes = marked(mark)
    if move == "the command":
        chosen = [process for process in processes if process.pid == command.pid]
    elif move == "a worker":
        workers = [p for p in processes if any("popen_loky" in word for word in words(p))]
        chosen = random.sample(workers, min(1, len(workers)))
    else:
        chosen = processes
    for process in chosen:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    return bool(chosen)


def words(process: psutil.Process) -> list[str]:
    """Return the words of a process's command line."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def remaining(mark: str) -> list[psutil.Process]:
    """Return the processes of a run that are left when they had time to end."""
    deadline = time.monotonic() + END
    while (left := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def results(home: Path) -> dict[str, object]:
    """Return what a run made: the digest of each network's weights, the text of each table."""
    weights = sorted((home / "weights" / "tiny").glob("*.safetensors"))
    made: dict[str, object] = {p.name: keep.digest(keep.read_tensors(p)[0]) for p in weights}
    tables = sorted((home / "figures" / "tiny").glob("*.csv"))
    return made | {path.name: path.read_text() for path in tables}


def leftovers(home: Path) -> list[Path]:
    """Return the files of a home that nobody needs after the end."""
    odd = re.compile(r"\..*|failed_.*|address\.json|.*\.images|refresh.*")
    waiting = (home / "runs" / "tiny" / "checkpoints").glob("*")
    return [p for p in home.rglob("*") if p.is_file() and odd.fullmatch(p.name)] + list(waiting)


def run_to_the_end(home: Path) -> str:
    """Run the study to its end; return what the command said where that failed."""
    command, mark = start(home)
    code = command.wait()
    left = remaining(mark)
    said = (home / "log.txt").read_text()
    return f"exit code {code}, {len(left)} processes left: {said}" if code or left else ""


def main(number: int) -> int:
    """Kill so many runs; print the counts; return 1 where something was lost or left."""
    counts, bad, seed = Counter(), [], random.randrange(10**6)
    random.seed(seed)
    print(f"seed {seed}", flush=True)
    top = Path(tempfile.mkdtemp(prefix="kill"))
    whole = make_home(top / "whole")
    if problem := run_to_the_end(whole):
        bad.append(f"unbroken run: {problem}")
    facts = json.loads((whole / "figures" / "tiny" / "provenance.json").read_text())
    length, expected = sum(facts["last_run_seconds"].values()), results(whole)
    print(f"unbroken run: {length:.0f} s, {len(expected)} weights and tables", flush=True)
    while sum(counts[move] for move in MOVES) < number and not bad:
        home = make_home(top / uuid.uuid4().hex)
        for _ in range(min(KILLS_A_ROUND, number - sum(counts[move] for move in MOVES))):
            command, mark = start(home)
            move, moment = random.choice(MOVES), random.uniform(0, 0.8) * length
            deadline, hit = await_work(home, command) + moment, False
            while command.poll() is None and not hit:
                time.sleep(0.02)
                hit = time.monotonic() > deadline and kill(move, command, mark)
            if move == "a worker":  # the command is told, says so and ends, or needs it no more
                command.wait()
                said = (home / "log.txt").read_text()
                if command.returncode not in (0, 1) or "Traceback" in said:
                    bad.append(f"{move} killed: exit code {command.returncode}: {said}")
            counts[move if hit else "ended before its kill"] += 1
            if left := remaining(mark):
                bad.append(f"{move} killed after {moment:.1f} s: left {[words(p) for p in left]}")
            command.wait()
        if problem := run_to_the_end(home):
            bad.append(problem)
        made = results(home)
        differing = [
            name for name in expected.keys() | made if expected.get(name) != made.get(name)
        ]
        bad += [f"differs: {name}" for name in differing]
        bad += [f"left over: {path.relative_to(home)}" for path in leftovers(home)]
        counts["reruns to the end"] += 1
        print(dict(counts), flush=True)
        shutil.rmtree(home)
    print(*(bad or ["nothing lost, nothing left"]), sep="\n")
    shutil.rmtree(top)
    return bool(bad)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        sys.exit("how many runs are to be killed? python tests/kill.py 100")
    sys.exit(main(int(sys.argv[1])))
