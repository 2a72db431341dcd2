"""A fresh start that can be taken back (`--refresh`).

What was trained and computed is set aside, and deleted when all is made anew. Where that fails or
is ended, it comes back; what was made anew until then waits for the next fresh start from the same
data by the same code. Each step is one rename of a folder, so a kill at any moment is put right by
the next run.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paradoxlib import keep, paths
from paradoxlib.studies.study import Study


@contextmanager
def fresh_start(study: Study, key: str) -> Iterator[None]:
    """Set aside what there is of a study; delete it when the block ends well, else put it back.

    `key` stands for data and code: an unfinished fresh start of the same key is gone on with.
    """
    set_aside(study, key)
    try:
        yield
    except BaseException:
        put_back(study)
        raise
    mark(study).unlink()  # from here on the old are only waste
    put_right(study)


def put_right(study: Study) -> bool:
    """Put right what a killed fresh start left, and say whether the old results came back."""
    if mark(study).is_file():
        put_back(study)
        return True
    for folder in folders(study):
        remove(beside(folder, "before"))
    return False


def set_aside(study: Study, key: str) -> None:
    """Move what there is out of the way, and what an unfinished fresh start made in its place."""
    unfinished = unfinished_mark(study)
    if not unfinished.is_file() or unfinished.read_text() != key:
        for folder in folders(study):
            remove(beside(folder, "unfinished"))
    with keep.atomic(mark(study)) as temporary:
        temporary.write_text(key)
    for folder in folders(study):
        folder.mkdir(parents=True, exist_ok=True)
        folder.rename(beside(folder, "before"))
        if beside(folder, "unfinished").is_dir():
            beside(folder, "unfinished").rename(folder)
        else:
            folder.mkdir()
    unfinished.unlink(missing_ok=True)


def put_back(study: Study) -> None:
    """Put the old results back; what was made anew waits beside them."""
    for folder in folders(study):
        before, unfinished = beside(folder, "before"), beside(folder, "unfinished")
        if not before.is_dir():
            continue
        if folder.is_dir():
            remove(unfinished)
            folder.rename(unfinished)
        before.rename(folder)
    mark(study).replace(unfinished_mark(study))


def folders(study: Study) -> list[Path]:
    """Return the folders of what is trained and computed on this machine for a study."""
    places = (
        paths.weights_file,
        paths.checkpoint_file,
        paths.predictions_file,
        paths.computed_file,
        paths.executed_file,
    )
    return [place(study.name, "any").parent.resolve() for place in places]


def beside(folder: Path, state: str) -> Path:
    """Return where a folder's content of a state (before, unfinished) waits."""
    return folder.with_name(f".{folder.name}.{state}")


def mark(study: Study) -> Path:
    """Return the file that is there while a fresh start is under way; it holds its key."""
    return paths.run_file(study.name, "refresh")


def unfinished_mark(study: Study) -> Path:
    """Return the file that holds the key of an unfinished fresh start."""
    return paths.run_file(study.name, "refresh_unfinished")


def remove(folder: Path) -> None:
    """Delete a folder where it is there."""
    if folder.is_dir():
        shutil.rmtree(folder)
