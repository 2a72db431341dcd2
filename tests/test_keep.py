"""A file is whole, unaltered and finite, or it is refused by name."""

import pytest
import torch

from paradoxlib import keep, seeds


@pytest.fixture
def state():
    """Tensors as a network has them."""
    source = seeds.generator("state")
    return {
        "conv1.weight": torch.randn(16, 3, 3, 3, generator=source),
        "fc.weight": torch.randn(10, 64, generator=source),
        "fc.bias": torch.randn(10, generator=source),
    }


def test_round_trip(tmp_path, state):
    path = tmp_path / "a" / "net.safetensors"
    keep.write_tensors(path, state, {"who": "N01"})
    again, about = keep.read_tensors(path)
    assert about == {"who": "N01"} == keep.read_about(path)
    assert all(torch.equal(again[name], state[name]) for name in state)
    assert [p.name for p in path.parent.iterdir()] == ["net.safetensors"]


def test_cut_short(tmp_path, state):
    path = tmp_path / "net.safetensors"
    keep.write_tensors(path, state, {})
    whole = path.read_bytes()
    for length in (0, 4, 1000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(keep.DamagedFile, match=r"net.safetensors is damaged or cut short"):
            keep.read_tensors(path)
        with pytest.raises(keep.DamagedFile, match=r"net.safetensors is damaged or cut short"):
            keep.read_about(path)


def test_altered(tmp_path, state):
    path = tmp_path / "net.safetensors"
    keep.write_tensors(path, state, {})
    whole = bytearray(path.read_bytes())
    whole[-5] ^= 1
    path.write_bytes(whole)
    with pytest.raises(keep.DamagedFile, match=r"net.safetensors was altered"):
        keep.read_tensors(path)


def test_nan(tmp_path, state):
    path = tmp_path / "net.safetensors"
    state["fc.bias"][2] = float("nan")
    keep.write_tensors(path, state, {})
    with pytest.raises(keep.DamagedFile, match=r"nan or infinity in 'fc.bias'"):
        keep.read_tensors(path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, state, monkeypatch):
    path = tmp_path / "net.safetensors"
    keep.write_tensors(path, state, {"version": 1})

    def stop(tensors, file, metadata):
        file.write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(keep, "save_file", stop)
    with pytest.raises(KeyboardInterrupt):
        keep.write_tensors(path, state, {"version": 2})
    assert keep.read_tensors(path)[1] == {"version": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        keep.read_tensors(tmp_path / "none.safetensors")
    assert keep.read_about(tmp_path / "none.safetensors") is None


def test_no_room_on_disk_is_said(tmp_path):
    with pytest.raises(OSError, match="no room on disk for the test"):
        keep.require_space(tmp_path / "not" / "there", 1e18, "the test")
