"""Training resumes to the same weights, and depends on the network's own settings alone."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from conftest import TINY, tiny_file
from PIL import Image

from paradoxlib import keep, paths, seeds
from paradoxlib.images import augmentation
from paradoxlib.networks import steps
from paradoxlib.studies import sessions, trained, training
from paradoxlib.studies.study import load


class Stop(Exception):
    """What stops a training in the tests."""


def digests(study="tiny"):
    """Return {network: digest of its weights} of a study of the tiny networks."""
    files = {name: paths.weights_file(study, name) for name in "ABC"}
    return {name: keep.digest(keep.read_tensors(path)[0]) for name, path in files.items()}


@pytest.fixture(scope="module")
def reference(trained_home):
    """The digests of an uninterrupted training of the tiny study."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "HOME", trained_home)
        return digests()


@pytest.fixture
def streamed(home, tmp_path):
    """A study file of the tiny networks on large pictures in a folder."""
    source = np.random.default_rng(0)
    for split in ("train", "val"):
        for label in "ab":
            folder = tmp_path / "pictures" / split / label
            folder.mkdir(parents=True)
            for i in range(3):
                pixels = source.integers(0, 256, (90, 100, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.jpg")
    where = f"name: 'folder:{tmp_path / 'pictures'}', image_size: 72"
    text = TINY.replace("name: digits, train_images: 48, test_images: 30", where)
    text = text.replace("epochs: 2", "epochs: 1").replace("batch_size: 16", "batch_size: 2")
    path = home / "streamed.yaml"
    path.write_text(text.replace("name: tiny", "name: streamed"))
    return path


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
            for name in tiny.study.networks:
                training.train(tiny, name, checkpoint_seconds=0)
    for name in tiny.study.networks:
        training.train(tiny, name, checkpoint_seconds=0)
    assert digests() == reference
    assert not list((paths.checkpoint_file("tiny", "A").parent).glob("*"))


def test_a_killed_training_s_bar_begins_at_its_checkpoint(tiny, monkeypatch):
    counter = iter(range(1, 1000))
    real = training.Training.train_batch

    def stopping(self, pixels, labels):
        if next(counter) == 3:
            raise Stop
        real(self, pixels, labels)

    monkeypatch.setattr(training.Training, "train_batch", stopping)
    with pytest.raises(Stop):
        training.train(tiny, "A", checkpoint_seconds=0)
    training.tell(tiny.study, "A", 47)  # it had come so far when it was killed
    with training.show_progress(tiny, ["A", "C"], 48):
        assert paths.progress_file("tiny", "A").read_text() == "32"  # two batches of 16
        assert not paths.progress_file("tiny", "C").exists()


def test_a_network_does_not_depend_on_the_others(tiny, reference):
    training.train(tiny, "C")
    training.train(tiny, "B")  # trains A first
    assert digests() == reference


def test_a_killed_process_leaves_nothing_that_looks_finished(tmp_path, reference):
    study_file = tiny_file(tmp_path)
    code = (
        "from paradoxlib.studies import sessions, training\n"
        f"s = sessions.start({str(study_file)!r}, workers=1)\n"
        "for name in s.study.networks: training.train(s, name, checkpoint_seconds=0)\n"
    )
    environment = {**os.environ, "PARADOX_HOME": str(tmp_path)}
    checkpoints = tmp_path / "runs" / "tiny" / "checkpoints"
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    deadline = time.monotonic() + 60
    while (
        not list(checkpoints.glob("[AC].safetensors"))
        and process.poll() is None
        and time.monotonic() < deadline
    ):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "HOME", tmp_path)
        session = sessions.start(study_file, workers=1)
        for name in session.study.networks:
            training.train(session, name, checkpoint_seconds=0)
        assert digests() == reference


def test_finished_networks_are_not_trained_again(tiny_trained, reference, monkeypatch):
    monkeypatch.setattr(training, "Training", None)
    training.train_all(tiny_trained)
    assert digests() == reference


def test_networks_side_by_side_give_the_same_weights(home, streamed, reference):
    """In processes of their own, as `paradox run` trains on the CPU; streamed images, too."""
    training.train_all(sessions.start(streamed, workers=1))
    alone = digests("streamed")
    shutil.rmtree(home / "weights")
    files = [str(tiny_file(home)), str(streamed)]
    code = (
        "from paradoxlib.studies import sessions, training\n"
        f"for file in {files}: training.train_all(sessions.start(file, workers=2))"
    )
    environment = {**os.environ, "PARADOX_HOME": str(home)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    assert digests() == reference and digests("streamed") == alone


def test_other_settings_are_trained_anew(tiny_trained, home):
    longer = load(tiny_file(home, TINY.replace("epochs: 2", "epochs: 3")))
    assert not any(trained.is_trained(longer, name) for name in longer.networks)
    with pytest.raises(
        FileNotFoundError, match="A of study tiny is not trained yet with these settings"
    ):
        trained.load_network(longer, "A")


def test_the_precision_is_the_study_s_and_the_result_says_it(tiny, home):
    made = {}
    for precision in ("float32", "bfloat16"):
        model = f"model: {{architecture: resnet20, precision: {precision}}}"
        text = TINY.replace("model: {architecture: resnet20}", model)
        session = sessions.start(tiny_file(home, text), workers=1)
        training.train(session, "A")
        state, about = keep.read_tensors(paths.weights_file("tiny", "A"))
        assert about["device"] == f"CPU, one thread, {precision}"
        made[precision] = keep.digest(state)
        assert not trained.is_trained(tiny.study, "A")  # the device's own: a result of its own
    assert made["float32"] != made["bfloat16"]


def test_history_and_rates(tiny_trained):
    history = trained.read_history(tiny_trained.study)
    assert history.groupby("network").size().to_dict() == {"A": 2, "B": 1, "C": 2}
    assert history["loss"].between(0, 10).all() and history["accuracy"].between(0, 1).all()
    assert trained.read_rates(tiny_trained.study)["images"].tolist() == [96, 48, 96]


def test_a_child_starts_from_its_parent_and_stays_near(tiny_trained):
    parent, child = (trained.load_network(tiny_trained.study, name) for name in "AB")
    assert torch.equal(parent.mean, child.mean)
    pairs = list(zip(parent.parameters(), child.parameters(), strict=True))
    for (
        a,
        b,
    ) in pairs:  # three steps of Adam at 1e-5, and where weights are kept as float16 its step there
        rounding = a.abs() * 2**-10 + 2**-24 if a.dim() > 1 else 0
        assert ((a - b).abs() <= 3 * 1e-5 * 1.001 + rounding).all()
    assert any((a != b).any() for a, b in pairs)


def test_weight_decay_is_the_gradient_of_keras_l2(tiny):
    run = training.Training(tiny, "A")
    kernels, others = run.optimiser.param_groups
    assert (kernels["weight_decay"], others["weight_decay"]) == (2e-4, 0)
    assert len(kernels["params"]) == 21


def test_a_damaged_network_or_checkpoint_is_refused_by_name(tiny_trained):
    path = paths.weights_file("tiny", "A")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(keep.DamagedFile, match=r"A.safetensors is damaged or cut short"):
        trained.load_network(tiny_trained.study, "A")
    path.unlink()
    checkpoint = paths.checkpoint_file("tiny", "A")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.write_bytes(b"not a checkpoint at all")
    with pytest.raises(keep.DamagedFile, match=r"A.safetensors is damaged or cut short"):
        training.train(tiny_trained, "A")


def test_divergence_is_reported(tiny, monkeypatch):
    real = steps.F.cross_entropy
    infinite = lambda logits, labels: real(logits, labels) * float("inf")  # noqa: E731
    monkeypatch.setattr(steps.F, "cross_entropy", infinite)
    with pytest.raises(training.Diverged, match="network A of study tiny diverged at step 3"):
        training.train(tiny, "A")


def test_missing_data_are_reported_before_work_starts(home):
    text = TINY.replace("name: digits", "name: 'folder:/nowhere'")
    session = sessions.start(tiny_file(home, text), workers=1)
    with pytest.raises(FileNotFoundError, match="no folder train in /nowhere"):
        training.train_all(session)
    assert not (home / "weights").exists()


def test_augmentation_distorts_after_flip_zoom_and_shift(tiny, monkeypatch):
    calls = []
    monkeypatch.setattr(
        augmentation, "flip_zoom_shift", lambda images, *rest: calls.append("move") or images
    )
    monkeypatch.setattr(
        augmentation, "distort_randomly", lambda images, *rest: calls.append("distort") or images
    )
    batch = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    augmentation.augment(batch, tiny.study.data, tiny.study.networks["B"], seeds.generator(1))
    augmentation.augment(batch, tiny.study.data, tiny.study.networks["A"], seeds.generator(1))
    assert calls == ["move", "distort", "move"]


@pytest.mark.parametrize("frozen", ["statistics", "norms"])
def test_frozen_norms_stay_the_parent_s(home, frozen):
    text = TINY.replace("parent: A,", f"parent: A, frozen: {frozen},")
    session = sessions.start(tiny_file(home, text), workers=1)
    training.train(session, "B", checkpoint_seconds=0)
    a, b = (trained.load_network(session.study, name).state_dict() for name in "AB")
    changed = {name for name in a if not torch.equal(a[name], b[name])}
    norms = {name for name in changed if name.startswith("bn")}
    assert not any("running" in name for name in norms)
    assert bool(norms) == (frozen == "statistics")
    assert "conv1.weight" in changed


@pytest.mark.parametrize("norm", ["group", "none"])
def test_networks_with_another_norm_train_and_are_read_again(home, norm):
    text = TINY.replace("resnet20}", f"resnet20, norm: {norm}}}")
    session = sessions.start(tiny_file(home, text), workers=1)
    training.train(session, "B")
    model = trained.load_network(session.study, "B")
    assert model.norm == norm and not any("running" in name for name in model.state_dict())
