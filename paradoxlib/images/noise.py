"""Random numbers that make noise, fast on a CPU and the same for every device.

With a generator on the CPU, or none and a tensor on the CPU, NumPy makes 16-bit numbers and tables
turn them into noise. With a generator elsewhere, torch makes the noise on its device.
"""

from functools import lru_cache

import numpy as np
import torch
from numba import njit
from scipy import special
from torch import Generator, Tensor

STEPS = 2**16  # of the random numbers that make noise on a CPU


def uniform(like: Tensor, generator: Generator | None) -> Tensor:
    """Return uniform numbers shaped as a tensor, float32.

    On a CPU in 65,536 steps, which takes a quarter of the time of torch's.
    """
    place = generator.device if generator else like.device
    if place.type != "cpu":
        return torch.rand(like.shape, generator=generator, device=place)
    shares = (random_steps(like, generator) + np.float32(0.5)) / np.float32(STEPS)
    return torch.from_numpy(shares).to(like.device)


def normal(like: Tensor, generator: Generator | None) -> Tensor:
    """Return normal numbers shaped as a tensor, float32.

    On a CPU from a table of the inverse distribution function in 65,536 steps, within 4.3 standard
    deviations.
    """
    place = generator.device if generator else like.device
    if place.type != "cpu":
        return torch.randn(like.shape, generator=generator, device=place)
    return torch.from_numpy(look_up(normal_table(), random_steps(like, generator))).to(like.device)


def poisson(values: Tensor, generator: Generator | None) -> Tensor:
    """Return Poisson(v / 255 * V) / V, at most 1, of whole values v in 0..255 (n, 3, h, w).

    V is the power of two at or above the number of distinct values in an image. The result is
    float32 and lies on the generator's device.
    """
    place = generator.device if generator else values.device
    values = values.to(place, torch.uint8)
    if place.type == "cpu":
        result = uniform(values, generator)
        pairs = zip(values.flatten(1).numpy(), result.flatten(1).numpy(), strict=True)
        for image, shares in pairs:
            peak = 1 << (int(count_distinct(image)) - 1).bit_length()
            invert(image, shares, 1 / peak, *poisson_tables(peak))
        return result
    present = torch.zeros(len(values), 256, dtype=torch.bool, device=place)
    present.scatter_(1, values.flatten(1).long(), True)
    peaks = (2 ** present.sum(1).float().log2().ceil()).view(-1, 1, 1, 1)
    return torch.poisson(values * (peaks / 255), generator).div_(peaks).clamp_(max=1)


def random_steps(like: Tensor, generator: Generator | None) -> np.ndarray:
    """Return random 16-bit numbers shaped as a tensor, made by NumPy, seeded by a CPU generator."""
    seed = torch.randint(2**63 - 1, (), generator=generator).item()
    noise = np.random.Generator(np.random.SFC64(int(seed))).bytes(2 * like.numel())
    return np.frombuffer(noise, dtype=np.uint16).reshape(like.shape)


@lru_cache
def normal_table() -> np.ndarray:
    """Return 65,536 equally likely normal numbers, float32, of mean 0 and variance 1."""
    values = special.ndtri((np.arange(STEPS) + 0.5) / STEPS)
    return (values / values.std()).astype(np.float32)


@njit(nogil=True, cache=True)
def look_up(table: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return table[index], shaped as the index."""
    result = np.empty(index.shape, dtype=table.dtype)
    for i in range(index.size):
        result.flat[i] = table[index.flat[i]]
    return result


@njit(nogil=True, cache=True)
def count_distinct(values: np.ndarray) -> int:
    """Return how many different values there are among 8-bit ones."""
    seen = np.zeros(256, dtype=np.uint8)
    for value in values:
        seen[value] = 1
    return seen.sum()


@lru_cache
def poisson_tables(peak: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the distribution functions of Poisson's counts, and where to begin to look in them.

    Returns
    -------
    below : float32 (256, counts)
        The distribution function of each rate value / 255 * peak.
    start : int16 (256, 1024)
        The lowest count whose distribution function is above each of 1,024 shares.
    """
    counts = np.arange(2 * peak + 64)
    below = special.pdtr(counts, np.arange(256)[:, None] / 255 * peak).astype(np.float32)
    below[:, -1] = 1
    start = [np.searchsorted(row, np.arange(1024) / 1024, side="right") for row in below]
    return below, np.array(start, dtype=np.int16)


@njit(nogil=True, cache=True)
def invert(
    values: np.ndarray, shares: np.ndarray, step: float, below: np.ndarray, start: np.ndarray
) -> None:
    """Replace each share (0..1) by its count times `step`, at most 1, in place.

    The count is the lowest whose distribution function is above the share, as by `poisson_tables`.
    """
    for i in range(len(values)):
        value, share = values[i], shares[i]
        count = start[value, int(share * start.shape[1])]
        while below[value, count] <= share:
            count += 1
        shares[i] = min(count * step, 1)
