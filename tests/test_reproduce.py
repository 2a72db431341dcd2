"""The runner checks parameters first, skips what is done, and leaves nothing half done."""

import base64
import io
import json
import os
import re
import shutil

import nbformat
import numpy as np
import pytest
from conftest import TINY, tiny_file
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from paradoxlib import paths, reproduce
from paradoxlib.images import datasets
from paradoxlib.reproduce import anew, choosing, ending, executing, running
from paradoxlib.studies import sessions
from paradoxlib.studies.study import load

KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


@pytest.fixture
def notebooks(home, monkeypatch):
    """Two small notebooks in place of the real ones; the second fails where asked to."""
    folder = home / "notebooks"
    folder.mkdir()
    monkeypatch.setattr(paths, "NOTEBOOKS", folder)
    parameters = new_code_cell(
        'study_name = "demo"\ndata_root = ""\ndevice = "auto"\nworkers = 0\nrecompute = False\n'
        "fail = False\nfull = False",
        metadata={"tags": ["parameters"]},
    )
    target = paths.figures_folder("tiny")
    make = (
        f"import pathlib\np = pathlib.Path({str(target)!r})\np.mkdir(parents=True, exist_ok=True)\n"
    )
    for number in ("00_last", "01_first"):
        cells = [
            parameters,
            new_code_cell(make + f"(p / '{number}.csv').write_text(study_name)"),
            new_code_cell("assert not fail, 'as asked'"),
            new_code_cell("if full:\n    raise OSError(28, 'No space left on device')"),
        ]
        nbformat.write(new_notebook(cells=cells, metadata=KERNEL), folder / f"{number}.ipynb")
    return folder


@pytest.fixture
def run(home, notebooks):
    study = str(tiny_file(home))
    lines = []

    def call(*args, **kwargs):
        lines.clear()
        reproduce.run(study, *args, echo=lines.append, **kwargs)
        return "\n".join(lines)

    return call


def test_runs_in_order_the_summary_last_then_skips_what_is_done(run):
    report = run()
    assert report.index("01_first: running") < report.index("00_last: running")
    assert "00_last.csv" in report and "all notebooks:" in report
    assert report.endswith("there are no expected values to compare its results with.")
    assert run().count("done before") == 2
    (paths.figures_folder("tiny") / "01_first.csv").unlink()
    assert "01_first: running" in run()
    facts = json.loads((paths.provenance_file("tiny")).read_text())
    assert facts["data"]["train"]["count"] == 48 and facts["versions"]["torch"]
    assert set(facts["last_run_seconds"]) == {"00_last", "01_first"}


MEETING = """
import pathlib, time
here, other = (pathlib.Path({folder!r}) / name for name in {names!r})
here.touch()
deadline = time.monotonic() + {seconds}
while not other.exists():
    assert time.monotonic() < deadline, "alone"
    time.sleep(0.05)
"""


@pytest.fixture
def meeting(home, notebooks):
    """Notebooks 04 and 05 instead, each of which ends when the other has begun, or fails."""
    places = [notebooks / "00_last.ipynb", notebooks / "01_first.ipynb"]
    cell = nbformat.read(places[0], 4).cells[0]
    for place in places:
        place.unlink()

    def write(seconds):
        for names in (("04_one", "05_other"), ("05_other", "04_one")):
            code = MEETING.format(folder=str(home), names=names, seconds=seconds)
            document = new_notebook(cells=[cell, new_code_cell(code)], metadata=KERNEL)
            nbformat.write(document, notebooks / f"{names[0]}.ipynb")

    return write


def test_notebooks_run_side_by_side_where_the_networks_are_trained(
    run, meeting, home, trained_home, monkeypatch
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    meeting(seconds=60)
    shutil.copytree(trained_home / "weights", home / "weights")
    report = run(parameters={"workers": 2})
    assert report.index("05_other: running") < report.index("04_one: running")
    assert run(parameters={"workers": 2}).count("done before") == 2
    assert "OMP_NUM_THREADS" not in os.environ


def test_notebooks_run_one_by_one_where_they_may_train(run, meeting):
    meeting(seconds=0.5)
    with pytest.raises(reproduce.NotebookFailed, match=r"04_one.ipynb failed .*: alone"):
        run(parameters={"workers": 2})


def test_a_failed_notebook_is_named_and_not_taken_for_done(run):
    with pytest.raises(
        reproduce.NotebookFailed,
        match=r"01_first.ipynb failed in cell \d+: AssertionError: as asked",
    ):
        run(parameters={"fail": True})
    assert not paths.executed_file("tiny", "01_first.ipynb").exists()
    assert "01_first: running" in run(["01"])


@pytest.mark.parametrize(
    ("chosen", "parameters", "text"),
    [
        ([], {"data_rot": ""}, r"unknown parameter 'data_rot': did you mean 'data_root'\?"),
        ([], {"fail": "yes"}, r"parameter fail is 'yes'"),
        ([], {"study_name": "demo"}, r"study_name is 'demo': the study is the command's argument"),
        (["07"], {}, r"unknown notebook '07': choose of 00_last, 01_first"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(run, home, chosen, parameters, text):
    with pytest.raises(ValueError, match=text):
        run(chosen, parameters)
    assert not (home / "runs").exists()


def test_changed_data_are_not_mixed_with_old_results(run, monkeypatch):
    run(["01"])
    monkeypatch.setattr(datasets.Images, "fingerprint", lambda images: "another")
    with pytest.raises(ValueError, match="the data of study tiny have changed"):
        run(["00"])
    assert "00_last: running" in run(["00"], refresh=True)


def test_other_numbers_of_images_are_no_other_data(home, notebooks, monkeypatch):
    keys = []
    for text in (TINY, TINY.replace("test_images: 30", "test_images: 31"), TINY):
        session = sessions.start(tiny_file(home, text))
        images = {split: session.images(split) for split in ("train", "test")}
        running.check_data(session.study, images)
        keys.append(choosing.notebook_key(notebooks / "01_first.ipynb", session.study, {}))
    assert keys[0] == keys[2] != keys[1]  # so the notebook runs again
    monkeypatch.setattr(datasets.Images, "fingerprint", lambda images: "another")
    with pytest.raises(ValueError, match="the data of study tiny have changed"):
        running.check_data(session.study, images)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("parent: A, ", "", "no strangers or no children"),
        ("architecture: resnet20", "architecture: resnet20, norm: group", "no residual networks"),
        ("architecture: resnet20", "architecture: convnet", "no residual networks"),
        ("test_images: 30", "test_images: 15", "15 test images: the notebooks need 16"),
    ],
)
def test_a_study_that_notebooks_cannot_show_is_refused(home, notebooks, old, new, problem):
    text = tiny_file(home).read_text().replace(old, new)
    with pytest.raises(ValueError, match=problem):
        reproduce.run(str(tiny_file(home, text)))


def test_an_edited_notebook_runs_again(run, notebooks):
    run(["01"])
    path = notebooks / "01_first.ipynb"
    path.write_text(path.read_text().replace("as asked", "as it was asked"))
    assert "01_first: running" in run(["01"])


@pytest.fixture
def kept(home):
    """Files of the study that were computed before."""
    files = [
        paths.weights_file("tiny", "A"),
        paths.predictions_file("tiny", "A"),
        paths.computed_file("tiny", "accuracy.csv"),
        paths.checkpoint_file("tiny", "A"),
    ]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return files


def test_a_fresh_start_deletes_what_there_was(run, home, kept):
    assert run(["01"], refresh=True).count("running") == 1
    assert not any(path.exists() for path in kept)
    assert not [
        path for path in home.rglob("*") if re.search("before|unfinished|refresh", path.name)
    ]


@pytest.mark.parametrize("parameters", [{"colour": 1}, {"device": "meta"}, {"fail": True}])
def test_a_fresh_start_that_fails_forgets_nothing(run, kept, parameters):
    with pytest.raises((ValueError, reproduce.NotebookFailed)):
        run(parameters=parameters, refresh=True)
    assert all(path.exists() for path in kept)


def test_the_slowest_notebook_is_listed_first(tiny):
    lines = []
    running.echo_summary(tiny.study, {"01_first": 1.0, "00_last": 2.0}, 3.0, lines.append)
    assert lines.index("00_last: 2 s") < lines.index("01_first: 1 s")


def test_a_study_is_run_once_at_a_time(run, home):
    text = rf"at work on study tiny \(process {os.getpid()}\)"
    with ending.alone("tiny"), pytest.raises(reproduce.Busy, match=text):
        run()
    assert run(["01"]).count("running") == 1


def test_a_folder_that_cannot_be_written_is_named_before_anything_runs(run, home, monkeypatch):
    figures = paths.figures_folder("tiny")
    figures.mkdir(parents=True)
    asked = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != figures and asked(path, mode))
    with pytest.raises(
        PermissionError, match=f"^{figures} cannot be written .*: make it writable$"
    ):
        run()
    assert not (home / "runs").exists()


def test_a_full_disk_is_one_sentence_and_what_was_done_stays(run, home):
    with pytest.raises(reproduce.NotebookFailed) as failure:
        run(parameters={"full": True})
    text = str(failure.value)
    assert text.startswith("01_first.ipynb failed in cell ") and "\n" not in text
    assert f"No space left on device: make room on the disk of {home} and run it again" in text
    assert paths.computed_file("tiny", "data.json").is_file()


def test_a_worker_that_was_killed_is_one_sentence():
    text = executing.explain("TerminatedWorkerError", "A worker process\n\nwas terminated\n")
    assert text == "one of its workers was killed, or ran out of memory: run it again to go on"
    assert executing.explain("KeyError", "a\n b") == "KeyError: a b"


def test_a_kernel_that_was_killed_is_one_sentence(run, monkeypatch):
    def killed(*_, **__):
        raise DeadKernelError("Kernel died")

    monkeypatch.setattr(executing.papermill, "execute_notebook", killed)
    with pytest.raises(reproduce.NotebookFailed, match=r"01_first.ipynb failed: its process was"):
        run()


def test_what_a_killed_fresh_start_set_aside_comes_back(run, home, monkeypatch):
    path = paths.computed_file("tiny", "old.csv")
    path.parent.mkdir(parents=True)
    path.touch()
    anew.set_aside(load(home / "tiny.yaml"), "key")  # as a killed run leaves it
    assert not path.exists()
    monkeypatch.setattr(running, "execute", lambda *_: None)
    assert run(["01"]).startswith("a run with --refresh was killed")
    assert path.exists()


def test_stored_notebooks_hold_no_progress_and_light_figures():
    noise, file = np.random.default_rng(0).integers(0, 256, (40, 40, 4), np.uint8), io.BytesIO()
    Image.fromarray(noise).save(file, "png")
    figure = new_output("display_data", {"image/png": base64.b64encode(file.getvalue()).decode()})
    told = [new_output("stream", name=name, text=name) for name in ("stderr", "stdout")]
    document = new_notebook(cells=[new_code_cell("", outputs=[*told, figure])])
    executing.lighten(document)
    kept, light = document.cells[0].outputs
    picture = Image.open(io.BytesIO(base64.b64decode(light.data["image/png"])))
    assert kept.text == "stdout" and picture.size == (40, 40)
    assert len(picture.convert("RGB").getcolors()) <= 256
