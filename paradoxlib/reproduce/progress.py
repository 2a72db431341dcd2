"""One bar over a whole run with the time left, above the bar of the step at work."""

import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tqdm import tqdm

UNKNOWN = 60.0  # seconds that a notebook is taken to need where none is known
FORMAT = "{desc} {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left"
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Progress:
    """The progress of the notebooks that are to run, shown in a terminal and nowhere else.

    Beneath the bar of the run stands the last bar that a notebook wrote: papermill writes a
    notebook's messages to this object as to a file.

    Parameters
    ----------
    seconds : dict
        {notebook: seconds that it is expected to take, None where that is unknown}.
    echo : callable
        Takes lines that stay.
    """

    def __init__(self, seconds: Mapping[str, float | None], echo: Callable[[str], None]) -> None:
        known = [value for value in seconds.values() if value]
        usual = sum(known) / len(known) if known else UNKNOWN
        self.echo = echo
        self.seconds = {name: value or usual for name, value in seconds.items()}
        self.passed = 0.0  # of the expected seconds, by the notebooks that ended
        self.begun: dict[str, float] = {}  # when those at work began
        total, shown = sum(self.seconds.values()), {"disable": None, "leave": False}
        self.bar = tqdm(total=total, bar_format=FORMAT, dynamic_ncols=True, **shown)
        self.step = tqdm(total=1, bar_format="{desc}", position=1, **shown)

    @property
    def shown(self) -> bool:
        """Whether there is a terminal to show it in."""
        return not self.bar.disable

    def say(self, line: str) -> None:
        """Print a line that stays, above the bars."""
        with tqdm.external_write_mode(sys.stderr):
            self.echo(line)

    @contextmanager
    def at(self, name: str) -> Iterator[None]:
        """Move on with the time while a notebook runs; at its end all of its share is done.

        Other notebooks may be at work, each in a thread of its own.
        """
        over = threading.Event()

        def tick() -> None:
            while not over.wait(1):
                self.show()

        self.begun[name] = time.monotonic()
        self.show()
        ticking = threading.Thread(target=tick, daemon=True)
        if self.shown:
            ticking.start()
        try:
            yield
        finally:
            over.set()
            if self.shown:
                ticking.join()
            self.step.set_description_str("")
            del self.begun[name]
        self.passed += self.seconds[name]
        self.show()

    def show(self) -> None:
        """Show which notebooks are at work, and how much of their shares has passed."""
        now, at_work = time.monotonic(), list(self.begun.items())
        shares = (min(now - begun, 0.98 * self.seconds[name]) for name, begun in at_work)
        self.bar.n = self.passed + sum(shares)
        self.bar.set_description_str(", ".join(name for name, _ in at_work))

    def write(self, text: str) -> None:
        """Show the bar that a notebook wrote; other messages are in its executed copy."""
        _, moved, line = ESCAPES.sub("", text).rstrip("\r\n ").rpartition("\r")
        if moved and line:
            width = shutil.get_terminal_size().columns - 1
            self.step.set_description_str(line.strip()[:width])

    def flush(self) -> None:
        """Do nothing: every message is shown at once."""

    def close(self) -> None:
        """Take the bars away."""
        self.step.close()
        self.bar.close()
