"""What several tests need: a home of their own and a study of three tiny trainings."""

import shutil
from contextlib import contextmanager

import matplotlib.pyplot as plt
import pytest
import torch
from nbval import kernel

from paradoxlib import paths, plotting, results
from paradoxlib.studies import sessions, training

TINY = """
name: tiny
title: three networks for the tests
data: {name: digits, train_images: 48, test_images: 30, flip: false}
model: {architecture: resnet20}
evaluation: {seed: 1, grid: {contrast: [0.3, 1.0], gaussian_noise: [0.0, 0.05], blur: [1.0]}}
transplant_images: 10
defaults: {epochs: 2, batch_size: 16, learning_rate: 1.e-3, schedule: cosine}
fine_tuning: {epochs: 1, learning_rate: 1.e-5}
networks:
  A: {seed: 1}
  B: {seed: 2, parent: A, distortions: [gaussian_noise, blur]}
  C: {seed: 3}
"""

start_kernel = kernel.start_new_kernel


def start_kernel_again(*arguments, **settings):
    """Start a notebook's kernel, twice where it dies: another may have taken the port it chose."""
    try:
        return start_kernel(*arguments, **settings)
    except RuntimeError:
        return start_kernel(*arguments, **settings)


kernel.start_new_kernel = start_kernel_again


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder that the project takes for its own."""
    monkeypatch.setattr(paths, "HOME", tmp_path)
    return tmp_path


@pytest.fixture
def tiny(home):
    """A session of the tiny study, in a home of its own, trained in this process."""
    return sessions.start(tiny_file(home), device="cpu", workers=1)


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory):
    """A folder in which the tiny study was trained, once for all tests; not to be changed."""
    folder = tmp_path_factory.mktemp("trained")
    with tiny_in(folder) as session:
        training.train_all(session)
    return folder


@pytest.fixture
def tiny_trained(tiny, home, trained_home):
    """A session of the tiny study with its trained networks."""
    shutil.copytree(trained_home / "weights", home / "weights")
    return tiny


@pytest.fixture(scope="session")
def computed_home(trained_home, tmp_path_factory):
    """A folder with the tiny study's networks and claims, made once; not to be changed."""
    folder = tmp_path_factory.mktemp("computed")
    shutil.copytree(trained_home / "weights", folder / "weights")
    with tiny_in(folder) as session:
        results.claims(session)
    return folder


@pytest.fixture
def tiny_computed(tiny, home, computed_home):
    """A session of the tiny study with its networks and claims."""
    for part in ("weights", "figures", "runs"):
        shutil.copytree(computed_home / part, home / part)
    return tiny


@pytest.fixture
def styled():
    """The project's style for what a test draws, without a window; all is closed after it."""
    plt.switch_backend("agg")
    with plt.rc_context():
        plotting.use_style()
        yield
    plt.close("all")


@contextmanager
def tiny_in(folder):
    """Yield a session of the tiny study; the project takes the folder for its own meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "HOME", folder)
        yield sessions.start(tiny_file(folder), device="cpu", workers=1)


def tiny_file(folder, text=TINY):
    """Write a study file and return its path."""
    path = folder / "tiny.yaml"
    path.write_text(text)
    return path


@pytest.fixture(scope="session", autouse=True)
def two_threads():
    """Leave a core to whoever else works on a small machine."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
