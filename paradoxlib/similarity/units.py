"""Do two networks learn the same units? (Li et al. 2015, Convergent Learning)

A unit is a channel of a convolutional layer, seen at every position of every image, or one number
of a dense layer. A unit that never changes is dead: no correlation (nan) and no partner (-1).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy
import torch
from tqdm import tqdm

from paradoxlib.networks import activations
from paradoxlib.similarity import kernels, unit_clusters, unit_samples


class Layer(NamedTuple):
    """What one layer's units do in two networks, as float64 arrays.

    Means and standard deviations (units,) of activations, and correlations (units, units).
    """

    mean_a: np.ndarray
    mean_b: np.ndarray
    sd_a: np.ndarray
    sd_b: np.ndarray
    within_a: np.ndarray
    within_b: np.ndarray
    between: np.ndarray
    samples: int

    def combined(self) -> np.ndarray:
        """Return the correlations of all units of both networks, the first's first."""
        return np.block([[self.within_a, self.between], [self.between.T, self.within_b]])


class Units(NamedTuple):
    """What one layer's units do in several networks, as float64 arrays over all their units.

    Means and standard deviations (units,) of activations, and correlations `table` (units, units);
    `places` has the slice of each network's units.
    """

    mean: np.ndarray
    sd: np.ndarray
    table: np.ndarray
    places: dict[str, slice]
    samples: int

    def pair(self, a: str, b: str) -> Layer:
        """Return the Layer of two networks."""
        ours, theirs = self.places[a], self.places[b]
        return Layer(
            mean_a=self.mean[ours],
            mean_b=self.mean[theirs],
            sd_a=self.sd[ours],
            sd_b=self.sd[theirs],
            within_a=self.table[ours, ours],
            within_b=self.table[theirs, theirs],
            between=self.table[ours, theirs],
            samples=self.samples,
        )


@torch.inference_mode()
def correlations(
    networks: Mapping[str, torch.nn.Module],
    images: torch.Tensor,
    layers: Sequence[str],
    batch_size: int = 100,
) -> dict[str, Units]:
    """Return the units' statistics and correlations over all images and positions, in one pass.

    Parameters
    ----------
    networks : dict
        {name: Module}, in evaluation mode, on one device; outputs in `layers` have the same sizes.
    images : torch.Tensor
        (n, 3, h, w), any number, as the networks want them; each batch goes to all networks.
    layers : sequence of str
        Names as `activations.layer_names` gives them.
    batch_size : int
        Images at once.

    Returns
    -------
    dict
        {layer: Units}.

    Raises
    ------
    ValueError
        For a layer that a network lacks, or that has another number of positions in each.
    """
    moments = {layer: unit_samples.Moments() for layer in layers}
    sizes: dict[str, dict[str, int]] = {}
    bar = tqdm(
        desc=f"units of {len(networks)} networks",
        total=len(images),
        unit="image",
        disable=len(images) * len(networks) < 5000,
    )
    with bar:
        for batch in images.split(batch_size):
            outputs = {}
            for name, network in networks.items():
                outputs[name] = activations.record(network, batch, layers)
            for layer in layers:
                samples = {}
                for name, output in outputs.items():
                    samples[name] = unit_samples.by_unit(output.pop(layer))
                check_positions(layer, samples, len(batch))
                sizes[layer] = {name: columns.shape[1] for name, columns in samples.items()}
                moments[layer].add(torch.cat(list(samples.values()), 1))
            bar.update(len(batch))
    return {layer: units_of(moments[layer], sizes[layer]) for layer in layers}


def check_positions(layer: str, samples: Mapping[str, torch.Tensor], images: int) -> None:
    """Raise ValueError unless all networks see a layer's units at as many positions an image."""
    positions = {name: len(values) // images for name, values in samples.items()}
    first = next(iter(positions))
    for name, count in positions.items():
        if count != positions[first]:
            counts = f"{positions[first]} positions in {first} and {count} in {name}"
            raise ValueError(f"layer {layer!r} has {counts}: their units cannot be compared")


def units_of(moments: unit_samples.Moments, sizes: Mapping[str, int]) -> Units:
    """Return the Units of the moments of networks that stand side by side.

    `sizes` has each network's number of units, in order.
    """
    mean, products = moments.mean.cpu().numpy(), moments.products.cpu().numpy()
    variance = products.diagonal() / moments.count
    sd = np.sqrt(np.clip(variance, 0, None))
    alive = np.where(sd > unit_samples.DEAD_SD * np.maximum(1, abs(mean)), sd, np.nan)
    table = np.clip(products / moments.count / alive / alive[:, None], -1, 1)
    places, start = {}, 0
    for name, size in sizes.items():
        places[name] = slice(start, start + size)
        start += size
    return Units(mean, sd, table, places, moments.count)


def semi_match(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each unit's best partner in the other network, repeats allowed.

    `table` holds correlations or mutual information, units of one network by units of the other.
    Returned are (partners, values) of the first network's units, -1 and nan for a dead one.
    """
    alive = np.isfinite(table).any(1)
    partners, values = np.full(len(table), -1), np.full(len(table), np.nan)
    partners[alive] = np.nanargmax(table[alive], axis=1)
    values[alive] = table[alive, partners[alive]]
    return partners, values


def match(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the one-to-one partners with the highest sum.

    `table` is that of `semi_match`. Returned are (partners, values) of the first network's units,
    -1 and nan for one without a partner. The paper names the algorithm of Hopcroft and Karp, which
    finds the most partners, not the heaviest; this is SciPy's assignment.
    """
    ours, theirs = (np.isfinite(table).any(axis).nonzero()[0] for axis in (1, 0))
    rows, columns = scipy.optimize.linear_sum_assignment(table[np.ix_(ours, theirs)], maximize=True)
    partners, values = np.full(len(table), -1), np.full(len(table), np.nan)
    partners[ours[rows]] = theirs[columns]
    values[ours[rows]] = table[ours[rows], theirs[columns]]
    return partners, values


def match_table(layers: Mapping[str, Layer]) -> pd.DataFrame:
    """Return how well the units of two networks match, a row for each of {layer: Layer}.

    The columns are the mean correlations of `semi_matching` and `matching`, and the share of units
    whose partner is the same in both, `overlap` (Li et al., Table 1); the number of `units` of the
    first network, and of dead ones, `dead_a` and `dead_b`; and, of the units' mean activations, the
    standard deviation within a network, `spread`, and the distance between the networks once both
    are sorted, `distance` (root mean square).
    """
    rows = {}
    for name, layer in layers.items():
        (loose, high), (strict, value) = semi_match(layer.between), match(layer.between)
        alive = (loose >= 0) & (strict >= 0)
        ours, theirs = np.sort(layer.mean_a), np.sort(layer.mean_b)
        same_size = len(ours) == len(theirs)
        rows[name] = {
            "semi_matching": kernels.mean_of_known(high),
            "matching": kernels.mean_of_known(value),
            "overlap": kernels.mean_of_known((loose == strict)[alive]),
            "units": len(loose),
            "dead_a": int(np.isnan(layer.within_a.diagonal()).sum()),
            "dead_b": int(np.isnan(layer.within_b.diagonal()).sum()),
            "spread": np.mean([ours.std(), theirs.std()]),
            "distance": np.sqrt(np.mean((ours - theirs) ** 2)) if same_size else np.nan,
        }
    return pd.DataFrame.from_dict(rows, "index")


def best_and_worst(table: np.ndarray, count: int) -> tuple[list[int], list[int]]:
    """Return the `count` best and the `count` worst semi-matched units, best first.

    `table` is that of `semi_match`. Two lists of equal length: units of the first network and their
    partners in the second. They hold all units that have a partner where these are fewer than
    2 * `count`.
    """
    partners, values = semi_match(table)
    order = [i for i in np.argsort(-values).tolist() if partners[i] >= 0]
    chosen = order[:count] + order[max(count, len(order) - count) :]
    return chosen, partners[chosen].tolist()


def spectral_clusters(
    layer: Layer, k: int, threshold: float = 0.2, alpha: float = 0.025, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cluster of every unit of two networks: (labels_a, labels_b), -1 for a dead unit.

    The graph of all units holds the correlations above the threshold, within and between the
    networks. K-means groups the first k eigenvectors of its unnormalised Laplacian, and splits a
    cluster of more than 2 * alpha * units in two as long as there are such (sections 4 and 6.5).
    """
    largest, count = 2 * alpha * len(layer.between), len(layer.between)
    labels, _ = unit_clusters.split_spectrally(layer.combined(), k, threshold, largest, seed)
    return labels[:count], labels[count:]


def cluster_table(layer: Layer, labels_a: np.ndarray, labels_b: np.ndarray) -> pd.DataFrame:
    """Return the table of clusters, highest between-net similarity first (section 6.6).

    A row a cluster; its columns are the numbers of units, `units_a` and `units_b`, and the
    similarities `between` and `within` the networks. Similarities are means of correlations over
    pairs of a cluster's units; `between` is 0 where a cluster has units of one network alone.
    """
    rows = {}
    for cluster in sorted(set(labels_a[labels_a >= 0]) | set(labels_b[labels_b >= 0])):
        a, b = np.flatnonzero(labels_a == cluster), np.flatnonzero(labels_b == cluster)
        own = ((layer.within_a, a), (layer.within_b, b))
        within = [table[np.ix_(units, units)].mean() for table, units in own if len(units)]
        between = layer.between[np.ix_(a, b)].mean() if len(a) and len(b) else 0.0
        rows[cluster] = (len(a), len(b), between, np.mean(within))
    columns = ["units_a", "units_b", "between", "within"]
    table = pd.DataFrame.from_dict(rows, "index", columns=columns)
    return table.rename_axis("cluster").sort_values("between", ascending=False)
