"""CKA agrees with its formula in float64, and is right where minibatch implementations go wrong."""

import numpy as np
import pytest
import torch
from torch import nn

from paradoxlib import seeds
from paradoxlib.images import data
from paradoxlib.networks import activations, models
from paradoxlib.similarity import cka


def gram(z):
    """Return the Gram matrix of features (n, ...), float64."""
    flat = z.reshape(len(z), -1).astype(np.float64)
    return flat @ flat.T


def written_out(x, y):
    """Return the unbiased HSIC of two sets of features, by its definition with vectors of ones.

    Song et al. 2012, in NumPy.
    """
    k, l = gram(x), gram(y)  # noqa: E741
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    n, one = len(x), np.ones(len(x))
    total = one @ k @ one * (one @ l @ one) / ((n - 1) * (n - 2))
    rows = 2 / (n - 2) * (one @ k @ l @ one)
    return (np.trace(k @ l) + total - rows) / (n * (n - 3))


@pytest.fixture
def features():
    source = torch.Generator().manual_seed(1)
    return [torch.randn(30, 7, generator=source), torch.randn(30, 4, 5, 5, generator=source)]


@pytest.fixture
def networks():
    return {name: models.build("resnet20", generator=seeds.generator(name)).eval() for name in "ab"}


@pytest.fixture
def images():
    return data.load("digits", "test").first(41).pixels.float() / 255


def test_hsic_is_the_formula_and_the_product_of_centred_grams(features):
    x, y = features
    expected, n = written_out(x.numpy(), y.numpy()), len(x)
    hsic = cka.unbiased_hsic(*(torch.from_numpy(gram(z.numpy())) for z in (x, y)))
    assert hsic == pytest.approx(expected, abs=1e-12)
    product = (cka.centred_gram(x) * cka.centred_gram(y)).sum() / (n * (n - 3))
    assert product.item() == pytest.approx(expected, rel=1e-5)


def test_the_order_of_channels_in_memory_does_not_matter(features):
    _, y = features
    last = y.to(memory_format=torch.channels_last)
    assert torch.allclose(cka.centred_gram(last), cka.centred_gram(y), atol=1e-4)


def test_large_means_cost_no_precision(features):
    x, y = features
    plain = (cka.centred_gram(x) * cka.centred_gram(y)).sum()
    moved = (cka.centred_gram(x + 1000) * cka.centred_gram(y)).sum()  # float32 keeps x to 6e-5
    assert moved == pytest.approx(plain.item(), rel=1e-3)


def test_independent_wide_features_are_near_0_on_both_sides():
    source = torch.Generator().manual_seed(2)
    values = []
    for _ in range(40):
        k, l = (cka.centred_gram(torch.randn(32, 5000, generator=source)) for _ in range(2))  # noqa: E741
        values.append(((k * l).sum() / (k.square().sum() * l.square().sum()).sqrt()).item())
    assert abs(np.mean(values)) < 0.02  # the biased estimate is near 1
    assert min(values) < 0 < max(values)


def test_matrix_agrees_with_a_direct_computation(networks, images):
    matrix = cka.cka_matrix(*networks.values(), images, batch_size=16, passes=2, seed=3)
    chosen = [("conv1", "fc"), ("relu_5", "relu_5"), ("add_9", "bn3a_branch2b")]
    for one, other in chosen:
        sums = np.zeros(3)
        for batch in cka.shuffled_batches(images, 16, 2, 3):
            x, y = (
                activations.record(model, batch)[layer].numpy()
                for model, layer in zip(networks.values(), (one, other), strict=True)
            )
            sums += written_out(x, y), written_out(x, x), written_out(y, y)
        expected = sums[0] / np.sqrt(sums[1] * sums[2])
        assert matrix.loc[one, other] == pytest.approx(expected, abs=1e-6)


def test_a_network_is_itself_and_pairs_are_symmetric(networks, images):
    result = cka.cka_matrices(networks, images, batch_size=20)
    assert list(result) == [("a", "a"), ("a", "b"), ("b", "b")]
    itself = result["a", "a"]
    assert np.allclose(np.diag(itself), 1) and np.allclose(itself, itself.T)
    turned = cka.cka_matrix(networks["b"], networks["a"], images, batch_size=20)
    assert np.allclose(result["a", "b"].T, turned)


def test_every_image_is_seen_once_a_pass_and_a_rest_too_short_is_left_out():
    seen = [batch.tolist() for batch in cka.shuffled_batches(torch.arange(41), 13, 2, 0)]
    assert [len(batch) for batch in seen] == [13, 13, 13] * 2  # 2 images are left over
    passes = [torch.tensor(seen[i : i + 3]) for i in (0, 3)]
    assert all(part.unique().numel() == 39 for part in passes) and not torch.equal(*passes)
    assert [len(batch) for batch in cka.shuffled_batches(torch.arange(30), 13, 1, 0)] == [13, 13, 4]


def test_a_dead_layer_has_no_similarity():
    dead = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU())
    with torch.no_grad():
        dead[0].weight.zero_()
    images = torch.rand(6, 3, 4, 4, generator=torch.Generator().manual_seed(4))
    matrix = cka.cka_matrix(dead, dead, images)
    assert matrix.isna().all().all()


def test_too_few_images_are_refused(networks, images):
    with pytest.raises(ValueError, match="CKA of 3 images"):
        cka.cka_matrix(*networks.values(), images[:3])
    with pytest.raises(ValueError, match="at least 4"):
        cka.unbiased_hsic(torch.eye(3), torch.eye(3))


def test_layers_that_no_network_has_and_networks_without_layers_are_refused(networks, images):
    with pytest.raises(ValueError, match="unknown layer 'relu_33': did you mean 'relu_3'"):
        cka.cka_matrices(networks, images, layers=["relu_3", "relu_33"])
    with pytest.raises(ValueError, match="unknown layer 'conv9'"):
        cka.cka_matrix(*networks.values(), images, layers=["conv9"])
    other = nn.Sequential(nn.Conv2d(3, 2, 1)).eval()
    with pytest.raises(ValueError, match="network 'c' has none of the layers"):
        cka.cka_matrices({**networks, "c": other}, images, layers=["relu_3"])


def test_removing_the_first_component_is_removing_it_from_the_features(features):
    x, y = features
    flat = x.flatten(1).double()
    flat = flat - flat.mean(0)
    direction = torch.linalg.svd(flat).Vh[0]
    rest = flat - (flat @ direction)[:, None] * direction
    assert torch.allclose(cka.centred_gram(flat, 1), cka.centred_gram(rest), atol=1e-9)
    assert torch.allclose(cka.centred_gram(y, 0), cka.centred_gram(y))


def test_without_one_shared_direction_nothing_is_alike():
    source = torch.Generator().manual_seed(5)
    shared = 100 * torch.randn(60, 1, generator=source)
    grams = {}
    for removed in (0, 1):
        both = [torch.randn(60, 400, generator=source) for _ in range(2)]
        for one in both:
            one[:, :1] = shared
        k, l = (cka.centred_gram(one, removed) for one in both)  # noqa: E741
        grams[removed] = ((k * l).sum() / (k.square().sum() * l.square().sum()).sqrt()).item()
    assert grams[0] > 0.95 and abs(grams[1]) < 0.15


def test_sums_of_batches_give_the_cka_of_the_same_batches(networks, images):
    layers = ["relu_1", "add_5", "fc"]
    grams = [cka.plain_grams(network, images, layers) for network in networks.values()]
    sums = cka.hsic_of_batches(*grams, size=13, passes=2, seed=4)
    assert sums.shape == (6, 3, 3)
    order = {"batch_size": 13, "passes": 2, "seed": 4}
    matrix = cka.cka_matrix(*networks.values(), images, layers=layers, **order)
    np.testing.assert_allclose(cka.cka_of_sums(sums.sum(0)), np.diag(matrix), atol=1e-5)
    with pytest.raises(ValueError, match="CKA of 3 images"):
        cka.hsic_of_batches(*grams, size=3)
