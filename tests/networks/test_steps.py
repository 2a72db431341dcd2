"""A training step is a function of the tensors that it reads, and writes where it did before."""

import pytest
import torch

from paradoxlib import seeds
from paradoxlib.networks import models, steps


def noisy(pixels, source):
    """Return 8-bit images as shares, with some noise."""
    return pixels.float() / 255 + 0.1 * torch.rand(pixels.shape, generator=source)


@pytest.fixture
def step():
    model = models.build("resnet20", generator=seeds.generator(1)).train()
    made = steps.Step(model, noisy, 1e-4, half=False)
    made(*batch(0), 1e-3, 1, "step", 0)  # Adam's moments are there
    return made


def batch(seed):
    """Return 8 random images and labels."""
    source = seeds.generator("batch", seed)
    pixels = torch.randint(256, (8, 3, 32, 32), dtype=torch.uint8, generator=source)
    return pixels, torch.randint(10, (8,), generator=source)


def tensors(step):
    """Return all that a step changes."""
    moments = [value for state in step.optimiser.state.values() for value in state.values()]
    return [*step.model.parameters(), *step.model.buffers(), *moments, step.sums]


def copies(step):
    """Return what a step changes, as it is now."""
    return [value.detach().clone() for value in tensors(step)]


@torch.no_grad()
def put_back(step, kept):
    for value, before in zip(tensors(step), kept, strict=True):
        value.copy_(before)


def same(ours, theirs):
    """Say whether two lists of tensors are equal, bit for bit."""
    return all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_the_same_step_again_is_the_same(step):
    before = copies(step)
    step(*batch(1), 1e-3, 1, "step", 1)
    once = copies(step)
    assert not same(once, before)
    put_back(step, before)
    step(*batch(2), 5e-3, 1, "step", 2)  # what was done before leaves nothing behind
    assert not same(copies(step), once)
    put_back(step, before)
    step(*batch(1), 1e-3, 1, "step", 1)
    assert same(copies(step), once)


def test_all_that_a_step_writes_stays_where_it_is(step):
    places = [value.data_ptr() for value in tensors(step)]
    held = {name: id(value) for name, value in vars(step).items()}
    step(*batch(1), 1e-3, 1, "step", 1)
    assert [value.data_ptr() for value in tensors(step)] == places
    assert {name: id(value) for name, value in vars(step).items()} == held


@pytest.mark.parametrize("change", ["pixels", "labels", "rate", "seed"])
def test_a_step_depends_on_all_that_it_is_given(step, change):
    before, (pixels, labels) = copies(step), batch(1)
    step(pixels, labels, 1e-3, 1)
    once = copies(step)
    put_back(step, before)
    given = {"pixels": pixels, "labels": labels, "rate": 1e-3, "seed": 1}
    other = {"pixels": 255 - pixels, "labels": 9 - labels, "rate": 1e-4, "seed": 2}
    given[change] = other[change]
    step(given["pixels"], given["labels"], given["rate"], given["seed"])
    assert not same(copies(step), once)


def test_sums_are_of_loss_correct_answers_and_images(step):
    step.sums.zero_()
    pixels, labels = batch(1)
    images = noisy(pixels, seeds.generator(1, "step", 1))
    logits = step.model(images.contiguous(memory_format=torch.channels_last)).detach()
    step(pixels, labels, 1e-3, 1, "step", 1)
    loss, correct, count = step.sums.tolist()
    assert loss == pytest.approx(8 * torch.nn.functional.cross_entropy(logits, labels).item())
    assert (correct, count) == ((logits.argmax(1) == labels).sum().item(), 8)
