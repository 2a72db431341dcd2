"""Every file name that the project reads or writes, and how a file comes to be: whole or not at all."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
HOME = Path(os.environ.get("PARADOX_HOME") or (PACKAGE.parent if (PACKAGE.parent / "notebooks").is_dir() else Path.cwd())).resolve()
PUBLISHED = PACKAGE / "published"
STUDIES = PACKAGE / "studies"
STYLE = PACKAGE / "paradox.mplstyle"
NOTEBOOKS = HOME / "notebooks"


def data_root(root=None):
    """Return the folder of the data sets: the argument, else the environment variable PARADOX_DATA, else data/."""
    return Path(root or os.environ.get("PARADOX_DATA") or HOME / "data").expanduser().resolve()


def cache(name):
    """Return the file that holds a decoded data set."""
    return HOME / "runs" / "cache" / f"{name}.safetensors"


def weights(study, network):
    """Return the file of a trained network."""
    return HOME / "weights" / study / f"{network}.safetensors"


def checkpoint(study, network):
    """Return the file that an unfinished training resumes from."""
    return HOME / "runs" / study / "checkpoints" / f"{network}.safetensors"


def progress(study, network):
    """Return the file in which a training that runs says how many images it has seen."""
    return HOME / "runs" / study / "checkpoints" / f"{network}.images"


def predictions(study, network):
    """Return the file of a network's predictions under every condition."""
    return HOME / "runs" / study / "predictions" / f"{network}.safetensors"


def computed(study, table):
    """Return the table that was computed on this machine."""
    return HOME / "runs" / study / "tables" / f"{table}.csv"


def figures(study):
    """Return the folder of a study's figures and tables, those that the repository holds."""
    return HOME / "figures" / study


def executed(study, notebook):
    """Return the executed copy of a notebook."""
    return HOME / "runs" / study / "notebooks" / notebook


@contextmanager
def atomic(path):
    """Yield a temporary path beside `path`; it takes the place of `path` only when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def require_space(folder, size, what):
    """Raise OSError where the disk that holds `folder` has less than `size` bytes left."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < size:
        raise OSError(f"no room on disk for {what}: {existing} has {free / 1e6:.0f} MB free and {size / 1e6:.0f} MB are needed")
