"""Measures of two networks' likeness, of their weights, of what they compute and of what they say.

A measure is a function of two networks, and of images where it needs them, that is higher the more alike they are; `pairwise` makes the matrix of
all pairs. `MEASURES` holds those that `measure_bench` sets side by side.
"""

from functools import cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from paradoxlib import cka, data, distortions, evaluation, kernels, models, permutations, results, sisters, training, units


class Measure(NamedTuple):
    """A measure: what it needs, how it compares two networks, and what it says of unrelated ones.

    ``needs``: ``weights``, ``images``, and ``labels`` where it knows the right answer. ``pair(a, b, study)`` takes two networks (Modules),
    ``chance(study)`` returns what unrelated networks score, nan where that is unknown, and ``matrix(study)`` all pairs, where that has a faster way.
    """

    needs: str
    pair: object
    chance: object
    matrix: object = None


def pairwise(function, networks):
    """Return the matrix (network, network) of function(a, b) for all pairs of {name: whatever it takes}, a before b; nan on the diagonal."""
    names = list(networks)
    table = pd.DataFrame(np.nan, names, names)
    for a, b in combinations(names, 2):
        table.loc[a, b] = table.loc[b, a] = function(networks[a], networks[b])
    return table


def cosine(a, b):
    """Return the mean over layers of the cosine of two networks' kernels, each layer's as one vector, index to index: -1..1."""
    return float(np.mean([torch.cosine_similarity(*pair, dim=0).item() for pair in layers(a, b)]))


def closeness(a, b):
    """Return minus the mean over layers of |a - b| / sqrt(|a| |b|), index to index: 0 for the same weights, -1.41 on average for strangers."""
    return -float(np.mean([((x - y).norm() / (x.norm() * y.norm()).sqrt()).item() for x, y in layers(a, b)]))


def layers(a, b):
    """Yield two states' kernels layer by layer, each layer as one float64 vector."""
    for name in models.convolutions(a):
        yield a[f"{name}.weight"].double().flatten(), b[f"{name}.weight"].double().flatten()


def statistics(a, b):
    """Return minus the mean over layers of the distance of the batch norms' running statistics, index to index; 0 for the same.

    The distance of two units is Wasserstein's between the normal distributions of their means and variances, over the root mean of both variances.
    """
    found = []
    for name in a:
        if name.endswith("running_mean"):
            means, variances = ([state[f"{name.rpartition('.')[0]}.running_{what}"].double() for state in (a, b)] for what in ("mean", "var"))
            apart = (means[0] - means[1]) ** 2 + (variances[0].sqrt() - variances[1].sqrt()) ** 2
            found.append((apart / ((variances[0] + variances[1]) / 2).clamp(min=1e-12)).mean().sqrt().item())
    return -float(np.mean(found))


@cache
def chance_by_layer(architecture):
    """Return the chance level of the kernel correlation by the paper's alignment, layer by layer."""
    shapes = {name: layer.weight.shape for name, layer in models.conv_layers(models.empty(architecture)).items()}
    return pd.Series(kernels.chance_of_shapes(shapes))


def above_chance(a, b, study):
    """Return the kernel correlation by the paper's alignment above chance, layer by layer: 0 what random kernels score, 1 the same kernels."""
    mean = pd.Series({name: layer.mean for name, layer in kernels.layer_similarity(a.state_dict(), b.state_dict()).items()})
    chance = chance_by_layer(study.model.architecture)
    return float(((mean - chance) / (1 - chance)).mean())


def matched_weights(a, b, study):
    """Return the kernel correlation, index to index, after the second network's units were permuted to match the first's by weight."""
    ours, theirs, architecture = a.state_dict(), b.state_dict(), study.model.architecture
    return kernels.similarity(ours, permutations.apply(theirs, permutations.match_weights(ours, theirs, architecture), architecture), "none")


def matched_activations(a, b, study):
    """Return the kernel correlation, index to index, after the second network's units were permuted to match the first's by activation."""
    architecture = study.model.architecture
    orders = permutations.match_activations(a, b, architecture, sisters.pictures(study)[:200])
    return kernels.similarity(a.state_dict(), permutations.apply(b.state_dict(), orders, architecture), "none")


def matched_units(a, b, study):
    """Return the mean over layers of the correlation of units matched one to one (Li et al. 2015)."""
    images = sisters.pictures(study)
    where = sisters.places(a, images[:1])
    found = units.correlations({"a": a, "b": b}, images, list(where.values()), 50)
    return float(units.match_table({place: found[relu].pair("a", "b") for place, relu in where.items()})["matching"].mean())


def layers_cka(a, b, study, noisy):
    """Return the mean over layers of the CKA of the same layer, on clean images or on the noisy ones of `sisters.CONDITION`."""
    images = list(sisters.seen(study, sisters.pictures(study)).values())[noisy]
    relus = list(sisters.places(a, images[:1]).values())
    return float(np.diag(cka.cka_matrices({"a": a, "b": b}, images, [("a", "b")], relus)["a", "b"]).mean())


def fresh(study):
    """Return two untrained networks of a study's architecture."""
    return [models.build(study.model.architecture, generator=data.generator("chance", name)).eval() for name in "ab"]


def shuffled_statistics(study):
    """Return the mean of `statistics` over the founders of families, the units of one of each two in random order."""
    architecture = study.model.architecture
    networks = {name: training.load_network(study, name).state_dict() for name in study.families}
    sizes = permutations.sizes(models.empty(architecture).state_dict(), architecture)
    source = data.generator("chance", "units")

    def function(a, b):
        orders = {group: torch.randperm(size, generator=source) for group, size in sizes.items()}
        return statistics(a, permutations.apply(b, orders, architecture))

    return float(pairwise(function, networks).mean().mean())


def of_pairs(table, column, chance=False):
    """Return the matrix (network, network) of the means over layers of a column of a table of pairs (a, b, relation, layer); or its chance level."""
    same = table["relation"] == "chance"
    return float(table.loc[same, column].mean()) if chance else matrix_of(table[~same], column)


def matrix_of(table, column):
    """Return the matrix (network, network) of a column of a table of pairs (a, b), the mean where a pair has several rows; nan on the diagonal."""
    means = table.groupby(["a", "b"], sort=False)[column].mean()
    names = list(dict.fromkeys(name for pair in means.index for name in pair))
    matrix = pd.DataFrame(np.nan, names, names)
    for (a, b), value in means.items():
        matrix.loc[a, b] = matrix.loc[b, a] = value
    return matrix


def shown(study, clean):
    """Return the places of a study's conditions that leave images clean (the first of them), or of those that distort them."""
    identity = [i for i, (name, level) in enumerate(study.conditions) if distortions.IDENTITY.get(name) == level]
    return identity[:1] if clean else [i for i in range(len(study.conditions)) if i not in identity]


def equal(a, b, labels, chance_corrected):
    """Return the share of equal predictions (condition, image), the mean over conditions.

    Chance corrected it is Cohen's kappa of being right (error consistency, Geirhos et al. 2020): 0 for two networks that err independently, given how
    often each is right.
    """
    if not chance_corrected:
        return (a == b).double().mean().item()
    right_a, right_b = a == labels, b == labels
    same, (p, q) = (right_a == right_b).double().mean(1), (right.double().mean(1) for right in (right_a, right_b))
    expected = p * q + (1 - p) * (1 - q)
    return ((same - expected) / (1 - expected)).nanmean().item()


def consistency(study, clean, chance_corrected):
    """Return the matrix of `equal` over all test images, clean ones or distorted ones."""
    labels, predicted, rows = study.images("test").labels, evaluation.predictions(study), shown(study, clean)
    networks = {name: predicted[name][rows] for name in sisters.shown_names(study)}
    return pairwise(lambda a, b: equal(a, b, labels, chance_corrected), networks)


def independent(study, clean):
    """Return how often two networks of a study would agree if each named its classes as often as it does, but independently of the other."""
    predicted, rows, classes = evaluation.predictions(study), shown(study, clean), len(study.images("test").classes)
    shares = {name: torch.nn.functional.one_hot(predicted[name][rows].long(), classes).double().mean(1) for name in sisters.shown_names(study)}
    return float(pairwise(lambda a, b: (a * b).sum(1).mean().item(), shares).mean().mean())


def of_weights(function, chance):
    """Return the measure of a function of two state dicts."""
    return Measure("weights", lambda a, b, study: function(a.state_dict(), b.state_dict()), chance)


def of_kernels(alignment):
    """Return the measure of the kernels' correlation by an alignment."""

    def pair(a, b, study):
        return kernels.similarity(a.state_dict(), b.state_dict(), alignment)

    return Measure("weights", pair, lambda study: results.chance_levels(study)[alignment], lambda study: results.similarity(study, alignment))


def of_cka(noisy):
    """Return the measure of the layers' CKA, on clean images or on noisy ones."""

    def rows(study):
        table = sisters.cka_pairs(study)
        return table[(table["condition"] != "clean") == noisy]

    chance, matrix = (lambda study: of_pairs(rows(study), "cka", chance=True)), (lambda study: of_pairs(rows(study), "cka"))
    return Measure("images", lambda a, b, study: layers_cka(a, b, study, noisy), chance, matrix)


def of_predictions(clean, chance_corrected):
    """Return the measure of equal predictions, or of being right on the same images; a pair alone is shown `sisters.IMAGES` of them."""

    def pair(a, b, study):
        images, conditions = study.images("test").first(sisters.IMAGES), [study.conditions[i] for i in shown(study, clean)]
        how = study.evaluation.seed, study.device, "two networks", study.evaluation.precision
        found = evaluation.predict_conditions({"a": a, "b": b}, images, conditions, *how)
        return equal(found["a"], found["b"], images.labels, chance_corrected)

    needs, chance = ("images, labels", lambda study: 0.0) if chance_corrected else ("images", lambda study: independent(study, clean))
    return Measure(needs, pair, chance, lambda study: consistency(study, clean, chance_corrected))


MEASURES = {
    "kernel correlation, paper's alignment": of_kernels("paper"),
    "kernel correlation, greedy": of_kernels("greedy"),
    "kernel correlation, optimal": of_kernels("optimal"),
    "kernel correlation, index to index": of_kernels("none"),
    "kernel correlation above chance": Measure("weights", above_chance, lambda study: 0.0),
    "cosine of the kernels": of_weights(cosine, lambda study: 0.0),
    "closeness of the kernels": of_weights(closeness, lambda study: -(2**0.5)),
    "whole network matched by weight": Measure("weights", matched_weights, lambda study: matched_weights(*fresh(study), study)),
    "whole network matched by activation": Measure("weights, images", matched_activations, lambda study: 0.0),
    "batch norms' running statistics": of_weights(statistics, shuffled_statistics),
    "matched units": Measure(
        "images",
        matched_units,
        lambda study: of_pairs(sisters.unit_matches(study), "matching", chance=True),
        lambda study: of_pairs(sisters.unit_matches(study), "matching"),
    ),
    "CKA, clean": of_cka(False),
    "CKA, noise": of_cka(True),
    "equal predictions, clean": of_predictions(True, False),
    "equal predictions, distorted": of_predictions(False, False),
    "error consistency, clean": of_predictions(True, True),
    "error consistency, distorted": of_predictions(False, True),
}
