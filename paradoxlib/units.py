"""Do two networks learn the same units? Correlation, matching, mutual information and clusters of units (Li et al. 2015, Convergent Learning).

A unit is a channel of a convolutional layer, seen at every position of every image, or one number of a dense layer. A unit that never changes is
dead: it has no correlation (nan) and no partner (-1).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from torch.nn import functional as F
from tqdm import tqdm

from paradoxlib import activations

BINS = 20  # of equal mass, 5 % each
ZERO = 1e-6  # what is not above it falls in a bin of its own


class Moments:
    """Means and co-moments of the columns of a stream of samples, float64, in one pass (Chan et al.'s pairwise update)."""

    def __init__(self):
        self.count, self.mean, self.products = 0, 0, 0

    def add(self, samples):
        """Take in samples (n, columns)."""
        samples = samples.double()
        n, mean = len(samples), samples.mean(0)
        total, step = self.count + n, mean - self.mean
        centred = samples - mean
        self.products = self.products + centred.T @ centred + torch.outer(step, step) * (self.count * n / total)
        self.mean = self.mean + step * (n / total)
        self.count = total


class Layer(NamedTuple):
    """What one layer's units do in two networks: means, standard deviations (units,), correlations (units, units); float64 arrays."""

    mean_a: np.ndarray
    mean_b: np.ndarray
    sd_a: np.ndarray
    sd_b: np.ndarray
    within_a: np.ndarray
    within_b: np.ndarray
    between: np.ndarray
    samples: int


class Units(NamedTuple):
    """What one layer's units do in several networks: means, standard deviations (units,) and correlations (units, units) of all of them, float64.

    `places` has the slice of each network's units.
    """

    mean: np.ndarray
    sd: np.ndarray
    table: np.ndarray
    places: dict
    samples: int

    def pair(self, a, b):
        """Return the Layer of two networks."""
        a, b = self.places[a], self.places[b]
        table = self.table
        return Layer(self.mean[a], self.mean[b], self.sd[a], self.sd[b], table[a, a], table[b, b], table[a, b], self.samples)


def by_unit(output):
    """Return a layer's output (n, units, ...) as samples (n * positions, units)."""
    return output.movedim(1, -1).reshape(-1, output.shape[1])


@torch.inference_mode()
def correlations(networks, images, layers, batch_size=100):
    """Return the units' statistics and correlations, over all images and positions, in one pass.

    Parameters
    ----------
    networks : dict
        {name: Module}, in evaluation mode; their outputs have the same sizes in the layers asked for.
    images : torch.Tensor
        (n, 3, h, w), any number, as the networks want them; each batch goes to all.
    layers : sequence of str
        Names as `activations.names` gives them.

    Returns
    -------
    dict
        {layer: Units}.
    """
    moments, sizes = {name: Moments() for name in layers}, {}
    names = list(networks)
    with tqdm(desc=f"units of {len(names)} networks", total=len(images), unit="image", disable=len(images) * len(names) < 5000) as bar:
        for batch in images.split(batch_size):
            outputs = [activations.record(model, batch, layers) for model in networks.values()]
            for layer in layers:
                columns = [by_unit(output.pop(layer)) for output in outputs]
                for name, column in zip(names, columns, strict=True):
                    if len(column) != len(columns[0]):
                        counts = f"{len(columns[0]) // len(batch)} positions in {names[0]} and {len(column) // len(batch)} in {name}"
                        raise ValueError(f"layer {layer!r} has {counts}: their units cannot be compared")
                sizes[layer] = [column.shape[1] for column in columns]
                moments[layer].add(torch.cat(columns, 1))
            bar.update(len(batch))
    return {layer: units_of(moments[layer], dict(zip(names, sizes[layer], strict=True))) for layer in layers}


def units_of(moments, sizes):
    """Return the Units of the moments of networks that have {name: number} units, side by side."""
    mean, variance = moments.mean.numpy(), moments.products.diagonal().numpy() / moments.count
    sd = np.sqrt(np.clip(variance, 0, None))
    alive = np.where(sd > 1e-12 * np.maximum(1, abs(mean)), sd, np.nan)
    table = np.clip(moments.products.numpy() / moments.count / np.outer(alive, alive), -1, 1)
    ends = np.cumsum([0, *sizes.values()])
    places = {name: slice(*ends[i : i + 2]) for i, name in enumerate(sizes)}
    return Units(mean, sd, table, places, moments.count)


def semi_match(table):
    """Return each unit's best partner in the other network, repeats allowed: (partners, values); -1 and nan for a dead unit.

    `table` (units, units) holds correlations or mutual information, units of one network by units of the other.
    """
    alive = np.isfinite(table).any(1)
    partners, values = np.full(len(table), -1), np.full(len(table), np.nan)
    partners[alive] = np.nanargmax(table[alive], axis=1)
    values[alive] = table[alive, partners[alive]]
    return partners, values


def match(table):
    """Return the one-to-one partners of the highest sum: (partners, values); -1 and nan for a unit without one.

    The paper names the algorithm of Hopcroft and Karp, which finds the most partners, not the heaviest; this is SciPy's assignment.
    """
    ours, theirs = (np.isfinite(table).any(axis).nonzero()[0] for axis in (1, 0))
    rows, columns = linear_sum_assignment(table[np.ix_(ours, theirs)], maximize=True)
    partners, values = np.full(len(table), -1), np.full(len(table), np.nan)
    partners[ours[rows]] = theirs[columns]
    values[ours[rows]] = table[ours[rows], theirs[columns]]
    return partners, values


def mean(values):
    """Return the mean of the values that are not nan; nan where there are none."""
    values = np.asarray(values, dtype=float)
    return values[~np.isnan(values)].mean() if np.isfinite(values).any() else np.nan


def match_table(layers):
    """Return how well the units of two networks match, a row for each of {layer: Layer}.

    Columns: the mean correlations of `semi_matching` and `matching` and the share of units whose partner is the same in both, `overlap` (Li et al.,
    Table 1); the number of `units` of the first network, and of dead ones, `dead_a` and `dead_b`; of the units' mean activations the standard
    deviation within a network, `spread`, and the distance between the networks once both are sorted, `distance` (root mean square).
    """
    rows = {}
    for name, layer in layers.items():
        (loose, high), (strict, value) = semi_match(layer.between), match(layer.between)
        alive = (loose >= 0) & (strict >= 0)
        dead = [int(np.isnan(table.diagonal()).sum()) for table in (layer.within_a, layer.within_b)]
        means = [np.sort(mean) for mean in (layer.mean_a, layer.mean_b)]
        spread = np.mean([mean.std() for mean in means])
        distance = np.sqrt(np.mean((means[0] - means[1]) ** 2)) if len(means[0]) == len(means[1]) else np.nan
        rows[name] = (mean(high), mean(value), mean((loose == strict)[alive]), len(loose), *dead, spread, distance)
    return pd.DataFrame.from_dict(rows, "index", columns=["semi_matching", "matching", "overlap", "units", "dead_a", "dead_b", "spread", "distance"])


@torch.inference_mode()
def samples(model_a, model_b, images, layer, count=60_000, seed=0, batch_size=100):
    """Return activations of two networks at the same random images and positions: two tensors (count, units); all there are, where fewer."""
    source, parts = torch.Generator().manual_seed(seed), []
    for batch in images.split(batch_size):
        a, b = (by_unit(activations.record(model, batch, [layer])[layer]) for model in (model_a, model_b))
        wanted = min(len(a), -(-count * len(batch) // len(images)))
        chosen = torch.randperm(len(a), generator=source)[:wanted]
        parts.append((a[chosen], b[chosen]))
    a, b = (torch.cat(part)[:count] for part in zip(*parts, strict=True))
    return a, b


def codes(values):
    """Return the bin of each value (m, units), int64: one bin for what is at most 1e-6, and those of 5 % of a unit's values each."""
    values = values.double()
    edges = torch.quantile(values, torch.linspace(0, 1, BINS + 1, dtype=torch.float64)[1:-1], dim=0)  # (19, units)
    edges = torch.cat([torch.full_like(edges[:1], ZERO), edges.clamp(min=ZERO)]).sort(0).values
    return torch.searchsorted(edges.T.contiguous(), values.T.contiguous()).T


def mutual_information(a, b):
    """Return the mutual information of all pairs of units from paired samples (m, units), in nats (Li et al., footnote 6).

    Histograms of 5 % bins of each unit's own values and a bin for what is not above 1e-6, which holds a ReLU's zeros.
    """
    one, other = (F.one_hot(codes(values), BINS + 1).float().flatten(1) for values in (a, b))  # (m, units * bins)
    joint = (one.T @ other).double().view(a.shape[1], BINS + 1, b.shape[1], BINS + 1) / len(a)
    outer = joint.sum((2, 3))[:, :, None, None] / b.shape[1] * (joint.sum((0, 1)) / a.shape[1])
    return torch.where(joint > 0, joint * (joint / outer.where(joint > 0, torch.ones(()).double())).log(), 0.0).sum((1, 3)).numpy()


def spectral_clusters(layer, k, threshold=0.2, alpha=0.025, seed=0):
    """Return the cluster of every unit of two networks: (labels_a, labels_b), -1 for a dead unit.

    The graph of all units holds the correlations above the threshold, within and between the networks; k-means groups the first k eigenvectors of its
    unnormalised Laplacian, and splits a cluster of more than 2 * alpha * units in two as long as there are such (sections 4 and 6.5).
    """
    table = np.block([[layer.within_a, layer.between], [layer.between.T, layer.within_b]])
    alive = np.isfinite(table.diagonal())
    if not 2 <= k <= alive.sum():
        raise ValueError(f"k is {k}: between 2 and the number of units, {alive.sum()}, is possible")
    weights = table[np.ix_(alive, alive)]
    weights = np.where(weights > threshold, weights, 0)
    np.fill_diagonal(weights, 0)
    place = np.linalg.eigh(np.diag(weights.sum(1)) - weights)[1][:, :k]
    found = KMeans(k, n_init=10, random_state=seed).fit_predict(place)
    largest, waiting = 2 * alpha * len(layer.between), list(range(k))
    while waiting:
        members = np.flatnonzero(found == waiting.pop())
        if len(members) > max(largest, 1) and len(np.unique(place[members].round(12), axis=0)) > 1:
            half = KMeans(2, n_init=10, random_state=seed).fit_predict(place[members])
            new = found.max() + 1
            found[members[half == 1]] = new
            waiting += [found[members[half == 0][0]], new]
    labels = np.full(len(table), -1)
    labels[alive] = found
    return labels[: len(layer.between)], labels[len(layer.between) :]


def cluster_table(layer, labels_a, labels_b):
    """Return the table of clusters, (units_a, units_b, between, within), highest between-net similarity first (section 6.6).

    Similarities are means of correlations over pairs of a cluster's units; between is 0 where a cluster has units of one network alone.
    """
    rows = {}
    for cluster in sorted(set(labels_a[labels_a >= 0]) | set(labels_b[labels_b >= 0])):
        a, b = np.flatnonzero(labels_a == cluster), np.flatnonzero(labels_b == cluster)
        between = layer.between[np.ix_(a, b)].mean() if len(a) and len(b) else 0.0
        within = [table[np.ix_(own, own)].mean() for table, own in ((layer.within_a, a), (layer.within_b, b)) if len(own)]
        rows[cluster] = (len(a), len(b), between, np.mean(within))
    table = pd.DataFrame.from_dict(rows, "index", columns=["units_a", "units_b", "between", "within"])
    return table.rename_axis("cluster").sort_values("between", ascending=False)


@torch.inference_mode()
def top_patches(model, images, layer, units, count=9, size=11, pixels=None, batch_size=100):
    """Return the image patches that units answer to most: (unit, count, 3, size, size), one of an image at most.

    A patch is centred where the unit was highest, moved inside the image where it would reach beyond. `pixels` are what is shown, where it is
    not `images` themselves.
    """
    best, place = [], []
    for batch in images.split(batch_size):
        output = activations.record(model, batch, [layer])[layer][:, units]
        output = output.view(*output.shape[:2], *(output.shape[2:] or (1, 1)))  # a dense layer sees the whole image
        height, width = output.shape[2:]
        value, index = output.flatten(2).max(2)
        best.append(value)
        place.append(torch.stack([(index // width + 0.5) / height, (index % width + 0.5) / width], -1))
    best, place = torch.cat(best), torch.cat(place)
    shown, sides = images if pixels is None else pixels, images.shape[2:]
    size, patches = min(size, *sides), []
    for unit in range(len(units)):
        for image in best[:, unit].topk(min(count, len(images))).indices:
            shares = zip(place[image, unit].tolist(), sides, strict=True)
            top, left = (min(max(int(share * side - size / 2), 0), side - size) for share, side in shares)
            patches.append(shown[image, :, top : top + size, left : left + size])
    return torch.stack(patches).view(len(units), -1, *patches[0].shape) if patches else shown.new_empty(0, count, shown.shape[1], size, size)
