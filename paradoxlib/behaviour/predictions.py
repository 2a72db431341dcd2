"""Predict the classes of images under every condition.

The noise of a condition comes from the seed and the condition alone, in blocks of a fixed size. So
all networks see the same noisy images, whatever the device and the batch size.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import NamedTuple, TypeVar

import torch
from tqdm import tqdm

from paradoxlib import devices
from paradoxlib.images import augmentation, datasets, distortions
from paradoxlib.networks import models

# On a CPU as many as its caches hold.
IMAGES_PER_TASK = {"cpu": 50, "cuda": augmentation.BLOCK}
Item = TypeVar("Item")


class Shown(NamedTuple):
    """Distorted images, and their places among those of all conditions, one after the other."""

    places: torch.Tensor
    pixels: torch.Tensor


class Task(NamedTuple):
    """What one thread does at a time: a network classifies a part of a block of images."""

    network: str
    shown: Shown


@torch.inference_mode()
def predict(
    model: torch.nn.Module, images: torch.Tensor, device: torch.device | str = "cpu"
) -> torch.Tensor:
    """Return the logits (n, classes) of images, float32 on the CPU.

    `images` are floats (n, 3, h, w) in 0..1.
    """
    model = model.to(device).eval()
    parts = images.contiguous(memory_format=torch.channels_last).split(augmentation.BLOCK)
    return torch.cat([model(part.to(device)).float().cpu() for part in parts])


@devices.exact_float32()  # here, too: its threads would each restore what they found
def predict_conditions(
    networks: Mapping[str, torch.nn.Module],
    images: datasets.Images | datasets.ImageFiles,
    conditions: Sequence[distortions.Condition],
    seed: int = 1,
    device: torch.device | str = "cpu",
    text: str = "evaluating",
    precision: str = "float32",
) -> dict[str, torch.Tensor]:
    """Return the predicted classes of several networks under every condition.

    Each block of distorted images is made once and shown to all networks, whose batch norms are
    folded into their convolutions. Conditions that leave the images as they are are computed once.
    On a CPU every core takes its own part of a block. A bar shows the progress in images, their
    rate and the remaining time.

    Parameters
    ----------
    networks : dict
        {network: Module}.
    images : datasets.Images or datasets.ImageFiles
        n test images.
    conditions : list
        [(distortion, level)], m of them.
    seed : int
        Of the noise.
    text : str
        What the bar says.
    precision : str
        ``float32``; or ``bfloat16``, which is twice as fast where the device computes in it, and
        changes up to 1 % of single predictions.

    Returns
    -------
    dict
        {network: int16 tensor (m, n)}.

    Raises
    ------
    ValueError
        For an unknown distortion or a level out of range, before anything is computed.
    """
    for name, level in conditions:
        distortions.check_level(name, level)
    device = torch.device(device)
    shape = len(conditions), len(images)
    folded = {name: models.folded(model).to(device) for name, model in networks.items()}
    result = {name: torch.empty(shape, dtype=torch.int16, device=device) for name in networks}
    identity = [
        i for i, (name, level) in enumerate(conditions) if distortions.is_identity(name, level)
    ]
    work = [i for i in range(len(conditions)) if i not in identity[1:]]
    size = IMAGES_PER_TASK.get(device.type, augmentation.BLOCK)
    half = precision == "bfloat16" and devices.faster_in_bfloat16(device)

    def make_blocks() -> Iterator[Shown]:
        shown = [conditions[i] for i in work]
        for place, index, pixels in augmentation.distorted_blocks(images, shown, seed):
            yield Shown(work[place] * len(images) + index, pixels)

    def run_task(task: Task) -> None:
        classify_into(result[task.network], folded[task.network], task.shown, half)

    total = len(work) * len(images) * len(networks)
    bar = tqdm(desc=text, total=total, unit="image", unit_scale=True)
    with bar, devices.thread_pool(device) as pool:
        for places, pixels in prefetch(join_blocks(make_blocks()), pool):
            shown = devices.send(pixels.contiguous(memory_format=torch.channels_last), device)
            where = devices.send(places, device).split(size)
            pieces = list(zip(where, shown.split(size), strict=True))
            tasks = [Task(name, Shown(*piece)) for name in folded for piece in pieces]
            list(pool.map(run_task, tasks))
            bar.update(len(places) * len(networks))
    for i in identity[1:]:
        for predicted in result.values():
            predicted[i] = predicted[identity[0]]
    return {name: predicted.cpu() for name, predicted in result.items()}


def join_blocks(blocks: Iterator[Shown]) -> Iterator[Shown]:
    """Yield small blocks, of few images, as one: as many as there is room for in a whole one."""
    held: list[Shown] = []
    for block in blocks:
        if held and sum(len(one.places) for one in [*held, block]) > augmentation.BLOCK:
            yield Shown(*map(torch.cat, zip(*held, strict=True)))
            held = []
        held.append(block)
    if held:
        yield Shown(*map(torch.cat, zip(*held, strict=True)))


def prefetch(items: Iterator[Item], pool: Executor) -> Iterator[Item]:
    """Yield items; while one is in use, a thread of the pool makes the next."""
    coming = pool.submit(next, items, None)
    while (item := coming.result()) is not None:
        coming = pool.submit(next, items, None)
        yield item


def classify_into(
    result: torch.Tensor, model: torch.nn.Module, shown: Shown, half: bool = False
) -> None:
    """Write the predicted classes of some images into a result (condition, image)."""
    result.view(-1)[shown.places] = classify(model, shown.pixels, half)


@torch.inference_mode()
@devices.exact_float32()
def classify(model: torch.nn.Module, images: torch.Tensor, half: bool = False) -> torch.Tensor:
    """Return the predicted classes of images, int16, on the device of both.

    The network computes in bfloat16 where `half`, else in float32 without TF32.
    """
    kind = images.device.type
    with torch.autocast(kind, torch.bfloat16, enabled=half):
        return model(images).argmax(1).to(torch.int16)
