"""A fresh start deletes the old when all is new; stopped at any step, nothing is lost."""

from pathlib import Path

import pytest

from paradoxlib import paths
from paradoxlib.reproduce import anew


class Stop(Exception):
    """In place of a kill."""


@pytest.fixture
def study(tiny):
    """The tiny study with one old file in each folder."""
    for folder in anew.folders(tiny.study):
        folder.mkdir(parents=True)
        (folder / "old").touch()
    paths.run_file("tiny", "lock").touch()
    return tiny.study


def contents(study):
    return [sorted(path.name for path in folder.iterdir()) for folder in anew.folders(study)]


def make(study, name):
    for folder in anew.folders(study):
        (folder / name).touch()


def leftovers(home):
    return [path for path in home.rglob("*") if path.name.endswith((".before", ".unfinished"))]


def test_the_new_takes_the_place_of_the_old(study, home):
    with anew.fresh_start(study, "key"):
        assert contents(study) == [[]] * 5
        make(study, "new")
    assert contents(study) == [["new"]] * 5 and not leftovers(home)


def test_a_failure_puts_the_old_back_and_the_next_goes_on(study, home):
    with pytest.raises(Stop), anew.fresh_start(study, "key"):
        make(study, "new")
        raise Stop
    assert contents(study) == [["old"]] * 5
    with anew.fresh_start(study, "key"):
        assert contents(study) == [["new"]] * 5
    assert contents(study) == [["new"]] * 5 and not leftovers(home)


def test_other_data_or_code_start_from_nothing(study, home):
    with pytest.raises(Stop), anew.fresh_start(study, "key"):
        make(study, "new")
        raise Stop
    with anew.fresh_start(study, "another"):
        assert contents(study) == [[]] * 5
    assert not leftovers(home)


@pytest.mark.parametrize("step", range(20))
def test_a_kill_at_any_step_is_put_right(study, home, monkeypatch, step):
    left = step

    def counted(call):
        def stop_or_call(*args, **kwargs):
            nonlocal left
            left -= 1
            if left < 0:
                raise Stop
            return call(*args, **kwargs)

        return stop_or_call

    with monkeypatch.context() as patch:
        for name in ("rename", "replace", "unlink"):
            patch.setattr(Path, name, counted(getattr(Path, name)))
        patch.setattr(anew.shutil, "rmtree", counted(anew.shutil.rmtree))
        try:
            with anew.fresh_start(study, "key"):
                make(study, "new")
            ended = True
        except Stop:
            ended = False
    anew.put_right(study)
    assert contents(study) in ([["old"]] * 5, [["new"]] * 5)
    assert not ended or contents(study) == [["new"]] * 5
    assert not [path for path in leftovers(home) if path.name.endswith(".before")]
