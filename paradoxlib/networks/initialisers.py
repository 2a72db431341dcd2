"""First weights of a network."""

import math

import torch
from torch import nn

INITIALISERS = (
    "he_normal",
    "glorot_uniform",
    "gaussian_derivative",
    "difference_of_gaussians",
    "sum_of_gaussians",
)
CUT_NORMAL_SD = 0.87962566103423978  # standard deviation of a unit normal cut at two


@torch.no_grad()
def initialise(
    model: nn.Module, initialiser: str, generator: torch.Generator | None = None
) -> None:
    """Fill the kernels of a network; biases become 0, and batch norms stay the identity.

    ``he_normal`` is the truncated normal of Keras, ``glorot_uniform`` its uniform. The other three
    start from ``he_normal`` and overwrite every two-dimensional slice of a kernel larger than 1 x 1
    with a Gaussian derivative, a difference or a sum of two Gaussians of random width, direction
    and sign, scaled to He's standard deviation (the paper's varied initialisers; the scale is
    ours).
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
        else:
            scale = he / CUT_NORMAL_SD
            nn.init.trunc_normal_(weight, 0, scale, -2 * scale, 2 * scale, generator=generator)
            if weight.dim() == 4 and weight.shape[-1] > 1 and initialiser != "he_normal":
                slices = gaussian_slices(weight.shape, initialiser, generator)
                weight.copy_(slices * he / slices.std())
        if layer.bias is not None:
            layer.bias.zero_()


def gaussian_slices(
    shape: tuple[int, ...], kind: str, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Return kernels (out, in, k, k) whose every slice is a random shape made of Gaussians.

    `kind` is the initialiser: a Gaussian derivative, a difference or a sum of two Gaussians.
    """
    size = shape[-1]
    radius = (size - 1) / 2
    places = torch.linspace(-radius, radius, size)
    y, x = torch.meshgrid(places, places, indexing="ij")

    def draw(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand((*shape[:2], 1, 1), generator=generator)

    def gaussian(sigma: torch.Tensor) -> torch.Tensor:
        bell = torch.exp(-(x**2 + y**2) / (2 * sigma**2))
        return bell / bell.sum((2, 3), keepdim=True)

    sigma, sign = draw(0.4, 1.0) * size / 3, draw(-1, 1).sign()
    if kind == "gaussian_derivative":
        angle = draw(0, 2 * math.pi)
        return -(x * angle.cos() + y * angle.sin()) / sigma**2 * gaussian(sigma)
    wide = sigma * draw(1.5, 2.5)
    if kind == "sum_of_gaussians":
        return sign * (gaussian(sigma) + gaussian(wide))
    return sign * (gaussian(sigma) - gaussian(wide))
