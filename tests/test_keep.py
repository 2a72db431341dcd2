"""A file is whole, unaltered and finite, or it is refused by name."""

import numpy as np
import pandas as pd
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


def test_a_network_may_be_called_none(tmp_path):
    table = pd.DataFrame({"network": ["None", "NA", "null"], "value": [1.0, np.nan, 2.0]})
    keep.write_table(tmp_path / "a.csv", table, "key")
    pd.testing.assert_frame_equal(keep.read_table(tmp_path / "a.csv", "key"), table)


def test_a_large_table_is_compressed_and_reads_as_a_small_one_does(tmp_path):
    path = tmp_path / "pairs.csv"
    rows = keep.LARGE // 2
    large = pd.DataFrame({"a": ["N01"] * rows, "value": np.linspace(0.999, 1, rows), "n": 1})
    keep.write_table(path, large.head(3), "small")
    assert path.is_file() and keep.table_key(path) == "small"
    keep.write_table(path, large, "large")
    assert [found.name for found in tmp_path.iterdir()] == ["pairs.csv.xz"]
    assert keep.read_table(path, "small") is None
    again = keep.read_table(path, "large")
    pd.testing.assert_frame_equal(again, large, rtol=0, atol=10.0**-keep.DIGITS)
    keep.write_table(path, large.head(3), "small")
    assert [found.name for found in tmp_path.iterdir()] == ["pairs.csv"]


def test_a_compressed_table_that_is_cut_short_is_refused_by_name(tmp_path):
    path = tmp_path / "pairs.csv"
    keep.write_table(path, pd.DataFrame({"n": range(keep.LARGE + 1)}), "key")
    whole = keep.table_file(path).read_bytes()
    for length in (0, 10, len(whole) // 2):
        keep.table_file(path).write_bytes(whole[:length])
        with pytest.raises(keep.DamagedFile, match=r"pairs.csv.xz is damaged or cut short"):
            keep.read_table(path, "key")
