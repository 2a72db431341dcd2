"""CKA agrees with the formula written out in float64, and is right where minibatch implementations go wrong."""

import numpy as np
import pytest
import torch
from torch import nn

from paradoxlib import activations, cka, data, models


def written_out(x, y):
    """The unbiased HSIC of two sets of features, by its definition with matrices of ones (Song et al. 2012), in NumPy."""
    n = len(x)
    k, l = (z.reshape(n, -1).astype(np.float64) @ z.reshape(n, -1).astype(np.float64).T for z in (x, y))  # noqa: E741
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    one = np.ones(n)
    return (np.trace(k @ l) + one @ k @ one * (one @ l @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ l @ one)) / (n * (n - 3))


@pytest.fixture
def features():
    source = torch.Generator().manual_seed(1)
    return [torch.randn(30, 7, generator=source), torch.randn(30, 4, 5, 5, generator=source)]


@pytest.fixture
def networks():
    return {name: models.build("resnet20", generator=data.generator(name)).eval() for name in "ab"}


@pytest.fixture
def images():
    return data.load("digits", "test").first(41).pixels.float() / 255


def test_hsic_is_the_formula_and_the_product_of_centred_grams(features):
    x, y = features
    expected = written_out(x.numpy(), y.numpy())
    assert cka.unbiased_hsic(*(z.flatten(1).double() @ z.flatten(1).double().T for z in (x, y))) == pytest.approx(expected, abs=1e-12)
    n = len(x)
    assert ((cka.centred_gram(x) * cka.centred_gram(y)).sum() / (n * (n - 3))).item() == pytest.approx(expected, rel=1e-5)


def test_large_means_cost_no_precision(features):
    x, y = features
    plain = (cka.centred_gram(x) * cka.centred_gram(y)).sum()
    moved = (cka.centred_gram(x + 1000) * cka.centred_gram(y)).sum()  # float32 keeps x to 6e-5 there
    assert moved == pytest.approx(plain.item(), rel=1e-3)


def test_independent_wide_features_are_near_0_on_both_sides():
    source = torch.Generator().manual_seed(2)
    values = []
    for _ in range(40):
        k, l = (cka.centred_gram(torch.randn(32, 5000, generator=source)) for _ in range(2))  # noqa: E741
        values.append(((k * l).sum() / (k.square().sum() * l.square().sum()).sqrt()).item())
    assert abs(np.mean(values)) < 0.02 and min(values) < 0 < max(values)  # the biased estimate is near 1


def test_matrix_agrees_with_a_direct_computation(networks, images):
    matrix = cka.cka_matrix(*networks.values(), images, batch_size=16, passes=2, seed=3)
    chosen = [("conv1", "fc"), ("relu_5", "relu_5"), ("add_9", "bn3a_branch2b")]
    for one, other in chosen:
        sums = np.zeros(3)
        for batch in cka.batches(images, 16, 2, 3):
            x, y = (activations.record(model, batch)[layer].numpy() for model, layer in zip(networks.values(), (one, other), strict=True))
            sums += written_out(x, y), written_out(x, x), written_out(y, y)
        assert matrix.loc[one, other] == pytest.approx(sums[0] / np.sqrt(sums[1] * sums[2]), abs=1e-6)


def test_a_network_is_itself_and_pairs_are_symmetric(networks, images):
    result = cka.cka_matrices(networks, images, batch_size=20)
    assert np.allclose(np.diag(result["a", "a"]), 1) and np.allclose(result["a", "a"], result["a", "a"].T)
    assert np.allclose(result["a", "b"].T, cka.cka_matrix(networks["b"], networks["a"], images, batch_size=20))


def test_every_image_is_seen_once_a_pass_and_a_rest_too_short_is_left_out():
    seen = [batch.tolist() for batch in cka.batches(torch.arange(41), 13, 2, 0)]
    assert [len(batch) for batch in seen] == [13, 13, 13] * 2  # 2 images are left over
    passes = [torch.tensor(seen[i : i + 3]) for i in (0, 3)]
    assert all(part.unique().numel() == 39 for part in passes) and not torch.equal(*passes)
    assert [len(batch) for batch in cka.batches(torch.arange(30), 13, 1, 0)] == [13, 13, 4]


def test_outputs_are_those_before_they_are_changed_in_place():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True)).eval()
    images = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    outputs = activations.record(model, images)
    assert list(outputs) == ["0", "1", "relu_1"]
    assert (outputs["1"] < 0).any() and (outputs["relu_1"] >= 0).all()
    assert torch.equal(outputs["relu_1"], outputs["1"].clamp(min=0))


def test_layers_are_seen_in_order_and_an_unknown_one_is_named(networks, images):
    seen = activations.names(networks["a"], images)
    assert seen[:3] == ["conv1", "bn_conv1", "relu_1"] and seen[-1] == "fc" and len(seen) == 21 + 19 + 19 + 9 + 1
    assert set(models.conv_layers(networks["a"])) < set(seen)
    assert list(activations.record(networks["a"], images[:2], ["fc", "conv1"])) == ["conv1", "fc"]
    with pytest.raises(ValueError, match="unknown layer 'relu_99': did you mean 'relu_9'"):
        activations.record(networks["a"], images[:2], ["relu_99"])
    with pytest.raises(ValueError, match="unknown layer 'conv9'"):
        cka.cka_matrix(*networks.values(), images, layers=["conv9"])


def test_a_dead_layer_has_no_similarity():
    dead = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU())
    with torch.no_grad():
        dead[0].weight.zero_()
    matrix = cka.cka_matrix(dead, dead, torch.rand(6, 3, 4, 4))
    assert matrix.isna().all().all()


def test_too_few_images_are_refused(networks, images):
    with pytest.raises(ValueError, match="CKA of 3 images"):
        cka.cka_matrix(*networks.values(), images[:3])
    with pytest.raises(ValueError, match="at least 4"):
        cka.unbiased_hsic(torch.eye(3), torch.eye(3))


def test_the_first_component_explains_what_pca_says(networks, images):
    shares = cka.first_component(networks["a"], images, ["relu_3", "fc"])
    flat = activations.record(networks["a"], images, ["fc"])["fc"].double()
    singular = torch.linalg.svdvals(flat - flat.mean(0)) ** 2
    assert shares["fc"] == pytest.approx((singular[0] / singular.sum()).item()) and list(shares.index) == ["relu_3", "fc"]


def test_an_image_unlike_all_others_dominates():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
    images = torch.rand(50, 3, 1, 1, generator=torch.Generator().manual_seed(0))
    assert cka.dominant_images(model, images)["1"] < 0.2
    images[7] = 1000
    assert cka.dominant_images(model, images)["1"] > 0.97


def test_a_layer_that_none_of_the_networks_has_is_refused(networks, images):
    with pytest.raises(ValueError, match="unknown layer 'relu_33': did you mean 'relu_3'"):
        cka.cka_matrices(networks, images, layers=["relu_3", "relu_33"])
