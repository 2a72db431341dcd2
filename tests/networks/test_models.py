"""The architectures are the paper's: counts, names and order of layers, padding, initialisers."""

import pytest
import torch

from paradoxlib import seeds
from paradoxlib.networks import initialisers, models, resnets


@pytest.mark.parametrize(
    ("name", "classes", "values", "convolutions"),
    [
        ("resnet20", 10, 274_442, 21),
        ("resnet32", 10, None, 33),
        ("resnet56", 10, None, 57),
        ("convnet", 10, 8_587_018, 5),
        ("resnet50", 1000, 25_636_712, 53),
        ("resnet101", 1000, None, 104),
        ("resnet152", 1000, None, 155),
    ],
)
def test_counts(name, classes, values, convolutions):
    with torch.device("meta"):
        model = models.empty(name, classes)
    assert len(models.conv_layers(model)) == convolutions
    assert all(layer.bias is not None for layer in models.conv_layers(model).values())
    if values:
        assert models.count_values(model) == values


def test_resnet50_layers_are_named_and_ordered_as_in_the_paper():
    with torch.device("meta"):
        layers = models.conv_layers(models.empty("resnet50"))
    names = list(layers)
    first = ["conv1", "res2a_branch2a", "res2a_branch2b", "res2a_branch2c", "res2a_branch1"]
    assert names[:5] == first
    assert names[20] == "res3c_branch2c"  # Figure 5, 0-based
    assert sum(p.numel() for p in layers["res3c_branch2c"].parameters()) == 66_048


def test_resnet20_projections_have_a_bias_and_no_batch_norm():
    model = models.build("resnet20")
    projections = [name for name in models.conv_layers(model) if name.endswith("branch1")]
    assert projections == ["res3a_branch1", "res4a_branch1"]
    assert not any(hasattr(model, resnets.batch_norm_name(name)) for name in projections)
    assert model.bn_conv1.eps == 1e-3 and model.bn_conv1.momentum == 0.01


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("name", models.ARCHITECTURES)
def test_networks_map_images_to_logits(name, small):
    model = models.build(name, 7, small_images=small, generator=seeds.generator(1)).eval()
    images = torch.rand(2, 3, 32, 32, generator=seeds.generator("images"))
    with torch.inference_mode():
        logits = model(images)
    assert logits.shape == (2, 7) and logits.isfinite().all()


@pytest.mark.parametrize("name", [name for name in models.ARCHITECTURES if name != "convnet"])
def test_branches_are_the_convolutions_of_every_block(name):
    with torch.device("meta"):
        model = models.empty(name)
    expected = ["conv1"]
    for block in model.blocks:
        branches = models.ARCHITECTURES[name].branches + ("branch1",) * block.projection
        expected += [f"{block.name}_{branch}" for branch in branches]
    assert list(models.conv_layers(model)) == expected


@pytest.mark.parametrize(
    "name", ["res2a_branch2a", "res3a_branch1", "res5b_branch2b", "res2a_branch2b"]
)
def test_training_convolves_small_kernels_and_images_by_matrix_products(name, monkeypatch):
    model = models.build("resnet50", 10, generator=seeds.generator(1)).double()
    layer = getattr(model, name)
    size = 1 if name.startswith("res5") else 6
    shape = (2, layer.in_channels, size, size)
    images = torch.randn(shape, dtype=torch.float64, generator=seeds.generator(2))
    product, products, found = torch.nn.functional.linear, [], []

    def counted(*args):
        products.append(model.training)
        return product(*args)

    monkeypatch.setattr(torch.nn.functional, "linear", counted)
    for training in (True, False):
        model.train(training).zero_grad()
        output = model.conv(name, images)
        (output**2).sum().backward()
        found.append((output.detach(), layer.weight.grad.clone(), layer.bias.grad.clone()))
    assert all(torch.allclose(ours, theirs) for ours, theirs in zip(*found, strict=True))
    # res2a_branch2b has 3 x 3 kernels and sees larger images
    assert products == ([] if name == "res2a_branch2b" else [True])


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
    model = models.build("resnet20", generator=seeds.generator(1)).eval()
    images = torch.rand(2, 3, 32, 32, generator=seeds.generator(2))
    plain = model((images - 0.4) / 0.2)
    model.standardise([0.4] * 3, [0.2] * 3)
    assert torch.allclose(model(images), plain, atol=1e-5)
    assert "mean" not in model.state_dict()


@pytest.mark.parametrize("initialiser", initialisers.INITIALISERS)
def test_initialisers(initialiser):
    one, again, other = (
        models.build("resnet20", initialiser=initialiser, generator=seeds.generator(seed))
        for seed in (1, 1, 2)
    )
    for name, a in one.named_parameters():
        b, c = again.get_parameter(name), other.get_parameter(name)
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
    ("name", "initialiser"), [("resnet20", "he_normal"), ("resnet50", "glorot_uniform")]
)
def test_architectures_have_an_initialiser_of_their_own(name, initialiser):
    own = models.build(name, generator=seeds.generator(1))
    asked = models.build(name, initialiser=initialiser, generator=seeds.generator(1))
    assert torch.equal(own.conv1.weight, asked.conv1.weight)


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
    model = models.build(name, generator=seeds.generator("fold")).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values in (module.running_mean, module.bias):
                values.data.uniform_(-0.2, 0.8, generator=seeds.generator(-0.2))
            for values in (module.running_var, module.weight):
                values.data.uniform_(0.5, 1.5, generator=seeds.generator(0.5))
    model.standardise([0.5] * 3, [0.2] * 3)
    folded = models.folded(model)
    images = torch.rand(4, 3, 32, 32, generator=seeds.generator("images"))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    with torch.inference_mode():
        before, after = model.double()(images.double()), folded.double()(images.double())
    assert torch.allclose(before, after, rtol=1e-4, atol=1e-4 * before.abs().max().item())
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())


@pytest.mark.parametrize("norm", resnets.NORMS)
def test_norms_change_no_kernel_and_only_batch_norm_remembers(norm):
    model = models.build("resnet20", generator=seeds.generator(1), norm=norm)
    default = models.build("resnet20", generator=seeds.generator(1))
    for name, value in model.state_dict().items():
        if value.dim() == 4 or norm == "batch":
            assert torch.equal(value, default.state_dict()[name])
    assert any("running" in name for name in model.state_dict()) == (norm == "batch")
    images = torch.rand(4, 3, 32, 32, generator=seeds.generator("images"))
    with torch.inference_mode():
        alone = model.train()(images[:1]) if norm != "batch" else model.eval()(images[:1])
        together = model(images)
        folded = models.folded(model)(images)
    assert torch.allclose(together[:1], alone, atol=1e-5)  # no image sees another
    assert torch.allclose(folded, model.eval()(images), atol=1e-4)


def test_group_norm_equals_pytorch_s():
    ours, theirs = resnets.GroupNorm(16), torch.nn.GroupNorm(8, 16, eps=1e-3)
    with torch.no_grad():
        for layer in (ours, theirs):
            layer.weight.copy_(torch.linspace(0.5, 2, 16))
            layer.bias.copy_(torch.linspace(-1, 1, 16))
    images = torch.randn(3, 16, 5, 5, generator=seeds.generator(1))
    assert torch.allclose(ours(images), theirs(images), atol=1e-6)


def test_channels_that_are_not_whole_groups_are_refused():
    with pytest.raises(ValueError, match="4 channels cannot be normalised in 8 groups"):
        models.build("resnet20", norm="group", width=0.25)


def test_blocks_without_norms_start_as_the_identity():
    model = models.build("resnet20", generator=seeds.generator(1), norm="none").eval()
    images = torch.rand(2, 3, 32, 32, generator=seeds.generator("images"))
    with torch.inference_mode():
        before = model(images)
        model.res2b_branch2a.weight.zero_()
        assert torch.equal(model(images), before)


def test_an_unknown_norm_is_named():
    with pytest.raises(ValueError, match="unknown norm 'layer': choose one of batch, group, none"):
        models.build("resnet20", norm="layer")


def test_a_wide_network_has_more_channels_and_the_same_layers():
    wide, plain = (models.empty("resnet20", width=width) for width in (4, 1))
    assert list(models.conv_layers(wide)) == list(models.conv_layers(plain))
    assert wide.fc.in_features == 256 and wide.conv1.weight.shape[:2] == (64, 3)
    assert models.kernel_shapes("resnet20", 4)["res4c_branch2b"] == (256, 256, 3, 3)
    for kernel, ours in zip(plain.parameters(), models.empty("resnet20").parameters(), strict=True):
        assert kernel.shape == ours.shape
    assert wide.eval()(torch.rand(2, 3, 32, 32)).shape == (2, 10)


def test_a_width_may_be_a_fraction_that_gives_whole_channels():
    narrow = models.empty("resnet50", width=0.25)
    assert list(models.conv_layers(narrow)) == list(models.kernel_shapes("resnet50"))
    assert narrow.conv1.weight.shape[0] == 16 and narrow.fc.in_features == 512
    convnet = models.empty("convnet", width=0.5)
    assert convnet.eval()(torch.rand(2, 3, 32, 32)).shape == (2, 10)
    assert convnet.fc.in_features == 512
    with pytest.raises(ValueError, match="width is 0: the first layer of resnet20 would have 0"):
        models.build("resnet20", width=0)
    with pytest.raises(ValueError, match=r"width is 0.3: .* resnet50 would have 19.2 channels"):
        models.build("resnet50", width=0.3)
