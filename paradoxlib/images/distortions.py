"""The eight image manipulations of the paper (section 2.2) and the grid of levels to evaluate on.

Images are float tensors (n, 3, h, w), RGB, 0..1. A level is one number, or a tensor (n,) with one
for each image. Every function returns a new tensor of the same shape, in 0..1. Randomness comes
from the generator passed in. To add a distortion, write its function and its entry in
`DISTORTIONS`: evaluation, training and studies then know it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from paradoxlib import seeds
from paradoxlib.images import noise

DISTORTED_AT_ONCE = 50  # images, on a CPU: as many as its caches hold
Condition = tuple[str, float]  # a distortion at a level


@dataclass(frozen=True)
class Distortion:
    """All that is known of a distortion.

    Attributes
    ----------
    apply : callable
        ``apply(images, level, generator)`` returns the distorted images.
    levels : tuple of float
        The levels of the paper's grid, in `unit`.
    limits : (float, float)
        The lowest and the highest level that make sense.
    unit : str
        What a level counts.
    identity : float, optional
        The level that leaves images as they are, where there is one.
    training : (float, float), optional
        The range from which training draws a fresh level for each image, uniformly. Where it is
        not given, levels are drawn from 0 up to the network's own noise amount.
    per_channel : bool
        Whether training draws a level for each channel of an image.
    """

    apply: Callable[[Tensor, Tensor, Generator | None], Tensor]
    levels: tuple[float, ...]
    limits: tuple[float, float]
    unit: str
    identity: float | None = None
    training: tuple[float, float] | None = None
    per_channel: bool = False


def contrast(images: Tensor, level: Tensor, generator: Generator | None = None) -> Tensor:
    """c * I + (1 - c) / 2: the distance from mid grey shrinks (section 2.2 with c as a share)."""
    return level * images + (1 - level) / 2


def illuminant(images: Tensor, level: Tensor, generator: Generator | None = None) -> Tensor:
    """I * l: a factor for each channel (n, 3), or one number that dims the red channel alone."""
    if level.dim() == 2:
        return images * level[:, :, None, None]
    red = (torch.arange(3, device=images.device) == 0).to(images.dtype).view(1, 3, 1, 1)
    return images * (1 - red * (1 - level))


def gamma(images: Tensor, level: Tensor, generator: Generator | None = None) -> Tensor:
    """I ** g."""
    return images**level


def blur(images: Tensor, level: Tensor, generator: Generator | None = None) -> Tensor:
    """Convolve with a normalised Gaussian.

    It is cut at four standard deviations, and the border is reflected (d c b a | a b c d).
    """
    rows, columns = (blur_matrix(level.reshape(-1), length) for length in images.shape[2:])
    if len(rows) == 1:  # one matrix for all images: one product
        return (rows[0] @ (images @ columns[0].T)).clamp_(0, 1)
    return (rows[:, None] @ images @ columns[:, None].mT).clamp_(0, 1)


def blur_matrix(sigma: Tensor, length: int) -> Tensor:
    """Return the matrices (m, length, length) that blur a column of pixels, by each of m SDs."""
    # A CPU knows the highest SD. Another device would be waited for: there the limit does as well.
    highest = float(sigma.max()) if sigma.device.type == "cpu" else DISTORTIONS["blur"].limits[1]
    radius = int(4 * highest + 0.5)
    offset = torch.arange(-radius, radius + 1, device=sigma.device)
    width = sigma[:, None].clamp(min=1e-3)
    inside = offset.abs() <= (4 * sigma[:, None] + 0.5).floor()
    bell = torch.exp(-0.5 * (offset / width) ** 2) * inside
    bell = bell / bell.sum(1, keepdim=True)
    source = (torch.arange(length, device=sigma.device)[:, None] + offset) % (2 * length)
    source = torch.where(source < length, source, 2 * length - 1 - source)
    matrix = torch.zeros(len(sigma), length, length, dtype=sigma.dtype, device=sigma.device)
    weights = bell[:, None].expand(-1, length, -1)
    return matrix.scatter_add_(2, source.expand(len(sigma), -1, -1), weights)


def salt_pepper(images: Tensor, level: Tensor, generator: Generator | None = None) -> Tensor:
    """Replace a share of the values, in each channel independently: half by 1 and half by 0."""
    chance = noise.uniform(images, generator)
    return torch.where(chance < level, (chance < level / 2).to(images), images)


def gaussian_noise(images: Tensor, level: Tensor, generator: Generator | None = None) -> Tensor:
    """I + n with n ~ N(0, variance), clipped to 0..1."""
    return noise.normal(images, generator).mul_(level.sqrt()).add_(images).clamp_(0, 1)


def speckle_noise(images: Tensor, level: Tensor, generator: Generator | None = None) -> Tensor:
    """I * (1 + n) with n ~ N(0, variance), clipped to 0..1."""
    return noise.normal(images, generator).mul_(level.sqrt()).add_(1).mul_(images).clamp_(0, 1)


def poisson_noise(images: Tensor, level: Tensor, generator: Generator | None = None) -> Tensor:
    """Poisson(I * V) / V, clipped to 0..1, of images rounded to 8 bits.

    V is the power of two at or above the number of distinct values in an image.
    """
    values = (images * 255).round_().clamp_(0, 255)
    return noise.poisson(values, generator).to(images)


# Contrast and noise amounts are shares (.15 is the paper's 15 %).
DISTORTIONS = {
    "contrast": Distortion(
        contrast,
        levels=(0.01, 0.05, 0.15, 0.3, 0.5, 0.75, 1.0),
        limits=(0, 1),
        unit="share of the full contrast",
        identity=1,
        training=(0.05, 1),
    ),
    "illuminant": Distortion(
        illuminant,
        levels=(0.05, 0.25, 0.5, 0.75, 1.0),
        limits=(0, 1),
        unit="share of the red channel left",
        identity=1,
        training=(0.05, 1),
        per_channel=True,
    ),
    "blur": Distortion(
        blur,
        levels=(0.0, 0.5, 1.0, 1.5),
        limits=(0, 10),
        unit="SD in pixels",
        identity=0,
        training=(0, 1.3),
    ),
    "gamma": Distortion(
        gamma,
        levels=(0.3, 0.8, 1.0, 1.2, 3.0),
        limits=(0.01, 100),
        unit="exponent",
        identity=1,
        training=(0.3, 3),
    ),
    "salt_pepper": Distortion(
        salt_pepper, (0.0, 0.01, 0.05, 0.1), limits=(0, 1), unit="share of values", identity=0
    ),
    "gaussian_noise": Distortion(
        gaussian_noise, (0.0, 0.01, 0.05, 0.1), limits=(0, 1), unit="variance", identity=0
    ),
    "speckle_noise": Distortion(
        speckle_noise, (0.0, 0.01, 0.05, 0.1), limits=(0, 1), unit="variance", identity=0
    ),
    "poisson_noise": Distortion(
        poisson_noise, (1.0,), limits=(1, 1), unit="applied", training=(1, 1)
    ),
}
GRID = {name: distortion.levels for name, distortion in DISTORTIONS.items()}  # the paper's eight
NOISY = ("gaussian_noise", 0.05)  # the condition that is shown beside clean images
# Your own go here: DISTORTIONS["fog"] = Distortion(...); a study's grid names them to use them.


def conditions(grid: Mapping[str, tuple[float, ...]] = GRID) -> list[Condition]:
    """Return the list of (distortion, level): 34 for the paper's grid, of which 28 differ."""
    return [(name, level) for name, levels in grid.items() for level in levels]


def is_identity(name: str, level: float) -> bool:
    """Say whether a distortion at a level leaves the images as they are."""
    return level == DISTORTIONS[name].identity


def check_level(name: str, level: float | Tensor) -> None:
    """Raise ValueError for an unknown distortion or a level out of its limits."""
    if name not in DISTORTIONS:
        raise ValueError(f"unknown distortion {name!r}: choose one of {', '.join(DISTORTIONS)}")
    low, high = DISTORTIONS[name].limits
    if isinstance(level, Tensor):
        lowest, highest = float(level.min()), float(level.max())
    else:
        lowest = highest = level
    if low <= lowest and highest <= high:
        return
    worst, unit = highest if lowest >= low else lowest, DISTORTIONS[name].unit
    raise ValueError(
        f"{name} level {worst:g} is out of range: it lies between {low} and {high} ({unit})"
    )


def distort(
    images: Tensor, name: str, level: float | Tensor, generator: Generator | None = None
) -> Tensor:
    """Return images under one distortion.

    Parameters
    ----------
    images : torch.Tensor
        (n, 3, h, w), float, 0..1.
    name : str
        A key of `DISTORTIONS`.
    level : float or torch.Tensor
        In the distortion's own unit: one for all images, or (n,), one for each. For the illuminant
        also (n, 3), a factor for each channel; a single number dims the red channel alone, as in
        the authors' evaluation.
    generator : torch.Generator, optional
        Source of the noise, on the device of the images or on the CPU.

    Raises
    ------
    ValueError
        For an unknown distortion, a level out of range or images of another shape.
    """
    if images.dim() != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ValueError(
            f"images have shape {tuple(images.shape)} and type {images.dtype}: "
            "floats (n, 3, h, w) in 0..1 are needed"
        )
    check_level(name, level)
    if isinstance(level, Tensor):
        return apply_levels(images, name, level.to(images), generator)
    if is_identity(name, level):
        return images.clone()
    single = torch.full((), level, dtype=images.dtype, device=images.device)
    return apply_levels(images, name, single, generator)


def show_noisy(images: Tensor, seed: int) -> Tensor:
    """Return images (n, 3, h, w), float 0..1, under the condition `NOISY`, by a seed's noise."""
    name, level = NOISY
    return distort(images, name, level, seeds.generator(seed, name, level))


def apply_levels(
    images: Tensor, name: str, level: Tensor, generator: Generator | None = None
) -> Tensor:
    """Return images under one distortion, as `distort` does, without a look at the levels.

    To check them would wait for the device that they lie on.
    """
    if level.dim() == 1:
        level = level.view(-1, 1, 1, 1)
    size = DISTORTED_AT_ONCE if images.device.type == "cpu" else max(1, len(images))
    parts = images.split(size)
    levels = level.split(size) if level.dim() else [level] * len(parts)
    apply = DISTORTIONS[name].apply
    distorted = (apply(*part, generator) for part in zip(parts, levels, strict=True))
    return torch.cat(list(distorted))
