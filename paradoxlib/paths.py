"""Where every file lies that the project reads or writes."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CLONE = PACKAGE.parent if (PACKAGE.parent / "notebooks").is_dir() else Path.cwd()
HOME = Path(os.environ.get("PARADOX_HOME") or CLONE).resolve()
STUDIES = PACKAGE / "studies"
NOTEBOOKS = HOME / "notebooks"


def data_root(root: str | Path | None = None) -> Path:
    """Return the folder of the data sets: the argument, else $PARADOX_DATA, else data/."""
    return Path(root or os.environ.get("PARADOX_DATA") or HOME / "data").expanduser().resolve()


def cache_file(name: str) -> Path:
    """Return the file that holds a decoded data set."""
    return HOME / "runs" / "cache" / f"{name}.safetensors"


def weights_file(study: str, network: str) -> Path:
    """Return the file of a trained network."""
    return HOME / "weights" / study / f"{network}.safetensors"


def checkpoint_file(study: str, network: str) -> Path:
    """Return the file that an unfinished training resumes from."""
    return HOME / "runs" / study / "checkpoints" / f"{network}.safetensors"


def progress_file(study: str, network: str) -> Path:
    """Return the file in which a training that runs says how many images it has seen."""
    return checkpoint_file(study, network).with_suffix(".images")


def predictions_file(study: str, network: str) -> Path:
    """Return the file of a network's predictions under every condition."""
    return HOME / "runs" / study / "predictions" / f"{network}.safetensors"


def computed_file(study: str, name: str) -> Path:
    """Return the file of a table (.csv) or of tensors (.safetensors) made on this machine."""
    return HOME / "runs" / study / "tables" / name


def published_file(study: str, name: str) -> Path:
    """Return the file of a study's result that the repository holds."""
    return figures_folder(study) / name


def run_file(study: str, name: str) -> Path:
    """Return a file of the run of a study's notebooks: its lock, what failed and the like."""
    return HOME / "runs" / study / name


def data_file(study: str) -> Path:
    """Return the file that remembers which images a study's results were made from here."""
    return computed_file(study, "data.json")


def provenance_file(study: str) -> Path:
    """Return the file that says how a study's results came to be."""
    return published_file(study, "provenance.json")


def expected_file(study: str) -> Path:
    """Return the file with what a study's claims and headline numbers are expected to be."""
    return STUDIES / "expected" / f"{study}.csv"


def manifest_file(study: str) -> Path:
    """Return the file with the hashes of all that the repository holds of a study."""
    return published_file(study, "manifest.sha256")


def figures_folder(study: str) -> Path:
    """Return the folder of a study's figures and tables, those that the repository holds."""
    return HOME / "figures" / study


def executed_file(study: str, notebook: str) -> Path:
    """Return the executed copy of a notebook."""
    return HOME / "runs" / study / "notebooks" / notebook
