"""The architectures are the paper's: exact counts, names and order of layers, padding and initialisers."""

import pytest
import torch

from paradoxlib import data, models


@pytest.mark.parametrize(
    ("name", "classes", "values", "convolutions"),
    [("resnet20", 10, 274_442, 21), ("resnet50", 1000, 25_636_712, 53), ("resnet101", 1000, None, 104), ("resnet152", 1000, None, 155)],
)
def test_counts(name, classes, values, convolutions):
    with torch.device("meta"):
        model = models.empty(name, classes)
    assert len(models.conv_layers(model)) == convolutions
    assert all(layer.bias is not None for layer in models.conv_layers(model).values())
    if values:
        assert models.count_values(model) == values


def test_resnet50_layers_are_named_and_ordered_as_in_the_paper():
    names = list(models.conv_layers(models.empty("resnet50")))
    assert names[:5] == ["conv1", "res2a_branch2a", "res2a_branch2b", "res2a_branch2c", "res2a_branch1"]
    assert names[20] == "res3c_branch2c"  # Figure 5, 0-based
    with torch.device("meta"):
        layer = models.empty("resnet50").res3c_branch2c
    assert sum(p.numel() for p in layer.parameters()) == 66_048


def test_resnet20_projections_have_a_bias_and_no_batch_norm():
    model = models.build("resnet20")
    projections = [name for name in models.conv_layers(model) if name.endswith("branch1")]
    assert projections == ["res3a_branch1", "res4a_branch1"]
    assert not any(hasattr(model, models.batch_norm_name(name)) for name in projections)
    assert model.bn_conv1.eps == 1e-3 and model.bn_conv1.momentum == 0.01


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("name", models.BLOCKS)
def test_networks_map_images_to_logits(name, small):
    model = models.build(name, 7, small_images=small, generator=data.generator(1)).eval()
    with torch.inference_mode():
        assert model(torch.rand(2, 3, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize("name", ["res2a_branch2a", "res3a_branch1", "res5b_branch2b", "res2a_branch2b"])
def test_small_kernels_and_small_images_are_convolved_by_matrix_products_while_training(name):
    model = models.build("resnet50", 10, generator=data.generator(1)).double()
    layer = getattr(model, name)
    size = 1 if name.startswith("res5") else 6
    images = torch.randn(2, layer.in_channels, size, size, dtype=torch.float64, generator=data.generator(2))
    grads = []
    for mode in (model.train(), model.train(False)):
        layer.zero_grad()
        (mode.conv(name, images) ** 2).sum().backward()
        grads.append((mode.conv(name, images).detach(), layer.weight.grad.clone(), layer.bias.grad.clone()))
    assert all(torch.allclose(ours, theirs) for ours, theirs in zip(*grads, strict=True))


def test_padding_at_stride_two_is_at_the_bottom_and_the_right():
    model = models.build("resnet20")
    layer = model.res3a_branch2a
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[:, :, 0, 0] = 1  # reads the upper left of its window
        image = torch.zeros(1, 16, 32, 32)
        image[0, :, 0, 0] = 1
        assert model.conv("res3a_branch2a", image)[0, 0, 0, 0] == 16


def test_networks_standardise_their_input():
    model = models.build("resnet20", generator=data.generator(1)).eval()
    images = torch.rand(2, 3, 32, 32)
    plain = model((images - 0.4) / 0.2)
    model.standardise([0.4] * 3, [0.2] * 3)
    assert torch.allclose(model(images), plain, atol=1e-5)
    assert "mean" not in model.state_dict()


@pytest.mark.parametrize("initialiser", models.INITIALISERS)
def test_initialisers(initialiser):
    one, again, other = (models.build("resnet20", initialiser=initialiser, generator=data.generator(seed)) for seed in (1, 1, 2))
    for (name, a), b, c in zip(one.named_parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        if a.dim() > 1:
            assert not torch.equal(a, c)
            he = (2 / a[0].numel()) ** 0.5
            assert initialiser == "glorot_uniform" or abs(a.std().item() / he - 1) < 0.25, name
        elif name.endswith("bias"):
            assert (a == 0).all()
    weight = one.res2a_branch2a.weight
    if initialiser == "gaussian_derivative":
        assert weight.sum((2, 3)).abs().max() < 1e-5  # every slice is odd


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"name": "vgg"}, "unknown architecture 'vgg'"),
        ({"name": "resnet20", "num_classes": 1}, "num_classes is 1"),
        ({"name": "resnet20", "initialiser": "zeros"}, "unknown initialiser 'zeros'"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        models.build(**arguments)


def test_weights_that_do_not_fit_are_refused():
    model, state = models.build("resnet20"), models.build("resnet20").state_dict()
    with pytest.raises(ValueError, match="'conv1.weight' is missing"):
        models.load_state(model, {k: v for k, v in state.items() if k != "conv1.weight"})
    with pytest.raises(ValueError, match="'extra' is left over"):
        models.load_state(model, {**state, "extra": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"'fc.weight' is \(3, 64\), not \(10, 64\)"):
        models.load_state(model, {**state, "fc.weight": torch.zeros(3, 64)})


@pytest.mark.parametrize("name", ["resnet20", "resnet50"])
def test_folding_batch_norms_leaves_the_function(name):
    model = models.build(name, generator=data.generator("fold")).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values, low in ((module.running_mean, -0.2), (module.running_var, 0.5), (module.weight, 0.5), (module.bias, -0.2)):
                values.data.uniform_(low, low + 1, generator=data.generator(low))
    model.standardise([0.5] * 3, [0.2] * 3)
    folded, images = models.folded(model), torch.rand(4, 3, 32, 32, generator=data.generator("images"))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    with torch.inference_mode():
        before, after = model.double()(images.double()), folded.double()(images.double())
    assert torch.allclose(before, after, rtol=1e-4, atol=1e-4 * before.abs().max().item())
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())
