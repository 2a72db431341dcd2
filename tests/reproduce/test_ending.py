"""Nothing outlives a run: no process, no lock, no temporary file."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from paradoxlib import keep, paths
from paradoxlib.reproduce import ending

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


def test_a_kernel_and_what_its_notebook_started_end_with_the_command(tmp_path):
    command = subprocess.Popen([sys.executable, "-c", RUNNER, CELL], cwd=tmp_path)
    while not (tmp_path / "PIDS").is_file():
        assert command.poll() is None
        time.sleep(0.1)
    family = [psutil.Process(int(pid)) for pid in (tmp_path / "PIDS").read_text().split()]
    command.kill()
    command.wait()
    _, alive = psutil.wait_procs(family, 5)
    assert len(family) == 3 and not alive


def test_a_lock_is_let_go_of(home):
    with ending.alone("tiny"):
        with pytest.raises(ending.Busy, match="study tiny"), ending.alone("tiny"):
            pass
        with ending.alone("another"):
            pass
    with ending.alone("tiny"):
        pass


def test_a_killed_process_leaves_no_lock(home):
    path = paths.run_file("tiny", "lock")
    path.parent.mkdir(parents=True)
    code = f"import fcntl; f = open({str(path)!r}, 'a'); fcntl.flock(f, fcntl.LOCK_EX); "
    code += f"print(1, flush=True); {SLEEPER}"
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    holder.stdout.readline()
    with pytest.raises(ending.Busy), ending.alone("tiny"):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with ending.alone("tiny"):
        pass


def test_what_killed_processes_left_is_deleted_and_nothing_else(home):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left, kept = [], []
    for place in (paths.weights_file, paths.predictions_file, paths.checkpoint_file):
        path = place("tiny", "A")
        for number, group in ((dead.pid, left), (os.getppid(), kept)):
            group.append(path.with_name(f".{path.stem}.{number}{path.suffix}"))
        kept.append(path)
    left += [ending.address_file("tiny", "01_first")]
    for path in (*left, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    ending.sweep("tiny")
    assert not any(path.exists() for path in left) and all(path.exists() for path in kept)


def test_temporary_files_are_known_by_the_names_that_are_given_to_them(tmp_path):
    for name in ("A.safetensors", "data.json", "N 01.csv"):
        with keep.atomic(tmp_path / name) as temporary:
            temporary.touch()
            assert ending.TEMPORARY.fullmatch(temporary.name)[1] == str(os.getpid())
