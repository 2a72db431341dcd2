"""Measures of two networks in action: modules in evaluation mode, and images.

Images are (n, 3, h, w), as the networks want them. Each measure is a number that is higher the more
alike the networks are; `catalogue` says what each does not see, its range and its source.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from paradoxlib import seeds
from paradoxlib.measures import of_features
from paradoxlib.networks import activations, models, resnets, surgery
from paradoxlib.similarity import cka, kernels, permutations, units

BATCH = 100  # images at once
NOISE = 0.1  # on kernels, over their root mean square


def matched_activations(
    networks: Mapping[str, torch.nn.Module],
    pairs: Sequence[tuple[str, str]],
    images: torch.Tensor,
    architecture: str,
) -> dict[tuple[str, str], float]:
    """Return the kernel correlation of pairs, index to index, their units matched by activation.

    The second network's units are permuted to match the first's; see
    `permutations.match_activations`.
    """
    orders = permutations.match_activations(networks, pairs, architecture, images)
    states = {name: network.state_dict() for name, network in networks.items()}
    matched = {}
    for a, b in pairs:
        permuted = permutations.permute(states[b], orders[a, b], architecture)
        matched[a, b] = kernels.similarity(states[a], permuted, "none")
    return matched


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

    The layers are all ReLUs that both have. Layers of which it is not defined are left out; nan
    where there is no other.
    """
    relus = list(activations.relu_places(model_a, images[:1]).values())
    found = cka.cka_matrix(model_a, model_b, images, layers=relus)
    return kernels.mean_of_known([found.loc[name, name] for name in found if name in found.index])


def unit_means(network: torch.nn.Module, images: torch.Tensor) -> dict[str, np.ndarray]:
    """Return {ReLU: the mean of each of its units over positions (n, units)}, float64."""
    relus = list(activations.relu_places(network, images[:1]).values())
    means = [
        activations.record(network, batch, relus, mean_over_positions)
        for batch in images.split(BATCH)
    ]
    return {name: torch.cat([some[name] for some in means]).numpy() for name in relus}


def mean_over_positions(output: torch.Tensor) -> torch.Tensor:
    """Return the mean of each unit (n, units) of a layer's output (n, units, ...), float64."""
    return output.flatten(2).mean(2, dtype=torch.float64)


def mean_over_layers(function: of_features.Features, a: dict[str, Any], b: dict[str, Any]) -> float:
    """Return the mean of a measure of features over the layers that both networks have.

    Of each network are given the layers as `function.alone` made them. Those of which it is not
    defined are left out; nan where there is no other.
    """
    return kernels.mean_of_known([function.between(a[name], b[name]) for name in a if name in b])


@torch.inference_mode()
def probabilities(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Return a network's probabilities of the classes (n, classes), float64."""
    return torch.cat([network(batch).double() for batch in images.split(BATCH)]).softmax(1)


def output_likeness(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return 1 - the mean Jensen-Shannon divergence, in bits, of probabilities (n, classes)."""
    middle = (a + b) / 2
    entropies = [-torch.special.xlogy(p, p).sum(1).mean().item() for p in (middle, a, b)]
    return 1 - (entropies[0] - (entropies[1] + entropies[2]) / 2) / float(np.log(2))


def halfway(a: torch.nn.Module, state: models.State) -> torch.nn.Module:
    """Return the network between one and a state: weights and statistics averaged by index."""
    own = a.state_dict()
    return models.with_state(a, {name: (own[name] + state[name]) / 2 for name in own})


def refreshed(network: torch.nn.Module, images: torch.Tensor) -> torch.nn.Module:
    """Return a copy of a network with running statistics gathered anew on images."""
    return models.with_state(
        network, surgery.reestimate(network, surgery.even_batches(images, BATCH))
    )


def share_right(network: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of images whose class a network names."""
    return (probabilities(network, images).argmax(1) == labels).double().mean().item()


class Stitched(activations.Recorder):
    """While it is active, the output of one of a network's layers is replaced by another.

    The other may be of more images than the network is called on.
    """

    def __init__(self, model: torch.nn.Module, layer: str, output: torch.Tensor) -> None:
        super().__init__(model, ())
        self.layer, self.output = layer, output

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call a function of torch; put the other output in the layer's place."""
        output = super().__torch_function__(function, types, args, kwargs)
        if not (self.seen and self.seen[-1] == self.layer):
            return output
        if output.shape[1:] == self.output.shape[1:]:
            self.seen.append("stitched")
            return self.output
        return output


@torch.inference_mode()
def stitched(
    a: dict[str, torch.Tensor],
    network: torch.nn.Module,
    b: dict[str, torch.Tensor],
    images: torch.Tensor,
) -> float:
    """Return how far a network works on what another one sees.

    At the end of each stage an affine map from the other network's units (`a`, what `stage_outputs`
    returns) to its own (`b`), the same for all positions, is fitted by least squares on half of the
    images (Bansal et al. 2021 train it). On the other half it is the share of the network's
    predictions that come out, above what comes out by maps fitted to other images (0); 1 where all
    do. The mean over stages; nan where maps to other images tell all, or the networks' maps differ
    in size.
    """
    half, scores = len(images) // 2, []
    answers = network(images[half:]).argmax(1)
    # past the end of a stage of these, all depends on it alone: one image leads there
    short = isinstance(network, resnets.BasicResNet)
    seen = images[:1] if short else images[half:].repeat(2, 1, 1, 1)
    for (layer, y), x in zip(b.items(), a.values(), strict=False):
        if x.shape[2:] != y.shape[2:]:
            continue
        x, y = (output.movedim(1, -1).double() for output in (x, y))
        x = torch.cat([x, torch.ones_like(x[..., :1])], -1)
        known = x[:half].flatten(0, 2)
        inverse, made = torch.linalg.pinv(known.T @ known, hermitian=True), []
        for target in (y[:half], y[:half].roll(max(1, half // 2), 0)):
            made.append(x[half:] @ (inverse @ (known.T @ target.flatten(0, 2))))
        output = torch.cat(made).movedim(-1, 1).to(images.dtype)
        with Stitched(network, layer, output):
            found = network(seen).argmax(1).view(2, -1)
        share, control = (found == answers).double().mean(1).tolist()
        scores.append((share - control) / (1 - control) if control < 1 else np.nan)
    return float(np.mean(scores)) if scores else np.nan


def stage_outputs(network: torch.nn.Module, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return {ReLU: output (n, units, h, w)} of the last ReLU of each size of maps."""
    return activations.record(network, images, stage_ends(network, images))


def stage_ends(network: torch.nn.Module, images: torch.Tensor) -> list[str]:
    """Return the last ReLU of each size of maps that a network works with."""
    relus = list(activations.relu_places(network, images[:1]).values())
    sizes = {
        name: out.shape for name, out in activations.record(network, images[:1], relus).items()
    }
    return list({size: name for name, size in sizes.items()}.values())


def steadiness(network: torch.nn.Module, images: torch.Tensor) -> float:
    """Return the share of predictions that stay when noise is added to a network's kernels.

    Gaussian noise of a tenth of each layer's root mean square. ValueError for a network without
    convolutions, which has no noise to withstand.
    """
    noisy, source = copy.deepcopy(network), seeds.generator(0, "weights")
    layers = models.conv_layers(noisy).values()
    if not layers:
        raise ValueError("there are no convolutions to put noise on")
    with torch.no_grad():
        for layer in layers:
            noise = torch.randn(layer.weight.shape, generator=source)
            layer.weight += NOISE * noise * layer.weight.square().mean().sqrt()
    both = [probabilities(one, images).argmax(1) for one in (network, noisy)]
    return (both[0] == both[1]).double().mean().item()
