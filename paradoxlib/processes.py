"""Processes that come from one another, and their end: with their parent, or with their child.

The tree of a run is the command, the kernels of its notebooks, their workers, and what a notebook's
own code started. As an extension of IPython, this module ends a kernel with its parent.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

PATIENCE = 1.5  # seconds for processes to end, before and after they are killed
WATCH_SECONDS = 0.5  # between a process's looks at its parent


def descendants() -> list[psutil.Process]:
    """Return the processes that come from this one, by their parents or by their session.

    A process whose parent has ended is still in the session of who started it, a kernel's own.
    """
    own = psutil.Process()
    found = own.children(recursive=True)
    leaders = {own.pid, *(process.pid for process in found)}
    for process in psutil.process_iter():
        with suppress(OSError):  # it has ended, or is another user's
            if os.getsid(process.pid) in leaders and process not in (own, *found):
                found.append(process)
    return found


def end_descendants() -> None:
    """Kill all processes that come from this one.

    Those that only tidy up after others (joblib's resource trackers) get time to do so.
    """
    found = descendants()
    tidying = [process for process in found if is_tidying(process)]
    for group in ([process for process in found if process not in tidying], tidying):
        if group is tidying:
            psutil.wait_procs(group, PATIENCE)
        kill(group)
    psutil.wait_procs(found, PATIENCE)


def end_orphans() -> None:
    """Kill what kernels of this process started that are gone themselves: killed, each alone.

    Who they come from shows in the environment; the kernels that run, and theirs, are left alone.
    """
    own, found = str(os.getpid()), []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):  # it has ended, or is another user's
            from_here = process.environ().get("JPY_PARENT_PID") == own
            if from_here and not psutil.pid_exists(os.getsid(process.pid)):
                found.append(process)
    kill([process for process in found if not is_tidying(process)])


def kill(found: list[psutil.Process]) -> None:
    """Kill processes; some may have ended."""
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def is_tidying(process: psutil.Process) -> bool:
    """Say whether a process only tidies up after others."""
    try:
        return any("resource_tracker" in word for word in process.cmdline())
    except psutil.Error:
        return False


def watch_parent(parent: int, end: Callable[[], None] = lambda: None) -> None:
    """End this process when its parent is gone: nobody would fetch what it computes.

    `end` is called before.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        try:
            end()
        finally:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def load_ipython_extension(shell: object) -> None:
    """End this kernel, and all that it started, when the process that started it is gone."""
    watch_parent(int(os.environ["JPY_PARENT_PID"]), end_session)


def end_session() -> None:
    """Kill all that comes from this process, which leads its session; who tidies up may do so."""
    kill([process for process in descendants() if not is_tidying(process)])
    os.killpg(0, signal.SIGTERM)  # what was started meanwhile; who tidies up does not heed it
