"""One bar over a run, in a terminal alone, with the last bar of a notebook beneath it."""

import io
import sys
from types import SimpleNamespace

import pytest

from paradoxlib.reproduce.progress import UNKNOWN, Progress


class Terminal(io.StringIO):
    """A terminal that remembers what it was sent."""

    def isatty(self):
        return True


@pytest.fixture
def open_terminal(monkeypatch):
    def instead_of_stderr(kind=Terminal):  # in the test itself: pytest resets it before
        monkeypatch.setattr(sys, "stderr", kind())
        monkeypatch.setenv("COLUMNS", "90")
        return sys.stderr

    return instead_of_stderr


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch):
    still = SimpleNamespace(monotonic=lambda: 0.0)
    monkeypatch.setattr("paradoxlib.reproduce.progress.time", still)


def test_notebooks_count_by_the_seconds_that_they_took(open_terminal):
    terminal, lines = open_terminal(), []
    progress = Progress({"01": 30.0, "02": 90.0, "03": None}, lines.append)
    assert progress.seconds == {"01": 30.0, "02": 90.0, "03": 60.0}
    with progress.at("01"):
        assert progress.bar.n == 0
    assert progress.bar.n == 30 and progress.bar.total == 180
    progress.say("a line")
    progress.close()
    assert lines == ["a line"] and "17%" in terminal.getvalue()


def test_notebooks_side_by_side_are_named_and_counted_together(open_terminal):
    open_terminal()
    progress = Progress({"04": 30.0, "05": 90.0}, print)
    with progress.at("05"):
        with progress.at("04"):
            assert progress.bar.desc == "05, 04"
        assert progress.bar.desc == "05" and progress.bar.n == 30
    assert progress.bar.n == 120
    progress.close()


def test_without_known_seconds_all_count_alike():
    progress = Progress({"01": None, "02": None}, print)
    assert set(progress.seconds.values()) == {UNKNOWN}
    progress.close()


def test_the_bar_of_a_notebook_is_shown_and_its_warnings_are_not(open_terminal):
    terminal = open_terminal()
    progress = Progress({"02": 1.0}, print)
    progress.write("evaluating:   0%|\revaluating:  40%|####\x1b[A")
    assert "evaluating:  40%|####" in progress.step.desc
    progress.write("/somewhere.py:1: UserWarning: look out\n")
    assert "look out" not in terminal.getvalue()
    progress.write("\r" + 200 * "x")
    assert len(progress.step.desc) < 90
    progress.close()


def test_nothing_is_shown_where_there_is_no_terminal(open_terminal):
    terminal = open_terminal(io.StringIO)
    progress = Progress({"01": 1.0}, lambda line: None)
    with progress.at("01"):
        progress.say("a line")
    progress.close()
    assert not progress.shown and terminal.getvalue() == ""
