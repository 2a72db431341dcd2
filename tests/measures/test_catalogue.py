"""Every measure of the catalogue: its range, its extreme, what it does not see, and chance."""

import copy

import numpy as np
import pytest
import torch

from paradoxlib import paths, seeds
from paradoxlib.images import data, distortions
from paradoxlib.measures import catalogue, of_networks, views
from paradoxlib.measures.catalogue import MEASURES
from paradoxlib.networks import activations, models
from paradoxlib.similarity import permutations

OF_WEIGHTS = [name for name, measure in MEASURES.items() if measure.needs == "weights"]
OF_IMAGES = [name for name, measure in MEASURES.items() if "images" in measure.needs]
LOCAL = {"whole network matched by weight", "whole network matched by activation"}  # optima


def stimuli(count):
    images = data.load("digits", "test").first(count)
    pixels = images.pixels.float() / 255
    noise = seeds.generator("noise")
    noisy = distortions.distort(pixels, "gaussian_noise", 0.02, noise)
    return views.Stimuli({"clean": pixels, "noisy": noisy}, images.labels, "resnet20")


@pytest.fixture(scope="module")
def shown():
    return stimuli(40)


def network(seed, shown):
    """A network with fresh weights, its statistics gathered on the images, so that units vary."""
    made = models.build("resnet20", generator=seeds.generator(seed)).train()
    with torch.no_grad():
        for _ in range(30):
            made(shown.images["clean"])
        for bias in (value for name, value in made.named_parameters() if name.endswith("bias")):
            bias += 0.1 * torch.randn(bias.shape, generator=seeds.generator(seed, "bias"))
        made.eval()
        made.fc.bias -= made(shown.images["clean"]).mean(0)  # so that it names several classes
    return made


@pytest.fixture(scope="module")
def strangers(shown):
    return [views.View(network(seed, shown), shown) for seed in (1, 2)]


def changed(view, change):
    """Return the view of a network whose weights one of the catalogue's changes was made to."""
    state, source = view.state, seeds.generator("change")
    if change == catalogue.ORDER_OF_UNITS:
        sizes = permutations.group_sizes(state, "resnet20")
        orders = {group: torch.randperm(n, generator=source) for group, n in sizes.items()}
        state = permutations.permute(state, orders, "resnet20")
    else:
        state = {name: value.clone() for name, value in state.items()}
        for layer in models.convolutions(state):
            weight = state[f"{layer}.weight"]
            if change == catalogue.ORDER_OF_KERNELS:
                new = weight[torch.randperm(len(weight), generator=source)]
            elif change == catalogue.ROTATION:
                rotation = torch.linalg.qr(torch.randn(len(weight), len(weight), generator=source))[
                    0
                ]
                new = (rotation @ weight.flatten(1)).reshape(weight.shape)
            else:
                new = 3 * weight
            state[f"{layer}.weight"] = new
    other = copy.deepcopy(view.network)
    models.load_state(other, state)
    return views.View(other, view.stimuli)


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_is_in_its_range_and_highest_for_copies(name, strangers):
    a, b = strangers
    measure = MEASURES[name]
    lowest, highest = measure.range
    value, same = measure.pair(a, b), measure.pair(a, views.View(a.network, a.stimuli))
    assert lowest - 1e-6 <= value <= highest + 1e-6
    of_copies = 0 if name.startswith("halfway") else highest
    dead = "paper" in name or "above chance" in name  # the paper scores a constant kernel 0
    assert same == pytest.approx(of_copies, abs=0.02 if dead else 1e-4)
    assert value <= same + 1e-6 or name.startswith("halfway")


@pytest.mark.parametrize("name", OF_WEIGHTS)
@pytest.mark.parametrize(
    "change",
    [catalogue.ORDER_OF_KERNELS, catalogue.ORDER_OF_UNITS, catalogue.ROTATION, catalogue.SCALE],
)
def test_a_measure_of_weights_is_unchanged_by_what_it_says_and_by_nothing_else(
    name, change, strangers
):
    a, b = strangers
    measure, moved = MEASURES[name], changed(b, change)
    if name in LOCAL and change != catalogue.SCALE:
        return  # a local optimum; that a copy's units are found is tested in test_of_weights
    of_relatives = measure.pair(b, views.View(b.network, b.stimuli))
    same = [
        measure.pair(a, moved) == pytest.approx(measure.pair(a, b), abs=1e-5),
        measure.pair(b, moved) == pytest.approx(of_relatives, abs=1e-5),
    ]
    of_kernels = "statistics" not in name or change == catalogue.ORDER_OF_UNITS
    assert all(same) == (change in measure.unchanged_by or not of_kernels)


@pytest.mark.parametrize(
    "name", [one for one in OF_IMAGES if catalogue.ORDER_OF_UNITS in MEASURES[one].unchanged_by]
)
def test_a_measure_of_functions_does_not_see_the_order_of_units(name, strangers):
    if name == "PWCCA":  # undefined of fewer images than units: correlations of 1, weights rounding
        more = stimuli(160)
        strangers = [views.View(view.network, more) for view in strangers]
    a, b = strangers
    measure, moved = MEASURES[name], changed(b, catalogue.ORDER_OF_UNITS)
    assert measure.pair(a, moved) == pytest.approx(measure.pair(a, b), abs=1e-4)


WITHOUT_LEVEL = {"halfway", "halfway, matched by weight", "steadiness under noise on kernels"}


@pytest.mark.parametrize("name", MEASURES)
def test_chance_is_below_copies_and_inside_the_range(name, strangers):
    measure = MEASURES[name]
    level = measure.level(dict(zip("ab", strangers, strict=True)))
    assert np.isnan(level) == (name in WITHOUT_LEVEL)
    assert name in WITHOUT_LEVEL or measure.range[0] <= level < measure.range[1]


def test_the_page_lists_every_measure_and_its_source():
    page = (paths.PACKAGE.parent / "docs" / "measures.md").read_text()
    assert catalogue.as_markdown() in page
    assert all(f"- {m.source}:" in page for m in MEASURES.values() if m.source != "here")


def test_what_a_measure_needs_is_asked_for_in_one_sentence(strangers):
    unlabelled = views.Stimuli(strangers[0].stimuli.images)
    a, b = (views.View(view.network, unlabelled) for view in strangers)
    with pytest.raises(ValueError, match="no labels"):
        MEASURES["error consistency, clean"].pair(a, b)
    with pytest.raises(ValueError, match="resnet20"):
        MEASURES["whole network matched by weight"].pair(a, b)


def test_stitching_a_network_to_itself_works_and_what_is_stitched_in_is_what_is_seen(
    shown, strangers
):
    a, _ = (view.network for view in strangers)
    images = shown.images["clean"].repeat(3, 1, 1, 1)[:100]
    images = images + 0.05 * torch.randn(images.shape, generator=seeds.generator("jitter"))
    outputs = of_networks.stage_outputs(a, images)
    assert of_networks.stitched(outputs, a, outputs, images) == pytest.approx(1, abs=0.05)
    layer = of_networks.stage_ends(a, images)[-1]
    output = activations.record(a, images, [layer])[layer]
    with of_networks.Stitched(a, layer, torch.zeros_like(output)):
        blind = a(images)
    assert (blind == blind[0]).all()


class Inside(torch.nn.Module):
    """A network inside another, of which nothing is known."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network(images)


def test_stitching_by_one_image_that_leads_to_the_layer_is_stitching_by_all(shown, strangers):
    a, b = (view.network for view in strangers)
    images = shown.images["clean"]
    ways = [
        of_networks.stitched(
            of_networks.stage_outputs(a, images),
            one,
            of_networks.stage_outputs(one, images),
            images,
        )
        for one in (b, Inside(b))
    ]
    assert ways[0] == pytest.approx(ways[1], abs=1e-9) and ways[0] < 1


def test_the_jensen_shannon_likeness_by_hand():
    p, q = torch.tensor([[0.5, 0.5]]), torch.tensor([[1.0, 0.0]])
    middle = [0.75, 0.25]
    entropy = -sum(x * np.log2(x) for x in middle)
    likeness = of_networks.output_likeness(p.double(), q.double())
    assert likeness == pytest.approx(1 - (entropy - 0.5))
    assert of_networks.output_likeness(q, 1 - q) == pytest.approx(0, abs=1e-6)


def test_measures_of_features_are_called_as_public_registries_call_theirs():
    found, draw = catalogue.registered(), np.random.default_rng(1)
    x, y = draw.standard_normal((30, 5)), draw.standard_normal((30, 7))
    of_features = {name: m.features for name, m in MEASURES.items() if m.features}
    assert len(found) == len(of_features) > 10 and "paradoxlib/cca" in found
    for function, own in zip(found.values(), of_features.values(), strict=True):
        assert function(x, y) == own(x, y) and function(x, y, "nd") == own(x, y)
    with pytest.raises(ValueError, match="shape is 'nchw'"):
        found["paradoxlib/cca"](x, y, shape="nchw")
