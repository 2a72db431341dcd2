"""What is seen in CKA of all layers: a checkerboard, a block; and what makes a block."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from paradoxlib.networks import activations
from paradoxlib.similarity import cka

DOMINANT = 0.02  # share of the images, those furthest from the mean


def checkerboard(matrix: pd.DataFrame) -> dict[str, float]:
    """Return the mean CKA of kinds of layers (CKA, layers x layers); none with its like.

    ``stream`` is that of additions with additions, ``inside`` that of convolutions inside blocks
    among themselves, and ``across`` that of additions with such convolutions.
    """
    both = rows, columns = matrix.index.to_numpy(), matrix.columns.to_numpy()
    (stream, theirs), (inside, others) = (
        [np.array([name.startswith(kind) and part in name for name in axis]) for axis in both]
        for kind, part in (("add", ""), ("res", "branch2"))
    )
    values, other = matrix.to_numpy(), rows[:, None] != columns
    kinds = {"stream": (stream, theirs), "inside": (inside, others), "across": (stream, others)}
    return {name: np.nanmean(values[np.outer(*pair) & other]) for name, pair in kinds.items()}


def largest_block(matrix: pd.DataFrame, least: float = 0.9) -> tuple[int, int]:
    """Return the largest block of a network's CKA with itself (layer, layer), as (start, stop).

    It is the longest run of layers whose CKA with each other is at least `least` on average. A
    layer without a CKA (nan) is like none.
    """
    values, count = np.nan_to_num(matrix.to_numpy(float)), len(matrix)
    np.fill_diagonal(values, 0)
    sums = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    for length in range(count, 1, -1):
        i = np.arange(count - length + 1)
        j = i + length
        means = (sums[j, j] - sums[i, j] - sums[j, i] + sums[i, i]) / (length * (length - 1))
        if means.max() >= least:
            start = int(means.argmax())
            return start, start + length
    return 0, 1


def beginning(layers: pd.Index, stage: int) -> int:
    """Return the place of the first layer of a stage of one of our networks."""
    return next(i for i, name in enumerate(layers) if name.startswith(f"res{stage}a"))


def stands_out(matrix: pd.DataFrame, rows: int, columns: int) -> float:
    """Return the mean CKA of the first layers of both networks less that of all other layers."""
    values = matrix.to_numpy()
    first = np.zeros(values.shape, bool)
    first[:rows, :columns] = True
    return np.nanmean(values[first]) - np.nanmean(values[~first])


@torch.inference_mode()
def first_component(
    model: torch.nn.Module, images: torch.Tensor, layers: Sequence[str] | None = None
) -> pd.Series:
    """Return the share of each layer's variance over images in its first principal component, 0..1.

    ValueError for fewer than 4 images.
    """
    cka.check_count(len(images))

    def share_of_first(output: torch.Tensor) -> torch.Tensor:
        features = output.flatten(1).double()
        features = features - features.mean(0)
        values = torch.linalg.eigvalsh(features @ features.T)
        return values[-1] / values.sum()

    shares = activations.record(model, images, layers, share_of_first)
    return pd.Series(shares, name="first_component").map(torch.Tensor.item)


@torch.inference_mode()
def dominant_images(
    model: torch.nn.Module,
    images: torch.Tensor,
    layers: Sequence[str] | None = None,
) -> pd.Series:
    """Return how much of each layer's variance over images lies in the few furthest from the mean.

    A share `DOMINANT` of the images is counted, at least one. The result lies between `DOMINANT`,
    which comes out where all images are equally far, and 1.
    """
    count = max(1, round(DOMINANT * len(images)))

    def share_of_few(output: torch.Tensor) -> torch.Tensor:
        features = output.flatten(1).double()
        far = (features - features.mean(0)).square().sum(1)
        return far.topk(count).values.sum() / far.sum()

    shares = activations.record(model, images, layers, share_of_few)
    return pd.Series(shares, name="dominant_images").map(torch.Tensor.item)
