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
    state = models.build("resnet20", generator=seeds.generator(1)).state_dict()
    return {name: value.contiguous() for name, value in state.items()}


def test_anybody_s_networks(tmp_path, state):
    halves = {name: value.half() for name, value in state.items()}
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


def test_a_file_is_told_by_its_content_not_by_its_suffix(tmp_path, state):
    save_file(state, tmp_path / "tensors")
    torch.save(state, tmp_path / "zip")
    torch.save(state, tmp_path / "old", _use_new_zipfile_serialization=False)
    for kind in ("tensors", "zip", "old"):
        for suffix in (".th", ".ckpt", ".bin", ".safetensors", ".pth", ""):
            path = tmp_path / f"copy{suffix}"
            path.write_bytes((tmp_path / kind).read_bytes())
            assert torch.equal(weights.read_state(path)["conv1.weight"], state["conv1.weight"])


@pytest.mark.parametrize(
    ("before", "holders", "note"),
    [
        ("", [], ""),
        ("module.", [], "names are read without 'module.' in front"),
        ("_orig_mod.module.", [], "names are read without '_orig_mod.module.' in front"),
        ("", ["state_dict"], "the weights are those under 'state_dict'"),
        ("", ["model", "net"], "the weights are those under 'model.net'"),
        (
            "module._orig_mod.",
            ["net"],
            "the weights are those under 'net' "
            "and names are read without 'module._orig_mod.' in front",
        ),
    ],
)
def test_wrapped_states_are_understood_and_said(tmp_path, state, before, holders, note):
    content = {before + name: value for name, value in state.items()}
    for holder in reversed(holders):
        content = {"epoch": 3, "loss": torch.ones(()), "model": "resnet20", holder: content}
    torch.save(content, tmp_path / "a.ckpt")
    read = weights.read_weights(tmp_path / "a.ckpt")
    assert read.note == note and list(read.state) == list(state)
    assert all(torch.equal(read.state[name], state[name]) for name in state)


def test_a_part_named_like_a_wrapper_keeps_its_name(tmp_path):
    torch.save({"module.conv.weight": torch.ones(2), "fc.weight": torch.ones(2)}, tmp_path / "a")
    state, note = weights.read_weights(tmp_path / "a")
    assert list(state) == ["module.conv.weight", "fc.weight"] and note == ""


def test_whatever_others_say_about_their_file_is_let_be(tmp_path, state):
    for about in ("my model", "[1]", '{"layers": 3}', '{"layers": [[]]}', "[" * 9999):
        save_file(state, tmp_path / "a.safetensors", {"about": about})
        assert weights.read_state(tmp_path / "a.safetensors").keys() == state.keys()


def test_weights_that_hold_nan_or_nothing_are_refused(tmp_path, state):
    state["fc.bias"][2] = float("nan")
    torch.save(state, tmp_path / "nan.pt")
    with pytest.raises(keep.DamagedFile, match="nan or infinity in 'fc.bias'"):
        weights.read_state(tmp_path / "nan.pt")
    for content in ({"epoch": 3}, [], torch.ones(3), {0: torch.ones(3)}, {"net": {"net": 1}}):
        torch.save(content, tmp_path / "empty.pt")
        with pytest.raises(ValueError, match="holds no state dict"):
            weights.read_state(tmp_path / "empty.pt")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (torch.ones(2, dtype=torch.complex64), r"numbers are complex \(complex64\): real numbers"),
        (torch.ones(2, dtype=torch.int8), "numbers are int8: floating-point numbers are needed"),
        (torch.ones(2, dtype=torch.bool), "numbers are bool: floating-point numbers are needed"),
        (torch.ones(2, device="meta"), "sparse or without values: plain dense tensors"),
        (torch.eye(2).to_sparse(), "sparse or without values: plain dense tensors"),
        (torch.ones(1).expand(10**12), r"of shape \(1000000000000,\), more values than are in"),
        (torch.full((2,), 1e99, dtype=torch.float64), "beyond float32, nan or infinity in 'a.wei"),
        (torch.zeros(2, dtype=torch.float4_e2m1fn_x2), "float4_e2m1fn_x2: float8 or longer"),
    ],
)
def test_tensors_that_are_no_weights_are_refused(tmp_path, value, problem):
    torch.save({"a.weight": value}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=problem):
        weights.read_state(tmp_path / "a.pth")


def test_whole_numbers_that_are_no_weights_are_kept(tmp_path):
    count = torch.tensor(7)
    torch.save({"bn.num_batches_tracked": count, "bn.weight": torch.ones(2)}, tmp_path / "a.pth")
    assert weights.read_state(tmp_path / "a.pth")["bn.num_batches_tracked"] == count


class Evil:
    """Unpickling it would call print."""

    def __reduce__(self):
        return print, ("code ran",)


def test_code_in_a_file_never_runs_and_torch_s_advice_is_not_passed_on(tmp_path, capsys):
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil(), 2))
    torch.save({"x": Evil()}, tmp_path / "evil.pt")
    (tmp_path / "new.pth").write_bytes(pickle.dumps(Evil()))
    for name in ("evil.pth", "evil.pt", "new.pth"):
        with pytest.raises(keep.DamagedFile, match=f"{name} cannot be read as plain") as refused:
            weights.read_state(tmp_path / name)
        text = str(refused.value)
        assert "weights_only" not in text and "\n" not in text and "state_dict() alone" in text
        assert name == "new.pth" or "holds print, whose code" in text
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")
    with pytest.raises(keep.DamagedFile, match=r"holds torch\.nn\.modules\.linear\.Linear, whose"):
        weights.read_state(tmp_path / "module.pt")
    assert capsys.readouterr().out == ""


def test_missing_and_unknown_files(tmp_path, state):
    for name in ("none.safetensors", "none.pth", "none.h5"):
        with pytest.raises(FileNotFoundError, match="there is no file"):
            weights.read_state(tmp_path / name)
    with pytest.raises(ValueError, match="is a folder: a file of weights is needed"):
        weights.read_state(tmp_path)
    for suffix in (".pth", ".safetensors"):
        path = tmp_path / f"net{suffix}"
        path.write_bytes(b"")
        with pytest.raises(keep.DamagedFile, match=r"net\S+ is empty"):
            weights.read_state(path)
        path.write_bytes(b"\x89HDF\r\n\x1a\n and so on")
        with pytest.raises(ValueError, match=r"neither safetensors nor torch's .*HDF"):
            weights.read_state(path)
    torch.save(state, tmp_path / "short.pth")
    save_file(state, tmp_path / "short.safetensors")
    for path in (tmp_path / "short.pth", tmp_path / "short.safetensors"):
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(keep.DamagedFile, match="damaged or cut short"):
            weights.read_state(path)


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


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"])
def test_torchvision_s_networks_are_told_by_their_states(name):
    with torch.device("meta"):
        state = torchvision.models.get_model(name).state_dict()
    assert weights.torchvision_architecture(state) == name
    assert weights.torchvision_architecture({"fc.bias": state["fc.bias"]}) is None


def test_torchvision_s_network_is_built_from_its_weights_alone():
    with torch.random.fork_rng():
        theirs = torchvision.models.resnet18(num_classes=3).eval()
    state, images = theirs.state_dict(), torch.rand(2, 3, 40, 40)
    old = {entry: value for entry, value in state.items() if value.dim()}  # without its counters
    for given in (state, old):
        assert torch.equal(weights.torchvision_network(given)(images), theirs(images))
    with torch.device("meta"):
        wide = torchvision.models.wide_resnet50_2().state_dict()
    with pytest.raises(ValueError, match="the weights do not fit this architecture: 'layer1.0"):
        weights.torchvision_network(wide)
    with pytest.raises(ValueError, match="of 18 to 152 layers"):
        weights.torchvision_network({"fc.bias": torch.zeros(3)})
