"""The tables of a study's behaviour hang together."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from paradoxlib import results
from paradoxlib.behaviour import paradox, predictions, scores
from paradoxlib.networks import surgery
from paradoxlib.paper import verdicts
from paradoxlib.studies import predicting, sessions, trained


def test_examples_are_kept_for_a_reader_without_the_data(tiny_trained, monkeypatch):
    first = results.examples(tiny_trained)
    assert len(first["test"]) > 10 and len(first["train"]) == 6
    assert first["test"].labels.tolist() == sorted(first["test"].labels.tolist())
    assert results.caption(tiny_trained) == tiny_trained.study.title
    unneeded = lambda *_: pytest.fail("the images are not needed")  # noqa: E731
    monkeypatch.setattr(sessions.Session, "images", unneeded)
    again = results.examples(tiny_trained)
    assert all(torch.equal(first[split].pixels, again[split].pixels) for split in first)


def test_examples_are_of_classes_that_have_images(tiny, monkeypatch):
    images = sessions.Session.images

    def few(session, split):
        """The images without the first three classes; four to train on."""
        part = images(session, split)
        kept = (part.labels > 2).nonzero()[: 4 if split == "train" else None, 0]
        return replace(part, pixels=part.pixels[kept], labels=part.labels[kept])

    monkeypatch.setattr(sessions.Session, "images", few)
    found = results.examples(tiny)
    assert found["test"].labels.unique().tolist() == [3, 4, 5, 6, 7] and len(found["train"]) == 4


def test_other_noise_moves_the_compatibility_a_little(tiny_trained, monkeypatch):
    """Each seed's compatibilities are those of noisy predictions made with that seed."""
    study, labels = tiny_trained.study, tiny_trained.images("test").labels
    count = study.transplant_images

    def predict(seed):
        source = torch.Generator().manual_seed(seed)
        right = torch.rand(3, len(study.conditions), len(labels), generator=source) < 0.5
        return dict(zip("ABC", torch.where(right, labels, -1).to(torch.int16), strict=True))

    def predict_models(session, networks, images, text, conditions, seed):
        places = [study.conditions.index(condition) for condition in conditions]
        return {name: classes[places, : len(images)] for name, classes in predict(seed).items()}

    monkeypatch.setattr(predicting, "predict_study", lambda session: predict(1))
    monkeypatch.setattr(predicting, "predict_models", predict_models)
    table = results.noise_seeds(tiny_trained)
    assert len(table) == 3 * 3 and table["seed"].unique().tolist() == [1, 2, 3]
    noisy = study.conditions.index(("gaussian_noise", 0.05))
    found = []
    for seed, rows in table.groupby("seed"):
        expected = {name: classes[:, :count] for name, classes in predict(1).items()}
        for name, classes in predict(seed).items():
            expected[name][noisy] = classes[noisy, :count]
        known = scores.accuracy(expected, labels[:count], study.conditions)
        whole = paradox.compatibility(known)
        values = [whole.loc[row.a, row.b] for row in rows.itertuples()]
        assert np.isfinite(values).all() and rows["compatibility"].tolist() == pytest.approx(values)
        found.append(values)
    assert found[0] != found[1] != found[2]


def test_a_study_s_tables_hang_together(tiny_computed):
    accuracies, pairs = results.accuracies(tiny_computed), results.pairs(tiny_computed)
    assert len(accuracies) == 3 * 5 and len(pairs) == 3
    assert pairs["relation"].tolist() == ["parent and child", "strangers", "strangers"]
    assert pairs.loc[0, "similarity"] > 0.99 and pairs.loc[1, "similarity"] < 0.3
    assert results.transplant_pair(tiny_computed) == ("A", "B")
    pd.testing.assert_frame_equal(pairs, results.pairs(tiny_computed))
    network, images = trained.load_network(tiny_computed.study, "A"), tiny_computed.images("test")
    clean = predictions.predict(network, images.pixels.float() / 255).argmax(1)
    shown = accuracies.query("network == 'A' and distortion == 'contrast' and level == 1")
    right = (clean == images.labels).double().mean().item()
    assert shown["accuracy"].item() == pytest.approx(right)


def test_the_table_of_transplants(tiny_computed):
    table = results.transplants(tiny_computed).set_index("transplant")
    assert list(table.index[:2]) == ["A", "B"] and len(table) == 2 + 68
    assert table.loc[surgery.ALL_CONVS, "layers"] == 21 and table.loc["conv1", "values"] == 448
    assert (table["gain_low"] <= table["gain_high"]).all() and table.loc["A", "gain"] == 0
    ability = table["visual_intelligence"]
    assert np.allclose(table["gain"], ability - ability["A"])
    assert table.loc["B", "values"] == 274_442
    assert set(tiny_computed.study.evaluation.grid) < set(table.columns)


def test_the_claims_of_a_study(tiny_computed):
    table = results.claims(tiny_computed)
    assert table["verdict"].isin(verdicts.VERDICTS).all() and table["statement"].is_unique
    assert sorted(table["notebook"].str[:2].unique()) == ["02", "03", "04", "05", "06"]
    facts = results.image_facts(tiny_computed).set_index("fact")
    spread = table[table["statement"].str.startswith("Spread")].iloc[0]
    assert spread["reproduced"] == pytest.approx(facts.loc["spread", "value"], nan_ok=True)


@pytest.mark.parametrize("study", ["cifar10-20", "cifar10-resnet50"])
def test_committed_claims_follow_from_the_committed_tables(study):
    """All of them, to the last digit: none needs a network, an image or a prediction."""
    session = sessions.start(study)
    found, committed = results.claims.__wrapped__(session), results.claims(session)
    assert committed["statement"].is_unique and len(committed) > 40
    pd.testing.assert_frame_equal(found, committed, rtol=0, atol=1e-12, check_dtype=False)


def test_transplants_between_strangers_are_the_control(tiny_computed):
    tried = results.stranger_transplants(tiny_computed).set_index("transplant")
    recipient, donor = tried.index[:2]
    assert recipient == results.transplants(tiny_computed)["transplant"][0] == "A"
    assert donor == "C" and len(tried) == 2 + 21 + 7
    table = results.stranger_claims(tiny_computed)
    assert list(table.columns) == verdicts.CLAIM_COLUMNS and len(table) == 4
    gains = tried["gain"].drop([recipient, donor])
    singles = gains[tried.loc[gains.index, "layers"] == 1].drop(surgery.DENSE_ALONE)
    assert table["reproduced"][0] == pytest.approx(singles.max())
    assert table["reproduced"][3] == tried.loc[surgery.CONVS_AND_BATCH_NORMS, "recovered"]


def test_an_unknown_alignment_is_refused(tiny_trained):
    with pytest.raises(ValueError, match="unknown alignment 'best': choose one of paper, greedy"):
        results.similarities(tiny_trained, "best")
