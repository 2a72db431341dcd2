"""What measures look at: a network with what it is shown, each thing computed once.

And the measures of two views: of networks, their outputs and the paths between them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import torch

from paradoxlib.behaviour import scores
from paradoxlib.images import distortions
from paradoxlib.measures import of_features, of_networks, of_weights
from paradoxlib.networks import activations, models
from paradoxlib.similarity import permutations

FEW = 200  # images, for all that costs more than predictions, units and CKA


@dataclass(frozen=True)
class Stimuli:
    """What networks are shown: images (n, 3, h, w) as they want them, and the right classes (n,).

    `images` are {``clean``, ``noisy``}; labels may be absent, and so may the architecture, a name
    of `models.ARCHITECTURES`. `few` are the first `count` images.
    """

    images: Mapping[str, torch.Tensor]
    labels: torch.Tensor | None = None
    architecture: str | None = None
    count: int = FEW

    def few(self) -> torch.Tensor:
        """Return the first `count` clean images."""
        return self.images["clean"][: self.count]


@dataclass
class View:
    """A network in evaluation mode, and what it is shown.

    `predict` returns its predictions (condition, image) of ``clean`` or ``distorted`` images.
    Without it, those of the clean and the noisy images are computed.
    """

    network: torch.nn.Module
    stimuli: Stimuli
    predict: Callable[[str], torch.Tensor] | None = None
    outputs: dict[str, torch.Tensor] = field(default_factory=dict)
    prepared: tuple[of_features.Features, dict[str, Any]] | None = None

    @cached_property
    def state(self) -> models.State:
        """The network's state dict."""
        return self.network.state_dict()

    @cached_property
    def spectra(self) -> dict[str, torch.Tensor]:
        """The spectrum of each layer's kernels."""
        return of_weights.spectra(self.state)

    @cached_property
    def barcodes(self) -> dict[str, np.ndarray]:
        """The barcode of each layer's kernels."""
        return of_weights.barcodes(self.state)

    @cached_property
    def features(self) -> dict[str, np.ndarray]:
        """The mean of each unit over positions, on a few clean images, {ReLU: (n, units)}."""
        return of_networks.unit_means(self.network, self.stimuli.few())

    def alone(self, function: of_features.Features) -> dict[str, Any]:
        """Return what a measure of features takes of each ReLU; kept until another one asks."""
        known = self.prepared
        if known is None or known[0] is not function:
            known = function, {name: function.alone(x) for name, x in self.features.items()}
            self.prepared = known
        return known[1]

    @cached_property
    def steadiness(self) -> float:
        """The share of predictions that stay under noise on the kernels."""
        return of_networks.steadiness(self.network, self.stimuli.few())

    @cached_property
    def stages(self) -> dict[str, torch.Tensor]:
        """What the network puts out at the end of each stage, on a few clean images."""
        return of_networks.stage_outputs(self.network, self.stimuli.few())

    @cached_property
    def right(self) -> float:
        """The share of a few clean images that the network names rightly."""
        few = self.stimuli.few()
        return of_networks.share_right(self.network, few, self.labels()[: len(few)])

    @cached_property
    def refreshed(self) -> "View":
        """The view of the network with statistics gathered anew on a few clean images."""
        fresh = of_networks.refreshed(self.network, self.stimuli.few())
        return View(fresh, self.stimuli)

    @cached_property
    def elsewhere(self) -> "View":
        """The view of the network when it sees the images in another order (chance)."""
        return View(activations.on_other_images(self.network), self.stimuli)

    def probabilities(self, which: str) -> torch.Tensor:
        """Return the probabilities of the classes, of the ``clean`` or the ``noisy`` images."""
        if which not in self.outputs:
            shown = self.stimuli.images[which]
            self.outputs[which] = of_networks.probabilities(self.network, shown)
        return self.outputs[which]

    def predictions(self, which: str) -> torch.Tensor:
        """Return the predictions (condition, image) of ``clean`` or ``distorted`` images."""
        if self.predict:
            return self.predict(which)
        return self.probabilities("clean" if which == "clean" else "noisy").argmax(1)[None]

    def labels(self) -> torch.Tensor:
        """Return the right classes of all images."""
        if self.stimuli.labels is None:
            raise ValueError("this measure needs to know the images' right classes: no labels")
        return self.stimuli.labels

    def architecture(self) -> str:
        """Return the architecture's name."""
        if self.stimuli.architecture is None:
            known = ", ".join(models.ARCHITECTURES)
            raise ValueError(f"this measure aligns units, for which it needs one of {known}")
        return self.stimuli.architecture


def chosen_conditions(conditions: Sequence[distortions.Condition], which: str) -> list[int]:
    """Return the places of the first condition that leaves images ``clean``, or of all others.

    The others are those by which images are ``distorted``.
    """
    clean = [i for i, one in enumerate(conditions) if distortions.is_identity(*one)]
    if which == "clean":
        return clean[:1]
    return [i for i in range(len(conditions)) if i not in clean]


def pairwise(
    function: Callable[[Any, Any], float],
    networks: Mapping[str, Any],
    mapper: Callable[..., Iterable[float]] = map,
    pairs: Sequence[tuple[str, str]] | None = None,
) -> pd.DataFrame:
    """Return the matrix (network, network) of function(a, b), nan on the diagonal.

    `networks` holds what the function takes, by name. It is called once for each of the pairs (all
    of them, a before b, where none are named; else nan stands for the others); `mapper` is `map` or
    that of a pool.
    """
    names = list(networks)
    place = {name: i for i, name in enumerate(names)}
    matrix = np.full((len(names), len(names)), np.nan)
    pairs = list(combinations(names, 2)) if pairs is None else pairs
    ones, others = [networks[a] for a, _ in pairs], [networks[b] for _, b in pairs]
    for (a, b), value in zip(pairs, mapper(function, ones, others), strict=True):
        matrix[place[a], place[b]] = matrix[place[b], place[a]] = value
    return pd.DataFrame(matrix, names, names)


def js(which: str, a: View, b: View) -> float:
    """Return the likeness of the probabilities of ``clean`` or ``noisy`` images."""
    return of_networks.output_likeness(a.probabilities(which), b.probabilities(which))


def equal(which: str, a: View, b: View) -> float:
    """Return the share of equal predictions of ``clean`` or ``distorted`` images."""
    return scores.equal_predictions(a.predictions(which), b.predictions(which))


def consistent(which: str, a: View, b: View) -> float:
    """Return the error consistency on ``clean`` or ``distorted`` images."""
    return scores.error_consistency(a.predictions(which), b.predictions(which), a.labels())


def cka(which: str, a: View, b: View) -> float:
    """Return the mean CKA of the layers on ``clean`` or ``noisy`` images."""
    return of_networks.layers_cka(a.network, b.network, a.stimuli.images[which])


def matched_by_activation(a: View, b: View) -> float:
    """Return the kernel correlation once whole networks are matched by activation."""
    both, few = {"a": a.network, "b": b.network}, a.stimuli.few()
    pair = ("a", "b")
    return of_networks.matched_activations(both, [pair], few, a.architecture())[pair]


def matched_by_weight(a: View, b: View) -> float:
    """Return the kernel correlation once whole networks are matched by weight."""
    return of_weights.matched_weights(a.state, b.state, a.architecture())


def halfway(a: View, b: View) -> float:
    """Return the accuracy of the network halfway between two, less the mean of theirs.

    About 0 within one basin (a little above where averaging helps), below where a barrier lies
    between the two.
    """
    middle = View(of_networks.halfway(a.network, b.network.state_dict()), a.stimuli)
    return middle.right - (a.right + b.right) / 2


def matched_halfway(a: View, b: View) -> float:
    """Return the same once units are matched by weight and all three's statistics gathered anew.

    Jordan et al. 2023 reset the middle's statistics likewise.
    """
    name = a.architecture()
    orders = permutations.match_weights(a.state, b.state, name)
    matched = permutations.permute(b.state, orders, name)
    middle = View(of_networks.halfway(a.network, matched), a.stimuli).refreshed
    return middle.right - (a.refreshed.right + b.refreshed.right) / 2


def stitching(a: View, b: View) -> float:
    """Return how far each network works on what the other sees, the mean of both directions."""
    ways = [(a, b), (b, a)]
    few = a.stimuli.few()
    return float(
        np.mean([of_networks.stitched(x.stages, y.network, y.stages, few) for x, y in ways])
    )
