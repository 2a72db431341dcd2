"""Measures of two views: composed of networks, their outputs and the paths between them."""

import numpy as np

from paradoxlib.behaviour import scores
from paradoxlib.measures import of_networks, of_weights
from paradoxlib.measures.views import View
from paradoxlib.similarity import permutations


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
    middle = View(of_networks.halfway(a.network, b.state), a.stimuli)
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
