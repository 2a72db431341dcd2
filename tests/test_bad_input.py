"""Whatever is wrong with what the command is given, one sentence says so and nothing is written.

`bad_input.py` tries as many as one likes.
"""

import io
import os
import tempfile
from collections import Counter
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

import nbformat
import papermill
import pytest
from bad_input import TEXTS, VALUES, a_state, documents, one_in, placed, weight_files
from conftest import TINY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from nbformat.v4 import new_code_cell, new_notebook
from safetensors.torch import save
from torchvision.datasets import CIFAR10

from paradoxlib import paths
from paradoxlib.__main__ import main
from paradoxlib.images import data
from paradoxlib.similarity.alignments import ALIGNMENTS
from paradoxlib.studies import predicting, study, training

set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")  # not the clone
many = settings(
    max_examples=int(os.environ.get("BAD_INPUTS", 100)),
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
digits = cache(data.load_digits)
PARAMETERS = {"study_name": "a", "data_root": "", "device": "a", "workers": 0, "recompute": False}


ANSWERS: Counter = Counter()  # {(command, exit code): inputs}


@pytest.fixture(scope="module", autouse=True)
def count():
    """Print at the end how many inputs were tried and how they were answered."""
    yield
    lines = [f"paradox {name}, exit code {code}: {n:,}" for (name, code), n in ANSWERS.items()]
    print("", *sorted(lines), f"inputs in all: {ANSWERS.total():,}", sep="\n")


class Begun(BaseException):
    """Work began: the input was taken for good."""


def begin(*_, **__):
    raise Begun


@contextmanager
def a_fresh_home():
    """Yield a folder for input and an empty home, in which no work can begin unseen."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        given_, home, notebooks = (Path(name) / part for part in ("given", "home", "notebooks"))
        for folder in (given_, home, notebooks):
            folder.mkdir()
        text = "\n".join(f"{name} = {value!r}" for name, value in PARAMETERS.items())
        cells = [new_code_cell(text, metadata={"tags": ["parameters"]})]
        kernel = {"kernelspec": {"display_name": "", "language": "python", "name": "python3"}}
        for stem in ("00_last", "01_first"):
            document = new_notebook(cells=cells, metadata=kernel)
            nbformat.write(document, notebooks / f"{stem}.ipynb")
        patch.setattr(paths, "HOME", home)
        patch.setattr(paths, "NOTEBOOKS", notebooks)
        patch.setattr(data, "load_digits", digits)
        patch.setattr(CIFAR10, "url", (home / "nowhere.tar.gz").as_uri())
        patch.delenv("PARADOX_DATA", raising=False)
        patch.setattr(papermill, "execute_notebook", begin)
        patch.setattr(training, "train_all", begin)
        for module in (training, predicting):
            patch.setattr(module, "run_tasks", begin)
        patch.chdir(given_)
        yield given_, home


def answer(home, *arguments):
    """Call the command and return its exit code (0 where work would have begun) and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main([*map(str, arguments)])
        except SystemExit as stop:
            code = stop.code
        except Begun:
            code = 0
    text = err.getvalue()
    ANSWERS[arguments[0], code or 0] += 1
    if code:
        assert code in (1, 2)
        assert text.startswith("paradox: ") and text.endswith("\n") and text.count("\n") == 1, text
        assert not any(word in text for word in ("Traceback", "weights_only", "\x1b")), text
        assert len(text) < 2000
        assert [*home.rglob("*")] == []
    return code or 0, text


def numbers(value):
    """Return all numbers in settings."""
    if isinstance(value, dict | list | tuple):
        parts = value.values() if isinstance(value, dict) else value
        return [number for part in parts for number in numbers(part)]
    return [value] if isinstance(value, int | float) else []


@many
@given(st.data())
def test_study_files(draws):
    with a_fresh_home() as (folder, home):
        suffixes = [".yaml"] * 12 + [".yml", ".YAML", ".json", ""]
        path = placed(draws.draw, folder, draws.draw(documents()), suffixes)
        code, _ = answer(home, draws.draw(st.sampled_from(["tables", "run", "run"])), path)
        if code == 0:
            assert all(abs(number) <= 2**63 for number in numbers(study.load(path).model_dump()))


DEVICES = [
    "meta",
    "cpu",
    "cuda",
    "cuda:99",
    "mps",
    "hpu",
    "mkldnn",
    "opengl",
    "cpu:-1",
    "vulkan",
    "xla",
    "CPU",
    "lazy",
    "gpu",
]
WORDS = [*DEVICES, "ray", "{{}}", "{[]: 1}", "[" * 999, "9" * 5000, "~" * 99999, "cuda:" + "9" * 30]
NOTEBOOKS = ["00", "01", "01_first", "00_last.ipynb", "1", "*", ".", "/etc/passwd"]


@many
@given(st.data())
def test_parameters_of_the_runner(draws):
    draw = draws.draw
    names, words = st.sampled_from([*PARAMETERS] * 4 + ["worker"]), st.sampled_from(WORDS)
    pairs = draw(st.lists(st.tuples(names, words | VALUES.map(repr) | TEXTS), max_size=3))
    pairs += [(draw(TEXTS), draw(words))] if one_in(draw, 8) else []
    chosen = draw(st.lists(st.sampled_from(NOTEBOOKS) | TEXTS, max_size=2 * one_in(draw, 4)))
    with a_fresh_home() as (folder, home):
        (folder / "tiny.yaml").write_text(TINY)
        options = [word for pair in pairs for word in ("-p", *pair)]
        code, _ = answer(home, "run", "tiny.yaml", *chosen, *options)
        if code == 0:
            assert {name.partition("=")[0] for name, _ in pairs} <= {*PARAMETERS} - {"study_name"}


@many
@given(st.data())
@pytest.mark.filterwarnings("ignore::UserWarning")  # of torch, where odd tensors are made
def test_weight_files(draws):
    draw, suffixes = (
        draws.draw,
        ["_", ".pth", ".safetensors", ".th", ".ckpt", ".bin", ".h5", ".yaml", ".🙂"],
    )
    content, sound = draw(weight_files())
    alignment = draw(st.sampled_from(["paper"] * 5 + ["greedy", "optimal", "none", "", "best"]))
    with a_fresh_home() as (folder, home):
        good, path = folder / "good.safetensors", placed(draw, folder, content, suffixes)
        good.write_bytes(save(a_state()))
        pair = [good, path] if draw(st.booleans()) else [path, good]
        code, text = answer(home, "compare", *pair, "--alignment", alignment)
        read = path.is_file() if len(path.name) < 250 else False
        assert code == 0 or not (sound and read and alignment in ALIGNMENTS), text


@pytest.mark.parametrize("rate", [".inf", "-.inf", ".nan", "1.e300", "1.e400", "11.0"])
def test_a_learning_rate_that_no_network_is_trained_with(rate):
    with a_fresh_home() as (folder, home):
        (folder / "tiny.yaml").write_text(
            TINY.replace("learning_rate: 1.e-3", f"learning_rate: {rate}")
        )
        code, text = answer(home, "run", "tiny.yaml")
        assert code == 2 and "tiny.yaml: networks.A.learning_rate: Input should be" in text


@pytest.mark.parametrize("device", ["meta", "hpu", "mkldnn", "vulkan", "cuda:99", "abacus"])
def test_a_device_that_does_not_compute(device):
    with a_fresh_home() as (folder, home):
        (folder / "tiny.yaml").write_text(TINY)
        code, text = answer(home, "run", "tiny.yaml", "-p", "device", device)
        assert (
            code == 2
            and f"device '{device}' cannot be used (" in text
            and "choose auto, cpu" in text
        )


@pytest.mark.parametrize(("alignment", "fate"), [("paper", "scored 0"), ("optimal", "left out")])
def test_dead_kernels_are_said(capsys, alignment, fate):
    state = a_state()
    state["a.weight"][1] = 0
    state["b.weight"][1] = 0.5
    state["b.weight"][2] *= 1e-3
    with a_fresh_home() as (folder, _):
        for name, content in (("good", a_state()), ("dead", state)):
            (folder / name).write_bytes(save(content))
        with pytest.raises(SystemExit):
            main(["compare", "good", "dead", "--alignment", alignment])
    dead, out = "dead: of 8 kernels 2 are constant (no correlation: ", capsys.readouterr().out
    assert (
        out.splitlines()[-1]
        == f"{dead}{fate}) and 2 dead (shorter than 5% of their layer's median)"
    )
