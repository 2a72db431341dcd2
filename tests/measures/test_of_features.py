"""Each measure of features against formulas written out, libraries, and what it must not see."""

import numpy as np
import pytest
from scipy import spatial, stats
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import distance
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import NearestNeighbors

from paradoxlib.measures import catalogue, of_features

MEASURES = {of.features.__name__: of.features for of in catalogue.MEASURES.values() if of.features}
ROTATED = set(MEASURES) - {"rsa", "pwcca"}


@pytest.fixture(params=[(40, 12, 7), (25, 30, 30), (60, 5, 5)], ids=str)
def layers(request):
    """Features of two layers that have something in common: wide, wider than images, narrow."""
    n, d, e = request.param
    source = np.random.default_rng(n)
    x = source.normal(size=(n, d)) * source.uniform(0.1, 3, d) + 1
    return x, x @ source.normal(size=(d, e)) + source.normal(size=(n, e))


def mst(apart):
    return np.sort(minimum_spanning_tree(apart + 1.0 - np.eye(len(apart))).data) - 1


def by_hand(name, x, y):
    """Return a measure written out from its definition, image by image where that is possible."""
    x, y = x - x.mean(0), y - y.mean(0)
    n = len(x)
    far = [np.array([[np.linalg.norm(a - b) for b in z] for a in z]) for z in (x, y)]
    pairs = np.triu_indices(n, 1)
    centring = np.eye(n) - 1 / n
    covariances = [np.linalg.pinv(z.T @ z) for z in (x, y)]
    if name == "rsa":
        return stats.spearmanr(*[(1 - np.corrcoef(z))[pairs] for z in (x, y)])[0]
    if name == "rsa_euclidean":
        return stats.spearmanr(far[0][pairs], far[1][pairs])[0]
    if name in ("procrustes", "shape_closeness"):
        wide = np.zeros((2, n, max(x.shape[1], y.shape[1])))
        wide[0, :, : x.shape[1]], wide[1, :, : y.shape[1]] = x, y
        cosine = np.sqrt(1 - spatial.procrustes(*wide)[2])
        return cosine if name == "procrustes" else -np.arccos(cosine)
    if name in ("cca", "svcca"):
        if name == "svcca":
            shares = []
            for z in (x, y):
                values, vectors = np.linalg.eigh(z @ z.T)
                total, count = 0, 0
                while total < 0.99 * values.sum():
                    total, count = total + values[-1 - count], count + 1
                shares.append(vectors[:, -count:])
            x, y = shares
            covariances = [np.linalg.pinv(z.T @ z) for z in (x, y)]
        squares = np.linalg.eigvals(covariances[0] @ x.T @ y @ covariances[1] @ y.T @ x).real
        count = min(np.linalg.matrix_rank(x), np.linalg.matrix_rank(y))
        return np.sqrt(np.clip(np.sort(squares)[::-1][:count], 0, 1)).mean()
    if name == "regression":
        fits = [(x, y), (y, x)]
        shares = []
        for known, wanted in fits:
            rest = wanted - LinearRegression().fit(known, wanted).predict(known)
            shares.append(1 - (rest**2).sum() / (wanted**2).sum())
        return np.mean(shares)
    if name == "linear_cka":
        k, l = x @ x.T, y @ y.T  # noqa: E741
        return np.trace(k @ l) / np.sqrt(np.trace(k @ k) * np.trace(l @ l))
    if name == "kernel_cka":
        k, l = (np.exp(-(d**2) / (2 * np.median(d[pairs] ** 2))) for d in far)  # noqa: E741
        hsic = [np.trace(a @ centring @ b @ centring) for a, b in ((k, l), (k, k), (l, l))]
        return hsic[0] / np.sqrt(hsic[1] * hsic[2])
    if name == "distance_correlation":
        a, b = (centring @ d @ centring for d in far)
        return np.sqrt((a * b).mean() / np.sqrt((a * a).mean() * (b * b).mean()))
    if name == "neighbours":
        k = min(of_features.NEIGHBOURS, n - 1)
        near = [NearestNeighbors(n_neighbors=k).fit(z).kneighbors()[1] for z in (x, y)]
        return np.mean([len({*a} & {*b}) / len({*a} | {*b}) for a, b in zip(*near, strict=True)])
    a, b = (d / np.quantile(d[pairs], 0.9) for d in far)
    if name == "topology":
        both = mst(np.minimum(a, b)).sum()
        return -((mst(a).sum() - both) + (mst(b).sum() - both)) / 2 / (n - 1)
    if name == "clusters":
        return -stats.wasserstein_distance(mst(a), mst(b))
    return None


@pytest.mark.parametrize("name", sorted(set(MEASURES) - {"pwcca"}))  # which has a test of its own
def test_each_measure_equals_its_definition(name, layers):
    assert MEASURES[name](*layers) == pytest.approx(by_hand(name, *layers), abs=1e-6)


def test_pwcca_weighs_canonical_directions_by_what_they_add(layers):
    x, y = (z - z.mean(0) for z in layers)

    def one_way(x, y):
        u, v = (
            np.linalg.qr(z)[0] if z.shape[0] > z.shape[1] else of_features.basis(z)[0]
            for z in (x, y)
        )
        values, vectors = np.linalg.eigh(u.T @ v @ v.T @ u)
        weights = [abs((u @ direction) @ x).sum() for direction in vectors.T]
        best = np.argsort(values)[::-1][: min(u.shape[1], v.shape[1])]
        return np.average(np.sqrt(np.clip(values[best], 0, 1)), weights=np.array(weights)[best])

    both_span_all_images = min(x.shape[1], y.shape[1]) >= len(x) - 1
    expected = 1 if both_span_all_images else (one_way(x, y) + one_way(y, x)) / 2
    assert of_features.pwcca(*layers) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_each_measure_is_symmetric_highest_for_copies_and_blind_to_what_it_says(name, layers):
    x, y = layers
    function, source = MEASURES[name], np.random.default_rng(0)
    value, copies = function(x, y), function(x, x)
    highest = 0 if name in ("topology", "clusters", "shape_closeness") else 1
    assert copies == pytest.approx(highest, abs=1e-6) and value <= highest + 1e-9
    assert function(y, x) == pytest.approx(value, abs=1e-9)
    assert function(x[:, ::-1], y) == pytest.approx(value, abs=1e-9)
    assert function(3 * x + 5, y) == pytest.approx(value, abs=1e-8)
    rotation = stats.ortho_group.rvs(x.shape[1], random_state=source)
    same = function((x - x.mean(0)) @ rotation, y) == pytest.approx(value, abs=1e-6)
    assert same == (name in ROTATED) or x.shape[1] >= len(x) - 1 or abs(value - copies) < 1e-6
    if name == "cca":
        assert function(x @ source.normal(size=(x.shape[1],) * 2), y) == pytest.approx(
            value, abs=1e-6
        )


@pytest.mark.parametrize("name", sorted(set(MEASURES) - {"cca", "regression", "svcca", "pwcca"}))
def test_each_measure_but_those_of_linear_maps_sees_an_affine_map(name):
    source = np.random.default_rng(1)
    x = source.normal(size=(40, 6))
    assert MEASURES[name](x, x @ np.diag([9, 1, 1, 1, 1, 0.1])) < MEASURES[name](x, x) - 1e-3


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_constant_units_do_not_count_and_a_layer_of_them_has_no_measure(name, layers):
    x, y = layers
    with_constant = np.hstack([x, np.full((len(x), 2), 7.0)])
    assert MEASURES[name](with_constant, y) == pytest.approx(MEASURES[name](x, y), abs=1e-9)
    assert np.isnan(MEASURES[name](np.ones_like(x), y))


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_features_of_other_images_or_of_none_are_refused_in_one_sentence(name):
    good = np.random.default_rng(0).normal(size=(10, 4))
    for bad in (good[:2], good[0], np.full_like(good, np.nan)):
        with pytest.raises(ValueError, match=r"at least 3 images|the same images"):
            MEASURES[name](bad, bad)
    with pytest.raises(ValueError, match="10 and 9 images"):
        MEASURES[name](good, good[1:])


def test_the_shortest_tree_is_that_of_the_graph():
    points = np.random.default_rng(3).normal(size=(30, 4))
    apart = distance.pdist(np.vstack([points, points[:2]]))  # two pairs of equal points
    assert of_features.spanning(apart) == pytest.approx(mst(distance.squareform(apart)), abs=1e-12)


def test_units_that_are_alive_for_one_image_alone_are_compared():
    x = np.zeros((30, 4))
    x[0] = 1
    for name in ("topology", "clusters"):
        assert MEASURES[name](x, x) == pytest.approx(0)
