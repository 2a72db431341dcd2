"""The measure bench: which measure of two networks' likeness goes with how alike they behave?

A measure is a function of two networks, and of images where it needs them, that is higher the more alike they are; `pairwise` makes a matrix of it.
Those of `MEASURES` take a study and return the matrix (network, network). `bench` sets them side by side.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from paradoxlib import distortions, evaluation, kernels, models, paradox, permutations, results, sisters, tables


class Measure(NamedTuple):
    """A measure: what it needs (``weights``, ``images``, and ``labels`` for those that know the right answer), and matrix(study)."""

    needs: str
    matrix: object


def pairwise(function, networks):
    """Return the matrix (network, network) of function(a, b) for all pairs of {name: whatever it takes}, a before b; nan on the diagonal."""
    names = list(networks)
    table = pd.DataFrame(np.nan, names, names)
    for a, b in combinations(names, 2):
        table.loc[a, b] = table.loc[b, a] = function(networks[a], networks[b])
    return table


def states(study):
    """Return {network: state dict} of the networks that are compared."""
    every = results.states(study)
    return {name: every[name] for name in sisters.shown_names(study)}


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


def above_chance(study):
    """Return the kernel correlation by the paper's alignment above chance, layer by layer: 0 what random kernels score, 1 the same kernels."""
    shapes = {name: layer.weight.shape for name, layer in models.conv_layers(models.empty(study.model.architecture)).items()}
    chance = pd.Series(kernels.chance_of_shapes(shapes))

    def function(a, b):
        mean = pd.Series({name: layer.mean for name, layer in kernels.layer_similarity(a, b).items()})
        return float(((mean - chance) / (1 - chance)).mean())

    return pairwise(function, states(study))


def matched_weights(study):
    """Return the kernel correlation, index to index, after the second network's units were permuted to match the first's by weight."""
    architecture = study.model.architecture

    def function(a, b):
        return kernels.similarity(a, permutations.apply(b, permutations.match_weights(a, b, architecture), architecture), "none")

    return pairwise(function, states(study))


def matched_activations(study):
    """Return the kernel correlation, index to index, after the second network's units were permuted to match the first's by activation."""
    architecture, (networks, images) = study.model.architecture, sisters.shown(study)

    def function(a, b):
        orders = permutations.match_activations(a, b, architecture, images[:200])
        return kernels.similarity(a.state_dict(), permutations.apply(b.state_dict(), orders, architecture), "none")

    return pairwise(function, networks)


def of_pairs(table, column):
    """Return the matrix (network, network) of the means over layers of a column of a table of pairs (a, b, relation, layer)."""
    return matrix_of(table[table["relation"] != "chance"], column)


def matrix_of(table, column):
    """Return the matrix (network, network) of a column of a table of pairs (a, b), the mean where a pair has several rows; nan on the diagonal."""
    means = table.groupby(["a", "b"], sort=False)[column].mean()
    names = list(dict.fromkeys(name for pair in means.index for name in pair))
    matrix = pd.DataFrame(np.nan, names, names)
    for (a, b), value in means.items():
        matrix.loc[a, b] = matrix.loc[b, a] = value
    return matrix


def consistency(study, clean, chance_corrected):
    """Return the share of equal predictions, on clean images or on distorted ones (the mean over conditions).

    Chance corrected it is Cohen's kappa of being right (error consistency, Geirhos et al. 2020): 0 for two networks that err independently, given how
    often each is right.
    """
    labels, predicted = study.images("test").labels, evaluation.predictions(study)
    identity = [i for i, (name, level) in enumerate(study.conditions) if distortions.IDENTITY.get(name) == level]
    rows = identity[:1] if clean else [i for i in range(len(study.conditions)) if i not in identity]
    seen = {name: classes[rows] if not chance_corrected else classes[rows] == labels for name, classes in predicted.items()}

    def function(a, b):
        equal = (a == b).double().mean(1)
        if not chance_corrected:
            return equal.mean().item()
        right_a, right_b = a.double().mean(1), b.double().mean(1)
        expected = right_a * right_b + (1 - right_a) * (1 - right_b)
        return ((equal - expected) / (1 - expected)).nanmean().item()

    return pairwise(function, {name: seen[name] for name in sisters.shown_names(study)})


MEASURES = {
    "kernel correlation, paper's alignment": Measure("weights", lambda study: results.similarity(study, "paper")),
    "kernel correlation, greedy": Measure("weights", lambda study: results.similarity(study, "greedy")),
    "kernel correlation, optimal": Measure("weights", lambda study: results.similarity(study, "optimal")),
    "kernel correlation, index to index": Measure("weights", lambda study: results.similarity(study, "none")),
    "kernel correlation above chance": Measure("weights", above_chance),
    "cosine of the kernels": Measure("weights", lambda study: pairwise(cosine, states(study))),
    "closeness of the kernels": Measure("weights", lambda study: pairwise(closeness, states(study))),
    "whole network matched by weight": Measure("weights", matched_weights),
    "whole network matched by activation": Measure("weights, images", matched_activations),
    "batch norms' running statistics": Measure("weights", lambda study: pairwise(statistics, states(study))),
    "matched units": Measure("images", lambda study: of_pairs(sisters.unit_matches(study), "matching")),
    "CKA, clean": Measure("images", lambda study: of_pairs(sisters.cka_pairs(study).query("condition == 'clean'"), "cka")),
    "CKA, noise": Measure("images", lambda study: of_pairs(sisters.cka_pairs(study).query("condition != 'clean'"), "cka")),
    "equal predictions, clean": Measure("images", lambda study: consistency(study, True, False)),
    "equal predictions, distorted": Measure("images", lambda study: consistency(study, False, False)),
    "error consistency, clean": Measure("images, labels", lambda study: consistency(study, True, True)),
    "error consistency, distorted": Measure("images, labels", lambda study: consistency(study, False, True)),
}


def values(study):
    """Return the table of all pairs (a, b, relation, compatibility) with a column for each of `MEASURES`; each is computed once.

    Of the networks that the sister works compare, 20 at most.
    """

    def compute():
        names = sisters.shown_names(study)
        compatibility = results.compatibilities(study)["distortions"]
        parents = {name: network.parent for name, network in study.networks.items()}
        found = pd.DataFrame([(a, b, paradox.relation(a, b, parents)) for a, b in combinations(names, 2)], columns=["a", "b", "relation"])
        for name, matrix in {"compatibility": compatibility, **{name: measure.matrix(study) for name, measure in MEASURES.items()}}.items():
            found[name] = [matrix.loc[a, b] for a, b in zip(found["a"], found["b"], strict=True)]
        return found

    return tables.result(study, "measures", compute, list(MEASURES), sisters.NETWORKS, sisters.IMAGES)


def halves(study, names):
    """Return ({networks of one half}, {of the other}): families turn about, so that what is chosen on one half may be reported on the other."""
    founders = list(dict.fromkeys(study.family_of[name] for name in names))
    return tuple({name for name in names if founders.index(study.family_of[name]) % 2 == half} for half in (0, 1))


def score(study, table, columns):
    """Return how the measures in columns of a table of pairs go with compatibility.

    Returns
    -------
    pandas.DataFrame
        A row for each measure and kind of pairs (`paradox.PAIRS`): n, Spearman's ``rho`` with its interval over resampled networks, ``low`` and
        ``high``, and ``p`` by permutation; and ``chosen`` and ``reported``, rho over the families of either half (see `halves`).
    """
    compatibility, rows = matrix_of(table, "compatibility"), []
    names = list(compatibility)
    families = [study.family_of[name] for name in names]
    parts = halves(study, names)
    for column in columns:
        matrix = matrix_of(table, column).loc[names, names]
        for which in paradox.PAIRS:
            chosen = paradox.chosen_pairs(study.family_of, names, which) & matrix.notna().to_numpy() & compatibility.notna().to_numpy()
            ranked = [paradox.ranks(np.nan_to_num(part), chosen) for part in (compatibility.to_numpy(), matrix.to_numpy())]
            rho, low, high = paradox.correlation_interval(*ranked, chosen)
            p = paradox.permutation_test(*ranked, chosen, None if which == "all pairs" else families)
            halved = []
            for part in parts:
                inside = np.array([name in part for name in names])
                some = chosen & inside & inside[:, None]
                halved.append(
                    paradox.correlation(*(paradox.ranks(np.nan_to_num(m), some) for m in (compatibility.to_numpy(), matrix.to_numpy())), some)
                )
            rows.append((column, which, int(chosen.sum() // 2), rho, low, high, p, *halved))
    return pd.DataFrame(rows, columns=["measure", "pairs", "n", "rho", "low", "high", "p", "chosen", "reported"])


def bench(study):
    """Return the measure bench of a study: `score` of all `MEASURES`, with what each ``needs``."""

    def compute():
        table = score(study, values(study), list(MEASURES))
        return table.assign(needs=table["measure"].map({name: measure.needs for name, measure in MEASURES.items()}))

    return tables.result(study, "measure_bench", compute, list(MEASURES), sisters.NETWORKS, sisters.IMAGES)
