"""Intrinsic similarity: how alike the kernels of two networks are (paper, section 2.4).

A kernel is one whole filter (in x h x w), flattened. Between the kernels of a layer in two networks lies a matrix of Pearson correlations; an
alignment picks one partner for each kernel; the mean over kernels, then over layers, is the similarity. Networks are state dicts.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from paradoxlib import alignments, models, parallel

GROUP_BYTES = 4e6  # of kernels that are compared with one network after the other: what a core's share of the cache holds
DEAD = 0.05  # of the median length of a layer's kernels: below it a kernel is dead, as weight decay has taken all of it


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
        One of `alignments.ALIGNMENTS`.

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
        scores = alignments.align(standardised(a[layer])[None], standardised(b[layer]), alignment)[0]
        scores = scores[~scores.isnan()]
        result[layer] = LayerSimilarity(scores.mean().item(), scores.std(correction=0).item(), len(scores))
    return result


def similarity(state_a, state_b, alignment="paper"):
    """Return the similarity of two networks: the mean over layers of the mean over kernels, -1..1; see `layer_similarity`."""
    return mean_of_layers(layer_similarity(state_a, state_b, alignment))


def mean_of_layers(layers):
    """Return the mean over layers {layer: LayerSimilarity}; a layer without any correlation is left out."""
    return float(np.nanmean([layer.mean for layer in layers.values()]))


def layer_changes(parent, child):
    """Return how far each layer of a child is from its parent's, index to index: DataFrame, one row a layer.

    Columns: `mean` and `sd` of the kernels' correlations, `whole` (the correlation of the layers as one vector each), the number of `kernels`, how
    many of them are `dead` in the parent (see `DEAD`), and `alive`, the mean correlation of the others. A dead kernel points nowhere: the smallest
    steps turn it, and its correlation says nothing.
    """
    rows = {}
    ours, theirs = kernels_of(parent), kernels_of(child)
    check_alike(ours, theirs)
    for layer, kernels in ours.items():
        scores = (standardised(kernels) * standardised(theirs[layer])).sum(1)
        whole = standardised(kernels.flatten()) @ standardised(theirs[layer].flatten())
        dead = is_dead(kernels)
        rows[layer] = (scores.nanmean(), scores[~scores.isnan()].std(correction=0), whole, len(dead), dead.sum(), scores[~dead].nanmean())
    table = pd.DataFrame(rows, ["mean", "sd", "whole", "kernels", "dead", "alive"], dtype=float).T.rename_axis("layer")
    return table.astype({"kernels": int, "dead": int})


def is_dead(kernels):
    """Say of each of a layer's kernels (n, d) whether it is dead: bool (n,)."""
    length = kernels.double().norm(dim=1)
    return (length == 0) | (length < DEAD * length.median())


def similarity_matrix(states, alignment="paper"):
    """Return the similarity of all pairs.

    Parameters
    ----------
    states : dict
        {network: state dict}.
    alignment : str
        One of `alignments.ALIGNMENTS`.

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
        means[: len(first), j] = alignments.align(first, unit[j], alignment).nanmean(1)
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
        levels[layer] = np.nanmean([alignments.align(*pair, alignment) for pair in zip(a[:, None], b, strict=True)]).item()
    return levels
