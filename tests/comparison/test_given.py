"""What anybody gives: networks of any kind, weights alone, images; and what is refused."""

import pytest
import torch
from torch import nn

from paradoxlib import keep
from paradoxlib.comparison import given
from paradoxlib.images import datasets
from paradoxlib.networks import models


def test_a_network_is_copied_and_sees_transformed_images():
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).train()
    ready = given.prepared("A", network, lambda images: images - 1)
    assert network.training and not ready.module.training
    images = torch.rand(4, 3, 2, 2)
    assert torch.equal(ready.module(images), network(images - 1))


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        ("resnet18", "is str"),
        ({"epoch": 3}, "is dict"),
        ({"fc.weight": torch.full((2, 2), torch.nan)}, "has nan or infinity in 'fc.weight'"),
    ],
)
def test_what_is_no_network_is_refused(thing, text):
    with pytest.raises(ValueError, match=text):
        given.prepared("A", thing)


def test_a_network_that_puts_out_a_map_is_refused():
    ready = given.prepared("A", nn.Conv2d(3, 2, 1))
    with pytest.raises(ValueError, match="A puts out .*scores of classes"):
        ready.module(torch.rand(2, 3, 4, 4))


@pytest.mark.parametrize("name", models.ARCHITECTURES)
def test_our_architectures_are_known_by_their_states(name):
    with torch.device("meta"):
        state = models.empty(name, 7).state_dict()
    assert given.architecture_of(state) == name
    assert given.architecture_of({**state, "more.weight": state["fc.weight"]}) is None


@pytest.mark.parametrize(
    ("about", "mean"),
    [
        ({"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.5]}, [0.1, 0.2, 0.3]),
        ({}, [0, 0, 0]),
        ({"mean": [0.1], "std": [0.5, 0.5, 0.5]}, [0, 0, 0]),
        ({"mean": "abc", "std": [0.5, 0.5, 0.5]}, [0, 0, 0]),
        ({"mean": [0.1, 0.2, 0.3], "std": [0, 0.5, 0.5]}, [0, 0, 0]),
    ],
)
def test_our_files_say_how_images_are_standardised(about, mean, tmp_path):
    path, state = tmp_path / "a.safetensors", models.build("resnet20", 3).state_dict()
    keep.write_tensors(path, state, about)
    assert given.module_for(str(path), state, []).mean.flatten().tolist() == pytest.approx(mean)


@pytest.mark.parametrize("small", [True, False, None])
def test_our_files_say_whether_a_network_is_made_for_small_images(small, tmp_path):
    path, state = tmp_path / "a.safetensors", models.build("resnet50", 3).state_dict()
    keep.write_tensors(path, state, {} if small is None else {"small_images": small})
    assert given.module_for(str(path), state, []).small_images is bool(small)


def test_kernels_are_convolutions_or_else_the_rows_of_dense_layers():
    convolutions = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 2))
    assert list(given.kernel_state(convolutions.state_dict())) == ["0.weight", "1.weight"]
    dense = nn.ModuleList([nn.Linear(6, 4), nn.LayerNorm(4), nn.MultiheadAttention(4, 2)])
    shapes = {name: tuple(v.shape) for name, v in given.kernel_state(dense.state_dict()).items()}
    attention = {"2.in_proj_weight.weight": (12, 4, 1, 1), "2.out_proj.weight": (4, 4, 1, 1)}
    assert shapes == {"0.weight": (4, 6, 1, 1)} | attention


def test_shortcuts_without_weights_leave_the_wide_kernels_to_be_compared():
    wide = {"a.weight": torch.rand(4, 3, 3, 3), "b.weight": torch.rand(4, 4, 3, 3)}
    other = {"c.weight": wide["a.weight"], "s.weight": torch.rand(4, 3, 1, 1)}
    other["d.weight"] = wide["b.weight"]
    found, note = given.corresponding(other, wide)
    assert list(found) == ["c.weight", "d.weight"] and note.endswith("1 x 1 kernels are left out")
    assert torch.equal(found["d.weight"], wide["b.weight"])


def test_tied_weights_count_once():
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    network[1].weight = network[0].weight
    assert list(given.kernel_state(network.state_dict())) == ["0.weight"]


def test_layers_correspond_by_name_else_by_order_else_not():
    a = {"one.weight": torch.rand(2, 3, 1, 1), "two.weight": torch.rand(4, 2, 1, 1)}
    swapped = dict(reversed(a.items()))
    found, note = given.corresponding(a, swapped)
    assert list(found) == list(a) and note == ""
    renamed = {f"net.{name}": value for name, value in a.items()}
    found, note = given.corresponding(a, renamed)
    assert found["one.weight"] is a["one.weight"] and "by their order" in note
    found, note = given.corresponding(a, {"one.weight": a["one.weight"]})
    assert found is None and "'two'" in note


@pytest.mark.parametrize(
    ("images", "text"),
    [
        (torch.rand(9, 1, 4, 4), r"shape \(9, 1, 4, 4\)"),
        (torch.rand(7, 3, 4, 4), "n at least 8"),
        (torch.rand(9, 3, 4, 4) - 0.5, "before any normalisation"),
        (torch.full((9, 3, 4, 4), torch.nan), "before any normalisation"),
        (torch.zeros(9, 3, 4, 4).int(), "uint8"),
    ],
)
def test_images_of_another_shape_or_range_are_refused(images, text):
    with pytest.raises(ValueError, match=text):
        given.as_pixels(images)


def test_images_in_files_and_labels_given_twice_are_refused():
    few = datasets.ImageFiles(("a.jpg",) * 8, torch.zeros(8).long(), ("a",), "files", 224)
    with pytest.raises(ValueError, match="data set in files"):
        given.as_pixels(few)
    assert given.labels_of(few, None) is few.labels
    with pytest.raises(ValueError, match="labels of their own"):
        given.labels_of(few, few.labels)


def test_labels_must_belong_to_images_and_classes():
    pixels = given.as_pixels(torch.ones(8, 3, 2, 2))
    assert pixels.dtype == torch.uint8 and pixels.max() == 255
    with pytest.raises(ValueError, match="8 images and labels"):
        given.as_data(pixels, [1, 2], 10)
    with pytest.raises(ValueError, match="classes 0 to 2"):
        given.as_data(pixels, [3] * 8, 3)


def test_a_module_is_known_by_its_weights_or_built_by_somebody_s_function(tmp_path, monkeypatch):
    code = "from torch import nn\ndef build():\n    return nn.Sequential(nn.Conv2d(3, 2, 1))\n"
    (tmp_path / "theirs_here.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    state = {"0.weight": torch.rand(2, 3, 1, 1), "0.bias": torch.rand(2)}
    network = given.module_for("a.pth", state, ["theirs_here:build"])
    assert torch.equal(network[0].weight, state["0.weight"])
    ours = models.build("resnet20", 3)
    assert type(given.module_for("b.pth", ours.state_dict(), [])) is type(ours)
    for makers, text in (
        ([], "a.pth: its architecture is not known here"),
        (["theirs_here"], "'theirs_here' names no function"),
        (["theirs_here:make"], "theirs_here:make built no network .AttributeError"),
        (["theirs_here:nn"], "built no network .TypeError"),
        (["builtins:dict"], "returned dict"),
    ):
        with pytest.raises(ValueError, match=text):
            given.module_for("a.pth", state, makers)
    with pytest.raises(ValueError, match=r"a.pth: theirs_here:build: .*'0.bias' is missing"):
        given.module_for("a.pth", {"0.weight": state["0.weight"]}, ["theirs_here:build"])
