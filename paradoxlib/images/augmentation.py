"""What networks are shown: augmented batches in training, blocks of distorted images after it."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch.nn import functional as F

from paradoxlib import seeds
from paradoxlib.images import datasets, distortions

BLOCK = 250  # images that are distorted and shown to all networks together


class Standard(Protocol):
    """Settings of the standard augmentation: mirrored or not, and by what shares moved."""

    flip: bool
    zoom: float
    shift: float


class Distorted(Protocol):
    """Settings of the distortions that a network is trained on, after the standard augmentation."""

    distortions: tuple[str, ...]
    distortions_per_image: int
    noise_amount: float


def augment(
    pixels: torch.Tensor, standard: Standard, settings: Distorted, source: torch.Generator
) -> torch.Tensor:
    """Return a training batch, float 0..1, of 8-bit images (n, 3, h, w).

    Each image is flipped, zoomed and shifted, then distorted, with fresh parameters.
    """
    images = pixels.float() / 255
    images = flip_zoom_shift(images, standard.flip, standard.zoom, standard.shift, source)
    if not settings.distortions:
        return images
    names, count = settings.distortions, settings.distortions_per_image
    return distort_randomly(images, names, count, settings.noise_amount, source)


def flip_zoom_shift(
    images: torch.Tensor, flip: bool, zoom: float, shift: float, generator: torch.Generator
) -> torch.Tensor:
    """Return images flipped, zoomed and shifted at random (the paper's standard augmentation).

    They are zoomed by 1 +- `zoom` in x and in y and shifted by up to +- `shift` of their size, with
    bilinear interpolation. What lies outside repeats the border.
    """
    n, device = len(images), generator.device
    scale = 1 + zoom * (2 * torch.rand(n, 2, generator=generator, device=device) - 1)
    offset = 2 * shift * (2 * torch.rand(n, 2, generator=generator, device=device) - 1)
    mirror = torch.rand(n, generator=generator, device=device) < 0.5
    theta = torch.zeros(n, 2, 3, device=device)
    theta[:, 0, 0] = scale[:, 0] * torch.where(mirror & flip, -1.0, 1.0)
    theta[:, 1, 1] = scale[:, 1]
    theta[:, :, 2] = offset
    grid = F.affine_grid(theta.to(images.device), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def distort_randomly(
    images: torch.Tensor,
    names: Sequence[str],
    per_image: int,
    noise_amount: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """Return images each changed by `per_image` of the named distortions, at random levels.

    Levels are fresh and uniform. The distortions that an image draws are applied in the order of
    `distortions.DISTORTIONS`. Unlike in the original code (see docs/departures.md) the illuminant
    is drawn like the others, and no image is left clean.
    """
    device = generator.device
    chance = torch.rand(len(images), len(names), generator=generator, device=device)
    highest = chance.topk(min(per_image, len(names))).indices
    drawn = torch.zeros_like(chance, dtype=torch.bool).scatter_(1, highest, True)
    images = images.clone()
    order = list(distortions.DISTORTIONS)
    for column in sorted(range(len(names)), key=lambda column: order.index(names[column])):
        name, own = names[column], drawn[:, column]
        if device.type != "cpu":  # which images are its own is not known here: all are distorted
            changed = distort_anew(images, name, noise_amount, generator)
            images = torch.where(own.view(-1, 1, 1, 1), changed, images)
            continue
        chosen = own.nonzero().squeeze(1).to(images.device)
        if len(chosen):
            images[chosen] = distort_anew(images[chosen], name, noise_amount, generator)
    return images


def distort_anew(
    images: torch.Tensor, name: str, noise_amount: float, generator: torch.Generator
) -> torch.Tensor:
    """Return images under one distortion, each at a fresh level of its range for training."""
    distortion = distortions.DISTORTIONS[name]
    low, high = distortion.training or (0, noise_amount)
    shape = (len(images), 3) if distortion.per_channel else (len(images),)
    level = low + (high - low) * torch.rand(shape, generator=generator, device=generator.device)
    return distortions.apply_levels(images, name, level.to(images.device), generator)


def distorted_blocks(
    images: datasets.Images | datasets.ImageFiles,
    conditions: Sequence[distortions.Condition],
    seed: int = 1,
) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
    """Yield (place of the condition, indices, float images 0..1), `BLOCK` images at a time.

    Each block is shown under all conditions in turn, so that it is read once. Images are made on
    the CPU, and the noise depends on the seed and the condition alone: every network sees the same
    images, bit for bit, on whatever device it is evaluated.
    """
    noises = [seeds.generator(seed, name, float(level)) for name, level in conditions]
    order = torch.arange(len(images))
    for index, pixels, _ in datasets.batches(images, order, BLOCK):
        clear = pixels.float() / 255
        for place, (name, level) in enumerate(conditions):
            yield place, index, distortions.distort(clear, name, level, noises[place])
