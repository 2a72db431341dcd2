"""Activations of units as samples: moments in one pass, what pairs tell, and image patches."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numba import njit
from torch.nn import functional as F

from paradoxlib.networks import activations

BINS = 20  # of a unit's values, of equal mass: 5 % each
ZERO = 1e-6  # values up to this one have a bin of their own
DEAD_SD = 1e-12  # of a unit's activations, over their mean where that is above 1
GREY = 0.75  # of what of a patch lies beyond the image
IMAGES_AT_ONCE = 100  # through a network
LARGEST_PATCH = 48  # pixels that are kept: all patches of photographs would fill the memory


class Moments:
    """Means and co-moments of the columns of a stream of samples, float64, in one pass.

    Uses the pairwise update of Chan et al.
    """

    def __init__(self) -> None:
        self.count: int = 0
        self.mean: Any = 0
        self.products: Any = 0

    def add(self, samples: torch.Tensor) -> None:
        """Take in samples (n, columns)."""
        samples = samples.double()
        n, mean = len(samples), samples.mean(0)
        total, step = self.count + n, mean - self.mean
        centred = samples - mean
        if centred.is_cpu:  # NumPy computes one triangle alone
            products = torch.from_numpy(centred.numpy().T @ centred.numpy())
        else:
            products = centred.T @ centred
        products.addr_(step, step, alpha=self.count * n / total)
        self.products = products.add_(self.products)
        self.mean = self.mean + step * (n / total)
        self.count = total


class PairMoments:
    """Correlations of the units of two networks over a stream of samples, float64, in one pass.

    Beside those of the same images stand those of other images of a batch, which are chance.
    """

    def __init__(self) -> None:
        self.count: int = 0
        self.means: list[Any] = [0, 0]
        self.squares: list[Any] = [0, 0]
        self.products: list[Any] = [0, 0]  # of the same images, and of others

    def add(self, x: torch.Tensor, y: torch.Tensor) -> None:
        """Take in what two layers put out (n, units, ...) for a batch, at as many positions."""
        half = max(1, len(x) // 2) * x.shape[2:].numel()
        x, y = (by_unit(output).double() for output in (x, y))
        total = self.count + len(x)
        steps = [values.mean(0) - mean for values, mean in zip((x, y), self.means, strict=True)]
        self.means = [mean + step for mean, step in zip(self.means, steps, strict=True)]
        x, y = (values - mean for values, mean in zip((x, y), self.means, strict=True))
        weight = self.count * len(x) / total
        for i, values in enumerate((x, y)):
            self.squares[i] = self.squares[i] + values.square().sum(0) + weight * steps[i] ** 2
            self.means[i] = self.means[i] - steps[i] * (self.count / total)
        between = torch.outer(*steps) * weight
        others = x[half:].T @ y[:-half] + x[:half].T @ y[-half:]
        for i, products in enumerate((x.T @ y, others)):
            self.products[i] = self.products[i] + products + between
        self.count = total

    def deviations(self) -> list[torch.Tensor]:
        """Return both networks' standard deviations (units,); nan where a unit never changes."""
        found = []
        for mean, square in zip(self.means, self.squares, strict=True):
            sd = (square / self.count).sqrt()
            found.append(sd.where(sd > DEAD_SD * mean.abs().clamp(min=1), torch.nan))
        return found

    def correlations(self) -> list[np.ndarray]:
        """Return the correlations (units, units) on the same images, and on other ones."""
        scale = torch.outer(*self.deviations()) * self.count
        return [(products / scale).clip(-1, 1).cpu().numpy() for products in self.products]


def by_unit(output: torch.Tensor) -> torch.Tensor:
    """Return a layer's output (n, units, ...) as samples (n * positions, units)."""
    return output.movedim(1, -1).reshape(-1, output.shape[1])


@torch.inference_mode()
def paired_samples(
    model_a: torch.nn.Module,
    model_b: torch.nn.Module,
    images: torch.Tensor,
    layer: str,
    count: int = 60_000,
    seed: int = 0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return activations of two networks at the same random images and positions.

    Two tensors (count, units), or all activations there are where these are fewer.
    """
    source, ours, theirs = torch.Generator().manual_seed(seed), [], []
    for batch in images.split(IMAGES_AT_ONCE):
        a = by_unit(activations.record(model_a, batch, [layer])[layer]).cpu()
        b = by_unit(activations.record(model_b, batch, [layer])[layer]).cpu()
        wanted = min(len(a), -(-count * len(batch) // len(images)))
        chosen = torch.randperm(len(a), generator=source)[:wanted]
        ours.append(a[chosen])
        theirs.append(b[chosen])
    return torch.cat(ours)[:count], torch.cat(theirs)[:count]


@torch.inference_mode()
def top_patches(
    model: torch.nn.Module,
    images: torch.Tensor,
    layer: str,
    units: Sequence[int],
    count: int = 9,
    size: int = 11,
) -> torch.Tensor:
    """Return the image patches that units respond to most, at most one of an image.

    Parameters
    ----------
    model : torch.nn.Module
        In evaluation mode.
    images : torch.Tensor
        (n, 3, h, w), as the network wants them; patches are cut from them.
    layer : str
        A name as `activations.layer_names` gives it. A unit of a dense layer sees the whole image.
    units : sequence of int
        Indices of the layer's units.
    count, size : int
        Patches of each unit, at most as many as images; the side of what they show, in pixels.

    Returns
    -------
    torch.Tensor
        (unit, count, 3, size, size), each unit's highest first. A patch is centred where the unit
        was highest; what of it lies beyond the image is grey. One of more than `LARGEST_PATCH`
        pixels is reduced to them, by averages of areas.
    """
    values, places = [], []
    for batch in images.split(IMAGES_AT_ONCE):
        output = activations.record(model, batch, [layer])[layer][:, units]
        if output.dim() == 2:
            output = output[:, :, None, None]
        height, width = output.shape[2:]
        value, index = output.flatten(2).max(2)
        rows, columns = (index // width + 0.5) / height, (index % width + 0.5) / width
        values.append(value)
        places.append(torch.stack([rows, columns], -1))
    heights = torch.cat(values)  # (image, unit)
    centres = torch.cat(places)  # (image, unit, row and column), 0..1
    count = min(count, len(images))
    kept = min(size, LARGEST_PATCH)
    patches = images.new_empty(len(units), count, images.shape[1], kept, kept)
    for unit in range(len(units)):
        for rank, image in enumerate(heights[:, unit].topk(count).indices.tolist()):
            patch = cut_patch(images[image], centres[image, unit].tolist(), size)
            patches[unit, rank] = F.adaptive_avg_pool2d(patch, kept) if kept < size else patch
    return patches


def cut_patch(image: torch.Tensor, centre: Sequence[float], size: int) -> torch.Tensor:
    """Return the patch (3, size, size) of an image (3, h, w) around a centre (row, column).

    The centre is given in shares of the image's sides, 0..1; beyond the image is grey.
    """
    top, left = (int(share * side) for share, side in zip(centre, image.shape[1:], strict=True))
    before, after = size // 2, size - size // 2 - 1
    padded = F.pad(image, (before, after, before, after), value=GREY)
    return padded[:, top : top + size, left : left + size]


def mutual_information(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    """Return the mutual information (units, units) of all pairs of units, in nats.

    `a` and `b` are paired samples (m, units). Histograms have bins of 5 % of each unit's own values
    and one bin for what is not above 1e-6, which holds a ReLU's zeros (Li et al., footnote 6).
    """
    return information_of_codes(codes(a), codes(b), BINS + 1)


def codes(values: torch.Tensor) -> np.ndarray:
    """Return the bin of each value (m, units) of each unit: uint8 (units, m).

    One bin is for what is at most 1e-6; the others hold 5 % of a unit's values each.
    """
    values = values.double()
    shares = torch.linspace(0, 1, BINS + 1, dtype=torch.float64)[1:-1]
    edges = torch.quantile(values, shares, dim=0)  # (19, units)
    edges = torch.cat([torch.full_like(edges[:1], ZERO), edges.clamp(min=ZERO)]).sort(0).values
    found = torch.searchsorted(edges.T.contiguous(), values.T.contiguous())
    return found.to(torch.uint8).numpy()


@njit(nogil=True, cache=True)
def information_of_codes(a: np.ndarray, b: np.ndarray, bins: int) -> np.ndarray:
    """Return the mutual information (units, units) of units given the bins of their values.

    `a` and `b` are (units, m), each value below `bins`. Pairs are counted one after another: all
    histograms of wide layers together would fill the memory.
    """
    m, table = a.shape[1], np.empty((len(a), len(b)))
    for i in range(len(a)):
        for j in range(len(b)):
            counts = np.zeros(bins * bins, np.int32)
            for k in range(m):
                counts[np.int64(a[i, k]) * bins + b[j, k]] += 1
            joint = counts.reshape(bins, bins) / m
            rows, columns, total = joint.sum(1), joint.sum(0), 0.0
            for x in range(bins):
                for y in range(bins):
                    if joint[x, y]:
                        total += joint[x, y] * np.log(joint[x, y] / (rows[x] * columns[y]))
            table[i, j] = total
    return table


def joint_histograms(
    a: torch.Tensor, b: torch.Tensor, pairs: Sequence[tuple[int, int]], bins: int = 40
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how often pairs of units answer together: int32 (pair, bins, bins), and the limits.

    `a` and `b` are paired samples (m, units); a histogram's rows are the first unit's values. Its
    axes go from 0 to the limits (pair, 2), which one value in a thousand exceeds; these are left
    out.
    """
    counts, limits = [], []
    for ours, theirs in pairs:
        values = torch.stack([a[:, ours], b[:, theirs]], 1).double()
        ends = values.quantile(0.999, 0).clamp(min=1e-6)
        edges = [torch.linspace(0, end, bins + 1).double() for end in ends.tolist()]
        counts.append(torch.histogramdd(values, edges).hist.int())
        limits.append(ends.float())
    return torch.stack(counts), torch.stack(limits)
