"""What several tests need: a home of their own and a study of three tiny trainings."""

import pytest
import torch

from paradoxlib import paths
from paradoxlib import study as studies

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


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder that the project takes for its own."""
    monkeypatch.setattr(paths, "HOME", tmp_path)
    return tmp_path


@pytest.fixture
def tiny(home):
    """The tiny study, in a home of its own, trained in this process."""
    return studies.load(tiny_file(home), workers=1)


def tiny_file(folder, text=TINY):
    """Write a study file and return its path."""
    path = folder / "tiny.yaml"
    path.write_text(text)
    return path


@pytest.fixture(scope="session", autouse=True)
def two_threads():
    """Leave a core to whoever else works on a small machine."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
