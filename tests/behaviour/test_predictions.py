"""Predictions depend on the network and the condition alone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from paradoxlib import seeds
from paradoxlib.behaviour import predictions
from paradoxlib.images import augmentation, data, distortions
from paradoxlib.networks import models

CONDITIONS = [
    ("contrast", 1.0),
    ("gaussian_noise", 0.0),
    ("gaussian_noise", 0.1),
    ("salt_pepper", 0.1),
    ("poisson_noise", 1.0),
]


@pytest.fixture(scope="module")
def images():
    return data.load("digits", "test").first(40)


@pytest.fixture(scope="module")
def networks(images):
    """Two untrained networks that call different images by different classes."""
    made = {name: models.build("resnet20", generator=seeds.generator(name)).eval() for name in "ab"}
    pixels = images.pixels.float() / 255
    for model in made.values():
        with torch.no_grad():
            model.fc.bias -= predictions.predict(model, pixels).mean(0)
        assert len(predictions.predict(model, pixels).argmax(1).unique()) > 3
    return made


def test_predictions_are_those_of_a_plain_loop(networks, images):
    fast = predictions.predict_conditions(networks, images, CONDITIONS)
    for i, (name, level) in enumerate(CONDITIONS):
        noise = seeds.generator(1, name, level)
        distorted = distortions.distort(images.pixels.float() / 255, name, level, noise)
        for network, model in networks.items():
            slow = predictions.predict(model, distorted).argmax(1)
            # One image may lie on the border of two classes.
            assert (fast[network][i] == slow).double().mean() >= 0.97


def test_a_network_s_predictions_do_not_depend_on_its_company(networks, images):
    together = predictions.predict_conditions(networks, images, CONDITIONS)
    alone = predictions.predict_conditions({"b": networks["b"]}, images, CONDITIONS[2:4])
    assert torch.equal(together["b"][2:4], alone["b"])
    assert not torch.equal(together["a"], together["b"])


def test_networks_that_differ_in_the_dense_layer_alone_are_evaluated_together(networks, images):
    own, other = networks["a"].state_dict(), networks["b"].state_dict()
    mixed = {name: (other if name.startswith("fc.") else own)[name] for name in own}
    family = networks | {"c": models.with_state(networks["a"], mixed)}
    assert set(predictions.grouped(family)) == {("a", "c"), ("b",)}
    together = predictions.predict_conditions(family, images, CONDITIONS[2:4])
    for name, network in family.items():
        alone = predictions.predict_conditions({name: network}, images, CONDITIONS[2:4])
        assert torch.equal(together[name], alone[name])
    assert list(together) == ["a", "b", "c"] and not torch.equal(together["a"], together["c"])


def test_networks_of_other_images_or_strides_are_not_evaluated_together(networks):
    shifted = models.with_state(networks["a"], networks["a"].state_dict())
    shifted.standardise([0.1] * 3, [1.0] * 3)
    large = models.build("resnet50", generator=seeds.generator("large"))
    small = models.build("resnet50", small_images=True)
    models.load_state(small, large.state_dict())
    strangers = {"a": networks["a"], "shifted": shifted, "large": large, "small": small}
    assert len(predictions.grouped(strangers)) == 4


def test_conditions_that_change_nothing_have_the_same_predictions(networks, images):
    predicted = predictions.predict_conditions(networks, images, CONDITIONS)
    for classes in predicted.values():
        assert torch.equal(classes[0], classes[1]) and not torch.equal(classes[0], classes[2])


def test_bfloat16_changes_few_predictions(networks, images):
    exact, fast = (
        predictions.predict_conditions(networks, images, CONDITIONS, precision=precision)
        for precision in ("float32", "bfloat16")
    )
    assert all((exact[name] == fast[name]).double().mean() >= 0.9 for name in networks)


def test_the_noise_comes_from_the_seed_alone(images):
    first, again, other = (
        [
            block
            for *_, block in augmentation.distorted_blocks(images, [("gaussian_noise", 0.1)], seed)
        ]
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.cat(first), torch.cat(again))
    assert not torch.equal(torch.cat(first), torch.cat(other))


def test_another_seed_changes_the_predictions_of_noisy_images_alone(networks, images):
    first, other = (
        predictions.predict_conditions(networks, images, CONDITIONS, seed) for seed in (1, 2)
    )
    for name in networks:
        assert torch.equal(first[name][:2], other[name][:2])
        assert not torch.equal(first[name][2:], other[name][2:])


def test_bad_conditions_are_refused_before_any_work(networks, images):
    with pytest.raises(ValueError, match="unknown distortion 'fog'"):
        predictions.predict_conditions(networks, images, [("fog", 1.0)])
    with pytest.raises(ValueError, match="out of range"):
        predictions.predict_conditions(networks, images, [("contrast", 1.0), ("contrast", 2.0)])


def test_evaluation_leaves_the_number_of_threads_as_it_was(networks, images):
    before = torch.get_num_threads()
    predictions.predict_conditions(networks, images, CONDITIONS[:1])
    assert torch.get_num_threads() == before


def test_the_next_item_is_made_while_one_is_used():
    made = [threading.Event() for _ in range(4)]

    def items():
        for i, event in enumerate(made):
            event.set()
            yield i

    seen = []
    with ThreadPoolExecutor(1) as pool:
        for i in predictions.prefetch(items(), pool):
            seen.append(i)
            assert all(event.wait(30) for event in made[: i + 2])
            assert not any(event.is_set() for event in made[i + 2 :])
    assert seen == [0, 1, 2, 3]


def test_small_blocks_are_joined_up_to_a_whole_one_and_keep_their_order():
    sizes = [100, 100, 100, 250, 20, 20]
    places = torch.arange(sum(sizes)).split(sizes)
    blocks = [predictions.Shown(place, place[:, None] * 1.0) for place in places]
    joined = list(predictions.join_blocks(iter(blocks)))
    assert [len(block.places) for block in joined] == [200, 100, 250, 40]
    assert torch.equal(torch.cat([block.places for block in joined]), torch.cat(places))
    assert all(torch.equal(block.pixels[:, 0].long(), block.places) for block in joined)
