"""How a run ends before its time: by a signal, or killed. It leaves no process and no lock.

A signal to the command ends all processes that come from it. Where the command is killed, each
kernel sees within a second that its parent is gone, and ends what it started (`processes`).
"""

import fcntl
import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from paradoxlib import paths, processes

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
OVER = threading.Event()  # set while a run is being ended by a signal
TEMPORARY = re.compile(r"\..+\.(\d+)(\.\w+)?")  # as keep.atomic names it, with its process


class Ended(SystemExit):
    """The end of a run by a signal: an exit, since asyncio lets no other exception through."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Busy(ValueError):
    """A study that another run is at work on."""


@contextmanager
def on_signals() -> Iterator[None]:
    """Raise `Ended` at SIGTERM, SIGINT and SIGHUP, and end every process that was started here.

    A signal that is ignored (nohup) stays so. Elsewhere than in the main thread nothing changes.
    """

    def end(number: int, frame: object) -> None:
        for other in before:
            signal.signal(other, signal.SIG_IGN)
        OVER.set()
        code = 128 + number
        last.append(threading.Timer(processes.PATIENCE, os._exit, (code,)))
        last[0].daemon = True
        processes.end_descendants()
        last[0].start()
        with suppress(OSError):  # the terminal may be gone
            name = signal.Signals(number).name
            text = f"\nparadox: ended by {name}; what was done stays: run it again to go on"
            print(text, file=sys.stderr, flush=True)
        raise Ended(code)

    before: dict[signal.Signals, object] = {}
    last: list[threading.Timer] = []  # ends this process should something hold it up
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, end)
    try:
        yield
    except Ended:
        processes.end_descendants()  # what was on its way when the signal came
        raise
    finally:
        OVER.clear()
        for timer in last:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]


@contextmanager
def alone(study_name: str) -> Iterator[None]:
    """Hold the lock of a study; the system lets go of it however the process ends.

    Raises
    ------
    Busy
        Where another run holds it.
    """
    path = paths.run_file(study_name, "lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        number = os.read(lock, 20).decode()
        os.close(lock)
        process = f" (process {number})" if number else ""
        problem = f"another `paradox run` is at work on study {study_name}{process}"
        raise Busy(f"{problem}: wait for its end, or end it") from None
    except OSError:
        pass  # a file system without locks
    try:
        with suppress(OSError):  # the disk may be full
            os.ftruncate(lock, 0)
            os.write(lock, str(os.getpid()).encode())
        yield
    finally:
        os.close(lock)


def sweep(study_name: str) -> None:
    """Delete what killed processes left of a study: temporary files, and the kernel's address."""
    runs, figures = paths.run_file(study_name, ""), paths.figures_folder(study_name)
    weights = paths.weights_file(study_name, "").parent
    for folder in (weights, figures, runs, paths.cache_file("").parent):
        for path in list(folder.rglob(".*")):
            name = TEMPORARY.fullmatch(path.name)
            if name and path.is_file() and not is_running(int(name[1])):
                path.unlink(missing_ok=True)
    shutil.rmtree(address_file(study_name, "").parent, ignore_errors=True)


def address_file(study_name: str, notebook: str) -> Path:
    """Return the file that says how the kernel of one of a study's notebooks is spoken to.

    It has a folder of its own: Jupyter changes the permissions of the folder that it is in.
    """
    return paths.run_file(study_name, "kernel") / f"{notebook}.json"


def is_running(number: int) -> bool:
    """Say whether another process of this number runs."""
    return number != os.getpid() and psutil.pid_exists(number)
