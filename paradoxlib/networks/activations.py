"""What the layers of any network put out, by name and in order, while it looks at images.

Convolutions, norms, ReLUs and their kin, additions, poolings and dense layers are seen as they are
called, whether a module or a function does it. So this works for anybody's networks, torchvision's
among them, transformers too.
"""

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from paradoxlib import devices
from paradoxlib.networks import models

UNITS_LAST = {F.linear, F.layer_norm, F.rms_norm}  # they put units behind positions
NORMS = {F.batch_norm, F.group_norm, F.instance_norm, F.layer_norm, F.rms_norm}
NAMED_BY_WEIGHTS = {torch.conv1d, torch.conv2d, torch.conv3d, F.linear, *NORMS}
RELUS = (F.relu, torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_)
ADDITIONS = (
    torch.add,
    torch.Tensor.add,
    torch.Tensor.add_,
    torch.Tensor.__add__,
    torch.Tensor.__iadd__,
)
NUMBERED: dict[Callable, str] = {
    **dict.fromkeys(RELUS, "relu"),
    **dict.fromkeys(ADDITIONS, "add"),
    F.max_pool2d: "max_pool",
    F.adaptive_avg_pool2d: "mean_pool",
    F.relu6: "relu",
    F.hardtanh: "relu",  # how some write a ReLU that ends at 6
    F.leaky_relu: "leaky_relu",
    F.elu: "elu",
    F.gelu: "gelu",
    F.silu: "silu",
    F.hardswish: "hardswish",
}
Summary = Callable[[torch.Tensor], torch.Tensor]  # of a layer's output
ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "silu", "hardswish")


class Recorder(TorchFunctionMode):
    """While it is active, keeps the outputs of a network's layers in the order of their calls.

    A layer with weights has their name, any other the name of its kind and a number (``relu_3``).
    Outputs are copies, so that what later changes them in place does not change what is kept; or
    what `summarise` makes of them, at once, so that they need not all be in memory. Their second
    axis is that of the units, where networks of tokens put it last, too.

    Parameters
    ----------
    model : torch.nn.Module
        The network, which is then called on images.
    wanted : collection of str, optional
        Names of the layers whose outputs are kept; all where it is not given.
    summarise : callable
        What is kept of an output; it shares no memory with it.

    Attributes
    ----------
    outputs : dict
        {layer: its output}, of those wanted.
    seen : list
        The names of all layers, in the order of their calls.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        wanted: Collection[str] | None = None,
        summarise: Summary = torch.clone,
    ) -> None:
        super().__init__()
        own = (*model.named_buffers(), *model.named_parameters())
        self.names = {id(value): name.rpartition(".")[0] for name, value in own}
        self.wanted, self.summarise = wanted, summarise
        self.outputs: dict[str, torch.Tensor] = {}
        self.seen: list[str] = []
        self.counts: dict[str, int] = {}  # calls of a kind, or of a layer that is used twice
        self.width, self.units_last = 0, False  # of the last layer with weights

    def __torch_function__(
        self,
        function: Callable,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch; keep what it returns where it is a layer that is wanted."""
        output = function(*args, **(kwargs or {}))
        name = self.name(function, [*args, *(kwargs or {}).values()], output)
        if name is not None:
            self.seen.append(name)
            if function in NAMED_BY_WEIGHTS:
                self.units_last = function in UNITS_LAST
                self.width = output.shape[-1 if self.units_last else 1]
            if self.wanted is None or name in self.wanted:
                kept = output.detach()
                last = self.units_last and output.dim() > 2 and output.shape[-1] == self.width
                if last and (function in UNITS_LAST or output.shape[1] != self.width):
                    kept = kept.movedim(-1, 1)
                self.outputs[name] = self.summarise(kept)
        return output

    def name(self, function: Callable, given: Sequence[Any], output: Any) -> str | None:
        """Return the name of the layer that a call with these arguments is, or None."""
        if function in NAMED_BY_WEIGHTS:
            known = (self.names[id(value)] for value in given[1:] if id(value) in self.names)
            name = next(known, None)
            if name not in self.seen:
                return name
            self.counts[name] = self.counts.get(name, 1) + 1
            return f"{name}_{self.counts[name]}"
        kind = NUMBERED.get(function)
        if kind is None or output.dim() not in (3, 4):
            return None
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return f"{kind}_{self.counts[kind]}"


@torch.inference_mode()
@devices.exact_float32()
def record(
    model: torch.nn.Module,
    images: torch.Tensor,
    layers: Collection[str] | None = None,
    summarise: Summary = torch.clone,
) -> dict[str, torch.Tensor]:
    """Return what a network's layers put out.

    Parameters
    ----------
    model : torch.nn.Module
        In evaluation mode.
    images : torch.Tensor
        (n, 3, h, w), as the network wants them; they are taken to where the network lies.
    layers : collection of str, optional
        Names of the layers that are wanted; all where it is not given.
    summarise : callable
        What is made of each output, (n, channels, h, w) or (n, units), as soon as it is there, and
        shares no memory with it: a copy, where it is not given.

    Returns
    -------
    dict
        {layer: its output, or what was made of it}, in the order of their calls, on the network's
        device.

    Raises
    ------
    ValueError
        For a layer that the network does not have; it names the nearest one.
    """
    with Recorder(model, None if layers is None else set(layers), summarise) as recorder:
        model(on_its_device(model, images))
    for name in layers or ():
        if name not in recorder.outputs:
            raise models.unknown_layer(name, recorder.seen)
    return recorder.outputs


def on_its_device(model: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Return images on the device of a network."""
    return images.to(next(model.parameters(), images).device)


def layer_names(model: torch.nn.Module, images: torch.Tensor) -> list[str]:
    """Return the names of a network's layers in the order of their calls."""
    with torch.inference_mode(), Recorder(model, ()) as recorder:
        model(on_its_device(model, images[:1]))
    return recorder.seen


def relu_places(network: torch.nn.Module, images: torch.Tensor) -> dict[str, str]:
    """Return {place: ReLU, or one of its kin (`ACTIVATIONS`)}, each by what it passes on.

    That is a convolution or a dense layer, or behind an addition a block (``res2a``).
    """
    weights = (name for name, value in network.named_parameters() if value.dim() > 1)
    layers = {name.rpartition(".")[0] for name in weights}
    layer = place = ""
    found = {}
    for name in layer_names(network, images):
        if name in layers:
            layer = place = name
        elif name.startswith("add"):
            place = layer.split("_branch")[0]
        elif name.rpartition("_")[0] in ACTIVATIONS:
            found[place] = name
    return found


def single_places(network: torch.nn.Module, images: torch.Tensor) -> dict[str, str]:
    """Return {convolution: the ReLU that passes on its units}."""
    convolutions = models.conv_layers(network)
    places = relu_places(network, images)
    return {place: relu for place, relu in places.items() if place in convolutions}


@torch.inference_mode()
def receptive_field(model: torch.nn.Module, images: torch.Tensor, layer: str) -> int:
    """Return how many pixels wide is what a unit of a layer sees, at most an image's width.

    A nan in a column of the image reaches just those positions that see the column. `images` say
    what the network takes; a network on the CPU is needed, where no convolution mixes positions.
    """
    width = images.shape[-1]
    probes = images[:1].expand(width, -1, -1, -1).clone()
    for column in range(width):
        probes[column, ..., column] = torch.nan
    output = record(model, probes, [layer])[layer]
    middle = output if output.dim() == 2 else output[..., output.shape[-1] // 2]
    return int(middle.flatten(1).isnan().any(1).sum())


def on_other_images(network: torch.nn.Module) -> torch.nn.Module:
    """Return a copy that sees the images of each batch in another order, layers' names as before.

    They are rotated by half a batch. What its outputs have in common with another network's is
    chance.
    """
    other = copy.deepcopy(network)
    other.register_forward_pre_hook(lambda _, args: (args[0].roll(max(1, len(args[0]) // 2), 0),))
    return other
