"""Anybody's two networks: what each level of input allows, one sentence, and a report."""

import pytest
import torch
from torch import nn

import paradoxlib
from paradoxlib import seeds
from paradoxlib.behaviour import predictions
from paradoxlib.comparison import carrying, given
from paradoxlib.images import datasets
from paradoxlib.networks import models
from paradoxlib.similarity import kernels

FEW = (("contrast", 1.0), ("contrast", 0.5), ("gaussian_noise", 0.0), ("gaussian_noise", 0.1))


def small(seed, act=nn.ReLU, norm=nn.BatchNorm2d, width=6):
    torch.manual_seed(seed)
    first = [nn.Conv2d(3, width, 3, bias=False), norm(width), act()]
    second = [nn.Conv2d(width, 8, 3), act()]
    network = nn.Sequential(*first, *second, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    network.append(nn.Linear(8, 4))
    for value in (v for name, v in network.named_buffers() if v.is_floating_point()):
        value += 0.1 * torch.rand(value.shape)
    network[-1].weight.data *= 100
    colours = torch.rand(99, 3, 1, 1).expand(-1, -1, 12, 12)
    network[-1].bias.data = -network(colours).mean(0).detach()
    return network


@pytest.fixture(scope="module")
def images():
    source = torch.Generator().manual_seed(0)
    colours = torch.rand(24, 3, 1, 1, generator=source)
    pixels = 0.9 * colours + 0.1 * torch.rand(24, 3, 12, 12, generator=source)
    return pixels, small(0)(pixels).argmax(1)


def test_weights_alone():
    states = [models.build("resnet20", generator=seeds.generator(s)).state_dict() for s in "ab"]
    found = paradoxlib.compare(*states)
    assert found.tables["numbers"].loc["kernel similarity", "value"] == pytest.approx(
        kernels.similarity(*states)
    )
    level = found.tables["measures"]["chance"]["whole network matched by weight"]
    assert found.tables["kernels"].shape[0] == 21 and level < 0.2
    assert "images and labels are needed" in found.sentence and "conditions" not in found.tables


def test_weights_alone_of_two_architectures_are_refused():
    with pytest.raises(ValueError, match="cannot be compared: .*different architectures"):
        paradoxlib.compare(small(0).state_dict(), small(0, width=5).state_dict())


def test_images_without_labels(images):
    found = paradoxlib.compare(small(0), small(1), images[0], conditions=FEW, exchanged=0)
    assert "compatibility" not in found.tables["numbers"].index
    assert set(found.tables["conditions"]) == {
        "distortion", "level", "agreement", "A unchanged", "B unchanged"
    }  # fmt: skip
    note = found.tables["measures"].loc["error consistency, clean", "note"]
    assert note == "no labels" and "agreement" in found.sentence


def test_a_copy_is_as_alike_as_can_be(images):
    network = small(0)
    found = paradoxlib.compare(network, network, *images, conditions=FEW)
    numbers = found.tables["numbers"]["value"]
    assert numbers["agreement"] == 1 and numbers["compatibility"] == pytest.approx(1)
    assert found.tables["layers"]["cka"].to_numpy() == pytest.approx(1, abs=1e-4)
    assert found.tables["layers"]["matching"].to_numpy() == pytest.approx(1)
    assert "as alike as they behave" in found.sentence and "parts" not in found.tables
    measures = found.tables["measures"]
    given_here = measures[measures["note"] == ""]
    best = given_here["highest"].where(given_here["lowest"].ne(-1) | given_here["highest"].ne(1))
    assert (given_here["value"].sub(best).abs().dropna() < 0.02).all()


def test_running_statistics_carry_the_difference_of_networks_that_differ_in_them_alone(images):
    a, b = small(0), small(0)
    b[1].running_mean[:3] += 1
    found = paradoxlib.compare(a, b, *images, conditions=FEW, exchanged=24)
    parts = found.tables["parts"]
    assert list(parts.index) == ["running statistics"]
    assert parts["answers"].to_numpy() == pytest.approx(1)
    table = found.tables["statistics"]
    assert list(table.index) == ["its own", "clean", "contrast", "gaussian_noise", "B"]
    assert table["agreement with B"]["B"] == table["agreement with A"]["its own"] == 1


def test_two_architectures_are_compared_in_behaviour_and_layers(images):
    found = paradoxlib.compare(
        small(0), small(1, nn.GELU, lambda n: nn.GroupNorm(1, n), 5), *images, conditions=FEW
    )
    assert "kernels" not in found.tables and "exchanges" not in found.tables
    assert any("different architectures" in note for note in found.notes)
    assert found.tables["cka"].shape == (2, 2) and found.tables["layers"]["matching"].notna().all()
    assert found.sentence.startswith("A and B are ") and "CKA of corresponding" in found.sentence


def test_other_numbers_of_classes_leave_layers_alone(images):
    other = small(1)
    other[-1] = nn.Linear(8, 5)
    found = paradoxlib.compare(small(0), other, images[0])
    assert "conditions" not in found.tables and "layers" in found.tables
    assert any("4 and 5 classes" in note for note in found.notes)


def test_networks_of_dense_layers_alone(images):
    networks = [
        nn.Sequential(nn.Flatten(), nn.Linear(432, 8), nn.ReLU(), nn.Linear(8, 4)) for _ in "ab"
    ]
    found = paradoxlib.compare(*networks, *images, conditions=FEW)
    assert list(found.tables["kernels"].index) == ["1", "3"]
    assert any("no convolutions" in note for note in found.notes)
    assert list(found.tables["layers"]["a"]) == ["1", "3"]
    measures = found.tables["measures"]
    assert "no convolutions" in measures.loc["steadiness under noise on kernels", "note"]
    assert measures.loc["halfway", "value"] <= 1


def test_layers_of_other_names_are_measured_in_the_order_of_the_first(images):
    def named(seed):
        network, order = small(seed), iter("xyz")
        return {
            entry if entry.startswith(("1.", "7.")) else f"{next(order)}.weight": value
            for entry, value in network.state_dict().items()
            if value.dim() == 4 or entry.startswith(("1.", "7."))
        }

    own = {entry: value for entry, value in small(0).state_dict().items() if entry != "3.bias"}
    measures = paradoxlib.compare(own, named(1)).tables["measures"]
    same = {**own, **{entry: small(1).state_dict()[entry] for entry in own}}
    expected = paradoxlib.compare(own, same).tables["measures"]
    weights = measures.index[measures["needs"] == "weights"]
    assert measures.loc[weights, "value"].notna().sum() > 5
    assert measures.loc[weights, "value"].equals(expected.loc[weights, "value"])


def test_a_transform_is_for_one_network_or_for_both(images):
    network = small(0)
    inverted = small(0)
    inverted[0].weight.data *= -1
    found = paradoxlib.compare(
        network, inverted, images[0], conditions=FEW, transform=(None, lambda x: -x), exchanged=0
    )
    assert found.tables["numbers"].loc["agreement", "value"] == 1


def test_a_network_that_cannot_see_the_images_is_named(images):
    bad = nn.Sequential(nn.Flatten(), nn.Linear(7, 4))
    with pytest.raises(ValueError, match=r"^second cannot see images of \(3, 12, 12\): "):
        paradoxlib.compare(small(0), bad, images[0], names=("first", "second"))


def test_the_report_is_one_file_that_loads_nothing(images, tmp_path):
    found = paradoxlib.compare(
        small(0), small(1), *images, conditions=FEW, exchanged=8, names=("A<b>", "B")
    )
    text = found.write_report(tmp_path / "report.html").read_text()
    assert (
        "A&lt;b&gt;" in text and "<b>" not in text and "http" not in text and "<script" not in text
    )
    assert text.count("data:image/png;base64") == 4
    assert "width=device-width" in text and "recovered_low" not in text
    for heading in ("In numbers", "Kernels", "Layers", "Measures", "Which part", "Identical"):
        assert heading in text
    assert list(tmp_path.iterdir()) == [tmp_path / "report.html"]


def test_a_network_is_placed_beside_many_as_it_compares_with_each(images):
    shown = {"conditions": FEW, "name": "mine"}
    others = {"first": small(1), "second": small(2, nn.GELU, lambda n: nn.GroupNorm(1, n), 5)}
    found = paradoxlib.place(small(0), others, *images, **shown)
    assert list(found.profiles.index) == ["mine", *others]
    assert found.profiles.loc["mine"].to_numpy() == pytest.approx(1, abs=0.3)
    assert any("different architectures" in note for note in found.notes)
    for name, other in others.items():
        pair = {"names": ("mine", name), "conditions": FEW, "exchanged": 0}
        alone = paradoxlib.compare(small(0), other, *images, **pair).tables
        rows = found.numbers[found.numbers["network"] == name].set_index("quantity")["value"]
        assert len(rows) >= 6 and not rows.index.str.contains("of mine|of first").any()
        assert rows.to_numpy() == pytest.approx(
            alone["numbers"].loc[rows.index, "value"].to_numpy(), nan_ok=True
        )
        profile = alone["profiles"][f"{name} accuracy"]
        assert found.profiles.loc[name].to_numpy() == pytest.approx(profile.to_numpy())


def test_a_placed_network_sees_each_image_as_often_beside_many_as_beside_one(images):
    seen, network = [], small(0)
    network.append(nn.Identity())
    network[-1].forward = lambda x: [seen.append(len(x)), x][1]
    counts = []
    for others in ({"B": small(1)}, {name: small(i) for i, name in enumerate("BCD")}):
        seen.clear()
        paradoxlib.place(network, others, *images, conditions=FEW)
        counts.append(sum(seen))
    assert counts[0] == counts[1] >= 24 * 4


@pytest.mark.parametrize(
    ("others", "labelled", "text"),
    [
        ({"B": small(1)}, False, "placed by images with labels"),
        ({"mine": small(1)}, True, "a name of its own"),
        ({"B": nn.Sequential(nn.Flatten(), nn.Linear(432, 5))}, True, "know 4 and 5 classes"),
    ],
)
def test_a_network_that_cannot_be_placed_is_refused(images, others, labelled, text):
    labels = images[1] if labelled else None
    with pytest.raises(ValueError, match=text):
        paradoxlib.place(small(0), others, images[0], labels, name="mine", conditions=FEW)


def test_paradoxlib_offers_it_and_nothing_else():
    assert paradoxlib.Comparison.__name__ == "Comparison"
    with pytest.raises(AttributeError, match="no attribute 'compares'"):
        paradoxlib.compares  # noqa: B018


def test_a_report_without_labels_and_without_clean_images(images, tmp_path):
    found = paradoxlib.compare(small(0), small(1), images[0], conditions=[("blur", 1.0)])
    assert "A unchanged" not in found.tables["conditions"]
    assert found.write_report(tmp_path / "report.html").is_file()


def test_given_state_is_not_changed(images):
    network = small(0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    given.prepared("A", network).module(images[0])
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_copies_of_our_own_networks_that_see_other_images_are_told_apart():
    network = models.build("resnet20", num_classes=4, generator=seeds.generator(1))
    images = torch.rand(8, 3, 16, 16, generator=seeds.generator("images"))
    ways = {"as they are": lambda x: x, "dark": lambda x: x * 0}
    views = {name: given.prepared(name, network, way).module for name, way in ways.items()}
    seen = datasets.Images((images * 255).to(torch.uint8), torch.zeros(8).long(), (), "made up")
    found = predictions.predict_conditions(views, seen, [("contrast", 1.0)])
    for name, module in views.items():
        direct = predictions.predict(module, seen.pixels / 255).argmax(1)
        assert torch.equal(found[name][0].long(), direct)
    assert len(predictions.grouped(views)) == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"labels": [0] * 8}, "labels, but no images"),
        ({"images": torch.ones(8, 3, 12, 12)}, "weights alone: to see images, a module"),
        ({"names": ("A", "A")}, "two different names"),
        ({"exchanged": -1}, "exchanged is -1"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, text):
    state = small(0).state_dict()
    with pytest.raises(ValueError, match=text):
        paradoxlib.compare(state, state, **arguments)


def test_a_network_may_be_named_like_a_kind_of_images(images):
    pair = [given.prepared(name, small(seed)) for seed, name in enumerate(("A", "clean"))]
    seen, labels = datasets.Images((images[0] * 255).to(torch.uint8), images[1], (), ""), images[1]
    table = carrying.reestimate_statistics(*pair, seen.pixels, seen, FEW, labels)
    assert list(table.index) == ["its own", "clean", "contrast", "gaussian_noise", "clean"]
    assert table["agreement with A"].iloc[0] == table["agreement with clean"].iloc[-1] == 1
