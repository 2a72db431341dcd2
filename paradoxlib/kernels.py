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
from numba import njit
from scipy.optimize import linear_sum_assignment
from tqdm import tqdm

from paradoxlib import models, parallel

ALIGNMENTS = ("paper", "greedy", "optimal", "none")
GROUP_BYTES = 4e6  # of kernels that are compared with one network after the other: what a core's share of the cache holds
FAST = {"nnan", "nsz", "reassoc", "contract"}  # lets compiled sums and maxima be made in vectors; infinities stay


class LayerSimilarity(NamedTuple):
    """Mean and standard deviation of the aligned kernels' correlations, and how many kernels have one."""

    mean: float
    sd: float
    n: int


def kernels_of(state):
    """Return {layer: kernels (n, in * h * w)} of a state dict: its weights of four dimensions, in its order."""
    return {name: state[f"{name}.weight"].detach().cpu().flatten(1) for name in models.convolutions(state)}


def standardised(kernels):
    """Return kernels centred and of length one, float64; a constant kernel, which has no correlation, becomes nan."""
    kernels = kernels.double()
    centred = kernels - kernels.mean(-1, keepdim=True)
    length = centred.norm(dim=-1, keepdim=True)
    constant = length <= 1e-12 * kernels.norm(dim=-1, keepdim=True)
    return centred / torch.where(constant, torch.nan, length)


def correlations(a, b):
    """Return the Pearson correlations (n, m) between kernels a (n, d) and b (m, d); nan for a constant kernel."""
    return (standardised(a) @ standardised(b).T).clamp(-1, 1)


def align(a, b, alignment="paper"):
    """Return the correlation of each kernel of many networks with its partner in another.

    The paper's and the greedy alignment look for partners in a product of float32; every partner that its rounding could hide is then compared in
    float64, so the result is that of float64 throughout.

    Parameters
    ----------
    a, b : torch.Tensor
        Standardised kernels (see `standardised`) of p networks (p, n, d) and of another (n, d), float64.
    alignment : str
        One of `ALIGNMENTS`.

    Returns
    -------
    torch.Tensor
        (p, n), float64. A kernel without a correlation is nan, but for the paper's rule, by which it scores 0.
    """
    if alignment not in ALIGNMENTS:
        raise ValueError(f"unknown alignment {alignment!r}: choose one of {', '.join(ALIGNMENTS)}")
    a, b = a.numpy(), b.numpy()
    scores = np.full(a.shape[:2], np.nan)
    if alignment == "none":
        scores[:] = np.einsum("pnd,nd->pn", a, b)
    elif alignment == "optimal":
        align_optimally(products(a, b), scores)
    else:
        approximate = np.nan_to_num(products(a.astype(np.float32), b.astype(np.float32)), copy=False, nan=-np.inf)
        slack = 2 * (a.shape[2] + 2) * np.finfo(np.float32).eps  # two sums of d rounded products of unit vectors are off by less
        {"paper": align_in_order, "greedy": align_greedily}[alignment](approximate, slack, a, b, scores)
    return torch.from_numpy(scores).clamp_(-1, 1)


def products(a, b):
    """Return the scalar products (p, n, n) of the kernels of p networks (p, n, d) with those of another (n, d)."""
    return (a.reshape(-1, a.shape[2]) @ b.T).reshape(len(a), -1, len(b))


@njit(nogil=True, cache=True, fastmath=FAST)
def highest(values):
    """Return the highest of some numbers."""
    result = values[0]
    for value in values:
        result = max(result, value)
    return result


@njit(nogil=True, cache=True, fastmath=FAST)
def dot(x, y):
    """Return the scalar product of two vectors."""
    total = 0.0
    for k in range(len(x)):
        total += x[k] * y[k]
    return total


@njit(nogil=True, cache=True)
def best_free(row, slack, kernel, others, floor):
    """Return the highest correlation above `floor` of a kernel (d,) with `others` (n, d), and its index, or -1.

    `row` holds approximate correlations, -infinity where there is none or the other is taken.
    """
    bound, best, partner = highest(row) - slack, floor, -1
    for j in range(len(row)):
        if row[j] >= bound and row[j] > -np.inf:
            exact = dot(kernel, others[j])
            if exact > best:
                best, partner = exact, j
    return best, partner


@njit(nogil=True, cache=True)
def align_in_order(matrices, slack, a, b, scores):
    """The paper's alignment: fill scores (p, n), given approximate correlations (p, n, n), which are used up."""
    for p in range(len(a)):  # by index: an array that numba iterates over forgets that it is contiguous
        for i in range(len(b)):
            scores[p, i], partner = best_free(matrices[p, i], slack, a[p, i], b, 0.0)
            if partner >= 0:
                matrices[p, i + 1 :, partner] = -np.inf


@njit(nogil=True, cache=True)
def align_greedily(matrices, slack, a, b, scores):
    """The highest correlation first: fill scores (p, n), given approximate ones; a kernel whose best was taken looks for its next best."""
    n = len(b)
    best, partner = np.empty(n), np.empty(n, dtype=np.int64)
    for p in range(len(a)):
        free, done = np.ones(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
        for i in range(n):
            best[i], partner[i] = best_free(matrices[p, i], slack, a[p, i], b, -np.inf)
        while True:
            top = -1
            for i in range(n):
                if not done[i] and partner[i] >= 0 and not free[partner[i]]:
                    best[i], partner[i] = best_free(matrices[p, i], slack, a[p, i], b, -np.inf)
                if not done[i] and partner[i] >= 0 and (top < 0 or best[i] > best[top]):
                    top = i
            if top < 0:
                break
            scores[p, top], done[top], free[partner[top]] = best[top], True, False
            matrices[p, :, partner[top]] = -np.inf


def align_optimally(matrices, scores):
    """The assignment of the highest sum, constant kernels left out: fill scores (p, n), given correlations (p, n, n)."""
    for values, aligned in zip(matrices, scores, strict=True):
        ours, theirs = (np.isfinite(values).any(axis).nonzero()[0] for axis in (1, 0))
        chosen, partners = linear_sum_assignment(values[np.ix_(ours, theirs)], maximize=True)
        aligned[ours[chosen]] = values[ours[chosen], theirs[partners]]


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
        scores = align(standardised(a[layer])[None], standardised(b[layer]), alignment)[0]
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
    own = {name: kernels_of(state) for name, state in states.items()}
    for name in names[1:]:
        check_alike(own[names[0]], own[name], (names[0], name))
    total, counted = np.zeros((2, len(names), len(names)))
    layers = tqdm(own[names[0]], desc=f"similarity of {len(names)} networks", unit="layer", disable=len(names) < 30)
    with parallel.threads() as pool:
        for layer in layers:
            unit = standardised(torch.stack([own[name][layer] for name in names]))
            size = max(1, int(GROUP_BYTES / unit[0].nbytes))
            groups = [slice(start, start + size) for start in range(0, len(names), size)]
            for group, means in zip(groups, pool.map(lambda group, unit=unit: group_means(unit, group, alignment), groups), strict=True):
                total[group] += means.nan_to_num(0).numpy()
                counted[group] += ~means.isnan().numpy()
    with np.errstate(invalid="ignore"):
        upper = np.triu(total / counted, 1)
    matrix = upper + upper.T
    np.fill_diagonal(matrix, 1)
    return pd.DataFrame(matrix, index=names, columns=names)


def group_means(unit, group, alignment):
    """Return the mean correlations of aligned kernels (group, network) of a group (a slice) with all networks behind its first.

    `unit` holds the standardised kernels of all networks, (network, n, d); what is not computed is nan.
    """
    means = torch.full((len(unit[group]), len(unit)), torch.nan, dtype=unit.dtype)
    for j in range(group.start + 1, len(unit)):
        first = unit[group][: j - group.start]
        means[: len(first), j] = align(first, unit[j], alignment).nanmean(1)
    return means


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
        levels[layer] = np.nanmean([align(*pair, alignment) for pair in zip(a[:, None], b, strict=True)]).item()
    return levels
