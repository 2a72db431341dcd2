"""Training resumes to the same weights after a stop at any moment, and depends on nothing but the network's own settings."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY, tiny_file

from paradoxlib import data, distortions, paths, training, weights
from paradoxlib import study as studies


class Stop(Exception):
    """What stops a training in the tests."""


def digests(study):
    """Return {network: digest of its weights}."""
    return {name: weights.digest(weights.read(paths.weights(study.name, name))[0]) for name in study.networks}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The digests of an uninterrupted training of the tiny study."""
    home = tmp_path_factory.mktemp("reference")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "HOME", home)
        study = studies.load(tiny_file(home), workers=1)
        training.train_all(study)
        return digests(study)


@pytest.mark.parametrize("stops", [(1,), (2, 5), (3, 4, 6, 7)])
def test_resumed_equals_uninterrupted_bit_for_bit(tiny, reference, monkeypatch, stops):
    counter = iter(range(1, 1000))
    real = training.Training.train_batch

    def stopping(self, pixels, labels):
        if next(counter) in stops:
            raise Stop
        real(self, pixels, labels)

    monkeypatch.setattr(training.Training, "train_batch", stopping)
    for _ in stops:
        with pytest.raises(Stop):
            for name in tiny.networks:
                training.train(tiny, name, checkpoint_seconds=0)
    for name in tiny.networks:
        training.train(tiny, name, checkpoint_seconds=0)
    assert digests(tiny) == reference
    assert not list((paths.checkpoint("tiny", "A").parent).glob("*"))


def test_a_network_does_not_depend_on_the_others(tiny, reference):
    training.train(tiny, "C")
    training.train(tiny, "B")  # trains A first
    assert digests(tiny) == reference


def test_a_killed_process_leaves_nothing_that_looks_finished(tmp_path, reference):
    study_file = tiny_file(tmp_path)
    code = (
        "from paradoxlib import study, training\n"
        f"s = study.load({str(study_file)!r}, workers=1)\n"
        "for name in s.networks: training.train(s, name, checkpoint_seconds=0)\n"
    )
    environment = {**os.environ, "PARADOX_HOME": str(tmp_path)}
    checkpoints = tmp_path / "runs" / "tiny" / "checkpoints"
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    deadline = time.monotonic() + 60
    while not list(checkpoints.glob("[AC].safetensors")) and process.poll() is None and time.monotonic() < deadline:
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "HOME", tmp_path)
        assert digests(studies.load(study_file)) == reference


def test_finished_networks_are_not_trained_again(tiny, reference, monkeypatch):
    training.train_all(tiny)
    monkeypatch.setattr(training, "Training", None)
    training.train_all(tiny)
    assert digests(tiny) == reference


def test_networks_side_by_side_give_the_same_weights(tmp_path, reference):
    """In processes of their own, as `paradox run` trains on the CPU."""
    code = f"from paradoxlib import study, training\ntraining.train_all(study.load({str(tiny_file(tmp_path))!r}, workers=2))"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PARADOX_HOME": str(tmp_path)}, check=True, capture_output=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "HOME", tmp_path)
        assert digests(studies.load(tmp_path / "tiny.yaml")) == reference


def test_other_settings_are_trained_anew(tiny, home, reference):
    training.train_all(tiny)
    longer = studies.load(tiny_file(home, TINY.replace("epochs: 2", "epochs: 3")), workers=1)
    assert not any(training.is_trained(longer, name) for name in longer.networks)
    with pytest.raises(FileNotFoundError, match="A of study tiny is not trained yet with these settings"):
        training.load_network(longer, "A")


def test_history_and_rates(tiny):
    training.train_all(tiny)
    history = training.history(tiny)
    assert history.groupby("network").size().to_dict() == {"A": 2, "B": 1, "C": 2}
    assert history["loss"].between(0, 10).all() and history["accuracy"].between(0, 1).all()
    assert training.rates(tiny)["images"].tolist() == [96, 48, 96]


def test_a_child_starts_from_its_parent_and_stays_near(tiny):
    training.train_all(tiny)
    parent, child = (training.load_network(tiny, name) for name in "AB")
    assert torch.equal(parent.mean, child.mean)
    pairs = list(zip(parent.parameters(), child.parameters(), strict=True))
    for a, b in pairs:  # three steps of Adam at 1e-5, and where weights are kept as float16 its step there
        rounding = a.abs() * 2**-10 + 2**-24 if a.dim() > 1 else 0
        assert ((a - b).abs() <= 3 * 1e-5 * 1.001 + rounding).all()
    assert any((a != b).any() for a, b in pairs)


def test_weight_decay_is_the_gradient_of_keras_l2(tiny):
    run = training.Training(tiny, "A")
    kernels, others = run.optimiser.param_groups
    assert (kernels["weight_decay"], others["weight_decay"]) == (2e-4, 0)
    assert len(kernels["params"]) == 21


def test_a_damaged_network_or_checkpoint_is_refused_by_name(tiny):
    training.train_all(tiny)
    path = paths.weights("tiny", "A")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(weights.DamagedFile, match=r"A.safetensors is damaged or cut short"):
        training.load_network(tiny, "A")
    path.unlink()
    checkpoint = paths.checkpoint("tiny", "A")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.write_bytes(b"not a checkpoint at all")
    with pytest.raises(weights.DamagedFile, match=r"A.safetensors is damaged or cut short"):
        training.train(tiny, "A")


def test_divergence_is_said(home):
    study = studies.load(tiny_file(home, TINY.replace("learning_rate: 1.e-3", "learning_rate: 1.e+30")), workers=1)
    with pytest.raises(training.Diverged, match="network A of study tiny diverged at step 3"):
        training.train(study, "A")


def test_missing_data_are_said_before_work_starts(home):
    study = studies.load(tiny_file(home, TINY.replace("name: digits", "name: 'folder:/nowhere'")), workers=1)
    with pytest.raises(FileNotFoundError, match="no folder train in /nowhere"):
        training.train_all(study)
    assert not (home / "weights").exists()


def test_augmentation_distorts_after_flip_zoom_and_shift(tiny, monkeypatch):
    calls = []
    monkeypatch.setattr(distortions, "flip_zoom_shift", lambda images, *rest: calls.append("move") or images)
    monkeypatch.setattr(distortions, "distort_randomly", lambda images, *rest: calls.append("distort") or images)
    batch = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    training.augment(batch, tiny.data, tiny.networks["B"], data.generator(1))
    training.augment(batch, tiny.data, tiny.networks["A"], data.generator(1))
    assert calls == ["move", "distort", "move"]


def test_streamed_images_can_be_trained_on(home, tmp_path):
    from PIL import Image

    source = np.random.default_rng(0)
    for split in ("train", "val"):
        for label in "ab":
            folder = Path(tmp_path / "pictures" / split / label)
            folder.mkdir(parents=True)
            for i in range(3):
                Image.fromarray(source.integers(0, 256, (90, 100, 3), dtype=np.uint8)).save(folder / f"{i}.jpg")
    text = TINY.replace("name: digits", f"name: 'folder:{tmp_path / 'pictures'}', image_size: 72").replace("train_images: 48, test_images: 30, ", "")
    study = studies.load(tiny_file(home, text.replace("epochs: 2", "epochs: 1").replace("batch_size: 16", "batch_size: 4")), workers=1)
    training.train(study, "A")
    assert training.load_network(study, "A").fc.out_features == 2
