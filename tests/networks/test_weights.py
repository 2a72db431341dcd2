"""Anybody's weights are read, converted and rounded; code in their files never runs."""

import pickle

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from paradoxlib import keep, seeds
from paradoxlib.networks import models, weights


@pytest.fixture
def state():
    return models.build("resnet20", generator=seeds.generator(1)).state_dict()


def test_anybody_s_networks(tmp_path, state):
    halves = {name: value.half().contiguous() for name, value in state.items()}
    save_file(halves, tmp_path / "a.safetensors")
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "b.pth")
    torch.save(state, tmp_path / "c.pt")
    for name, expected in (("a.safetensors", halves), ("b.pth", state), ("c.pt", state)):
        read = weights.read_state(tmp_path / name)
        assert read.keys() == state.keys()
        assert all(value.dtype == torch.float32 for value in read.values())
        assert all(torch.equal(read[entry], expected[entry].float()) for entry in read)


def test_our_files_restore_the_order_of_the_layers(tmp_path, state):
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in state))
    keep.write_tensors(tmp_path / "a.safetensors", state, {"layers": layers})
    read = weights.read_state(tmp_path / "a.safetensors")
    assert models.convolutions(read) == models.convolutions(state)
    assert models.convolutions(read) != sorted(models.convolutions(read))


def test_weights_that_hold_nan_or_nothing_are_refused(tmp_path, state):
    state["fc.bias"][2] = float("nan")
    torch.save(state, tmp_path / "nan.pt")
    with pytest.raises(keep.DamagedFile, match="nan or infinity in 'fc.bias'"):
        weights.read_state(tmp_path / "nan.pt")
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    with pytest.raises(ValueError, match="holds no state dict"):
        weights.read_state(tmp_path / "empty.pt")


class Evil:
    """Unpickling it would call print."""

    def __reduce__(self):
        return print, ("code ran",)


def test_code_in_a_file_never_runs(tmp_path, capsys):
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil()))
    torch.save({"x": Evil()}, tmp_path / "evil.pt")
    for name in ("evil.pth", "evil.pt"):
        with pytest.raises(keep.DamagedFile, match=f"{name} cannot be read as plain weights"):
            weights.read_state(tmp_path / name)
    assert capsys.readouterr().out == ""


def test_missing_and_unknown_files(tmp_path):
    for name in ("none.safetensors", "none.pth"):
        with pytest.raises(FileNotFoundError, match="there is no file"):
            weights.read_state(tmp_path / name)
    with pytest.raises(ValueError, match="neither .safetensors nor"):
        weights.read_state(tmp_path / "net.h5")


def test_networks_are_kept_with_halved_kernels_and_whole_vectors(state):
    kept = weights.rounded(state)
    assert {name for name, value in kept.items() if value.dtype == torch.float16} == {
        name for name, value in state.items() if value.dim() > 1
    }
    assert all(torch.equal(kept[name], state[name]) for name in state if state[name].dim() == 1)
    assert all(
        torch.allclose(kept[name].float(), state[name], rtol=2**-10, atol=1e-7) for name in state
    )


@pytest.mark.parametrize("name", ["resnet50", "resnet101"])
def test_torchvision_s_networks_have_the_same_kernels_under_other_names(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = getattr(torchvision.models, name)(num_classes=5).eval()
    source = seeds.generator("batch norms")
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, generator=source)
            torch.nn.init.uniform_(module.weight, generator=source)
    ours = models.build(name, 5)
    models.load_state(ours, weights.from_torchvision(theirs.state_dict()))
    # with their strides and their epsilon it is the same function; at odd sizes padding is the same
    for layer, module in ours.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 1e-5
        if layer in ("res3a_branch2a", "res4a_branch2a", "res5a_branch2a"):
            module.stride = (1, 1)
            getattr(ours, layer[:-1] + "b").stride = (2, 2)
    images = torch.rand(2, 3, 33, 33, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(ours.eval()(images), theirs(images), rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="not the state of one of torchvision's"):
        weights.from_torchvision(torchvision.models.resnet18().state_dict())
