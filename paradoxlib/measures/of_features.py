"""Measures of two layers by what they put out: two matrices of features for the same images.

Each takes x (n, units of one layer) and y (n, units of the other), a row for each of n images, the
same images in the same order, float; the numbers of units may differ. It returns a number that is
higher the more alike the layers are. All are computed in float64, and a constant unit is left out;
nan where a layer has no other. `catalogue` says what each does not see, its range and its source.

Each has two steps: what is computed of a layer alone, which many pairs share, and what of both.
"""

import math
from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import numpy as np
import scipy
from scipy.cluster import hierarchy
from scipy.spatial import distance

NEIGHBOURS = 10
VARIANCE_KEPT = 0.99  # by SVCCA
LEAST = 3  # images
SCALE_QUANTILE = 0.9  # of the distances; RTD-Lite divides by it


def centred(x: np.ndarray) -> np.ndarray:
    """Return features (n, d) without their means and without constant units, float64.

    ValueError for what is no matrix of at least 3 finite rows.
    """
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 2 or len(x) < LEAST or not np.isfinite(x).all():
        raise ValueError(
            f"features of shape {x.shape}: a matrix (images, units) of finite numbers is wanted, "
            f"of at least {LEAST} images"
        )
    varies = np.ptp(x, axis=0) > 1e-12 * np.abs(x).max(initial=0)
    return x[:, varies] - x[:, varies].mean(0)


def basis(x: np.ndarray, share: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return an orthonormal basis (n, rank) of centred features, and their singular values.

    Only the first directions, which hold a share of the variance.
    """
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    keep = s > 1e-10 * s[0]
    u, s = u[:, keep], s[keep]
    if share < 1:
        count = int(np.searchsorted(np.cumsum(s**2) / np.sum(s**2), share)) + 1
        u, s = u[:, :count], s[:count]
    return u, s


def nuclear(x: np.ndarray) -> float:
    """Return the sum of a matrix's singular values."""
    return float(np.linalg.svd(x, compute_uv=False).sum())


class Features:
    """A measure of two layers' features: called with both, or in two steps.

    `alone` computes what it takes of one layer, `between` compares that of two layers of the same
    images.
    """

    __name__: str

    def __init__(
        self, prepare: Callable[[np.ndarray], Any], compare: Callable[[Any, Any], float]
    ) -> None:
        self.prepare, self.compare = prepare, compare
        update_wrapper(self, compare)

    def alone(self, x: np.ndarray) -> Any:
        """Return what is compared of a layer's features (n, units); None where none varies."""
        x = centred(x)
        return self.prepare(x) if x.size else None

    def between(self, one: Any, other: Any) -> float:
        """Return the measure of two layers by what `alone` made of them; nan for None."""
        return np.nan if one is None or other is None else float(self.compare(one, other))

    def __call__(self, x: np.ndarray, y: np.ndarray) -> float:
        """Return the measure of two layers' features; ValueError where they have other images."""
        if len(x) != len(y):
            raise ValueError(
                f"features of {len(x)} and {len(y)} images: the same images are wanted"
            )
        return self.between(self.alone(x), self.alone(y))


def of_each(prepare: Callable[[np.ndarray], Any]) -> Callable[[Callable], Features]:
    """Make a measure of a function that compares what `prepare` makes of each layer's features.

    They are `centred`.
    """
    return lambda compare: Features(prepare, compare)


def ranked(values: np.ndarray) -> np.ndarray:
    """Return the ranks of values about their mean, of length 1; nan where all are the same."""
    ranks = scipy.stats.rankdata(values)
    ranks -= ranks.mean()
    with np.errstate(invalid="ignore"):
        return ranks / np.linalg.norm(ranks)


def unit(x: np.ndarray) -> np.ndarray:
    """Return a matrix divided by its norm."""
    return x / np.linalg.norm(x)


def ranks_of_correlations(x: np.ndarray) -> np.ndarray | None:
    """Return the ranks of 1 - Pearson's r of the images' units; None for a single unit."""
    return None if x.shape[1] < 2 else ranked(distance.pdist(x, "correlation"))


@of_each(ranks_of_correlations)
def rsa(x: np.ndarray, y: np.ndarray) -> float:
    """Return Spearman's correlation of the distances between images, 1 - Pearson's r of units."""
    return x @ y


@of_each(lambda x: ranked(distance.pdist(x)))
def rsa_euclidean(x: np.ndarray, y: np.ndarray) -> float:
    """Return Spearman's correlation of the Euclidean distances between images."""
    return x @ y


@of_each(unit)
def procrustes(x: np.ndarray, y: np.ndarray) -> float:
    """Return the cosine of the layers' features under the best rotation of one of them."""
    return nuclear(x.T @ y)


@of_each(unit)
def shape_closeness(x: np.ndarray, y: np.ndarray) -> float:
    """Return minus the angle between the layers' features under the best rotation, in radians."""
    return -math.acos(min(nuclear(x.T @ y), 1.0))


@of_each(lambda x: basis(x)[0])
def cca(u: np.ndarray, v: np.ndarray) -> float:
    """Return the mean canonical correlation."""
    return canonical(u, v)


@of_each(lambda x: basis(x, VARIANCE_KEPT)[0])
def svcca(u: np.ndarray, v: np.ndarray) -> float:
    """Return the mean canonical correlation of the directions with 99 % of the variance."""
    return canonical(u, v)


def canonical(u: np.ndarray, v: np.ndarray) -> float:
    """Return the mean canonical correlation of two orthonormal bases (n, rank)."""
    return nuclear(u.T @ v) / min(u.shape[1], v.shape[1])


def with_basis(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return centred features and an orthonormal basis of them."""
    return x, basis(x)[0]


@of_each(with_basis)
def pwcca(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the canonical correlations' mean, weighted by what each direction adds to a layer.

    The mean of the weightings by either layer. Where two layers have more units than there are
    images, some correlations are 1; their directions, and so the weights, are then rounding (1e-4).
    """
    (x, u), (y, v) = one, other
    left, correlations, right = np.linalg.svd(u.T @ v, full_matrices=False)
    weights = [np.abs((u @ left).T @ x).sum(1), np.abs((v @ right.T).T @ y).sum(1)]
    return float(np.mean([np.average(correlations, weights=w) for w in weights]))


@of_each(lambda x: with_basis(unit(x)))
def regression(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the share of variance that the best linear map explains, the mean of both ways."""
    (x, u), (y, v) = one, other
    return float((np.linalg.norm(u.T @ y) ** 2 + np.linalg.norm(v.T @ x) ** 2) / 2)


@of_each(lambda x: x / np.sqrt(np.linalg.norm(x.T @ x)))
def linear_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Return linear centred kernel alignment; its estimate is biased upwards for few images."""
    return float(np.linalg.norm(x.T @ y) ** 2)


@of_each(lambda x: unit(doubly_centred(gaussian(x))))
def kernel_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Return centred kernel alignment under Gaussian kernels as wide as the median distance."""
    return np.vdot(x, y)


def gaussian(x: np.ndarray) -> np.ndarray:
    """Return the Gaussian kernel (n, n) of features, as wide as the median distance."""
    squares = distance.squareform(distance.pdist(x, "sqeuclidean"))
    return np.exp(-squares / (2 * np.median(squares[np.triu_indices(len(x), 1)])))


def doubly_centred(matrix: np.ndarray) -> np.ndarray:
    """Return a matrix whose rows and columns sum to 0."""
    return matrix - matrix.mean(0) - matrix.mean(1, keepdims=True) + matrix.mean()


@of_each(lambda x: unit(doubly_centred(distance.squareform(distance.pdist(x)))))
def distance_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Return the distance correlation."""
    return np.sqrt(max(np.vdot(x, y), 0))


def nearest(x: np.ndarray) -> np.ndarray:
    """Return which images (n, n) are among the nearest of each, by Euclidean distance."""
    apart = distance.squareform(distance.pdist(x))
    np.fill_diagonal(apart, np.inf)
    order = np.argsort(apart, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(x) - 1)]
    found = np.zeros(apart.shape, dtype=bool)
    np.put_along_axis(found, order, True, axis=1)
    return found


@of_each(nearest)
def neighbours(x: np.ndarray, y: np.ndarray) -> float:
    """Return the share of each image's nearest neighbours that both layers have (Jaccard)."""
    return ((x & y).sum(1) / (x | y).sum(1)).mean()


def scaled_distances(x: np.ndarray) -> np.ndarray:
    """Return the condensed distances between images, in units of their .9 quantile.

    Where that is 0, the largest is the unit.
    """
    apart = distance.pdist(x)
    return apart / (np.quantile(apart, SCALE_QUANTILE) or apart.max())


def with_tree(apart: np.ndarray) -> tuple[np.ndarray, float]:
    """Return condensed distances and the length of their shortest tree."""
    return apart, spanning(apart).sum()


@of_each(lambda x: with_tree(scaled_distances(x)))
def topology(one: tuple[np.ndarray, float], other: tuple[np.ndarray, float]) -> float:
    """Return minus the divergence of how images connect into clusters, scale by scale (RTD-Lite).

    Each layer's images are joined by the shortest tree; so are those of both layers, each pair at
    the shorter of its two distances. The divergence is what the layers' own trees are longer by, a
    connection on average, the mean of both. Distances are in units of their .9 quantile.
    """
    (a, own), (b, others) = one, other
    shared = spanning(np.minimum(a, b))
    return -((own + others) / 2 - shared.sum()) / len(shared)


@of_each(lambda x: spanning(scaled_distances(x)))
def clusters(x: np.ndarray, y: np.ndarray) -> float:
    """Return minus the distance of the layers' barcodes in dimension 0, images unpaired.

    A barcode of dimension 0 says at which distances images join into clusters; it is the lengths of
    the shortest tree. Their Wasserstein distance, a connection on average; distances are in units
    of their .9 quantile.
    """
    return -np.abs(x - y).mean()


def spanning(apart: np.ndarray) -> np.ndarray:
    """Return the n - 1 lengths of the shortest tree, ascending, of condensed distances.

    They are the heights at which single linkage joins clusters.
    """
    return hierarchy.linkage(apart, "single")[:, 2]
