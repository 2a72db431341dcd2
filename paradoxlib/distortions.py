"""The eight image manipulations of the paper (section 2.2) and the grid that networks are evaluated on.

Images are float tensors (n, 3, h, w), RGB, 0..1. A level is one number, or a tensor (n,) with one for each image. Every function
returns a new tensor of the same shape, in 0..1. Randomness comes from the generator passed in.
"""

from functools import lru_cache

import numpy as np
import torch
from numba import njit
from scipy import stats
from torch.nn import functional as F

# The evaluated levels. Contrast and noise amounts are shares (.15 is the paper's 15 %), blur is a standard deviation in pixels, the
# amount of Gaussian and speckle noise a variance. Poisson noise has one condition.
GRID = {
    "contrast": (0.01, 0.05, 0.15, 0.3, 0.5, 0.75, 1.0),
    "illuminant": (0.05, 0.25, 0.5, 0.75, 1.0),
    "blur": (0.0, 0.5, 1.0, 1.5),
    "gamma": (0.3, 0.8, 1.0, 1.2, 3.0),
    "salt_pepper": (0.0, 0.01, 0.05, 0.1),
    "gaussian_noise": (0.0, 0.01, 0.05, 0.1),
    "speckle_noise": (0.0, 0.01, 0.05, 0.1),
    "poisson_noise": (1.0,),
}
LIMITS = {
    "contrast": (0, 1), "illuminant": (0, 1), "blur": (0, 10), "gamma": (0.01, 100), "salt_pepper": (0, 1),
    "gaussian_noise": (0, 1), "speckle_noise": (0, 1), "poisson_noise": (1, 1),
}  # fmt: skip
IDENTITY = {"contrast": 1, "illuminant": 1, "blur": 0, "gamma": 1, "salt_pepper": 0, "gaussian_noise": 0, "speckle_noise": 0}
UNITS = {
    "contrast": "share of the full contrast", "illuminant": "share of the red channel left", "blur": "SD in pixels", "gamma": "exponent",
    "salt_pepper": "share of values", "gaussian_noise": "variance", "speckle_noise": "variance", "poisson_noise": "applied",
}  # fmt: skip
# What training draws from, uniformly, a fresh level for each image; the amount of noise has a limit of its own.
TRAINING_RANGE = {"contrast": (0.05, 1), "illuminant": (0.05, 1), "blur": (0, 1.3), "gamma": (0.3, 3), "poisson_noise": (1, 1)}
STEPS = 2**16  # of the random numbers that make noise on a CPU
PART = 50  # images that are distorted at once on a CPU: what its caches hold


def conditions(grid=GRID):
    """Return the list of (distortion, level): 34 for the paper's grid, of which 28 differ."""
    return [(name, level) for name, levels in grid.items() for level in levels]


def check_level(name, level):
    """Raise ValueError where there is no such distortion or the level is out of its range."""
    if name not in GRID:
        raise ValueError(f"unknown distortion {name!r}: choose one of {', '.join(GRID)}")
    low, high = LIMITS[name]
    lowest, highest = (float(level.min()), float(level.max())) if torch.is_tensor(level) else (level, level)
    if not (low <= lowest and highest <= high):
        worst = highest if lowest >= low else lowest
        raise ValueError(f"{name} level {worst:g} is out of range: it lies between {low} and {high} ({UNITS[name]})")


def distort(images, name, level, generator=None):
    """Return images under one distortion.

    Parameters
    ----------
    images : torch.Tensor
        (n, 3, h, w), float, 0..1.
    name : str
        A key of `GRID`.
    level : float or torch.Tensor
        In the distortion's own unit (`UNITS`), for all images or (n,), one for each; for the illuminant also (n, 3), a factor for each
        channel (a single number dims the red channel alone, as the authors' evaluation does).
    generator : torch.Generator, optional
        For the noises, on the device of the images or on the CPU.

    Raises
    ------
    ValueError
        For an unknown distortion, a level out of range or images of another shape.
    """
    if images.dim() != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ValueError(f"images have shape {tuple(images.shape)} and type {images.dtype}: floats (n, 3, h, w) in 0..1 are needed")
    check_level(name, level)
    if not torch.is_tensor(level) and level == IDENTITY.get(name):
        return images.clone()
    level = torch.as_tensor(level, dtype=images.dtype, device=images.device)
    if level.dim() == 1:
        level = level.view(-1, 1, 1, 1)
    parts = images.split(PART if images.device.type == "cpu" else max(1, len(images)))
    levels = level.split(PART) if level.dim() and len(parts) > 1 else [level] * len(parts)
    return torch.cat([FUNCTIONS[name](*part, generator) for part in zip(parts, levels, strict=True)])


def contrast(images, level, generator=None):
    """c * I + (1 - c) / 2: the distance from mid grey shrinks (equation of section 2.2 with c as a share)."""
    return level * images + (1 - level) / 2


def illuminant(images, level, generator=None):
    """I * l: a factor for each channel."""
    if level.dim() == 2:
        return images * level[:, :, None, None]
    red = torch.tensor([1.0, 0, 0], dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    return images * (1 - red * (1 - level))


def gamma(images, level, generator=None):
    """I ** g."""
    return images**level


def blur(images, level, generator=None):
    """Convolve with a normalised Gaussian cut at four standard deviations, the border reflected (d c b a | a b c d)."""
    rows, columns = (blur_matrix(level.reshape(-1), length) for length in images.shape[2:])
    if len(rows) == 1:  # one matrix for all images: one product
        return (rows[0] @ (images @ columns[0].T)).clamp_(0, 1)
    return (rows[:, None] @ images @ columns[:, None].mT).clamp_(0, 1)


def blur_matrix(sigma, length):
    """Return the matrices (m, length, length) that blur a column of pixels with each of m standard deviations."""
    radius = int(4 * float(sigma.max()) + 0.5)
    offset = torch.arange(-radius, radius + 1, device=sigma.device)
    width = sigma[:, None].clamp(min=1e-3)
    bell = torch.exp(-0.5 * (offset / width) ** 2) * (offset.abs() <= (4 * sigma[:, None] + 0.5).floor())
    bell = bell / bell.sum(1, keepdim=True)
    source = (torch.arange(length, device=sigma.device)[:, None] + offset) % (2 * length)
    source = torch.where(source < length, source, 2 * length - 1 - source)
    matrix = torch.zeros(len(sigma), length, length, dtype=sigma.dtype, device=sigma.device)
    return matrix.scatter_add_(2, source.expand(len(sigma), -1, -1), bell[:, None].expand(-1, length, -1))


def salt_pepper(images, level, generator=None):
    """Replace a share of the values, each channel alone: half of them by 1 and half by 0."""
    chance = uniform(images, generator)
    return torch.where(chance < level, (chance < level / 2).to(images), images)


def gaussian_noise(images, level, generator=None):
    """I + n with n ~ N(0, variance), clipped to 0..1."""
    return normal(images, generator).mul_(level.sqrt()).add_(images).clamp_(0, 1)


def speckle_noise(images, level, generator=None):
    """I * (1 + n) with n ~ N(0, variance), clipped to 0..1."""
    return normal(images, generator).mul_(level.sqrt()).add_(1).mul_(images).clamp_(0, 1)


def poisson_noise(images, level=None, generator=None):
    """Poisson(I * V) / V, clipped, of images rounded to 8 bits; V is the power of two at or above the number of distinct values in each image."""
    place = generator.device if generator else images.device
    values = (images * 255).round_().clamp_(0, 255).to(place, torch.uint8)
    if place.type == "cpu":
        result = uniform(values, generator)
        for image, shares in zip(values.flatten(1).numpy(), result.flatten(1).numpy(), strict=True):
            peak = 1 << (count_distinct(image) - 1).bit_length()
            invert(image, shares, 1 / peak, *poisson_tables(peak))
    else:
        present = torch.zeros(len(images), 256, dtype=torch.bool, device=place).scatter_(1, values.flatten(1).long(), True)
        peaks = (2 ** present.sum(1).float().log2().ceil()).view(-1, 1, 1, 1)
        result = torch.poisson(values * (peaks / 255), generator).div_(peaks).clamp_(max=1)
    return result.to(images)


@njit(nogil=True, cache=True)
def count_distinct(values):
    """Return how many different values there are among 8-bit ones."""
    seen = np.zeros(256, dtype=np.uint8)
    for value in values:
        seen[value] = 1
    return seen.sum()


@lru_cache
def poisson_tables(peak):
    """Return the distribution functions of Poisson's counts for the 256 rates value / 255 * peak, and where to begin to look in them.

    float32 (256, counts), and int16 (256, 1024): the lowest count whose distribution function is above each of 1,024 shares.
    """
    counts = np.arange(2 * peak + 64)
    below = stats.poisson.cdf(counts, np.arange(256)[:, None] / 255 * peak).astype(np.float32)
    below[:, -1] = 1
    start = [np.searchsorted(row, np.arange(1024) / 1024, side="right") for row in below]
    return below, np.array(start, dtype=np.int16)


@njit(nogil=True, cache=True)
def invert(values, shares, step, below, start):
    """Put in the place of each share (0..1) the lowest count whose distribution function is above it, times `step`, 1 at most."""
    for i in range(len(values)):
        value, share = values[i], shares[i]
        count = start[value, int(share * start.shape[1])]
        while below[value, count] <= share:
            count += 1
        shares[i] = min(count * step, 1)


FUNCTIONS = {
    function.__name__: function for function in (contrast, illuminant, blur, gamma, salt_pepper, gaussian_noise, speckle_noise, poisson_noise)
}


def uniform(like, generator):
    """Return uniform numbers shaped as a tensor, float32; a CPU generator gives the same ones for every device.

    On a CPU in 65,536 steps, which takes a quarter of the time of torch's.
    """
    place = generator.device if generator else like.device
    if place.type != "cpu":
        return torch.rand(like.shape, generator=generator, device=place)
    return torch.from_numpy((random_steps(like, generator) + np.float32(0.5)) / np.float32(STEPS)).to(like.device)


def normal(like, generator):
    """Return normal numbers shaped as a tensor, float32; a CPU generator gives the same ones for every device.

    On a CPU from a table of the inverse distribution function in 65,536 steps: within 4.3 standard deviations.
    """
    place = generator.device if generator else like.device
    if place.type != "cpu":
        return torch.randn(like.shape, generator=generator, device=place)
    return torch.from_numpy(look_up(normal_table(), random_steps(like, generator))).to(like.device)


def random_steps(like, generator):
    """Return random 16-bit numbers shaped as a tensor; NumPy makes them, seeded by a CPU generator."""
    seed = torch.randint(2**63 - 1, (), generator=generator).item()
    noise = np.random.Generator(np.random.SFC64(seed)).bytes(2 * like.numel())
    return np.frombuffer(noise, dtype=np.uint16).reshape(like.shape)


@lru_cache
def normal_table():
    """Return 65,536 equally likely normal numbers, float32, of mean 0 and variance 1."""
    values = stats.norm.ppf((np.arange(STEPS) + 0.5) / STEPS)
    return (values / values.std()).astype(np.float32)


@njit(nogil=True, cache=True)
def look_up(table, index):
    """Return table[index], shaped as the index."""
    result = np.empty(index.shape, dtype=table.dtype)
    for i in range(index.size):
        result.flat[i] = table[index.flat[i]]
    return result


def distort_randomly(images, names, per_image, noise_amount, generator):
    """Return images that each went through `per_image` of the named distortions, at fresh uniform levels.

    Distortions that an image draws are applied in the order of `GRID`. Unlike the original code (see the README's departures), the
    illuminant is drawn like the others and no image is left clean.
    """
    chance = torch.rand(len(images), len(names), generator=generator, device=generator.device)
    drawn = torch.zeros_like(chance, dtype=torch.bool).scatter_(1, chance.topk(min(per_image, len(names))).indices, True)
    images = images.clone()
    for column, name in sorted(enumerate(names), key=lambda pair: list(GRID).index(pair[1])):
        chosen = drawn[:, column].nonzero().squeeze(1).to(images.device)
        if len(chosen):
            low, high = TRAINING_RANGE.get(name, (0, noise_amount))
            shape = (len(chosen), 3) if name == "illuminant" else (len(chosen),)
            level = low + (high - low) * torch.rand(shape, generator=generator, device=generator.device)
            images[chosen] = distort(images[chosen], name, level.to(images.device), generator)
    return images


def flip_zoom_shift(images, flip, zoom, shift, generator):
    """Return images flipped at random, zoomed by 1 +- `zoom` in x and in y and shifted by up to +- `shift` of their size.

    Bilinear; what lies outside repeats the border (the paper's standard augmentation).
    """
    n, device = len(images), generator.device
    scale = 1 + zoom * (2 * torch.rand(n, 2, generator=generator, device=device) - 1)
    offset = 2 * shift * (2 * torch.rand(n, 2, generator=generator, device=device) - 1)
    mirror = torch.rand(n, generator=generator, device=device) < 0.5
    theta = torch.zeros(n, 2, 3, device=device)
    theta[:, 0, 0] = scale[:, 0] * torch.where(mirror & flip, -1.0, 1.0)
    theta[:, 1, 1] = scale[:, 1]
    theta[:, :, 2] = offset
    grid = F.affine_grid(theta.to(images.device), images.shape, align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
