"""Committed results are found to agree, or named where they do not."""

import json

import pandas as pd
import pytest
import torch

from paradoxlib import data, paths, results, tables, verify, weights
from paradoxlib.__main__ import main


@pytest.fixture
def published(tiny):
    """The tiny study with all that verify compares."""
    for make in (results.networks, results.accuracies, results.similarity, results.transplants):
        make(tiny)
    images = tiny.images("test")
    tables.write_provenance(tiny, {"data": {"test": {"source": images.source, "sha256": images.fingerprint()}}})
    return tiny


def test_what_was_computed_agrees(published):
    table = verify.verify(published).set_index("result")
    assert list(table.index) == ["weights", "similarity", "accuracy", "transplants"]
    assert table["agrees"].all() and table["difference"].max() < 1e-6
    assert table["checked"].tolist() == [3, 3, 3, 2] and table.loc["accuracy", "note"] == "the same images"


def test_other_weights_are_found(published):
    path = paths.weights("tiny", "C")
    tensors, about = weights.read(path)
    weights.write(path, tensors | {"conv1.weight": tensors["conv1.weight"] + 0.01 * torch.randn(tensors["conv1.weight"].shape)}, about)
    table = verify.verify(published).set_index("result")
    assert not table.loc["weights", "agrees"] and table.loc["weights", "note"] == "changed: C"
    assert not table.loc["similarity", "agrees"]


def test_another_accuracy_is_found(published):
    path = paths.figures("tiny") / "accuracy.csv"
    table = pd.read_csv(path, comment="#")
    table["accuracy"] += 0.01
    tables.write(path, table, published.table_key("accuracy"))
    assert not verify.verify(published).set_index("result").loc["accuracy", "agrees"]


def test_other_images_are_named_and_a_wider_tolerance_stated(published):
    path = paths.figures("tiny") / "provenance.json"
    facts = json.loads(path.read_text())
    facts["data"]["test"] |= {"sha256": "0", "source": "elsewhere"}
    path.write_text(json.dumps(facts))
    table = verify.verify(published).set_index("result")
    assert (table.loc[["accuracy", "transplants"], "tolerance"] == verify.OTHER).all()
    assert "other images" in table.loc["accuracy", "note"] and "elsewhere" in table.loc["accuracy", "note"]


def test_without_data_the_rest_is_checked(published, monkeypatch):
    monkeypatch.setattr(data, "must_download", lambda *_: True)
    table = verify.verify(published).set_index("result")
    assert table["agrees"].tolist() == [True, True, None, None]


def test_the_command(published, home, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["verify", str(home / "tiny.yaml")])
    assert not stop.value.code and capsys.readouterr().out.count("agrees") == 4
    (paths.figures("tiny") / "networks.csv").unlink()
    with pytest.raises(SystemExit) as stop:
        main(["verify", str(home / "tiny.yaml")])
    assert stop.value.code == 2 and "nothing to compare with" in capsys.readouterr().err
