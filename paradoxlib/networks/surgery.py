"""Change networks part by part (paper, section 4.2).

Transplants take parts of single layers from a donor, exchanges take parts of the whole network, and
re-estimation renews running statistics. State dicts go in, and new ones come out.
"""

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from paradoxlib import devices
from paradoxlib.networks import models, resnets

LAYER_PARTS = ("kernel", "bias", "scale", "statistics")
LEARNED_BY_CONVS = ("kernel", "bias")
BATCH_NORM = {"scale": ("weight", "bias"), "statistics": ("running_mean", "running_var")}
NETWORK_PARTS = ("kernels", "biases", "scale and shift", "running statistics", "dense layer")
DEEP = 21  # convolutions: in networks of more, cumulative transplants take whole blocks

# names of the transplants that are planned; those of one convolution have its name
UP_TO = "up to"  # and a layer
FROM = "from"  # and a layer
ALL_CONVS = "all convs"
ALL_KERNELS = "all convs, kernels alone"
CONVS_AND_BATCH_NORMS = "all convs and batch norms"
BATCH_NORMS_ALONE = "batch norms alone"
SCALE_ALONE = "their scale and shift alone"
STATISTICS_ALONE = "their running statistics alone"
DENSE_ALONE = "dense alone"


class Transplant(NamedTuple):
    """What a transplant takes from the donor: these parts of these layers."""

    layers: list[str]
    parts: tuple[str, ...]


def entries(state: models.State, layer: str, parts: Collection[str]) -> list[str]:
    """Return the entries of a state that belong to parts of a layer.

    There is none for a part that the layer lacks, such as the batch norm of a projection.
    """
    found = []
    if "kernel" in parts:
        found.append(f"{layer}.weight")
    if "bias" in parts:
        found.append(f"{layer}.bias")
    for part, names in BATCH_NORM.items():
        if part in parts:
            found += [f"{resnets.batch_norm_name(layer)}.{name}" for name in names]
    return [name for name in found if name in state]


def transplant(
    recipient: models.State,
    donor: models.State,
    layers: Iterable[str],
    parts: Collection[str] = LEARNED_BY_CONVS,
) -> models.State:
    """Return a new state: the recipient's, with parts of some layers taken from the donor.

    Each kernel takes the place of the recipient's kernel of the same index.

    Parameters
    ----------
    recipient, donor : dict
        State dicts of one architecture; neither is changed.
    layers : iterable of str
        Names of convolutions, or ``fc`` for the dense layer.
    parts : collection of str
        Of `LAYER_PARTS`: ``kernel`` (a layer's weights), ``bias``; of the batch norm that follows
        the layer ``scale`` (and shift, which are learned) and ``statistics`` (running mean and
        variance, which are estimated from the training images).

    Raises
    ------
    ValueError
        For networks of different architectures, an unknown layer (it names the nearest) or part,
        or a choice that copies nothing.
    """
    check_parts(parts, LAYER_PARTS)
    check_same_shapes(recipient, donor)
    known, layers = [*models.convolutions(recipient), "fc"], list(layers)
    result = {name: value.clone() for name, value in recipient.items()}
    copied = 0
    for layer in layers:
        if layer not in known:
            raise models.unknown_layer(layer, known)
        for name in entries(recipient, layer, parts):
            result[name] = donor[name].clone()
            copied += 1
    if not copied:
        raise ValueError(f"nothing to copy: no layer of {layers} has a part of {list(parts)}")
    return result


def silence(state: models.State, units: Mapping[str, Sequence[int] | np.ndarray]) -> models.State:
    """Return a new state in which some units answer nothing, {convolution: indices of its units}.

    Their kernels, biases, and the scales and shifts behind them are 0, so that a ReLU passes on 0.

    Raises
    ------
    ValueError
        For an unknown layer; it names the nearest.
    """
    known, result = models.convolutions(state), {n: value.clone() for n, value in state.items()}
    for layer, indices in units.items():
        if layer not in known:
            raise models.unknown_layer(layer, known)
        for name in entries(state, layer, ("kernel", "bias", "scale")):
            result[name][torch.as_tensor(indices, dtype=torch.long)] = 0
    return result


def even_batches(images: torch.Tensor, most: int) -> tuple[torch.Tensor, ...]:
    """Return images in batches of at most so many, none of them much smaller than the others."""
    return images.chunk(-(-len(images) // most))


def check_parts(parts: Iterable[str], known: Collection[str]) -> None:
    """Raise ValueError for an unknown part."""
    for part in parts:
        if part not in known:
            raise ValueError(f"unknown part {part!r}: choose of {', '.join(known)}")


def check_same_shapes(recipient: models.State, donor: models.State) -> None:
    """Raise ValueError for state dicts of different architectures."""
    for name in [*recipient, *donor]:
        if name not in donor or name not in recipient or donor[name].shape != recipient[name].shape:
            odd = f"{name!r} is not in both with one shape"
            raise ValueError(f"networks of different architectures: {odd}")


def plan_transplants(state: models.State) -> dict[str, Transplant]:
    """Return the transplants of notebook 06, by name.

    First each convolution alone. Then, with their batch norms, all layers from the input to one
    (``up to <layer>``) and from one to the output (``from <layer>``, the dense layer with them),
    cut behind each layer, or in deep networks behind each block. Then the groups that the paper
    speaks of.
    """
    convs, alone = models.convolutions(state), plan_layers(state)
    cuts = [i for i in range(1, len(convs)) if len(convs) <= DEEP or ends_block(convs, i - 1)]
    single = {layer: alone.pop(layer) for layer in convs}
    lower = {f"{UP_TO} {convs[i - 1]}": Transplant(convs[:i], LAYER_PARTS) for i in cuts}
    upper = {f"{FROM} {convs[i]}": Transplant([*convs[i:], "fc"], LAYER_PARTS) for i in cuts}
    return single | lower | upper | alone


def plan_layers(state: models.State) -> dict[str, Transplant]:
    """Return the transplants of each convolution alone and of the groups of layers, by name.

    Groups of which the network has nothing, such as running statistics, are left out.
    """
    convs = models.convolutions(state)
    single = {layer: Transplant([layer], LEARNED_BY_CONVS) for layer in convs}
    groups = {
        ALL_CONVS: Transplant(convs, LEARNED_BY_CONVS),
        ALL_KERNELS: Transplant(convs, ("kernel",)),
        CONVS_AND_BATCH_NORMS: Transplant(convs, LAYER_PARTS),
        BATCH_NORMS_ALONE: Transplant(convs, ("scale", "statistics")),
        SCALE_ALONE: Transplant(convs, ("scale",)),
        STATISTICS_ALONE: Transplant(convs, ("statistics",)),
        DENSE_ALONE: Transplant(["fc"], LEARNED_BY_CONVS),
    }
    return single | {
        name: group
        for name, group in groups.items()
        if any(entries(state, layer, group.parts) for layer in group.layers)
    }


def ends_block(convs: list[str], i: int) -> bool:
    """Say whether the next of a network's convolutions belongs to another block."""
    return convs[i].split("_")[0] != convs[i + 1].split("_")[0]


def part_of(state: models.State) -> dict[str, str]:
    """Return {entry: part} of anybody's state dict, of `NETWORK_PARTS`.

    The dense layer is the last one; those before it count as kernels, and so does what else is
    learned beside layers (a transformer's tokens). A weight of one dimension belongs to a norm.
    """
    dense = [name for name in state if name.endswith(".weight") and state[name].dim() == 2][-1:]
    parts = {}
    for entry in state:
        layer, _, what = entry.rpartition(".")
        weight = state.get(f"{layer}.weight")
        if what.startswith("running") or what == "num_batches_tracked":
            parts[entry] = "running statistics"
        elif [f"{layer}.weight"] == dense:
            parts[entry] = "dense layer"
        elif weight is not None and weight.dim() < 2:
            parts[entry] = "scale and shift"
        else:
            parts[entry] = "biases" if "bias" in what else "kernels"
    return parts


def differing_parts(a: models.State, b: models.State) -> list[str]:
    """Return those of `NETWORK_PARTS` in which two states of one architecture differ."""
    different = {part for entry, part in part_of(a).items() if not torch.equal(a[entry], b[entry])}
    return [part for part in NETWORK_PARTS if part in different]


def exchange(recipient: models.State, donor: models.State, parts: Collection[str]) -> models.State:
    """Return a new state: the recipient's, with some of `NETWORK_PARTS` taken from the donor.

    Raises
    ------
    ValueError
        For networks of different architectures or an unknown part.
    """
    check_parts(parts, NETWORK_PARTS)
    check_same_shapes(recipient, donor)
    taken = {entry for entry, part in part_of(recipient).items() if part in parts}
    return {entry: (donor if entry in taken else recipient)[entry].clone() for entry in recipient}


def freeze(model: torch.nn.Module, frozen: str | None) -> None:
    """Leave a network's batch norms as they are while the rest of it is trained.

    ``statistics``: the running ones are used and stay as they are; ``norms``: scales and shifts
    stay, too; None: nothing is frozen. To be called in training mode.
    """
    for layer in model.modules() if frozen else ():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            layer.eval()
            layer.requires_grad_(frozen != "norms")


@torch.no_grad()
@devices.exact_float32()
def reestimate(model: torch.nn.Module, batches: Iterable[torch.Tensor]) -> models.State:
    """Return a network's state with re-estimated running statistics and all else as it is.

    Parameters
    ----------
    model : torch.nn.Module
        The network, which is not changed.
    batches : iterable of torch.Tensor
        Images as the network takes them, (n, 3, h, w) in 0..1. The new statistics are the mean over
        the batches, each one's own mean and variance counting as often as it has images.

    Raises
    ------
    ValueError
        Where there is no batch.
    """
    model = copy.deepcopy(model).eval()  # but for its batch norms: dropout stays off
    kinds = torch.nn.modules.batchnorm._BatchNorm
    norms = [layer.train() for layer in model.modules() if isinstance(layer, kinds)]
    count = 0
    for images in batches:
        count += len(images)
        for layer in norms:
            layer.momentum = len(images) / count  # of the newest batch: the mean over all so far
        model(images)
    if not count:
        raise ValueError("no batch of images: running statistics cannot be re-estimated")
    return model.state_dict()
