"""Predict the classes of images under every condition.

The noise of a condition comes from the seed and the condition alone, in blocks of a fixed size. So
all networks see the same noisy images, whatever the device and the batch size.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import NamedTuple, TypeVar

import torch
from tqdm import tqdm

from paradoxlib import devices, keep
from paradoxlib.images import augmentation, datasets, distortions
from paradoxlib.networks import models, resnets

# On a CPU as many as its caches hold.
IMAGES_PER_TASK = {"cpu": 50, "cuda": augmentation.BLOCK}
COPIES_BYTES = 1e9  # of variants of a network that are evaluated together
Item = TypeVar("Item")


class Shown(NamedTuple):
    """Distorted images, and their places among those of all conditions, one after the other."""

    places: torch.Tensor
    pixels: torch.Tensor


class Task(NamedTuple):
    """What one thread does at a time: a group of networks classifies a part of a block of images.

    A group is one network, or several that differ in the dense layer alone.
    """

    group: tuple[str, ...]
    shown: Shown


class Heads(torch.nn.Module):
    """Networks that differ in their dense layers at most: what leads to these is computed once."""

    def __init__(self, networks: Sequence[resnets.ResNet]) -> None:
        super().__init__()
        self.dense = torch.nn.ModuleList([network.fc for network in networks])
        self.trunk = networks[0]
        self.trunk.add_module("fc", torch.nn.Identity())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits (network, n, classes) of images."""
        features = self.trunk(x)
        return torch.stack([dense(features) for dense in self.dense])


@torch.inference_mode()
@devices.exact_float32()
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
    folded into their convolutions; those that differ in the dense layer alone share all before it.
    Conditions that leave the images as they are are computed once.
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
    folded = {names: model.to(device) for names, model in grouped(networks).items()}
    result = {
        names: torch.empty((len(names), *shape), dtype=torch.int16, device=device)
        for names in folded
    }
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
        classify_into(result[task.group], folded[task.group], task.shown, half)

    total = len(work) * len(images) * len(networks)
    bar = tqdm(desc=text, total=total, unit="image", unit_scale=True)
    with bar, devices.thread_pool(device) as pool:
        for places, pixels in prefetch(join_blocks(make_blocks()), pool):
            shown = devices.send(pixels.contiguous(memory_format=torch.channels_last), device)
            where = devices.send(places, device).split(size)
            pieces = list(zip(where, shown.split(size), strict=True))
            tasks = [Task(names, Shown(*piece)) for names in folded for piece in pieces]
            list(pool.map(run_task, tasks))
            bar.update(len(places) * len(networks))
    for i in identity[1:]:
        for predicted in result.values():
            predicted[:, i] = predicted[:, identity[0]]
    found = {
        name: predicted
        for names, group in result.items()
        for name, predicted in zip(names, group.cpu(), strict=True)
    }
    return {name: found[name] for name in networks}


def grouped(networks: Mapping[str, torch.nn.Module]) -> dict[tuple[str, ...], torch.nn.Module]:
    """Return {networks: one module for them}, folded; residual networks may share all but `fc`."""
    alone: dict[tuple[str, ...], torch.nn.Module] = {}
    groups: dict[str, dict[str, resnets.ResNet]] = {}
    for name, model in networks.items():
        folded = models.folded(model)
        if isinstance(folded, resnets.ResNet):
            trunk = {k: v for k, v in folded.state_dict().items() if not k.startswith("fc.")}
            hooks = [id(hook) for hook in folded._forward_pre_hooks.values()]  # copies share them
            text = f"{type(folded).__name__} {folded.small_images} {folded.norm} {hooks}"
            alike = keep.digest(trunk | dict(folded.named_buffers()), text)
            groups.setdefault(alike, {})[name] = folded
        else:
            alone[name,] = folded
    return alone | {tuple(group): Heads(list(group.values())) for group in groups.values()}


def copies_at_once(state: models.State) -> int:
    """Return how many networks as large as this one fit in `COPIES_BYTES`, at least 1."""
    size = sum(value.numel() * value.element_size() for value in state.values())
    return max(1, int(COPIES_BYTES / max(size, 1)))


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
    """Write the predicted classes of some images into a result (network, condition, image)."""
    result.view(len(result), -1)[:, shown.places] = classify(model, shown.pixels, half)


@torch.inference_mode()
@devices.exact_float32()
def classify(model: torch.nn.Module, images: torch.Tensor, half: bool = False) -> torch.Tensor:
    """Return the predicted classes (..., n) of images, int16, on the device of both.

    The network computes in bfloat16 where `half`, else in float32 without TF32.
    """
    kind = images.device.type
    with torch.autocast(kind, torch.bfloat16, enabled=half):
        return model(images).argmax(-1).to(torch.int16)
