"""Measures of two layers by what they put out: two matrices of features for the same images.

Each takes x (n, units of one layer) and y (n, units of the other), a row for each of n images, the
same images in the same order, float; the numbers of units may differ. It returns a number that is
higher the more alike the layers are. All are computed in float64, and a constant unit is left out;
nan where a layer has no other. `catalogue` says what each does not see, its range and its source.
"""

import math
from collections.abc import Callable

import numpy as np
import scipy
from scipy.cluster import hierarchy
from scipy.spatial import distance

NEIGHBOURS = 10
VARIANCE_KEPT = 0.99  # by SVCCA
LEAST = 3  # images
SCALE_QUANTILE = 0.9  # of the distances; RTD-Lite divides by it
Features = Callable[[np.ndarray, np.ndarray], float]


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


def both(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both layers' features, `centred`; ValueError where they have other images."""
    if len(x) != len(y):
        raise ValueError(f"features of {len(x)} and {len(y)} images: the same images are wanted")
    return centred(x), centred(y)


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


def defined(function: Features) -> Features:
    """Return a measure of features that is nan where a layer has no unit that varies."""

    def checked(x: np.ndarray, y: np.ndarray) -> float:
        x, y = both(x, y)
        return function(x, y) if x.size and y.size else np.nan

    checked.__doc__, checked.__name__ = function.__doc__, function.__name__
    return checked


@defined
def rsa(x: np.ndarray, y: np.ndarray) -> float:
    """Return Spearman's correlation of the distances between images, 1 - Pearson's r of units."""
    if min(x.shape[1], y.shape[1]) < 2:
        return np.nan
    return float(
        scipy.stats.spearmanr(
            distance.pdist(x, "correlation"),
            distance.pdist(y, "correlation"),
        )[0]
    )


@defined
def rsa_euclidean(x: np.ndarray, y: np.ndarray) -> float:
    """Return Spearman's correlation of the Euclidean distances between images."""
    return float(scipy.stats.spearmanr(distance.pdist(x), distance.pdist(y))[0])


@defined
def procrustes(x: np.ndarray, y: np.ndarray) -> float:
    """Return the cosine of the layers' features under the best rotation of one of them."""
    return nuclear(x.T @ y) / float(np.linalg.norm(x) * np.linalg.norm(y))


@defined
def shape_closeness(x: np.ndarray, y: np.ndarray) -> float:
    """Return minus the angle between the layers' features under the best rotation, in radians."""
    cosine = nuclear(x.T @ y) / float(np.linalg.norm(x) * np.linalg.norm(y))
    return -math.acos(min(cosine, 1.0))


@defined
def cca(x: np.ndarray, y: np.ndarray) -> float:
    """Return the mean canonical correlation."""
    return canonical(basis(x)[0], basis(y)[0])


@defined
def svcca(x: np.ndarray, y: np.ndarray) -> float:
    """Return the mean canonical correlation of the directions with 99 % of the variance."""
    return canonical(basis(x, VARIANCE_KEPT)[0], basis(y, VARIANCE_KEPT)[0])


def canonical(u: np.ndarray, v: np.ndarray) -> float:
    """Return the mean canonical correlation of two orthonormal bases (n, rank)."""
    return nuclear(u.T @ v) / min(u.shape[1], v.shape[1])


@defined
def pwcca(x: np.ndarray, y: np.ndarray) -> float:
    """Return the canonical correlations' mean, weighted by what each direction adds to a layer.

    The mean of the weightings by either layer.
    """
    u, v = basis(x)[0], basis(y)[0]
    left, correlations, right = np.linalg.svd(u.T @ v, full_matrices=False)
    weights = [np.abs((u @ left).T @ x).sum(1), np.abs((v @ right.T).T @ y).sum(1)]
    return float(np.mean([np.average(correlations, weights=w) for w in weights]))


@defined
def regression(x: np.ndarray, y: np.ndarray) -> float:
    """Return the share of variance that the best linear map explains, the mean of both ways."""
    u, v = basis(x)[0], basis(y)[0]
    shares = (
        np.linalg.norm(u.T @ y) ** 2 / np.linalg.norm(y) ** 2,
        np.linalg.norm(v.T @ x) ** 2 / np.linalg.norm(x) ** 2,
    )
    return float(np.mean(shares))


@defined
def linear_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Return linear centred kernel alignment; its estimate is biased upwards for few images."""
    scale = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    return float(np.linalg.norm(x.T @ y) ** 2 / scale)


@defined
def kernel_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Return centred kernel alignment under Gaussian kernels as wide as the median distance."""
    k, l = (doubly_centred(gaussian(z)) for z in (x, y))  # noqa: E741 (the literature's names)
    return float((k * l).sum() / (np.linalg.norm(k) * np.linalg.norm(l)))


def gaussian(x: np.ndarray) -> np.ndarray:
    """Return the Gaussian kernel (n, n) of features, as wide as the median distance."""
    squares = distance.squareform(distance.pdist(x, "sqeuclidean"))
    return np.exp(-squares / (2 * np.median(squares[np.triu_indices(len(x), 1)])))


def doubly_centred(matrix: np.ndarray) -> np.ndarray:
    """Return a matrix whose rows and columns sum to 0."""
    return matrix - matrix.mean(0) - matrix.mean(1, keepdims=True) + matrix.mean()


@defined
def distance_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Return the distance correlation."""
    a, b = (doubly_centred(distance.squareform(distance.pdist(z))) for z in (x, y))
    scale = np.linalg.norm(a) * np.linalg.norm(b)
    return float(np.sqrt(max((a * b).sum(), 0) / scale))


@defined
def neighbours(x: np.ndarray, y: np.ndarray) -> float:
    """Return the share of each image's nearest neighbours that both layers have (Jaccard)."""
    a, b = (nearest(z) for z in (x, y))
    return float(((a & b).sum(1) / (a | b).sum(1)).mean())


def nearest(x: np.ndarray) -> np.ndarray:
    """Return which images (n, n) are among the nearest of each, by Euclidean distance."""
    apart = distance.squareform(distance.pdist(x))
    np.fill_diagonal(apart, np.inf)
    order = np.argsort(apart, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(x) - 1)]
    found = np.zeros(apart.shape, dtype=bool)
    np.put_along_axis(found, order, True, axis=1)
    return found


@defined
def topology(x: np.ndarray, y: np.ndarray) -> float:
    """Return minus the divergence of how images connect into clusters, scale by scale (RTD-Lite).

    Each layer's images are joined by the shortest tree; so are those of both layers, each pair at
    the shorter of its two distances. The divergence is what the layers' own trees are longer by, a
    connection on average, the mean of both. Distances are in units of their .9 quantile.
    """
    a, b = (distance.pdist(z) for z in (x, y))
    a, b = (d / np.quantile(d, SCALE_QUANTILE) for d in (a, b))
    shared = spanning(np.minimum(a, b)).sum()
    return -float((spanning(a).sum() + spanning(b).sum()) / 2 - shared) / (len(x) - 1)


@defined
def clusters(x: np.ndarray, y: np.ndarray) -> float:
    """Return minus the distance of the layers' barcodes in dimension 0, images unpaired.

    A barcode of dimension 0 says at which distances images join into clusters; it is the lengths of
    the shortest tree. Their Wasserstein distance, a connection on average; distances are in units
    of their .9 quantile.
    """
    lengths = []
    for z in (x, y):
        apart = distance.pdist(z)
        lengths.append(spanning(apart / np.quantile(apart, SCALE_QUANTILE)))
    return -float(np.abs(lengths[0] - lengths[1]).mean())


def spanning(apart: np.ndarray) -> np.ndarray:
    """Return the n - 1 lengths of the shortest tree, ascending, of condensed distances.

    They are the heights at which single linkage joins clusters.
    """
    return hierarchy.linkage(apart, "single")[:, 2]


REGISTERED = {  # under the names that registries of measures use; higher is more alike
    f"measure/paradoxlib/{function.__name__}": function
    for function in (
        rsa,
        rsa_euclidean,
        procrustes,
        shape_closeness,
        cca,
        svcca,
        pwcca,
        regression,
        linear_cka,
        kernel_cka,
        distance_correlation,
        neighbours,
        topology,
        clusters,
    )
}
