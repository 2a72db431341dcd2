"""Committed results are found to agree, or named where they do not."""

import json
import shutil

import pandas as pd
import pytest
import torch
from conftest import tiny_in

from paradoxlib import keep, paths, results
from paradoxlib.__main__ import main
from paradoxlib.images import data
from paradoxlib.results import tables
from paradoxlib.studies.study import load, names
from paradoxlib.verify import checks, publishing

COMMITTED = [name for name in names() if paths.manifest_file(name).is_file()]


@pytest.fixture(scope="module")
def published_home(computed_home, tmp_path_factory):
    """A folder with the tiny study's networks and all that verify compares."""
    folder = tmp_path_factory.mktemp("published")
    for part in ("weights", "figures", "runs"):
        shutil.copytree(computed_home / part, folder / part)
    with tiny_in(folder) as session:
        publish(session)
    return folder


@pytest.fixture
def published(tiny, home, published_home):
    """A session of the tiny study with all that verify compares."""
    for part in ("weights", "figures"):
        shutil.copytree(published_home / part, home / part)
    return tiny


def publish(session):
    """Make what verify compares."""
    needed = results.network_settings, results.accuracies, results.similarities
    for make in (*needed, results.transplants):
        make(session)
    images = session.images("test")
    seen = {"source": images.source, "sha256": images.fingerprint()}
    tables.write_provenance(session.study, {"data": {"test": seen}})
    publishing.write_manifest(session.study)


def test_what_was_computed_agrees(published):
    table = checks.verify(published).set_index("result")
    assert list(table.index) == ["files", "weights", "similarity", "accuracy", "transplants"]
    assert table["agrees"].all() and table["difference"].max() < 1e-6
    assert (
        table["checked"].tolist()[1:] == [3, 3, 3, 2]
        and table.loc["accuracy", "note"] == "the same images"
    )


def test_other_weights_are_found(published):
    path = paths.weights_file("tiny", "C")
    tensors, about = keep.read_tensors(path)
    shape, source = tensors["conv1.weight"].shape, torch.Generator().manual_seed(0)
    tensors["conv1.weight"] += 0.01 * torch.randn(shape, generator=source)
    keep.write_tensors(path, tensors, about)
    table = checks.verify(published).set_index("result")
    assert not table.loc["weights", "agrees"] and table.loc["weights", "note"] == "changed: C"
    assert not table.loc["similarity", "agrees"]


def test_another_accuracy_is_found(published):
    path = paths.published_file("tiny", "accuracy.csv")
    table = pd.read_csv(path, comment="#")
    table["accuracy"] += 0.01
    keep.write_table(path, table, published.study.table_key("accuracy"))
    assert not checks.verify(published).set_index("result").loc["accuracy", "agrees"]


def test_other_images_are_named_and_a_wider_tolerance_stated(published):
    path = paths.provenance_file("tiny")
    facts = json.loads(path.read_text())
    facts["data"]["test"] |= {"sha256": "0", "source": "elsewhere"}
    path.write_text(json.dumps(facts))
    table = checks.verify(published).set_index("result")
    assert (table.loc[["accuracy", "transplants"], "tolerance"] == checks.OTHER_IMAGES).all()
    assert (
        "other images" in table.loc["accuracy", "note"]
        and "elsewhere" in table.loc["accuracy", "note"]
    )


def test_without_transplants_the_rest_is_checked(published):
    paths.published_file("tiny", "transplants.csv").unlink()
    table = checks.verify(published).set_index("result")
    assert table.loc["accuracy", "agrees"] and table.loc["transplants", "agrees"] is None


def test_without_provenance_nobody_knows_on_which_images(published):
    paths.provenance_file("tiny").unlink()
    with pytest.raises(ValueError, match=r"tiny/provenance.json is not there"):
        checks.verify(published)


def test_without_data_the_rest_is_checked(published, monkeypatch):
    monkeypatch.setattr(data, "must_download", lambda *_: True)
    table = checks.verify(published).set_index("result")
    assert table["agrees"].tolist() == [True, True, True, None, None]


def test_without_weights_the_files_are_checked(published, home):
    shutil.rmtree(home / "weights")
    table = checks.verify(published).set_index("result")
    assert list(table.index) == ["files", "weights", "similarity", "accuracy", "transplants"]
    assert table.loc["files", "agrees"] and table["agrees"].notna().sum() == 1
    assert (table["note"].iloc[1:] == "no weights in weights/tiny").all()


def test_the_networks_that_are_here_are_checked(published):
    for name, transplants in (("C", True), ("A", None)):
        paths.weights_file("tiny", name).unlink()
        publishing.write_manifest(published.study)
        table = checks.verify(published).set_index("result")
        assert table["agrees"].tolist() == [True] * 4 + [transplants]
        left = 2 if transplants else 1
        assert table.loc[["weights", "accuracy"], "checked"].tolist() == [left, left]
        assert table.loc["weights", "note"] == f"sha256 of {left} of 3 networks"
    assert table.loc["transplants", "note"] == "no weights of A"


def test_weights_that_were_not_published_are_checked_by_their_hash_and_other_files_named(published):
    path = paths.weights_file("tiny", "C")
    kept = path.read_bytes()
    path.unlink()
    publishing.write_manifest(published.study)
    path.write_bytes(kept)
    assert checks.verify(published).set_index("result").loc["files", "agrees"]
    path.with_stem("another").write_bytes(kept)
    table = checks.verify(published).set_index("result")
    assert not table.loc["files", "agrees"] and "tiny/another" in table.loc["files", "note"]


def test_weights_that_were_published_are_missed(published):
    paths.weights_file("tiny", "C").unlink()
    table = checks.verify(published).set_index("result")
    assert not table.loc["files", "agrees"] and "weights/tiny/C" in table.loc["files", "note"]


def test_the_command(published, home, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["verify", str(home / "tiny.yaml")])
    assert not stop.value.code and capsys.readouterr().out.count("agrees") == 5
    extra = paths.published_file("tiny", "extra.csv")  # that nobody published
    extra.write_text("")
    with pytest.raises(SystemExit) as stop:
        main(["verify", str(home / "tiny.yaml")])
    said = capsys.readouterr()
    assert stop.value.code == 1 and said.out.count("DIFFERS") == 1
    assert said.err.endswith("do not come out again\n")
    extra.unlink()
    paths.published_file("tiny", "networks.csv").unlink()
    with pytest.raises(SystemExit) as stop:
        main(["verify", str(home / "tiny.yaml")])
    assert stop.value.code == 2 and "nothing to compare with" in capsys.readouterr().err


def test_the_command_checks_what_a_study_joins(published, home, capsys):
    part, whole = home / "tiny.yaml", home / "whole.yaml"
    text = part.read_text().replace("name: tiny", "name: whole")
    whole.write_text(f"{text}joined: [{part}]\n")
    results.similarities(published.beside(whole))
    with pytest.raises(SystemExit) as stop:
        main(["verify", str(whole)])
    said = capsys.readouterr().out
    assert not stop.value.code and said.count("agrees") == 6
    assert said.index("whole:") < said.index("3 checked") < said.index("tiny:")
    paths.published_file("tiny", "extra.csv").write_text("")
    with pytest.raises(SystemExit) as stop:
        main(["verify", str(whole)])
    assert stop.value.code == 1 and capsys.readouterr().out.count("DIFFERS") == 1


def test_a_file_altered_by_hand_is_found(published):
    path = paths.published_file("tiny", "accuracy.csv")
    path.write_text(path.read_text().replace("0.", "0.1", 1))
    row = checks.verify(published).set_index("result").loc["files"]
    assert not row["agrees"] and row["note"].endswith("figures/tiny/accuracy.csv")
    path.unlink()
    assert not checks.check_files(published.study).agrees


def test_a_file_that_nobody_published_is_found(published):
    assert checks.check_files(published.study).agrees
    paths.published_file("tiny", "extra.csv").write_text("")
    assert checks.check_files(published.study).note.endswith("figures/tiny/extra.csv")


@pytest.mark.parametrize("name", COMMITTED)
def test_what_the_repository_holds_is_what_was_published(name):
    assert checks.check_files(load(name)).agrees
