"""Networks by name: build them, name their layers, load and fold them.

They are residual networks as the paper counts them, and one without blocks.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from paradoxlib.networks import initialisers, resnets

State = dict[str, torch.Tensor]  # a network's state dict


class ConvNet(resnets.ResNet):
    """Five convolutions and three dense layers for 32 x 32 images, after AlexNet; no blocks.

    Convolutions have AlexNet's 96, 256, 384, 384 and 256 channels, the first two are smaller (5 x 5
    and 3 x 3, without stride), the dense layers ``fc6`` and ``fc7`` have 1,024 units instead of
    4,096, and the network's norm stands in place of AlexNet's.
    """

    branches = ()
    width = 96
    expansion = 1
    channels = (96, 256, 384, 384, 256)  # of each convolution
    dense = 1024  # units of the dense layers but the last
    pooled = (1, 2, 5)  # convolutions that a pooling follows

    def __init__(self, depths: tuple[int, ...], num_classes: int, *form: Any) -> None:
        super().__init__(depths, num_classes, *form)
        del self.fc
        inputs, outputs = self.scaled(self.channels[-1]) * 4 * 4, self.scaled(self.dense)
        for name in ("fc6", "fc7"):
            self.add_module(name, nn.Linear(inputs, outputs))
            inputs = outputs
        self.fc = nn.Linear(inputs, num_classes)

    def scaled(self, units: int) -> int:
        """Return how many units a layer has, given those of a network that is once as wide."""
        return units * self.width // self.channels[0]

    def add_stem(self) -> None:
        """Add all convolutions."""
        inputs = 3
        for i, channels in enumerate(self.channels, 1):
            outputs = self.scaled(channels)
            self.add_conv(f"conv{i}", inputs, outputs, 5 if i == 1 else 3)
            inputs = outputs

    def add_block(self, block: resnets.Block, inputs: int) -> None:
        """Add nothing: there are no blocks."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, num_classes) of images (n, 3, h, w), 0..1."""
        x = (x - self.mean) / self.std
        for i in range(1, 6):
            x = F.relu(self.conv_norm(f"conv{i}", x))
            if i in self.pooled:
                x = F.max_pool2d(x, 3, 2, 1)
        x = F.adaptive_avg_pool2d(x, 4).flatten(1)  # of 32 x 32 images what it is already
        for name in ("fc6", "fc7"):
            x = F.relu(self.get_submodule(name)(x))
        return self.fc(x)


@dataclass(frozen=True)
class Architecture:
    """All that is known of an architecture.

    Attributes
    ----------
    network : type of ResNet
        Its class: ``network(depths, num_classes, small_images, norm)`` makes one.
    depths : tuple of int
        The number of blocks of each stage.
    initialiser : str
        One of `initialisers.INITIALISERS`, used where none is asked for.
    """

    network: type[resnets.ResNet]
    depths: tuple[int, ...]
    initialiser: str

    @property
    def branches(self) -> tuple[str, ...]:
        """Return the names of a block's convolutions, in their order, the projection aside."""
        return self.network.branches


ARCHITECTURES = {
    "resnet20": Architecture(resnets.BasicResNet, (3, 3, 3), "he_normal"),
    "resnet32": Architecture(resnets.BasicResNet, (5, 5, 5), "he_normal"),
    "resnet56": Architecture(resnets.BasicResNet, (9, 9, 9), "he_normal"),
    "convnet": Architecture(ConvNet, (), "he_normal"),
    "resnet50": Architecture(resnets.BottleneckResNet, (3, 4, 6, 3), "glorot_uniform"),
    "resnet101": Architecture(resnets.BottleneckResNet, (3, 4, 23, 3), "glorot_uniform"),
    "resnet152": Architecture(resnets.BottleneckResNet, (3, 8, 36, 3), "glorot_uniform"),
}


def build(
    name: str,
    num_classes: int = 10,
    small_images: bool = False,
    initialiser: str | None = None,
    generator: torch.Generator | None = None,
    norm: str = "batch",
    width: float = 1,
) -> resnets.ResNet:
    """Return a freshly initialised network.

    Parameters
    ----------
    name : str
        One of `ARCHITECTURES`, as ``resnet20``.
    num_classes : int
        Outputs of the dense layer ``fc``; at least 2.
    small_images : bool
        For the ImageNet networks at 32 x 32 pixels: ``conv1`` without stride and no pooling after
        it. The weights are the same in number and shape. resnet20 and its kin are made for 32 x 32
        and ignore it.
    initialiser : str, optional
        One of `initialisers.INITIALISERS`. Where it is not given, the architecture's own:
        he_normal for resnet20 and its kin, glorot_uniform for the others.
    generator : torch.Generator, optional
        Source of the random weights.
    norm : str
        One of `resnets.NORMS`: ``batch``, ``group``, or ``none``, a scale and a shift without a
        norm, where each block starts as the identity.
    width : float
        How many times as many channels as the architecture's all layers have: 2, or 0.25. The first
        layer's must be a whole number, at least 1.

    Returns
    -------
    ResNet
        Maps RGB images (n, 3, h, w), 0..1, to logits (n, num_classes); see `ResNet.standardise`.

    Raises
    ------
    ValueError
        For an unknown architecture, initialiser or norm, fewer than 2 classes, or a width that
        does not give whole channels.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"unknown architecture {name!r}: choose one of {', '.join(ARCHITECTURES)}")
    if num_classes < 2:
        raise ValueError(f"num_classes is {num_classes}: a classifier needs at least 2")
    initialiser = initialiser or ARCHITECTURES[name].initialiser
    if initialiser not in initialisers.INITIALISERS:
        known = ", ".join(initialisers.INITIALISERS)
        raise ValueError(f"unknown initialiser {initialiser!r}: choose one of {known}")
    if norm not in resnets.NORMS:
        raise ValueError(f"unknown norm {norm!r}: choose one of {', '.join(resnets.NORMS)}")
    check_width(name, width)
    model = empty(name, num_classes, small_images, norm, width)
    initialisers.initialise(model, initialiser, generator)
    if norm == "none":
        for block in model.blocks:
            last = resnets.batch_norm_name(f"{block.name}_{model.branches[-1]}")
            nn.init.zeros_(getattr(model, last).weight)
    return model.to(memory_format=torch.channels_last)


def check_width(name: str, width: float) -> None:
    """Raise ValueError unless the first layer of one of `ARCHITECTURES` gets whole channels."""
    channels = width * ARCHITECTURES[name].network.width
    if channels < 1 or channels != int(channels):
        raise ValueError(
            f"width is {width}: the first layer of {name} would have {channels:g} channels"
        )


def empty(
    name: str,
    num_classes: int = 10,
    small_images: bool = False,
    norm: str = "batch",
    width: float = 1,
) -> resnets.ResNet:
    """Return a network with PyTorch's own first weights, for its layers' names and shapes."""
    architecture = ARCHITECTURES[name]
    return architecture.network(architecture.depths, num_classes, small_images, norm, width)


def conv_layers(model: nn.Module) -> dict[str, nn.Conv2d]:
    """Return {layer name: Conv2d} in the paper's order.

    Of a block first come its branch2 layers, then its projection.
    """
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}


def kernel_shapes(architecture: str, width: float = 1) -> dict[str, torch.Size]:
    """Return {convolution: shape of its weights} of one of `ARCHITECTURES`, so many times wide."""
    layers = conv_layers(empty(architecture, width=width))
    return {name: layer.weight.shape for name, layer in layers.items()}


def convolutions(state: State) -> list[str]:
    """Return the names of a state dict's convolutions, in its order.

    A convolution is what has a weight of four dimensions.
    """
    return [
        name.removesuffix(".weight")
        for name, value in state.items()
        if name.endswith(".weight") and value.dim() == 4
    ]


def count_values(model: nn.Module) -> int:
    """Return the number of values that describe a network, running statistics included."""
    return sum(value.numel() for value in model.state_dict().values() if value.is_floating_point())


def load_state(model: nn.Module, state: State) -> None:
    """Put a state dict into a network.

    Raises
    ------
    ValueError
        For an entry that is missing, left over or of another shape; it is named.
    """
    own, misfit = model.state_dict(), "the weights do not fit this architecture"
    for name in [*own, *state]:
        if name not in state:
            raise ValueError(f"{misfit}: {name!r} is missing")
        if name not in own:
            raise ValueError(f"{misfit}: {name!r} is left over")
        given, needed = tuple(state[name].shape), tuple(own[name].shape)
        if given != needed:
            raise ValueError(f"{misfit}: {name!r} is {given}, not {needed}")
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(state[name])


def with_state(model: nn.Module, state: State) -> nn.Module:
    """Return a copy of a network with another state."""
    other = copy.deepcopy(model)
    load_state(other, state)
    return other


@torch.no_grad()
def folded(model: nn.Module) -> nn.Module:
    """Return a copy of a network, for evaluation alone, with fewer layers.

    Our networks' batch norms are folded into the convolutions before them; other networks stay as
    they are. The function is the same to the rounding of float32.
    """
    model = copy.deepcopy(model).eval().to(memory_format=torch.channels_last)
    if isinstance(model, resnets.ResNet):
        model.folded = True
    for name, layer in conv_layers(model).items():
        norm = getattr(model, resnets.batch_norm_name(name), None)
        if not isinstance(norm, resnets.BatchNorm2d) or layer.bias is None:
            continue
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        layer.weight.mul_(scale.view(-1, 1, 1, 1))
        layer.bias.sub_(norm.running_mean).mul_(scale).add_(norm.bias)
        setattr(model, resnets.batch_norm_name(name), nn.Identity())
    return model


def unknown_layer(layer: str, known: Iterable[str]) -> ValueError:
    """Return the error for a layer that a network does not have; it names the nearest one."""
    names = list(known)
    near = get_close_matches(layer, names, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"
    return ValueError(f"unknown layer {layer!r}: {hint}")
