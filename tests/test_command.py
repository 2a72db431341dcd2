"""The command: what it prints, and one sentence and the right exit code for bad input."""

import pytest
import torch
from PIL import Image

from paradoxlib import keep, seeds
from paradoxlib.__main__ import main
from paradoxlib.networks import models
from paradoxlib.similarity import kernels
from paradoxlib.studies.study import names


@pytest.fixture
def call(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        printed = capsys.readouterr()
        return stop.value.code, printed.out, printed.err

    return run


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["fly"], "No such command 'fly': see paradox --help"),
        (["compare", "a"], "Missing argument 'b': see paradox compare --help"),
        (["verify", "demo", "b"], "Got unexpected extra argument(s) (b): see paradox verify"),
        (["run", "demo", "--fast"], "No such option: --fast: see paradox run --help"),
        (["run", "-p"], "Option '-p' requires an argument: see paradox"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_exit_code_2(call, arguments, text):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "") and err.startswith(f"paradox: {text}") and err.count("\n") == 1


def test_without_arguments_the_command_shows_its_help(call):
    code, out, _ = call()
    assert code == 0 and "verify" in out


def test_list_names_every_study(call, home):
    code, out, _ = call("list")
    assert code == 0 and len(out.splitlines()) == len(names())
    assert "329 resnet20 on cifar10, 53,956 pairs: 0 trained" in out


def test_tables_say_what_their_columns_mean(call, home):
    code, out, _ = call("tables", "demo", "accuracy")
    assert code == 0 and out.startswith("accuracy: ") and "\n  accuracy " in out


def test_compare(call, tmp_path):
    states = [
        models.build("resnet20", generator=seeds.generator(seed)).state_dict() for seed in (1, 2)
    ]
    keep.write_tensors(tmp_path / "a.safetensors", states[0], {})
    torch.save(states[1], tmp_path / "b.pth")
    code, out, _ = call("compare", str(tmp_path / "a.safetensors"), str(tmp_path / "b.pth"))
    last = out.splitlines()[-1].split()
    assert code == 0 and len(out.splitlines()) == 1 + 21 + 1
    assert (
        float(last[-2]) == pytest.approx(kernels.similarity(*states), abs=1e-3)
        and last[-1] == "0.136"
    )


def test_compare_with_images_writes_a_report(call, tmp_path):
    for name in "ab":
        state = models.build("resnet20", 2, generator=seeds.generator(name)).state_dict()
        about = {"mean": [0.5] * 3, "std": [0.2] * 3} if name == "a" else {}
        keep.write_tensors(tmp_path / f"{name}.safetensors", state, about)
    for i in range(10):
        (tmp_path / "images" / "xy"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (25 * i, 9, 99)).save(tmp_path / f"images/{'xy'[i % 2]}/{i}.png")
    pair = [str(tmp_path / f"{name}.safetensors") for name in "ab"]
    report = tmp_path / "report.html"
    options = ["--images", str(tmp_path / "images"), "--report", str(report), "--exchanged", "0"]
    code, out, _ = call("compare", *pair, *options)
    assert code == 0 and "visual intelligence of a" in out and "a and b are " in out
    assert "b.safetensors does not say how images are standardised" in out
    assert "a.safetensors does not say" not in out
    assert report.read_text().startswith("<!doctype html>")
    code, _, err = call("compare", *pair, "--report", str(tmp_path))
    assert code == 2 and "is a folder: --report takes the name of a file" in err
    code, _, err = call("compare", *pair, "--images", str(tmp_path / "none"))
    assert code == 2 and "there is no folder" in err


def test_compare_of_different_architectures(call, tmp_path):
    for name in ("resnet20", "resnet50"):
        keep.write_tensors(tmp_path / f"{name}.safetensors", models.build(name).state_dict(), {})
    code, out, err = call(
        "compare", str(tmp_path / "resnet20.safetensors"), str(tmp_path / "resnet50.safetensors")
    )
    assert (
        (code, out) == (2, "")
        and err.startswith("paradox: networks of different architectures")
        and err.count("\n") == 1
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["run", "mnist"], "unknown study 'mnist'"),
        (["run", "demo", "99"], "unknown notebook '99'"),
        (
            ["run", "demo", "-p", "worker", "2"],
            "unknown parameter 'worker': did you mean 'workers'?",
        ),
        (["run", "demo", "-p", "workers", "two"], "parameter workers is 'two'"),
        (["run", "demo", "-p", "device", "abacus"], "device 'abacus' cannot be used"),
        (
            ["run", "cifar10-20", "-p", "data_root", "/nowhere"],
            "cifar10 is neither in /nowhere/cifar10",
        ),
        (["compare", "a.h5", "b.h5"], "there is no file a.h5"),
        (["explore", "demo"], "study demo has no table 'networks' yet: run `paradox run demo`"),
        (["explore", "cifar10-20", "-o", "."], ". is a folder: -o takes the name of a file"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(call, home, monkeypatch, arguments, text):
    from torchvision.datasets import CIFAR10

    monkeypatch.setattr(
        CIFAR10, "url", (home / "nowhere.tar.gz").as_uri()
    )  # no network at test time
    code, _, err = call(*arguments)
    assert code == 2 and text in err and err.startswith("paradox: ") and err.count("\n") == 1
    assert not (home / "runs").exists() and not (home / "weights").exists()
