"""Measures of how alike two networks are, in their weights and in what they compute.

Each is a number that is higher the more alike the networks are. Those of weights take two state
dicts; those that need images take two networks in evaluation mode and images (n, 3, h, w), as the
networks want them. Both networks have one architecture.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import torch

from paradoxlib.networks import activations, models
from paradoxlib.similarity import cka, kernels, permutations, units


def pairwise(function: Callable[[Any, Any], float], networks: Mapping[str, Any]) -> pd.DataFrame:
    """Return the matrix (network, network) of function(a, b), nan on the diagonal.

    `networks` holds what the function takes, by name. It is called once a pair, a before b.
    """
    names = list(networks)
    table = pd.DataFrame(np.nan, names, names)
    for a, b in combinations(names, 2):
        table.loc[a, b] = table.loc[b, a] = function(networks[a], networks[b])
    return table


def paired_layers(a: models.State, b: models.State) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield two states' kernels layer by layer, each layer as one float64 vector."""
    for name in models.convolutions(a):
        yield a[f"{name}.weight"].double().flatten(), b[f"{name}.weight"].double().flatten()


def cosine(a: models.State, b: models.State) -> float:
    """Return the mean over layers of the cosine of two networks' kernels, -1..1.

    Kernels are compared index to index, each layer's as one vector.
    """
    cosines = [torch.cosine_similarity(x, y, dim=0).item() for x, y in paired_layers(a, b)]
    return float(np.mean(cosines))


def closeness(a: models.State, b: models.State) -> float:
    """Return minus the mean over layers of `|a - b| / sqrt(|a| |b|)`, kernel by kernel.

    0 for the same weights, -1.41 on average for strangers.
    """
    distances = []
    for x, y in paired_layers(a, b):
        distances.append(((x - y).norm() / (x.norm() * y.norm()).sqrt()).item())
    return -float(np.mean(distances))


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


def matched_activations(
    model_a: torch.nn.Module, model_b: torch.nn.Module, images: torch.Tensor, architecture: str
) -> float:
    """Return the kernel correlation, index to index, once the units are matched by activation.

    The second network's units are permuted to match the first's; see
    `permutations.match_activations`.
    """
    orders = permutations.match_activations(model_a, model_b, architecture, images)
    matched = permutations.permute(model_b.state_dict(), orders, architecture)
    return kernels.similarity(model_a.state_dict(), matched, "none")


def matched_units(
    model_a: torch.nn.Module, model_b: torch.nn.Module, images: torch.Tensor
) -> float:
    """Return the mean over layers of the correlation of units matched one to one.

    The layers are all ReLUs (Li et al. 2015).
    """
    where = activations.relu_places(model_a, images[:1])
    networks = {"a": model_a, "b": model_b}
    found = units.correlations(networks, images, list(where.values()), batch_size=50)
    layers = {place: found[relu].pair("a", "b") for place, relu in where.items()}
    return float(units.match_table(layers)["matching"].mean())


def layers_cka(model_a: torch.nn.Module, model_b: torch.nn.Module, images: torch.Tensor) -> float:
    """Return the mean over layers of the CKA of the same layer in both networks.

    The layers are all ReLUs.
    """
    relus = list(activations.relu_places(model_a, images[:1]).values())
    return float(np.diag(cka.cka_matrix(model_a, model_b, images, layers=relus)).mean())


def same_partners(layer: units.Layer, a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the share of units whose partner by activation is also their partner by kernel.

    `a` and `b` are the two networks' kernels (n, d) of the convolution whose units are in `layer`;
    partners are those of `units.match`.
    """
    by_activation, _ = units.match(layer.between)
    by_kernel, _ = units.match(kernels.correlate_kernels(a, b).numpy())
    both = (by_activation >= 0) & (by_kernel >= 0)
    return units.defined_mean((by_activation == by_kernel)[both])
