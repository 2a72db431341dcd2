"""Align whole networks by permuting their units, in the manner of Git Re-Basin.

Where a layer's units are permuted, the inputs of the next layer are permuted along with them
(Ainsworth et al. 2023). Units that a residual stream adds together share one permutation, so the
permuted network computes the same function. `kernels.similarity` permutes each layer's kernels and
leaves the order of their inputs alone; this does not.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import scipy
import torch

from paradoxlib import seeds
from paradoxlib.networks import activations, models, surgery
from paradoxlib.similarity import units

SWEEPS = 50  # at most, over all groups of units


class LayerGroups(NamedTuple):
    """The groups that a layer's outputs and its inputs belong to; None where the order is fixed."""

    outputs: str | None
    inputs: str | None


@cache
def unit_groups(architecture: str) -> Mapping[str, LayerGroups]:
    """Return the groups of units of every convolution and of ``fc``, {layer: LayerGroups}.

    A group is named by the layer whose outputs it orders; a residual stream by the first layer that
    writes to it. ValueError for an architecture without residual blocks.
    """
    branches = models.ARCHITECTURES[architecture].branches
    if not branches:
        raise ValueError(f"units of {architecture} cannot be permuted: it has no residual blocks")
    stream = "conv1"
    found = {"conv1": LayerGroups(stream, None)}
    for block in models.empty(architecture).blocks:
        *inner, last = (f"{block.name}_{branch}" for branch in branches)
        before, projection = stream, f"{block.name}_branch1"
        if block.projection:
            stream = projection
        for name, inputs in zip(inner, [before, *inner], strict=False):
            found[name] = LayerGroups(name, inputs)
        found[last] = LayerGroups(stream, inner[-1])
        if block.projection:
            found[projection] = LayerGroups(projection, before)
    return MappingProxyType(found | {"fc": LayerGroups(None, stream)})


def group_sizes(state: models.State, architecture: str) -> dict[str, int]:
    """Return {group: number of its units}."""
    groups = (layer.outputs for layer in unit_groups(architecture).values())
    return {group: len(state[f"{group}.bias"]) for group in groups if group}


def permute(
    state: models.State, orders: Mapping[str, torch.Tensor], architecture: str
) -> models.State:
    """Return a new state whose units stand in other orders; its function stays the same.

    Parameters
    ----------
    state : dict
        State dict of the architecture; it is not changed.
    orders : dict
        {group: indices (units,)}. The i-th unit of a group is the old one of index
        ``orders[group][i]``; a group without an order stays as it is.
    architecture : str
        One of `models.ARCHITECTURES`.
    """
    result = {name: value.clone() for name, value in state.items()}
    for layer, (outputs, inputs) in unit_groups(architecture).items():
        if inputs and inputs in orders:
            result[f"{layer}.weight"] = result[f"{layer}.weight"][:, orders[inputs]]
        if outputs and outputs in orders:
            for name in surgery.entries(result, layer, surgery.LAYER_PARTS):
                result[name] = result[name][orders[outputs]]
    return result


def match_weights(
    a: models.State, b: models.State, architecture: str, seed: int = 0
) -> dict[str, torch.Tensor]:
    """Return {group: order} of b's units in which its weights are most like a's.

    What is maximised is the sum over layers of the cosine of their kernels, or dense weights, index
    to index. One group after another, in random order, takes its best order given the others' (a
    linear assignment), until none gains. This finds a local optimum, and never one lower than where
    it starts.

    Parameters
    ----------
    a, b : dict
        State dicts of one architecture.
    architecture : str
        One of `models.ARCHITECTURES`.
    seed : int
        Of the order of the groups.
    """
    layers = unit_groups(architecture)
    ours = {layer: scaled(a[f"{layer}.weight"]) for layer in layers}
    theirs = {layer: scaled(b[f"{layer}.weight"]) for layer in layers}
    orders = {group: torch.arange(size) for group, size in group_sizes(a, architecture).items()}
    source, names = seeds.generator(seed, "groups"), list(orders)
    for _ in range(SWEEPS):
        moved = False
        for i in torch.randperm(len(names), generator=source).tolist():
            group = names[i]
            gains = gain_table(group, layers, ours, theirs, orders)
            best = scipy.optimize.linear_sum_assignment(gains.numpy(), maximize=True)[1]
            order = torch.from_numpy(best)
            places = torch.arange(len(order))
            if gains[places, order].sum() > gains[places, orders[group]].sum() + 1e-9:
                orders[group], moved = order, True
        if not moved:
            break
    return orders


def scaled(weight: torch.Tensor) -> torch.Tensor:
    """Return a layer's weights (out, in, positions), float64, of length 1 as a whole."""
    weight = weight.double().flatten(2) if weight.dim() > 2 else weight.double()[:, :, None]
    return weight / weight.norm().clamp(min=1e-30)


def gain_table(
    group: str,
    layers: Mapping[str, LayerGroups],
    ours: Mapping[str, torch.Tensor],
    theirs: Mapping[str, torch.Tensor],
    orders: Mapping[str, torch.Tensor],
) -> torch.Tensor:
    """Return what each of b's units (columns) adds in the place of each of a's (rows) of a group.

    `ours` and `theirs` are a's and b's scaled weights {layer: (out, in, positions)}, `layers` those
    of `unit_groups`; the orders of the other groups are given.
    """
    total = torch.zeros(())
    for layer, (outputs, inputs) in layers.items():
        a, b = ours[layer], theirs[layer]
        if outputs == group:
            moved = b if inputs is None else b[:, orders[inputs]]
            total = total + a.flatten(1) @ moved.flatten(1).T
        if inputs == group:
            moved = b if outputs is None else b[orders[outputs]]
            total = total + a.transpose(0, 1).flatten(1) @ moved.transpose(0, 1).flatten(1).T
    return total


def observed(
    network: torch.nn.Module, architecture: str, images: torch.Tensor
) -> dict[str, list[str]]:
    """Return {group: ReLUs that show its units}.

    These follow the group's convolution or, for a stream, the additions that write to it.
    """
    layers = unit_groups(architecture)
    found: dict[str, list[str]] = {}
    stream = last = None
    for name in activations.layer_names(network, images[:1]):
        if name in layers:
            last = layers[name].outputs
        if name.startswith("add"):
            last = stream
        elif name.startswith("relu") and last:
            found.setdefault(last, []).append(name)
        if name == "conv1" or name.endswith("branch1"):
            stream = last
    return found


def match_activations(
    networks: Mapping[str, torch.nn.Module],
    pairs: Iterable[tuple[str, str]],
    architecture: str,
    images: torch.Tensor,
) -> dict[tuple[str, str], dict[str, torch.Tensor]]:
    """Return for pairs (a, b) {group: order} of b's units in which they correlate most with a's.

    Correlations run over images and positions; for a stream they are summed over its additions.
    Every network sees the images once.

    Parameters
    ----------
    networks : dict
        {name: Module} of one architecture, in evaluation mode.
    pairs : iterable
        [(name, name)].
    architecture : str
        One of `models.ARCHITECTURES`.
    images : torch.Tensor
        (n, 3, h, w), as the networks want them.
    """
    where = observed(next(iter(networks.values())), architecture, images)
    everywhere = [relu for relus in where.values() for relu in relus]
    found = units.correlations(networks, images, everywhere)

    def order(relus: Sequence[str], a: str, b: str) -> torch.Tensor:
        table = sum(np.nan_to_num(found[relu].pair(a, b).between) for relu in relus)
        return torch.from_numpy(scipy.optimize.linear_sum_assignment(table, maximize=True)[1])

    return {pair: {group: order(where[group], *pair) for group in where} for pair in pairs}
