"""Groups of units that are correlated, in both networks at once (Li et al., sections 4 and 6.5)."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

# The paper has 40 clusters of 2 * 96 units in conv1 and 100 of 2 * 256 in conv2, five units each,
# and leaves of at most 2 * .025 * 256 units. Clusters of other widths are to be of the same sizes.
CLUSTERS = 0.4  # first clusters for each unit of one network
LARGEST_LEAF = 2 * 0.025 * 256  # units of a leaf, of both networks


class Scaled(TypedDict):
    """The keywords of `units.spectral_clusters` that follow from a layer's width."""

    k: int
    alpha: float


def scaled(width: int) -> Scaled:
    """Return the paper's k and alpha for a layer of this many units, as keywords.

    They give clusters of the same sizes as in its layer conv2: k is two fifths of the width, and
    alpha lets a leaf have 12 units. Its threshold is a correlation and stays .2.
    """
    return {"k": max(2, round(CLUSTERS * width)), "alpha": LARGEST_LEAF / 2 / width}


def split_spectrally(
    table: np.ndarray, k: int, threshold: float, largest: float, seed: int = 0
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return the cluster of every unit, and how clusters were split.

    Parameters
    ----------
    table : array
        Correlations of all units (units, units); a dead one has nan.
    k : int
        First clusters: k-means of the first k eigenvectors of the graph's unnormalised Laplacian.
    threshold : float
        Correlations above it are edges of the graph.
    largest : float
        A cluster of more units is split in two, again and again.
    seed : int
        Of k-means.

    Returns
    -------
    tuple
        Labels (units,), -1 for a dead unit; and the splits in their order, (cluster that keeps its
        label, new cluster).

    Raises
    ------
    ValueError
        Where k is not between 2 and the number of units that are not dead.
    """
    from sklearn.cluster import KMeans  # here: it takes a second

    alive = np.isfinite(table.diagonal())
    if not 2 <= k <= alive.sum():
        raise ValueError(f"k is {k}: between 2 and the number of units, {alive.sum()}, is possible")
    weights = table[np.ix_(alive, alive)]
    weights = np.where(weights > threshold, weights, 0)
    np.fill_diagonal(weights, 0)
    place = np.linalg.eigh(np.diag(weights.sum(1)) - weights)[1][:, :k]
    found = KMeans(k, n_init=10, random_state=seed).fit_predict(place)
    waiting, splits = list(range(k)), []
    while waiting:
        members = np.flatnonzero(found == (cluster := waiting.pop()))
        if len(members) > max(largest, 1) and len(np.unique(place[members].round(12), axis=0)) > 1:
            half = KMeans(2, n_init=10, random_state=seed).fit_predict(place[members])
            new = int(found.max()) + 1
            found[members[half == 1]] = new
            splits.append((cluster, new))
            waiting += [cluster, new]
    labels = np.full(len(table), -1)
    labels[alive] = found
    return labels, splits


def largest_tree(
    labels: np.ndarray, splits: Sequence[tuple[int, int]]
) -> tuple[np.ndarray, list[int]]:
    """Return the tree of the first cluster with the most units, and of those the most splits.

    `labels` and `splits` are those of `split_spectrally`. Returned are SciPy's linkage matrix
    (splits, 4), whose heights are the numbers of units of the joined clusters, and the labels of
    its leaves. A cluster that was never split has no rows, and one leaf.
    """
    root = {int(label): int(label) for label in np.unique(labels[labels >= 0])}
    for kept, new in splits:
        root[new] = root[kept]
    units, branches = ([root[int(i)] for i in some] for some in (labels[labels >= 0], root))
    largest = max(root, key=lambda i: (units.count(i), branches.count(i)))
    leaves = [label for label in root if root[label] == largest]
    node = {leaf: i for i, leaf in enumerate(leaves)}
    size = {leaf: int((labels == leaf).sum()) for leaf in leaves}
    below = dict.fromkeys(leaves, 1)
    rows: list[list[float]] = []
    for kept, new in reversed(splits):
        if root[new] == largest:
            size[kept] += size[new]
            below[kept] += below[new]
            rows.append([node[kept], node[new], size[kept], below[kept]])
            node[kept] = len(leaves) + len(rows) - 1
    return np.array(rows, dtype=float).reshape(-1, 4), leaves
