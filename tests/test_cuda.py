"""What would happen on a GPU, without one: tensors of PyTorch's fake mode say they lie on CUDA.

They have shapes and devices but no values. So a tensor on the wrong device is an error, and so is
each wait of the host for the device: to read a value, to count what is chosen, to copy.
"""

from types import SimpleNamespace

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from paradoxlib import devices, seeds
from paradoxlib.behaviour import predictions
from paradoxlib.images import augmentation, distortions
from paradoxlib.networks import activations, models, steps, surgery
from paradoxlib.similarity import cka, unit_samples, units

CUDA = torch.device("cuda", 0)
COPIES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
STANDARD = SimpleNamespace(flip=True, zoom=0.1, shift=0.1)
EVERY = SimpleNamespace(
    distortions=tuple(distortions.DISTORTIONS), distortions_per_image=2, noise_amount=0.1
)


class Waits(AssertionError):
    """A copy between host and device for which one waits for the other."""


class NoWaiting(TorchDispatchMode):
    """Refuses what the fake mode lets pass: copies between devices, and indices on another."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        # The fake mode does not know this one, which returns nothing.
        fused = function is torch.ops.aten._fused_adam_.tensor_lr
        output = None if fused else function(*args, **(kwargs or {}))
        values = [v for v in tree_leaves((args, kwargs, output)) if isinstance(v, torch.Tensor)]
        if function not in COPIES:  # others may take a single number from the host
            values = [value for value in values if value.dim() or value.is_cuda]
        kinds = {value.device.type for value in values}
        if len(kinds) > 1 and not (kwargs or {}).get("non_blocking"):
            raise Waits(f"{function} takes and returns tensors on {kinds}")
        return output


class FakeGenerator(torch.Generator):
    """A generator that says that it lies on CUDA."""

    device = CUDA


@pytest.fixture(autouse=True)
def generators(monkeypatch):
    """Generators for CUDA are fake ones."""
    real = seeds.generator

    def generator(*parts, device="cpu"):
        return real(*parts) if torch.device(device).type == "cpu" else FakeGenerator()

    monkeypatch.setattr(seeds, "generator", generator)


def network(architecture="resnet20", **form):
    """Return a network on the fake GPU, without values."""
    with CUDA:
        return models.empty(architecture, small_images=True, **form)


def pictures(count=12):
    """Return images (count, 3, 32, 32) on the fake GPU."""
    return torch.rand(count, 3, 32, 32, device=CUDA)


def test_a_wait_is_seen():
    with FakeTensorMode(), pytest.raises(DataDependentOutputException):
        pictures().max().item()
    for wait in (
        lambda images: images.cpu(),
        lambda images: torch.zeros(12).to(CUDA),
        lambda images: torch.tensor(0.5, device=CUDA),
        lambda images: images[torch.arange(2)],
    ):
        with FakeTensorMode(), NoWaiting(), pytest.raises(Waits):
            wait(pictures())


@pytest.mark.parametrize("name", distortions.DISTORTIONS)
def test_distortions_do_not_wait(name):
    high = distortions.DISTORTIONS[name].levels[0]
    with FakeTensorMode(), NoWaiting():
        images, source = pictures(), seeds.generator(device=CUDA)
        assert distortions.distort(images, name, high, source).device == CUDA
        anew = augmentation.distort_anew(images, name, 0.1, source)
        assert anew.device == CUDA and anew.shape == images.shape


@pytest.mark.parametrize("distorted", [(), EVERY.distortions])
def test_augmentation_does_not_wait(distorted):
    settings = SimpleNamespace(**vars(EVERY) | {"distortions": distorted})
    with FakeTensorMode(), NoWaiting():
        pixels = torch.zeros(12, 3, 32, 32, dtype=torch.uint8, device=CUDA)
        images = augmentation.augment(pixels, STANDARD, settings, seeds.generator(device=CUDA))
        assert images.device == CUDA and images.shape == pixels.shape


@pytest.mark.parametrize(
    ("architecture", "form", "frozen"),
    [
        ("resnet20", {}, None),
        ("resnet20", {"width": 2}, "statistics"),
        ("resnet20", {}, "norms"),
        ("resnet20", {"norm": "group"}, None),
        ("resnet20", {"norm": "none"}, None),
        ("resnet50", {}, None),
    ],
)
def test_a_training_step_does_not_wait(architecture, form, frozen, monkeypatch):
    def backward(_):  # PyTorch's needs a real device; its kernels wait for nothing
        for parameter in step.model.parameters():
            parameter.grad = torch.ones_like(parameter) if parameter.requires_grad else None

    monkeypatch.setattr(torch.Tensor, "backward", backward)
    with FakeTensorMode():
        model = network(architecture, **form).train()
        surgery.freeze(model, frozen)
        step = steps.Step(
            model,
            lambda pixels, source: augmentation.augment(pixels, STANDARD, EVERY, source),
            1e-4,
            half=False,  # PyTorch has no autocast without a real device
        )
        pixels = torch.zeros(12, 3, 32, 32, dtype=torch.uint8, device=CUDA)
        labels = torch.zeros(12, dtype=torch.int64, device=CUDA)
        step.replayed = step.take  # there is no graph to capture
        with NoWaiting():
            step(pixels, labels, 1e-3, 1, "step", 0)
            step(pixels, labels, 5e-4, 1, "step", 1)
    tensors = [*step.model.parameters(), *step.model.buffers(), step.sums, step.rate]
    tensors += [value for state in step.optimiser.state.values() for value in state.values()]
    assert {tensor.device for tensor in tensors} == {CUDA}


@pytest.mark.parametrize("form", [{}, {"norm": "group"}, {"norm": "none"}])
def test_an_evaluated_block_does_not_wait(form):
    with FakeTensorMode():
        model, images = network(**form).eval(), pictures()
        places = torch.arange(12, device=CUDA)
        result = torch.empty(3, 12, dtype=torch.int16, device=CUDA)
        with NoWaiting():
            predictions.classify_into(result, model, predictions.Shown(places, images))


def test_exchanges_and_transplants_stay_on_the_device():
    with FakeTensorMode():
        ours, theirs = network().state_dict(), network().state_dict()
        with NoWaiting():
            mixed = surgery.exchange(ours, theirs, ("kernels", "running statistics"))
            taken = surgery.transplant(ours, theirs, ["conv1"], ("kernel", "statistics"))
        assert {value.device for value in [*mixed.values(), *taken.values()]} == {CUDA}


def test_statistics_are_re_estimated_on_the_device_without_waiting(monkeypatch):
    monkeypatch.setattr(surgery.copy, "deepcopy", lambda model: model)  # fake ones have no copy
    with FakeTensorMode():
        model = network()
        with NoWaiting():
            state = surgery.reestimate(model, (pictures() for _ in range(2)))
        assert {value.device for value in state.values()} == {CUDA}


def test_units_are_seen_on_the_device_of_the_network():
    with FakeTensorMode():
        model, images = network(), torch.rand(12, 3, 32, 32)  # on the host
        layers = activations.layer_names(model, images)
        outputs = activations.record(model, images, layers)
        assert {value.device for value in outputs.values()} == {CUDA}
        moments = unit_samples.Moments()
        with NoWaiting():
            for output in (outputs["relu_1"], outputs["relu_1"]):
                moments.add(unit_samples.by_unit(output))
        assert moments.products.device == CUDA


def test_correlations_of_units_come_back_to_the_host(monkeypatch):
    given = []
    monkeypatch.setattr(units, "units_of", lambda moments, sizes: given.append(moments))
    with FakeTensorMode():
        networks = {name: network().eval() for name in "ab"}
        units.correlations(networks, torch.rand(12, 3, 32, 32), ["relu_1", "fc"], 6)
        assert {moments.mean.device for moments in given} == {CUDA}


def test_gram_matrices_are_centred_on_the_device_without_waiting():
    with FakeTensorMode():
        model = network()
        with NoWaiting():
            layers, grams = cka.centred_grams(model, pictures(), None)
        assert grams.device == CUDA and len(layers) == len(grams)


def test_without_cuda_a_replayed_function_is_called():
    seen = []
    replayed = devices.Replayed(seen.append, torch.device("cpu"), torch.Generator())
    for i in range(3):
        replayed(torch.tensor(i))
    assert [int(value) for value in seen] == [0, 1, 2]
