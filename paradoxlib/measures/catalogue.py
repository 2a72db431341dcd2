"""The measures of how alike two networks are, by name: what each needs, sees and does not see.

Every measure is higher the more alike the networks are, and highest for copies.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from paradoxlib.measures import chance, of_features, of_networks, of_weights, views
from paradoxlib.measures.views import View
from paradoxlib.networks import models
from paradoxlib.similarity import kernels

INF, NAN, PI = math.inf, math.nan, math.pi
LEAST = -(2**0.5)  # minus the distance of two vectors of length 1 at right angles
ORDER_OF_KERNELS = "order of kernels"  # within each layer alone
ORDER_OF_UNITS = "order of units"  # of a layer, and of the next one's inputs with it
ROTATION = "rotation"  # of a layer's units
SCALE = "scale"  # of a layer
AFFINE = "affine map"  # of a layer's units
OF_SHAPES = (ORDER_OF_UNITS, ROTATION, SCALE)


@dataclass(frozen=True)
class Measure:
    """A measure of two networks.

    Attributes
    ----------
    needs : str
        Of ``weights``, ``images`` and ``labels``.
    pair : callable
        (view, view) -> float.
    range : tuple of float
        What it can be at the least and at the most; copies score the most, or 0 where the range
        reaches from -1 to 1 because averaging two networks may help.
    unchanged_by : tuple of str
        What may be done to one of the networks, or of the layers, without a change of the measure.
    source : str
        Where it comes from.
    unrelated : float or callable
        What unrelated networks score, or how that is computed of unrelated views by name.
    features : callable, optional
        Of measures that are means over layers: the function of two layers' features.
    """

    needs: str
    pair: chance.Pair
    range: tuple[float, float]
    unchanged_by: tuple[str, ...]
    source: str
    unrelated: chance.Chance
    features: of_features.Features | None = None

    def level(self, views: Mapping[str, View]) -> float:
        """Return what unrelated networks score; `views` are of networks that were trained apart."""
        return self.unrelated(views) if callable(self.unrelated) else self.unrelated


def of_states(
    function: Callable[[models.State, models.State], float],
    lowest: float,
    highest: float,
    unchanged_by: tuple[str, ...],
    source: str,
    level: chance.Chance | None = None,
) -> Measure:
    """Return the measure of a function of two state dicts; its chance is that of fresh networks."""

    def pair(a: View, b: View) -> float:
        return function(a.state, b.state)

    found = chance.of_fresh_networks(pair) if level is None else level
    return Measure("weights", pair, (lowest, highest), unchanged_by, source, found)


def of_kernels(alignment: str, source: str) -> Measure:
    """Return the measure of the kernels' correlation by an alignment."""

    def function(a: models.State, b: models.State) -> float:
        return kernels.similarity(a, b, alignment)

    free = () if alignment == "none" else (ORDER_OF_KERNELS,)
    return of_states(function, -1, 1, (*free, SCALE), source)


def of_layers(
    function: of_features.Features,
    lowest: float,
    highest: float,
    source: str,
    unchanged_by: tuple[str, ...] = OF_SHAPES,
) -> Measure:
    """Return the measure of a function of two layers' features: the mean over ReLUs."""

    def pair(a: View, b: View) -> float:
        return of_networks.mean_over_layers(function, a.alone(function), b.alone(function))

    level = chance.of_other_images(pair)
    return Measure("images", pair, (lowest, highest), unchanged_by, source, level, function)


def of_images(
    needs: str,
    pair: chance.Pair,
    lowest: float,
    highest: float,
    source: str,
    level: chance.Chance | None = None,
) -> Measure:
    """Return the measure of two views that see images; chance is that of other images."""
    found = chance.of_other_images(pair) if level is None else level
    return Measure(needs, pair, (lowest, highest), (ORDER_OF_UNITS,), source, found)


MEASURES = {
    "kernel correlation, paper's alignment": of_kernels("paper", "Akbarinia 2019"),
    "kernel correlation, greedy": of_kernels("greedy", "Li 2015"),
    "kernel correlation, optimal": of_kernels("optimal", "Li 2015"),
    "kernel correlation, index to index": of_kernels("none", "Akbarinia 2019"),
    "kernel correlation above chance": of_states(
        of_weights.above_chance, -1, 1, (ORDER_OF_KERNELS, SCALE), "here", 0.0
    ),
    "cosine of the kernels": of_states(of_weights.cosine, -1, 1, (SCALE,), "here", 0.0),
    "closeness of the kernels": of_states(of_weights.closeness, -INF, 0, (), "here", LEAST),
    "kernels under the best rotation": of_states(
        of_weights.rotated_kernels, 0, 1, (ORDER_OF_KERNELS, ROTATION, SCALE), "Williams 2021"
    ),
    "second moments of the kernels": of_states(
        of_weights.kernel_moments, 0, 1, (ORDER_OF_KERNELS, ROTATION, SCALE), "here"
    ),
    "spectra of the kernels": Measure(
        "weights",
        spectra := lambda a, b: of_weights.spectra_closeness(a.spectra, b.spectra),
        (LEAST, 0),
        (ORDER_OF_KERNELS, ORDER_OF_UNITS, ROTATION, SCALE),
        "here",
        chance.of_fresh_networks(spectra),
    ),
    "clusters of the kernels": Measure(
        "weights",
        clusters := lambda a, b: of_networks.mean_over_layers(
            of_features.clusters, a.barcodes, b.barcodes
        ),
        (-INF, 0),
        (ORDER_OF_KERNELS, ORDER_OF_UNITS, SCALE),
        "Edelsbrunner 2002",
        chance.of_fresh_networks(clusters),
    ),
    "whole network matched by weight": Measure(
        "weights",
        views.matched_by_weight,
        (-1, 1),
        (SCALE,),
        "Ainsworth 2023",
        chance.of_fresh_networks(views.matched_by_weight),
    ),
    "whole network matched by activation": Measure(
        "weights, images",
        views.matched_by_activation,
        (-1, 1),
        (ORDER_OF_UNITS,),
        "Ainsworth 2023",
        0.0,
    ),
    "batch norms' running statistics": Measure(
        "weights",
        statistics := lambda a, b: of_weights.statistics_closeness(a.state, b.state),
        (-INF, 0),
        (),
        "here",
        chance.of_shuffled_units(statistics),
    ),
    "matched units": of_images(
        "images",
        lambda a, b: of_networks.matched_units(a.network, b.network, a.stimuli.images["clean"]),
        -1,
        1,
        "Li 2015",
    ),
    "CKA, clean": of_images("images", partial(views.cka, "clean"), -INF, 1, "Nguyen 2020"),
    "CKA, noise": of_images("images", partial(views.cka, "noisy"), -INF, 1, "Nguyen 2020"),
    "CKA of unit means": of_layers(of_features.linear_cka, 0, 1, "Kornblith 2019"),
    "CKA of unit means, Gaussian": of_layers(of_features.kernel_cka, 0, 1, "Kornblith 2019"),
    "distances of images (RSA)": of_layers(
        of_features.rsa, -1, 1, "Kriegeskorte 2008", (ORDER_OF_UNITS, SCALE)
    ),
    "distances of images, Euclidean": of_layers(
        of_features.rsa_euclidean, -1, 1, "Kriegeskorte 2008"
    ),
    "distance correlation": of_layers(of_features.distance_correlation, 0, 1, "Szekely 2007"),
    "nearest images": of_layers(of_features.neighbours, 0, 1, "Huh 2024"),
    "Procrustes": of_layers(of_features.procrustes, 0, 1, "Ding 2021"),
    "shape distance": of_layers(of_features.shape_closeness, -PI / 2, 0, "Williams 2021"),
    "CCA": of_layers(of_features.cca, 0, 1, "Raghu 2017", (*OF_SHAPES, AFFINE)),
    "SVCCA": of_layers(of_features.svcca, 0, 1, "Raghu 2017"),
    "PWCCA": of_layers(of_features.pwcca, 0, 1, "Morcos 2018", (ORDER_OF_UNITS, SCALE)),
    "linear regression": of_layers(of_features.regression, 0, 1, "Kornblith 2019"),
    "topology (RTD-Lite)": of_layers(of_features.topology, -INF, 0, "Tulchinskii 2025"),
    "clusters of images": of_layers(of_features.clusters, -INF, 0, "Edelsbrunner 2002"),
    "stitching": of_images(
        "images",
        views.stitching,
        -INF,
        1,
        "Bansal 2021",
    ),
    "halfway": Measure("weights, images, labels", views.halfway, (-1, 1), (), "Frankle 2020", NAN),
    "halfway, matched by weight": Measure(
        "weights, images, labels", views.matched_halfway, (-1, 1), (), "Jordan 2023", NAN
    ),
    "steadiness under noise on kernels": Measure(
        "weights, images",
        lambda a, b: -abs(a.steadiness - b.steadiness),
        (-1, 0),
        (),
        "here",
        NAN,
    ),
    "probabilities, clean": of_images("images", partial(views.js, "clean"), 0, 1, "Lin 1991"),
    "probabilities, noise": of_images("images", partial(views.js, "noisy"), 0, 1, "Lin 1991"),
    "equal predictions, clean": of_images(
        "images",
        partial(views.equal, "clean"),
        0,
        1,
        "here",
        chance.of_independent_answers("clean"),
    ),
    "equal predictions, distorted": of_images(
        "images",
        partial(views.equal, "distorted"),
        0,
        1,
        "here",
        chance.of_independent_answers("distorted"),
    ),
    "error consistency, clean": of_images(
        "images, labels", partial(views.consistent, "clean"), -1, 1, "Geirhos 2020", 0.0
    ),
    "error consistency, distorted": of_images(
        "images, labels", partial(views.consistent, "distorted"), -1, 1, "Geirhos 2020", 0.0
    ),
}


def as_markdown() -> str:
    """Return all measures as a table in Markdown, a line each."""
    lines = [
        "| measure | needs | range | unchanged by | source |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, measure in MEASURES.items():
        low, high = (f"{end:.3g}".replace("inf", "∞") for end in measure.range)
        free = ", ".join(measure.unchanged_by) or "nothing"
        cells = (name, measure.needs, f"{low} to {high}", free, measure.source)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def registered() -> dict[str, Callable[..., float]]:
    """Return {id: function} of the measures of features, in the form of public registries.

    Ids are ``paradoxlib/cca`` and the like, as those of similarity-repository (Cloos et al. 2024):
    ``similarity.register(id, function)``. Functions take two layers' features, arrays (image, unit)
    of the same images, and the word for this shape, ``nd``, as ReSi's do (Klabunde et al. 2025).
    """
    return {
        "paradoxlib/" + re.sub("[^a-z]+", "-", name.lower()).strip("-"): of_arrays(measure.features)
        for name, measure in MEASURES.items()
        if measure.features
    }


def of_arrays(features: of_features.Features) -> Callable[..., float]:
    """Return a function of features as a function of arrays and their shape's name."""

    def measure(x: np.ndarray, y: np.ndarray, shape: str = "nd") -> float:
        if shape != "nd":
            raise ValueError(f"shape is {shape!r}: features (image, unit), 'nd', are needed")
        return features(np.asarray(x), np.asarray(y))

    return measure
