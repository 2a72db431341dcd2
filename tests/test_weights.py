"""A file of weights is whole, unaltered and finite, or it is refused by name."""

import pickle

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from paradoxlib import data, models, weights


@pytest.fixture
def state():
    return models.build("resnet20", generator=data.generator(1)).state_dict()


def test_round_trip(tmp_path, state):
    path = tmp_path / "a" / "net.safetensors"
    weights.write(path, state, {"who": "N01"})
    again, about = weights.read(path)
    assert about == {"who": "N01"} == weights.read_about(path)
    assert all(torch.equal(again[name], state[name]) for name in state)
    assert [p.name for p in path.parent.iterdir()] == ["net.safetensors"]


def test_cut_short(tmp_path, state):
    path = tmp_path / "net.safetensors"
    weights.write(path, state, {})
    whole = path.read_bytes()
    for length in (0, 4, 1000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(weights.DamagedFile, match=r"net.safetensors is damaged or cut short"):
            weights.read(path)
        with pytest.raises(weights.DamagedFile, match=r"net.safetensors is damaged or cut short"):
            weights.read_about(path)


def test_altered(tmp_path, state):
    path = tmp_path / "net.safetensors"
    weights.write(path, state, {})
    whole = bytearray(path.read_bytes())
    whole[-5] ^= 1
    path.write_bytes(whole)
    with pytest.raises(weights.DamagedFile, match=r"net.safetensors was altered"):
        weights.read(path)


def test_nan(tmp_path, state):
    path = tmp_path / "net.safetensors"
    state["fc.bias"][2] = float("nan")
    weights.write(path, state, {})
    with pytest.raises(weights.DamagedFile, match=r"nan or infinity in 'fc.bias'"):
        weights.read(path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, state, monkeypatch):
    path = tmp_path / "net.safetensors"
    weights.write(path, state, {"version": 1})

    def stop(tensors, file, metadata):
        file.write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(weights, "save_file", stop)
    with pytest.raises(KeyboardInterrupt):
        weights.write(path, state, {"version": 2})
    assert weights.read(path)[1] == {"version": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


def test_anybody_s_networks(tmp_path, state):
    save_file({name: value.half().contiguous() for name, value in state.items()}, tmp_path / "a.safetensors")
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "b.pth")
    for name in ("a.safetensors", "b.pth"):
        read = weights.read_state(tmp_path / name)
        assert read.keys() == state.keys() and all(value.dtype == torch.float32 for value in read.values())


class Evil:
    """Unpickling it would call print."""

    def __reduce__(self):
        return print, ("code ran",)


def test_code_in_a_file_never_runs(tmp_path, capsys):
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil()))
    torch.save({"x": Evil()}, tmp_path / "evil.pt")
    for name in ("evil.pth", "evil.pt"):
        with pytest.raises(weights.DamagedFile, match=f"{name} cannot be read as plain weights"):
            weights.read_state(tmp_path / name)
    assert capsys.readouterr().out == ""


def test_missing_and_unknown_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        weights.read(tmp_path / "none.safetensors")
    assert weights.read_about(tmp_path / "none.safetensors") is None
    with pytest.raises(ValueError, match="neither .safetensors nor"):
        weights.read_state(tmp_path / "net.h5")


def test_networks_are_kept_with_halved_kernels_and_whole_vectors(state):
    kept = weights.rounded(state)
    assert {name for name, value in kept.items() if value.dtype == torch.float16} == {name for name, value in state.items() if value.dim() > 1}
    assert all(torch.equal(kept[name], state[name]) for name in state if state[name].dim() == 1)
    assert all(torch.allclose(kept[name].float(), state[name], rtol=2**-10, atol=1e-7) for name in state)


@pytest.mark.parametrize("name", ["resnet50", "resnet101"])
def test_torchvision_s_networks_have_the_same_kernels_under_other_names(name):
    theirs = getattr(torchvision.models, name)(num_classes=5).eval()
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.weight)
    ours = models.build(name, 5)
    models.load_state(ours, weights.from_torchvision(theirs.state_dict()))
    for layer, module in ours.named_modules():  # with their strides and their epsilon it is the same function; at odd sizes padding is the same
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
