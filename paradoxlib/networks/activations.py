"""What the layers of any network put out, by name and in order, while it looks at images.

Convolutions, batch norms, ReLUs, additions, poolings and dense layers are seen as they are called,
whether a module or a function does it. So this works for anybody's networks, torchvision's among
them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from paradoxlib import devices
from paradoxlib.networks import models

NAMED_BY_WEIGHTS = {torch.conv2d, F.batch_norm, F.linear}
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
}


class Recorder(TorchFunctionMode):
    """While it is active, keeps the outputs of a network's layers in the order of their calls.

    A layer with weights has their name, any other the name of its kind and a number (``relu_3``).
    Outputs are copies, so that what later changes them in place does not change what is kept.

    Parameters
    ----------
    model : torch.nn.Module
        The network, which is then called on images.
    wanted : collection of str, optional
        Names of the layers whose outputs are kept; all where it is not given.

    Attributes
    ----------
    outputs : dict
        {layer: its output}, of those wanted.
    seen : list
        The names of all layers, in the order of their calls.
    """

    def __init__(self, model: torch.nn.Module, wanted: Collection[str] | None = None) -> None:
        super().__init__()
        self.names = {
            id(value): name.rpartition(".")[0] for name, value in model.named_parameters()
        }
        self.wanted = wanted
        self.outputs: dict[str, torch.Tensor] = {}
        self.seen: list[str] = []
        self.counts: dict[str, int] = {}  # calls of a kind, or of a layer that is used twice

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
            if self.wanted is None or name in self.wanted:
                self.outputs[name] = output.detach().clone()
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
        if kind is None or output.dim() != 4:
            return None
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return f"{kind}_{self.counts[kind]}"


@torch.inference_mode()
@devices.exact_float32()
def record(
    model: torch.nn.Module, images: torch.Tensor, layers: Collection[str] | None = None
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

    Returns
    -------
    dict
        {layer: tensor (n, channels, h, w) or (n, units)}, in the order of their calls, on the
        network's device.

    Raises
    ------
    ValueError
        For a layer that the network does not have; it names the nearest one.
    """
    with Recorder(model, None if layers is None else set(layers)) as recorder:
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
    """Return {place: ReLU}, each ReLU by what it passes on.

    That is a convolution, or behind an addition a block (``res2a``).
    """
    convolutions = models.conv_layers(network)
    convolution = place = ""
    found = {}
    for name in layer_names(network, images):
        if name in convolutions:
            convolution = place = name
        elif name.startswith("add"):
            place = convolution.split("_")[0]
        elif name.startswith("relu"):
            found[place] = name
    return found


class OtherImages(torch.nn.Module):
    """A network that sees each batch in another order.

    What its outputs have in common with another network's is chance.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the network's outputs for the images rotated by half a batch."""
        return self.network(images.roll(max(1, len(images) // 2), 0))
