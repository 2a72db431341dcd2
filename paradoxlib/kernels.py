"""Intrinsic similarity: how alike the kernels of two networks are (paper, section 2.4).

A kernel is one whole filter (in x h x w), flattened. Between the kernels of a layer in two networks lies a matrix of Pearson correlations; an
alignment picks one partner for each kernel; the mean over kernels, then over layers, is the similarity. Networks are state dicts.

Alignments
----------
paper
    Kernels of A in the order of their index each take the best kernel of B that is still free; one without a positive free
    match scores 0 and takes none. (What the authors' code does; the result depends a little on which network comes first.)
greedy
    The highest correlation of the whole matrix first.
optimal
    The one-to-one assignment of the highest sum.
none
    Index to index.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.optimize import linear_sum_assignment
from tqdm import tqdm

from paradoxlib import models

ALIGNMENTS = ("paper", "greedy", "optimal", "none")
TILE = 32  # networks a side: the correlation matrices of 32 x 32 pairs are made by one product ...
TILE_BYTES = 256e6  # ... where they fit


class LayerSimilarity(NamedTuple):
    """Mean and standard deviation of the aligned kernels' correlations, and how many kernels have one."""

    mean: float
    sd: float
    n: int


def kernels_of(state):
    """Return {layer: kernels float64 (n, in * h * w)} of a state dict: its weights of four dimensions, in its order."""
    return {name: state[f"{name}.weight"].detach().cpu().double().flatten(1) for name in models.convolutions(state)}


def standardised(kernels):
    """Return kernels centred and of length one; a constant kernel, which has no correlation, becomes nan."""
    centred = kernels - kernels.mean(-1, keepdim=True)
    length = centred.norm(dim=-1, keepdim=True)
    constant = length <= 1e-12 * kernels.norm(dim=-1, keepdim=True)
    return centred / torch.where(constant, torch.nan, length)


def correlations(a, b):
    """Return the Pearson correlations (n, m) between kernels a (n, d) and b (m, d); nan for a constant kernel."""
    return (standardised(a) @ standardised(b).T).clamp(-1, 1)


def align(matrix, alignment="paper"):
    """Return each kernel's correlation with its partner.

    Parameters
    ----------
    matrix : torch.Tensor
        Correlations (..., n, n), kernels of A by kernels of B; any number of pairs at once.
    alignment : str
        One of `ALIGNMENTS`.

    Returns
    -------
    torch.Tensor
        (..., n). A kernel without a correlation is nan, but for the paper's rule, by which it scores 0.
    """
    if alignment not in ALIGNMENTS:
        raise ValueError(f"unknown alignment {alignment!r}: choose one of {', '.join(ALIGNMENTS)}")
    if alignment == "none":
        return matrix.diagonal(dim1=-2, dim2=-1)
    flat = matrix.reshape(-1, *matrix.shape[-2:])
    aligned = {"paper": align_in_order, "greedy": align_greedily, "optimal": align_optimally}[alignment](flat)
    return aligned.view(matrix.shape[:-1])


def align_in_order(matrix):
    """The paper's alignment for many pairs (p, n, n): one step for each kernel of A, all pairs at once."""
    free = matrix.nan_to_num(nan=0.0)
    pairs = torch.arange(len(free))
    scores = torch.zeros(free.shape[:2], dtype=free.dtype)
    for i in range(free.shape[1]):
        best, partner = free[:, i].max(1)
        scores[:, i] = best.clamp(min=0)
        # a partner that scored above 0 is taken from all later kernels
        free[pairs, :, partner] = torch.where((best > 0)[:, None], 0.0, free[pairs, :, partner])
    return scores


def align_greedily(matrix):
    """The highest correlation first, for many pairs (p, n, n): in each round all kernels that are each other's best become partners.

    That is the greedy assignment: nobody's later partner can be better than a mutual best.
    """
    free = matrix.nan_to_num(nan=-torch.inf)
    scores = torch.full(free.shape[:2], torch.nan, dtype=free.dtype)
    own = torch.arange(free.shape[1])
    while (free > -torch.inf).any():
        best, partner = free.max(2)
        mutual = (free.argmax(1).gather(1, partner) == own) & (best > -torch.inf)
        scores[mutual] = best[mutual]
        pair, kernel = mutual.nonzero(as_tuple=True)
        free[pair, kernel] = -torch.inf
        free[pair, :, partner[mutual]] = -torch.inf
    return scores


def align_optimally(matrix):
    """The assignment of the highest sum for pairs (p, n, n), constant kernels left out."""
    scores = np.full(matrix.shape[:2], np.nan)
    for row, values in zip(scores, matrix.numpy(), strict=True):
        ours, theirs = (np.isfinite(values).any(axis).nonzero()[0] for axis in (1, 0))
        chosen, partners = linear_sum_assignment(values[np.ix_(ours, theirs)], maximize=True)
        row[ours[chosen]] = values[ours[chosen], theirs[partners]]
    return torch.from_numpy(scores)


def check_alike(a, b, names=("the first", "the second")):
    """Raise ValueError where two networks do not have the same layers of the same shapes."""
    for layer in [*a, *b]:
        if layer not in a or layer not in b:
            owner, other = names if layer in a else names[::-1]
            raise ValueError(f"networks of different architectures: {owner} has a layer {layer!r} that {other} lacks")
        if a[layer].shape != b[layer].shape:
            shapes = f"{tuple(a[layer].shape)} and {tuple(b[layer].shape)}"
            raise ValueError(f"networks of different architectures: layer {layer!r} has kernels of shapes {shapes}")
    if not a:
        raise ValueError("networks without convolutions: there are no kernels to compare")


def layer_similarity(state_a, state_b, alignment="paper"):
    """Return how alike each layer of two networks is.

    Parameters
    ----------
    state_a, state_b : dict
        State dicts of networks of one architecture.
    alignment : str
        One of `ALIGNMENTS`.

    Returns
    -------
    dict
        {layer: LayerSimilarity(mean, sd, n)}, -1..1, in the order of `state_a`. Constant kernels are left out of mean and n, but for the
        paper's rule, by which they score 0.

    Raises
    ------
    ValueError
        For networks of different architectures or an unknown alignment.
    """
    a, b = kernels_of(state_a), kernels_of(state_b)
    check_alike(a, b)
    result = {}
    for layer in a:
        scores = align(correlations(a[layer], b[layer]), alignment)
        scores = scores[~scores.isnan()]
        result[layer] = LayerSimilarity(scores.mean().item(), scores.std(correction=0).item(), len(scores))
    return result


def similarity(state_a, state_b, alignment="paper"):
    """Return the similarity of two networks: the mean over layers of the mean over kernels, -1..1; see `layer_similarity`."""
    return mean_of_layers(layer_similarity(state_a, state_b, alignment))


def mean_of_layers(layers):
    """Return the mean over layers {layer: LayerSimilarity}; a layer without any correlation is left out."""
    return float(np.nanmean([layer.mean for layer in layers.values()]))


def similarity_matrix(states, alignment="paper"):
    """Return the similarity of all pairs.

    Parameters
    ----------
    states : dict
        {network: state dict}.
    alignment : str
        One of `ALIGNMENTS`.

    Returns
    -------
    pandas.DataFrame
        (network, network), 1 on the diagonal. Only pairs with A before B are computed and mirrored, as in the paper.
    """
    names = list(states)
    kernels = {name: kernels_of(state) for name, state in states.items()}
    for name in names[1:]:
        check_alike(kernels[names[0]], kernels[name], (names[0], name))
    layers = list(kernels[names[0]])
    total, counted = np.zeros((2, len(names), len(names)))
    bar = tqdm(layers, desc=f"similarity of {len(names)} networks", unit="layer", disable=len(names) <= TILE)
    for layer in bar:
        unit = standardised(torch.stack([kernels[name][layer] for name in names]))
        side = max(1, min(TILE, int((TILE_BYTES / (8 * unit.shape[1] ** 2)) ** 0.5)))
        for i in range(0, len(names), side):
            for j in range(i, len(names), side):
                means = tile_means(unit[i : i + side], unit[j : j + side], alignment)
                known = ~np.isnan(means)
                total[i : i + side, j : j + side] += np.where(known, means, 0)
                counted[i : i + side, j : j + side] += known
    with np.errstate(invalid="ignore"):
        upper = np.triu(total / counted, 1)
    matrix = upper + upper.T
    np.fill_diagonal(matrix, 1)
    return pd.DataFrame(matrix, index=names, columns=names)


def tile_means(a, b, alignment):
    """Return the mean correlation of aligned kernels (p, q) between p and q networks' standardised kernels (., n, d)."""
    n = a.shape[1]
    matrix = (a.flatten(0, 1) @ b.flatten(0, 1).T).clamp(-1, 1).view(len(a), n, len(b), n).transpose(1, 2)
    return align(matrix, alignment).nanmean(-1).numpy()


@lru_cache(maxsize=32)
def chance_level(architecture, alignment="paper", pairs=4, seed=0):
    """Return the similarity that two unrelated networks score: random Gaussian kernels of an architecture's shapes.

    The mean over `pairs` draws; one draw differs from another by some .002 (ResNet20).
    """
    shapes = {name: layer.weight.shape for name, layer in models.conv_layers(models.empty(architecture)).items()}
    return float(np.mean(list(chance_of_shapes(shapes, alignment, pairs, seed).values())))


def chance_of_shapes(shapes, alignment="paper", pairs=4, seed=0):
    """Return {layer: chance level} for kernels of shapes {layer: (out, in, h, w)}; see `chance_level`."""
    source = torch.Generator().manual_seed(seed)
    levels = {}
    for layer, shape in shapes.items():
        a, b = standardised(torch.randn(2, pairs, shape[0], shape[1:].numel(), dtype=torch.float64, generator=source))
        levels[layer] = align((a @ b.mT).clamp(-1, 1), alignment).nanmean().item()
    return levels
