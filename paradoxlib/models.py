"""Residual networks as the paper counts them.

Every layer is an attribute of the network under its name in the paper (``res3c_branch2c``), so a state dict reads like the
paper's Figure 5: ``conv1``, ``res2a_branch2a`` ... ``res5c_branch2c``, their batch norms ``bn_conv1``, ``bn2a_branch2a`` ..., and
the dense layer ``fc``. Every convolution has a bias.
"""

import copy
import math
from difflib import get_close_matches
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

BLOCKS = {"resnet20": (3, 3, 3), "resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3), "resnet152": (3, 8, 36, 3)}
INITIALISERS = ("he_normal", "glorot_uniform", "gaussian_derivative", "difference_of_gaussians", "sum_of_gaussians")


class Block(NamedTuple):
    """One residual block: its name, width, stride and whether its shortcut is a projection."""

    name: str
    width: int
    stride: int
    projection: bool


def build(name, num_classes=10, small_images=False, initialiser=None, generator=None):
    """Return a freshly initialised network.

    Parameters
    ----------
    name : str
        ``resnet20``, ``resnet50``, ``resnet101`` or ``resnet152``.
    num_classes : int
        Outputs of the dense layer ``fc``; at least 2.
    small_images : bool
        For the ImageNet networks at 32 x 32 pixels: ``conv1`` without stride and no pooling after it. The weights are the same in
        number and shape. resnet20 is made for 32 x 32 and ignores it.
    initialiser : str, optional
        One of `INITIALISERS`; he_normal for resnet20 and glorot_uniform for the others where it is not given.
    generator : torch.Generator, optional
        Source of the random weights.

    Returns
    -------
    torch.nn.Module
        Maps RGB images (n, 3, h, w), 0..1, to logits (n, num_classes); see `ResNet.standardise`.
    """
    if name not in BLOCKS:
        raise ValueError(f"unknown architecture {name!r}: choose one of {', '.join(BLOCKS)}")
    if num_classes < 2:
        raise ValueError(f"num_classes is {num_classes}: a classifier needs at least 2")
    initialiser = initialiser or ("he_normal" if name == "resnet20" else "glorot_uniform")
    if initialiser not in INITIALISERS:
        raise ValueError(f"unknown initialiser {initialiser!r}: choose one of {', '.join(INITIALISERS)}")
    model = empty(name, num_classes, small_images)
    initialise(model, initialiser, generator)
    return model.to(memory_format=torch.channels_last)


def empty(name, num_classes=10, small_images=False):
    """Return a network of an architecture with PyTorch's own weights, for its layers' names and shapes."""
    return BasicResNet(num_classes) if name == "resnet20" else BottleneckResNet(BLOCKS[name], num_classes, small_images)


def conv_layers(model):
    """Return {layer name: Conv2d} in the paper's order: of a block first its branch2 layers, then its projection."""
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}


def convolutions(state):
    """Return the names of a state dict's convolutions, those with weights of four dimensions, in its order."""
    return [name.removesuffix(".weight") for name, value in state.items() if name.endswith(".weight") and value.dim() == 4]


def batch_norm_name(layer):
    """Return the name of the batch norm that follows a convolution (``res3c_branch2c`` -> ``bn3c_branch2c``)."""
    return "bn" + layer.removeprefix("res") if layer.startswith("res") else f"bn_{layer}"


def count_values(model):
    """Return the number of values that describe a network, the running statistics of its batch norms counted."""
    return sum(value.numel() for value in model.state_dict().values() if value.is_floating_point())


def load_state(model, state):
    """Put a state dict into a network; ValueError names what is missing, left over or of another shape."""
    own = model.state_dict()
    for name in [*own, *state]:
        if name not in state or name not in own:
            where = "is missing" if name not in state else "is left over"
            raise ValueError(f"the weights do not fit this architecture: {name!r} {where}")
        if own[name].shape != state[name].shape:
            raise ValueError(f"the weights do not fit this architecture: {name!r} is {tuple(state[name].shape)}, not {tuple(own[name].shape)}")
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(state[name])


@torch.no_grad()
def folded(model):
    """Return a copy of a network, for evaluation alone, whose batch norms are folded into the convolutions before them.

    The function is the same to the rounding of float32.
    """
    model = copy.deepcopy(model).eval().to(memory_format=torch.channels_last)
    model.folded = True
    for name, layer in conv_layers(model).items():
        norm = getattr(model, batch_norm_name(name), None)
        if norm is not None:
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            layer.weight.mul_(scale.view(-1, 1, 1, 1))
            layer.bias.sub_(norm.running_mean).mul_(scale).add_(norm.bias)
            setattr(model, batch_norm_name(name), nn.Identity())
    return model


def unknown_layer(layer, known):
    """Return the error for a layer that a network does not have; it names the nearest one."""
    near = get_close_matches(layer, list(known), 1)
    return ValueError(f"unknown layer {layer!r}" + (f": did you mean {near[0]!r}?" if near else f": known are {', '.join(known)}"))


class ResNet(nn.Module):
    """What both kinds of network share: standardised input, layers by name, convolution followed by batch norm."""

    folded = False

    def __init__(self):
        super().__init__()
        for name in ("mean", "std"):  # of the training images; not part of the state, which holds the counted values alone
            self.register_buffer(name, torch.full((1, 3, 1, 1), float(name == "std")), persistent=False)

    def standardise(self, mean, std):
        """Set the channel means and standard deviations (3 numbers each, in 0..1) that images are standardised by."""
        for buffer, values in ((self.mean, mean), (self.std, std)):
            buffer.copy_(torch.as_tensor(values).view(1, 3, 1, 1))

    def add_conv(self, name, inputs, outputs, size, stride=1, norm=True):
        self.add_module(name, nn.Conv2d(inputs, outputs, size, stride, bias=True))
        if norm:  # Keras' momentum of .99 is PyTorch's .01
            self.add_module(batch_norm_name(name), BatchNorm2d(outputs, eps=1e-3, momentum=0.01))

    def conv(self, name, x):
        """Convolve with "same" padding: at stride 2 an even image is padded at the bottom and the right alone."""
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

    def conv_norm(self, name, x):
        return getattr(self, batch_norm_name(name))(self.conv(name, x))


class BatchNorm2d(nn.BatchNorm2d):
    """Batch norm without the counter of batches, which nothing reads and which would be one more value in each file."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        del self.num_batches_tracked
        self.num_batches_tracked = None


class BasicResNet(ResNet):
    """ResNet20 for 32 x 32 images: 16, 32 and 64 channels, three blocks of two 3 x 3 convolutions each."""

    def __init__(self, num_classes):
        super().__init__()
        self.blocks = []
        self.add_conv("conv1", 3, 16, 3)
        channels = 16
        for stage, width in enumerate((16, 32, 64), start=2):
            for letter in "abc":
                first = stage > 2 and letter == "a"
                block = Block(f"res{stage}{letter}", width, 2 if first else 1, first)
                self.add_conv(block.name + "_branch2a", channels, width, 3, block.stride)
                self.add_conv(block.name + "_branch2b", width, width, 3)
                if block.projection:  # with a bias and without batch norm, as in the original
                    self.add_conv(block.name + "_branch1", channels, width, 1, block.stride, norm=False)
                self.blocks.append(block)
                channels = width
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x):
        x = F.relu(self.conv_norm("conv1", (x - self.mean) / self.std))
        for name, _, _, projection in self.blocks:
            y = F.relu(self.conv_norm(name + "_branch2a", x))
            y = self.conv_norm(name + "_branch2b", y)
            x = F.relu(y + (self.conv(name + "_branch1", x) if projection else x))
        return self.fc(x.mean((2, 3)))


class BottleneckResNet(ResNet):
    """ResNet50, 101 or 152 in the original layout: the stride is on the first 1 x 1 convolution and on the projection."""

    def __init__(self, depths, num_classes, small_images=False):
        super().__init__()
        self.small_images = small_images
        self.blocks = []
        self.add_conv("conv1", 3, 64, 7, 1 if small_images else 2)
        channels = 64
        for stage, depth in enumerate(depths, start=2):
            # the original names: letters while there are few blocks, a, b1, b2 ... where there are many
            numbered = depth > 6
            for i in range(depth):
                label = f"b{i}" if numbered and i else "abcdef"[i]
                block = Block(f"res{stage}{label}", 64 * 2 ** (stage - 2), 2 if i == 0 and stage > 2 else 1, i == 0)
                self.add_conv(block.name + "_branch2a", channels, block.width, 1, block.stride)
                self.add_conv(block.name + "_branch2b", block.width, block.width, 3)
                self.add_conv(block.name + "_branch2c", block.width, 4 * block.width, 1)
                if block.projection:
                    self.add_conv(block.name + "_branch1", channels, 4 * block.width, 1, block.stride)
                self.blocks.append(block)
                channels = 4 * block.width
        self.fc = nn.Linear(channels, num_classes)

    def conv(self, name, x):
        """Convolve kernels or images of one position by a matrix product, where that is faster on CPUs: trained, or folded and in float32.

        Its gradient takes half the time. Elsewhere the layer is called, which `activations` sees by name.
        """
        layer = getattr(self, name)
        size, stride = layer.kernel_size[0], layer.stride[0]
        faster = self.training or (self.folded and x.device.type == "cpu" and not torch.is_autocast_enabled("cpu"))
        if not faster or (size > 1 and x.shape[2:] != (1, 1)):
            return super().conv(name, x)
        centre = layer.weight[:, :, size // 2, size // 2]
        return F.linear(x[:, :, ::stride, ::stride].permute(0, 2, 3, 1), centre, layer.bias).permute(0, 3, 1, 2)

    def forward(self, x):
        x = F.relu(self.conv_norm("conv1", (x - self.mean) / self.std))
        if not self.small_images:
            x = F.max_pool2d(x, 3, 2, 1)
        for name, _, _, projection in self.blocks:
            y = F.relu(self.conv_norm(name + "_branch2a", x))
            y = F.relu(self.conv_norm(name + "_branch2b", y))
            y = self.conv_norm(name + "_branch2c", y)
            x = F.relu(y + (self.conv_norm(name + "_branch1", x) if projection else x))
        return self.fc(x.mean((2, 3)))


@torch.no_grad()
def initialise(model, initialiser, generator=None):
    """Fill the kernels of a network; biases are 0, batch norms the identity.

    ``he_normal`` is the truncated normal of Keras, ``glorot_uniform`` its uniform. The other three overwrite every two-dimensional slice of
    a kernel larger than 1 x 1 with a Gaussian derivative, a difference or a sum of two Gaussians of random width, direction and
    sign, scaled to He's standard deviation (the paper's varied initialisers; the scale is ours).
    """
    for layer in model.modules():
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        weight = layer.weight
        fan_in, fan_out = weight[0].numel(), weight.shape[0] * weight[0, 0].numel()
        he = math.sqrt(2 / fan_in)
        if initialiser == "glorot_uniform":
            limit = math.sqrt(6 / (fan_in + fan_out))
            weight.uniform_(-limit, limit, generator=generator)
        else:  # .8796 is the standard deviation of a unit normal cut at two
            scale = he / 0.87962566103423978
            nn.init.trunc_normal_(weight, 0, scale, -2 * scale, 2 * scale, generator=generator)
            if weight.dim() == 4 and weight.shape[-1] > 1 and initialiser != "he_normal":
                slices = gaussian_slices(weight.shape, initialiser, generator)
                weight.copy_(slices * he / slices.std())
        layer.bias.zero_()


def gaussian_slices(shape, kind, generator=None):
    """Return kernels (out, in, k, k) whose every slice is a random Gaussian derivative, difference or sum of Gaussians."""
    size = shape[-1]
    radius = (size - 1) / 2
    y, x = torch.meshgrid(*[torch.linspace(-radius, radius, size)] * 2, indexing="ij")

    def draw(low, high):
        return low + (high - low) * torch.rand((*shape[:2], 1, 1), generator=generator)

    def gaussian(sigma):
        bell = torch.exp(-(x**2 + y**2) / (2 * sigma**2))
        return bell / bell.sum((2, 3), keepdim=True)

    sigma, sign = draw(0.4, 1.0) * size / 3, draw(-1, 1).sign()
    if kind == "gaussian_derivative":
        angle = draw(0, 2 * math.pi)
        return -(x * angle.cos() + y * angle.sin()) / sigma**2 * gaussian(sigma)
    wide = sigma * draw(1.5, 2.5)
    return sign * (gaussian(sigma) + (gaussian(wide) if kind == "sum_of_gaussians" else -gaussian(wide)))
