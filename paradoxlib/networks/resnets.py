"""Residual networks as the paper counts them.

Every layer is an attribute of the network under its name in the paper (``res3c_branch2c``), so the
names of a state dict are those of the paper's Figure 5: ``conv1``, ``res2a_branch2a`` ...
``res5c_branch2c``, their batch norms ``bn_conv1``, ``bn2a_branch2a`` ..., and the dense layer
``fc``. Every convolution has a bias.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

MOMENTUM = 0.01  # the share of a step's own statistics in what a batch norm gathers


class Block(NamedTuple):
    """One residual block: its name, width, stride and whether its shortcut is a projection."""

    name: str
    width: int
    stride: int
    projection: bool


def batch_norm_name(layer: str) -> str:
    """Return the name of a convolution's norm: ``bn3c_branch2c`` of ``res3c_branch2c``."""
    return "bn" + layer.removeprefix("res") if layer.startswith("res") else f"bn_{layer}"


class BatchNorm2d(nn.BatchNorm2d):
    """Batch norm without the counter of batches.

    Nothing reads the counter, and it would be one more value in each file.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.num_batches_tracked
        self.num_batches_tracked = None


class GroupNorm(nn.Module):
    """Group norm (Wu and He 2018): each image's channels are normalised in 8 groups.

    It remembers no statistics. The maps are laid out channel by channel meanwhile: PyTorch's own
    layer on channels-last maps makes a training on a CPU 1.5 times as long.
    """

    groups = 8

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels % self.groups:
            raise ValueError(f"{channels} channels cannot be normalised in {self.groups} groups")
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise, scale and shift maps (n, channels, h, w)."""
        with torch.autocast(x.device.type, enabled=False):
            scale, shift = self.weight.to(x.dtype), self.bias.to(x.dtype)
            y = F.group_norm(x.contiguous(), self.groups, scale, shift, 1e-3)
        return y.contiguous(memory_format=torch.channels_last)


class ScaleAndShift(nn.Module):
    """No norm: a scale and a shift for each channel, both learned.

    With a scale of 0 at the end of each block, which is then the identity, deep networks train
    without norms (De and Smith 2020, SkipInit).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale and shift maps (n, channels, h, w)."""
        scale, shift = (value.to(x.dtype).view(1, -1, 1, 1) for value in (self.weight, self.bias))
        return torch.addcmul(shift, x, scale)


def batch_norm(channels: int) -> BatchNorm2d:
    """Return a batch norm with Keras' settings: its momentum of .99 is PyTorch's .01."""
    return BatchNorm2d(channels, eps=1e-3, momentum=MOMENTUM)


# {what follows a convolution: how it is made for a number of channels}
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": batch_norm,
    "group": GroupNorm,
    "none": ScaleAndShift,
}


class ResNet(nn.Module, ABC):
    """What both kinds of network share: all but the first layer and the layers of a block.

    Attributes
    ----------
    branches : tuple of str
        The names of a block's convolutions, in their order, the projection aside.
    width : int
        The channels of the first layer and of the first stage's blocks; each stage doubles them. A
        network may be so many times as wide as its class.
    expansion : int
        The channels that a block puts out, as a multiple of its width.
    norm : str
        What follows the convolutions, one of `NORMS`.
    folded : bool
        Whether batch norms have been folded into the convolutions.
    blocks : list of Block
        The residual blocks, in their order.
    """

    branches: ClassVar[tuple[str, ...]]
    width: int
    expansion: ClassVar[int]
    mean: torch.Tensor
    std: torch.Tensor
    folded = False

    def __init__(
        self,
        depths: Sequence[int],
        num_classes: int,
        small_images: bool = False,
        norm: str = "batch",
        times: float = 1,
    ) -> None:
        super().__init__()
        self.width = round(times * self.width)
        self.small_images, self.norm = small_images, norm
        self.blocks: list[Block] = []
        # of the training images; not part of the state, which holds the counted values alone
        self.register_buffer("mean", torch.zeros(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.ones(1, 3, 1, 1), persistent=False)
        self.add_stem()
        channels = self.width
        for stage, depth in enumerate(depths, start=2):
            width = self.width * 2 ** (stage - 2)
            for i in range(depth):
                # the original names: letters, or a, b1, b2 ... where there are many blocks
                label = f"b{i}" if depth > 6 and i else "abcdef"[i]
                stride = 2 if i == 0 and stage > 2 else 1
                projection = stride > 1 or channels != self.expansion * width
                block = Block(f"res{stage}{label}", width, stride, projection)
                self.add_block(block, channels)
                self.blocks.append(block)
                channels = self.expansion * width
        self.fc = nn.Linear(channels, num_classes)

    @abstractmethod
    def add_stem(self) -> None:
        """Add the first layer, ``conv1``."""

    @abstractmethod
    def add_block(self, block: Block, inputs: int) -> None:
        """Add the layers of a block: its `branches`, then its projection ``branch1``."""

    def add_conv(
        self, name: str, inputs: int, outputs: int, size: int, stride: int = 1, norm: bool = True
    ) -> None:
        """Add a convolution and, with `norm`, the network's norm after it."""
        self.add_module(name, nn.Conv2d(inputs, outputs, size, stride, bias=True))
        if norm:
            self.add_module(batch_norm_name(name), NORMS[self.norm](outputs))

    def standardise(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Set the channel means and standard deviations that images are standardised by.

        Each is 3 numbers in 0..1.
        """
        self.mean.copy_(torch.as_tensor(mean).view(1, 3, 1, 1))
        self.std.copy_(torch.as_tensor(std).view(1, 3, 1, 1))

    def conv(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """Convolve with "same" padding.

        At stride 2 an even image is padded at the bottom and the right alone.
        """
        layer = getattr(self, name)
        size, stride = layer.kernel_size[0], layer.stride[0]
        if size == 1:
            return layer(x)
        if stride == 1:
            return F.conv2d(x, layer.weight, layer.bias, 1, size // 2)
        pads = []
        for length in (x.shape[-1], x.shape[-2]):
            total = max((math.ceil(length / stride) - 1) * stride + size - length, 0)
            pads += [total // 2, total - total // 2]
        return layer(F.pad(x, pads))

    def conv_norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """Convolve, and normalise where a norm follows."""
        x = self.conv(name, x)
        norm = getattr(self, batch_norm_name(name), None)
        return x if norm is None else norm(x)

    def stem(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the first block sees of standardised images."""
        return F.relu(self.conv_norm("conv1", x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits (n, num_classes) of images (n, 3, h, w), 0..1."""
        x = self.stem((x - self.mean) / self.std)
        *first, last = self.branches
        for block in self.blocks:
            y = x
            for branch in first:
                y = F.relu(self.conv_norm(f"{block.name}_{branch}", y))
            y = self.conv_norm(f"{block.name}_{last}", y)
            shortcut = self.conv_norm(f"{block.name}_branch1", x) if block.projection else x
            x = F.relu(y + shortcut)
        return self.fc(x.mean((2, 3)))


class BasicResNet(ResNet):
    """ResNet20 for 32 x 32 images: blocks of two 3 x 3 convolutions, 16, 32 and 64 channels wide.

    It is made for small images and ignores `small_images`.
    """

    branches = ("branch2a", "branch2b")
    width = 16
    expansion = 1

    def add_stem(self) -> None:
        """Add a 3 x 3 convolution."""
        self.add_conv("conv1", 3, self.width, 3)

    def add_block(self, block: Block, inputs: int) -> None:
        """Add two 3 x 3 convolutions; the first has the block's stride."""
        name, width, stride, projection = block
        self.add_conv(f"{name}_branch2a", inputs, width, 3, stride)
        self.add_conv(f"{name}_branch2b", width, width, 3)
        if projection:  # with a bias and without batch norm, as in the original
            self.add_conv(f"{name}_branch1", inputs, width, 1, stride, norm=False)


class BottleneckResNet(ResNet):
    """ResNet50, 101 or 152 in the original layout.

    The stride is on the first 1 x 1 convolution of a block and on its projection. With
    `small_images`, ``conv1`` has no stride and no pooling follows it.
    """

    branches = ("branch2a", "branch2b", "branch2c")
    width = 64
    expansion = 4

    def add_stem(self) -> None:
        """Add a 7 x 7 convolution."""
        self.add_conv("conv1", 3, self.width, 7, 1 if self.small_images else 2)

    def stem(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the first block sees of standardised images."""
        x = super().stem(x)
        return x if self.small_images else F.max_pool2d(x, 3, 2, 1)

    def add_block(self, block: Block, inputs: int) -> None:
        """Add a 1 x 1, a 3 x 3 and a 1 x 1 convolution; the first has the block's stride."""
        name, width, stride, projection = block
        outputs = self.expansion * width
        self.add_conv(f"{name}_branch2a", inputs, width, 1, stride)
        self.add_conv(f"{name}_branch2b", width, width, 3)
        self.add_conv(f"{name}_branch2c", width, outputs, 1)
        if projection:
            self.add_conv(f"{name}_branch1", inputs, outputs, 1, stride)

    def conv(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """Convolve kernels or images of one position by a matrix product where that is faster.

        It is so in training (on CPUs its gradient takes half the time) and, folded, on CPUs in
        float32. Elsewhere the layer itself is called, so that `activations` sees it by its name.
        """
        layer = getattr(self, name)
        size, stride = layer.kernel_size[0], layer.stride[0]
        faster = self.training or (
            self.folded and x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
        )
        if not faster or (size > 1 and x.shape[2:] != (1, 1)):
            return super().conv(name, x)
        centre = layer.weight[:, :, size // 2, size // 2]
        seen = x[:, :, ::stride, ::stride].permute(0, 2, 3, 1)
        return F.linear(seen, centre, layer.bias).permute(0, 3, 1, 2)
