"""What a process started ends with it; what others started does not."""

import os
import subprocess
import sys

import psutil

from paradoxlib import processes

LONG = 30 + processes.WATCH_SECONDS  # seconds at most: a loaded machine is slow

SLEEPER = "import time; time.sleep(60)"
PARENT = f"""
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", {SLEEPER!r}]).pid, flush=True)
{SLEEPER}
"""
LEADER = f"""
import os, subprocess, sys
from paradoxlib import processes
processes.watch_parent(os.getppid(), processes.end_session)
child = subprocess.Popen([sys.executable, "-c", {SLEEPER!r}])
apart = subprocess.Popen([sys.executable, "-c", {SLEEPER!r}], start_new_session=True)
orphan = subprocess.check_output(["sh", "-c", "sleep 60 >&2 & echo $!"], text=True)
print(os.getpid(), child.pid, apart.pid, int(orphan), flush=True)
{SLEEPER}
"""


def start(code, **options):
    """Start a process that runs code, and return it."""
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


def test_children_and_their_children_are_ended(monkeypatch):
    bystanders = processes.descendants()
    with start(PARENT) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        family = [psutil.Process(parent.pid), child]
        assert set(family) <= set(processes.descendants()) - set(bystanders)
        monkeypatch.setattr(processes, "descendants", lambda: family)
        processes.end_descendants()
        _, alive = psutil.wait_procs(family, LONG)
    assert not alive


def test_a_worker_ends_with_its_parent():
    worker = "import os, time; from paradoxlib import processes; "
    worker += "processes.watch_parent(%d); print(os.getpid(), flush=True); time.sleep(60)"
    code = f"import os, subprocess, sys; worker = {worker!r}; "
    code += "subprocess.run([sys.executable, '-c', worker % os.getpid()])"
    with start(code) as parent:
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    _, alive = psutil.wait_procs([worker], LONG)
    assert not alive


def test_a_leader_of_a_session_ends_with_its_parent_and_all_that_it_started_with_it():
    code = f"import subprocess, sys; leader = {LEADER!r}; "
    code += "subprocess.run([sys.executable, '-c', leader], start_new_session=True)"
    with start(code) as parent:
        family = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        parent.kill()
    _, alive = psutil.wait_procs(family, LONG)
    assert len(family) == 4 and not alive


def test_what_a_killed_kernel_started_ends_and_what_another_kernel_started_does_not():
    """A kernel leads a session, and its environment says who started it."""
    own = {**os.environ, "JPY_PARENT_PID": str(os.getpid())}
    with (
        start(PARENT, start_new_session=True, env=own) as killed,
        start(PARENT, start_new_session=True, env=own) as other,
    ):
        lost, kept = (psutil.Process(int(one.stdout.readline())) for one in (killed, other))
        killed.kill()
        killed.wait()
        processes.end_orphans()
        _, alive = psutil.wait_procs([lost], LONG)
        assert not alive and kept.is_running()
        processes.kill([kept, psutil.Process(other.pid)])
