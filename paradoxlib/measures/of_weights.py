"""Measures of two networks by their weights: two state dicts of one architecture.

Each is a number that is higher the more alike the networks are; `catalogue` says what each does not
see, its range and its source.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import torch

from paradoxlib.measures import of_features
from paradoxlib.networks import models
from paradoxlib.similarity import kernels, permutations


def over_layers(
    function: Callable[[torch.Tensor, torch.Tensor], float], a: models.State, b: models.State
) -> float:
    """Return the mean over layers of a function of both networks' kernels (kernels, weights)."""
    own, other = kernels.kernels_of(a), kernels.kernels_of(b)
    return float(np.mean([function(own[name].double(), other[name].double()) for name in own]))


def cosine(a: models.State, b: models.State) -> float:
    """Return the mean over layers of the cosine of two networks' kernels, -1..1.

    Kernels are compared index to index, each layer's as one vector.
    """
    return over_layers(
        lambda x, y: torch.cosine_similarity(x.flatten(), y.flatten(), dim=0).item(), a, b
    )


def closeness(a: models.State, b: models.State) -> float:
    """Return minus the mean over layers of `|a - b| / sqrt(|a| |b|)`, kernels index to index.

    0 for the same weights, -1.41 on average for strangers.
    """
    return -over_layers(lambda x, y: ((x - y).norm() / (x.norm() * y.norm()).sqrt()).item(), a, b)


def statistics_closeness(a: models.State, b: models.State) -> float:
    """Return minus the mean over layers of the distance of batch norms' running statistics.

    Units are compared index to index; 0 for the same statistics. The distance of two units is
    Wasserstein's between the normal distributions of their means and variances, over the root mean
    of both variances.
    """
    distances = []
    for name in a:
        if not name.endswith("running_mean"):
            continue
        mean_a, mean_b = a[name].double(), b[name].double()
        spread = f"{name.removesuffix('mean')}var"
        variance_a, variance_b = a[spread].double(), b[spread].double()
        apart = (mean_a - mean_b) ** 2 + (variance_a.sqrt() - variance_b.sqrt()) ** 2
        scale = ((variance_a + variance_b) / 2).clamp(min=1e-12)
        distances.append((apart / scale).mean().sqrt().item())
    return -float(np.mean(distances))


def above_chance(state_a: models.State, state_b: models.State) -> float:
    """Return the kernel correlation by the paper's alignment, above chance.

    In each layer 0 is what random kernels of its shape score, and 1 what the same kernels score;
    the mean over layers.
    """
    layers = kernels.layer_similarity(state_a, state_b)
    shapes = {name: state_a[f"{name}.weight"].shape for name in layers}
    chance = pd.Series(kernels.chance_of_shapes(shapes))
    mean = pd.Series({name: layer.mean for name, layer in layers.items()})
    return float(((mean - chance) / (1 - chance)).mean())


def matched_weights(state_a: models.State, state_b: models.State, architecture: str) -> float:
    """Return the kernel correlation, index to index, once the units are matched by weight.

    The second network's units are permuted to match the first's; see `permutations.match_weights`.
    """
    orders = permutations.match_weights(state_a, state_b, architecture)
    matched = permutations.permute(state_b, orders, architecture)
    return kernels.similarity(state_a, matched, "none")


def rotated_kernels(a: models.State, b: models.State) -> float:
    """Return the mean over layers of the cosine of the kernels under the best rotation of units.

    Whatever mixes a layer's units by a rotation leaves it as it is; 0..1.
    """

    def cosine_of_layer(x: torch.Tensor, y: torch.Tensor) -> float:
        return (torch.linalg.matrix_norm(x @ y.T, "nuc") / (x.norm() * y.norm())).item()

    return over_layers(cosine_of_layer, a, b)


def kernel_moments(a: models.State, b: models.State) -> float:
    """Return the mean over layers of the cosine of the kernels' second moments, 0..1.

    The second moments (weights, weights) are those of the cloud that a layer's kernels form, about
    the origin; the order of the kernels is free.
    """

    def cosine_of_layer(x: torch.Tensor, y: torch.Tensor) -> float:
        return ((x @ y.T).norm() ** 2 / ((x @ x.T).norm() * (y @ y.T).norm())).item()

    return over_layers(cosine_of_layer, a, b)


def spectra(state: models.State) -> dict[str, torch.Tensor]:
    """Return {layer: the spectrum of its kernels}: their singular values, of length 1 as a whole.

    That is the shape of the cloud of a layer's kernels, without its directions.
    """
    values = {
        name: torch.linalg.svdvals(kernel.double())
        for name, kernel in kernels.kernels_of(state).items()
    }
    return {name: of_layer / of_layer.norm() for name, of_layer in values.items()}


def spectra_closeness(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> float:
    """Return minus the mean over layers of how far two networks' `spectra` lie apart.

    0 for the same shape, -1.41 at least.
    """
    return -float(np.mean([(a[name] - b[name]).norm().item() for name in a]))


def barcodes(state: models.State) -> dict[str, np.ndarray]:
    """Return {layer: at which distances its kernels join into clusters}, whatever their order.

    Persistent homology in dimension 0, as `of_features.clusters` compares it.
    """
    return {
        name: of_features.clusters.alone(kernel.double().numpy())
        for name, kernel in kernels.kernels_of(state).items()
    }
