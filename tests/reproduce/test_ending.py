"""Nothing outlives a run: no process, no lock, no temporary file."""

import os
import subprocess
import sys

import pytest

from paradoxlib import keep, paths
from paradoxlib.reproduce import ending

SLEEPER = "import time; time.sleep(60)"


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
