"""Intrinsic similarity: how alike the kernels of two networks are (paper, section 2.4).

A kernel is one whole filter (in x h x w), flattened. The kernels of a layer in two networks form a
matrix of Pearson correlations, and an alignment picks one partner for each kernel. The mean over
kernels, then over layers, is the similarity. Networks are given as state dicts.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from math import prod
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from tqdm import tqdm

from paradoxlib import devices
from paradoxlib.networks import models
from paradoxlib.similarity import alignments

# Of kernels that are compared with one network after another: a core's share of the cache.
GROUP_BYTES = 4e6

# A kernel is dead below this share of its layer's median length: weight decay has taken all of it.
DEAD = 0.05


class LayerSimilarity(NamedTuple):
    """Mean and SD of the correlations of a layer's aligned kernels; how many kernels have one."""

    mean: float
    sd: float
    n: int


def kernels_of(state: models.State) -> dict[str, torch.Tensor]:
    """Return {layer: kernels (n, in * h * w)} of a state dict, in its order.

    Its layers are the weights of four dimensions. One without values, or of other than
    floating-point numbers, is a ValueError.
    """
    result = {}
    for name in models.convolutions(state):
        weight = state[f"{name}.weight"]
        if not (weight.is_floating_point() and weight.numel()):
            kind = f"{str(weight.dtype).removeprefix('torch.')} of shape {tuple(weight.shape)}"
            needed = "floating-point numbers are needed, and one in each kernel at least"
            raise ValueError(f"the weights of layer {name!r} are {kind}: {needed}")
        result[name] = weight.detach().cpu().flatten(1)
    return result


def standardised(kernels: torch.Tensor) -> torch.Tensor:
    """Return kernels (..., d) centred and of length one, float64.

    A constant kernel, which has no correlation, becomes nan.
    """
    kernels = kernels.double()
    centred = kernels - kernels.mean(-1, keepdim=True)
    length = centred.norm(dim=-1, keepdim=True)
    constant = length <= 1e-12 * kernels.norm(dim=-1, keepdim=True)
    return centred / torch.where(constant, torch.nan, length)


def correlate_kernels(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the Pearson correlations (n, m) of kernels a (n, d) and b (m, d).

    A constant kernel has nan.
    """
    return (standardised(a) @ standardised(b).T).clamp(-1, 1)


def check_same_layers(
    a: dict[str, torch.Tensor],
    b: dict[str, torch.Tensor],
    names: Sequence[str] = ("the first", "the second"),
) -> None:
    """Raise ValueError unless two networks' kernels {layer: (n, d)} have equal layers and shapes.

    The message calls the networks by `names`.
    """
    for layer in [*a, *b]:
        if layer not in a or layer not in b:
            owner, other = names if layer in a else names[::-1]
            difference = f"{owner} has a layer {layer!r} that {other} lacks"
            raise ValueError(f"networks of different architectures: {difference}")
        if a[layer].shape != b[layer].shape:
            shapes = f"{tuple(a[layer].shape)} and {tuple(b[layer].shape)}"
            difference = f"layer {layer!r} has kernels of shapes {shapes}"
            raise ValueError(f"networks of different architectures: {difference}")
    if not a:
        raise ValueError("networks without convolutions: there are no kernels to compare")


def layer_similarity(
    state_a: models.State,
    state_b: models.State,
    alignment: str = "paper",
) -> dict[str, LayerSimilarity]:
    """Return how alike each layer of two networks is.

    Parameters
    ----------
    state_a, state_b : dict
        State dicts of networks of one architecture.
    alignment : str
        One of `alignments.ALIGNMENTS`.

    Returns
    -------
    dict
        {layer: LayerSimilarity(mean, sd, n)}, -1..1, in the order of `state_a`. Constant kernels
        are left out of mean and n, except under the paper's rule, which scores them 0.

    Raises
    ------
    ValueError
        For networks of different architectures or an unknown alignment.
    """
    a, b = kernels_of(state_a), kernels_of(state_b)
    check_same_layers(a, b)
    result = {}
    for layer in a:
        ours, theirs = standardised(a[layer]), standardised(b[layer])
        scores = alignments.align(ours[None], theirs, alignment)[0]
        scores = scores[~scores.isnan()]
        mean = scores.mean().item()
        sd = scores.std(correction=0).item() if len(scores) else mean
        result[layer] = LayerSimilarity(mean, sd, len(scores))
    return result


def similarity(
    state_a: models.State,
    state_b: models.State,
    alignment: str = "paper",
) -> float:
    """Return the similarity of two networks, -1..1: the mean over layers of the mean over kernels.

    See `layer_similarity`.
    """
    return mean_of_layers(layer_similarity(state_a, state_b, alignment))


def mean_of_layers(layers: Mapping[str, LayerSimilarity]) -> float:
    """Return the mean over layers; a layer without any correlation is left out."""
    return mean_of_known([layer.mean for layer in layers.values()])


def mean_of_known(values: ArrayLike) -> float:
    """Return the mean of all numbers that are not nan; nan where there are none."""
    numbers = np.asarray(values, dtype=float)
    known = numbers[~np.isnan(numbers)]
    return float(known.mean()) if known.size else np.nan


def layer_changes(parent: models.State, child: models.State) -> pd.DataFrame:
    """Return how far each layer of a child is from its parent's, index to index; a row a layer.

    The columns are `mean` and `sd` of the kernels' correlations, `whole` (the correlation of the
    two layers as one vector each), the number of `kernels`, how many of them are `dead` in the
    parent (see `DEAD`), and `alive`, the mean correlation of the others. A dead kernel points
    nowhere: the smallest steps turn it, and its correlation says nothing.
    """
    rows = {}
    ours, theirs = kernels_of(parent), kernels_of(child)
    check_same_layers(ours, theirs)
    for layer, kernels in ours.items():
        scores = (standardised(kernels) * standardised(theirs[layer])).sum(1)
        dead = is_dead(kernels)
        rows[layer] = {
            "mean": scores.nanmean().item(),
            "sd": scores[~scores.isnan()].std(correction=0).item(),
            "whole": standardised(kernels.flatten()) @ standardised(theirs[layer].flatten()),
            "kernels": len(dead),
            "dead": dead.sum().item(),
            "alive": scores[~dead].nanmean().item(),
        }
    table = pd.DataFrame.from_dict(rows, "index").rename_axis("layer")
    return table.astype(float).astype({"kernels": int, "dead": int})


def is_dead(kernels: torch.Tensor) -> torch.Tensor:
    """Say of each of a layer's kernels (n, d) whether it is dead: bool (n,)."""
    length = kernels.double().norm(dim=1)
    return (length == 0) | (length < DEAD * length.median())


def count_constant_and_dead(state: models.State) -> tuple[int, int]:
    """Count a network's constant kernels and its dead ones; a kernel of zeros is both."""
    layers = kernels_of(state).values()
    constant = sum(int(standardised(kernels)[:, 0].isnan().sum()) for kernels in layers)
    return constant, sum(int(is_dead(kernels).sum()) for kernels in layers)


def similarity_matrix(states: Mapping[str, models.State], alignment: str = "paper") -> pd.DataFrame:
    """Return the similarity of all pairs of networks.

    Parameters
    ----------
    states : dict
        {network: state dict}.
    alignment : str
        One of `alignments.ALIGNMENTS`.

    Returns
    -------
    pandas.DataFrame
        (network, network), 1 on the diagonal. Only pairs with A before B are computed; the others
        mirror them, as in the paper.

    Raises
    ------
    ValueError
        For networks of different architectures or an unknown alignment.
    """
    names = list(states)
    layers = np.stack([*layer_matrices(states, alignment).values()])
    with np.errstate(invalid="ignore"):
        upper = np.triu(np.nansum(layers, 0) / (~np.isnan(layers)).sum(0), 1)
    matrix = upper + upper.T
    np.fill_diagonal(matrix, 1)
    return pd.DataFrame(matrix, index=names, columns=names)


def layer_matrices(
    states: Mapping[str, models.State], alignment: str = "paper"
) -> dict[str, np.ndarray]:
    """Return {layer: mean correlation of aligned kernels (network, network)} of all pairs.

    Only pairs with A before B are known; the rest, and a layer without any correlation, is nan.
    """
    names = list(states)
    own = {name: kernels_of(state) for name, state in states.items()}
    for name in names[1:]:
        check_same_layers(own[names[0]], own[name], (names[0], name))
    result, text = {}, f"similarity of {len(names)} networks"
    with devices.thread_pool() as pool:
        for layer in tqdm(own[names[0]], text, unit="layer", disable=len(names) < 30):
            unit = standardised(torch.stack([own[name][layer] for name in names]))
            size = max(1, int(GROUP_BYTES / unit[0].nbytes))
            groups = [slice(start, start + size) for start in range(0, len(names), size)]
            found = pool.map(group_means, repeat(unit), groups, repeat(alignment))
            result[layer] = torch.cat([*found]).numpy()
    return result


def group_means(unit: torch.Tensor, group: slice, alignment: str) -> torch.Tensor:
    """Return a group's mean correlations of aligned kernels (group, network).

    `unit` holds the standardised kernels of all networks, (network, n, d). The networks in `group`
    are compared with all networks behind the group's first; what is not computed is nan.
    """
    means = torch.full((len(unit[group]), len(unit)), torch.nan, dtype=unit.dtype)
    for j in range(group.start + 1, len(unit)):
        first = unit[group][: j - group.start]
        means[: len(first), j] = alignments.align(first, unit[j], alignment).nanmean(1)
    return means


def chance_level(
    architecture: str, alignment: str = "paper", pairs: int = 4, seed: int = 0, width: float = 1
) -> float:
    """Return the similarity of two unrelated networks: random kernels of an architecture's shapes.

    The mean over layers of `chance_of_shapes`. One draw differs from another by some .002
    (ResNet20).
    """
    shapes = models.kernel_shapes(architecture, width)
    return float(np.mean(list(chance_of_shapes(shapes, alignment, pairs, seed).values())))


def chance_of_shapes(
    shapes: Mapping[str, Sequence[int]], alignment: str = "paper", pairs: int = 4, seed: int = 0
) -> dict[str, float]:
    """Return {layer: chance level} of kernels of shapes {layer: (out, in, h, w) or (out, d)}.

    The chance level is the mean correlation of aligned random Gaussian kernels, over `pairs` draws.
    One generator draws for all layers, so a layer's level depends on those before it. Levels are
    kept for shapes that come again.
    """
    sizes = tuple((shape[0], prod(shape[1:])) for shape in shapes.values())
    return dict(zip(shapes, chance_of_sizes(sizes, alignment, pairs, seed), strict=True))


@lru_cache(maxsize=32)
def chance_of_sizes(
    sizes: tuple[tuple[int, int], ...], alignment: str, pairs: int, seed: int
) -> tuple[float, ...]:
    """Return the chance level of each layer, given its number of kernels and their length."""
    source = torch.Generator().manual_seed(seed)
    levels = []
    for n, d in sizes:
        a, b = standardised(torch.randn(2, pairs, n, d, dtype=torch.float64, generator=source))
        scores = [alignments.align(*pair, alignment) for pair in zip(a[:, None], b, strict=True)]
        levels.append(mean_of_known(scores))
    return tuple(levels)
