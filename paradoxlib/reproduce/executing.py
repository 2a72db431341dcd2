"""Execute notebooks: a study's into copies, the repository's own in place."""

import base64
import io
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from PIL import Image
from traitlets.config import Config

from paradoxlib import keep, paths, processes
from paradoxlib.reproduce.choosing import notebooks
from paradoxlib.reproduce.ending import OVER, address_file, on_signals
from paradoxlib.reproduce.progress import Progress
from paradoxlib.studies.study import Study

# a kernel logs nothing: it would warn of unencrypted messages, and of the interrupt that ends it;
# it ends with this process by our extension, which ends what it started, too, not by its own watch
KERNEL: dict[str, Any] = {
    "kernel_name": "python3",
    "extra_arguments": [
        "--IPKernelApp.log_level=50",
        "--IPKernelApp.parent_handle=1",
        "--ext=paradoxlib.processes",
    ],
    "iopub_timeout": 60,  # seconds that a cell's last outputs may take where the cores are busy
}

OF_PHOTOGRAPHS = 20_000  # a figure of more shows photographs
ADVICE = {  # what the system says when a file cannot be written, and what helps
    "No space left on device": "make room on the disk of {home}",
    "Disk quota exceeded": "make room in the quota for {home}",
    "Read-only file system": "make it writable",
    "Permission denied": "make it writable",
}


class NotebookFailed(RuntimeError):
    """A notebook that stopped with an error."""


def execute(
    notebook: Path,
    target: Path,
    key: str,
    study: Study,
    parameters: Mapping[str, object],
    progress: Progress | None = None,
) -> None:
    """Execute one notebook; its copy takes its place only when it ended without an error.

    Raises
    ------
    NotebookFailed
        Where it stops with an error; it is kept as far as it got.
    """
    figures = paths.figures_folder(study.name)
    before = written(figures)
    failed = paths.run_file(study.name, f"failed_{notebook.name}")
    address = address_file(study.name, notebook.stem)
    address.parent.mkdir(parents=True, exist_ok=True)
    config = Config(ConnectionFileMixin={"connection_file": str(address)})
    options = {**KERNEL, "config": config, "progress_bar": False, "stderr_file": progress}
    try:
        papermill.execute_notebook(notebook, failed, dict(parameters), **options)
    except PapermillExecutionError as error:
        where = f"{notebook.name} failed in cell {error.cell_index}"
        reason = explain(error.ename, error.evalue)
        raise NotebookFailed(f"{where}: {reason} (see {failed})") from None
    except DeadKernelError:
        processes.end_orphans()
        reason = "its process was killed, or ran out of memory"
        raise NotebookFailed(f"{notebook.name} failed: {reason}") from None
    except OSError as error:  # of papermill, as it writes the copy
        reason = explain(type(error).__name__, str(error))
        raise NotebookFailed(f"{notebook.name} failed: {reason}") from None
    finally:
        if OVER.is_set():
            failed.unlink(missing_ok=True)
    document = nbformat.read(failed, 4)
    describe_figures(document)
    made = sorted(name for name, when in written(figures).items() if before.get(name) != when)
    document.metadata["paradox"] = {"key": key, "made": made}
    with keep.atomic(target) as temporary:
        nbformat.write(document, temporary)
    failed.unlink()


def written(folder: Path) -> dict[str, int]:
    """Return {file: when it was written} of a folder, temporary files left out."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("[!.]*")}


def explain(kind: str, message: str) -> str:
    """Return an error in one line, with what to do where that is known."""
    line = " ".join(message.split())
    for sign, advice in ADVICE.items():
        if sign in line:
            told = advice.format(home=paths.HOME)
            return f"{line}: {told} and run it again; what was done stays"
    if kind == "TerminatedWorkerError":  # joblib says what may be the cause in many lines
        return "one of its workers was killed, or ran out of memory: run it again to go on"
    return f"{kind}: {line}"


def store(chosen: Iterable[str] = (), echo: Callable[[str], None] = print) -> None:
    """Execute notebooks in place, as they stand, so that they hold their outputs."""
    with on_signals():
        for notebook in notebooks(chosen):
            echo(f"{notebook.stem}: running")
            document = nbformat.read(notebook, 4)
            NotebookClient(document, timeout=None, record_timing=False, **KERNEL).execute()
            describe_figures(document)
            lighten(document)
            with keep.atomic(notebook) as temporary:
                nbformat.write(document, temporary)


def describe_figures(document: nbformat.NotebookNode) -> None:
    """Give every figure in a notebook's outputs its cell's alternative text.

    A cell's metadata hold the text where MyST-NB looks for it; nbconvert takes it from the output.
    """
    for cell in document.cells:
        text = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
        for output in cell.get("outputs", []):
            if text and "image/png" in output.get("data", {}):
                output.metadata.setdefault("image/png", {})["alt"] = text


def lighten(document: nbformat.NotebookNode) -> None:
    """Leave out what a notebook's cells say of their progress, and all but 256 colours of a figure.

    A figure takes a third of the room then. One of photographs keeps its colours: few would tint
    them, and take no less room.
    """
    for cell in document.cells:
        if "outputs" not in cell:
            continue
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                stored = io.BytesIO(base64.b64decode(data["image/png"]))
                picture, small = Image.open(stored).convert("RGB"), io.BytesIO()
                if picture.getcolors(OF_PHOTOGRAPHS):
                    few = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
                    picture = picture.quantize(256, *few)
                picture.save(small, "png", optimize=True)
                data["image/png"] = base64.b64encode(small.getvalue()).decode()
