"""Predictions depend on the network and the condition alone; scores are what the paper defines."""

import numpy as np
import pandas as pd
import pytest
import torch

from paradoxlib import data, distortions, evaluation, models, paradox, results, training


@pytest.fixture
def networks():
    return {name: models.build("resnet20", generator=data.generator(name)).eval() for name in "ab"}


@pytest.fixture
def images():
    return data.load("digits", "test").first(40)


CONDITIONS = [("contrast", 1.0), ("gaussian_noise", 0.0), ("gaussian_noise", 0.1), ("salt_pepper", 0.1), ("poisson_noise", 1.0)]


def test_predictions_are_those_of_a_plain_loop(networks, images):
    fast = evaluation.predict_conditions(networks, images, CONDITIONS)
    for i, (name, level) in enumerate(CONDITIONS):
        noise = data.generator(1, name, level)
        distorted = distortions.distort(images.pixels.float() / 255, name, level, noise)
        for network, model in networks.items():
            slow = evaluation.predict(model, distorted).argmax(1)
            assert (fast[network][i] == slow).double().mean() >= 0.97  # one image may lie on the border of two classes


def test_a_network_s_predictions_do_not_depend_on_its_company(networks, images):
    together = evaluation.predict_conditions(networks, images, CONDITIONS)
    alone = evaluation.predict_conditions({"b": networks["b"]}, images, CONDITIONS[2:4])
    assert torch.equal(together["b"][2:4], alone["b"])


def test_bfloat16_changes_few_predictions(networks, images):
    exact, fast = (evaluation.predict_conditions(networks, images, CONDITIONS, precision=precision) for precision in ("float32", "bfloat16"))
    assert all((exact[name] == fast[name]).double().mean() >= 0.9 for name in networks)


def test_noise_is_the_same_whatever_the_rest_of_the_grid(images):
    blocks = [torch.cat([block for _, block in evaluation.distorted(images, ("gaussian_noise", 0.1), seed)]) for seed in (1, 1, 2)]
    assert torch.equal(blocks[0], blocks[1]) and not torch.equal(blocks[0], blocks[2])


def test_scores():
    rows = [("a", "contrast", 0.5, 0.2), ("a", "contrast", 1.0, 0.6), ("a", "blur", 1.0, 0.8)]
    table = pd.DataFrame(rows, columns=["network", "distortion", "level", "accuracy"])
    assert evaluation.visual_intelligence(table)["a"] == pytest.approx((0.4 + 0.8) / 2)
    assert evaluation.visual_intelligence(table, "conditions")["a"] == pytest.approx(1.6 / 3)
    assert evaluation.clean_accuracy(table)["a"] == 0.6
    with pytest.raises(ValueError, match="choose distortions or conditions"):
        evaluation.visual_intelligence(table, "levels")


def test_accuracy_and_agreement():
    labels = torch.tensor([0, 1, 2, 3])
    predicted = {"a": torch.tensor([[0, 1, 2, 0]]), "b": torch.tensor([[0, 1, 1, 0]])}
    table = evaluation.accuracy(predicted, labels, [("blur", 1.0)])
    assert table["accuracy"].tolist() == [0.75, 0.5] and (table["n"] == 4).all()
    assert evaluation.agreement(predicted).loc["a", "b"] == 0.75


def test_equal_values_are_counted_as_a_plain_comparison_counts_them():
    rows = np.random.default_rng(0).integers(0, 3, (4, 9001), dtype=np.int16)  # more than two blocks
    assert (evaluation.count_equal(rows) == (rows[:, None] == rows).sum(2)).all()


def test_resampled_accuracies_scatter_around_the_real_ones():
    predicted = {"a": torch.zeros(2, 400, dtype=torch.int16)}
    labels = (torch.arange(400) % 4 == 0).long()
    samples = evaluation.resampled_accuracy(predicted, labels, resamples=500, real_first=True)
    assert samples.shape == (501, 1, 2) and samples[0, 0, 0] == 0.75
    assert samples[1:, 0, 0].std().item() == pytest.approx((0.75 * 0.25 / 400) ** 0.5, rel=0.15)


def test_finished_predictions_are_read_and_unfinished_ones_made(tiny, monkeypatch):
    first = evaluation.predictions(tiny)
    assert first["A"].shape == (5, 30)
    evaluation.paths.predictions("tiny", "B").unlink()
    asked = []
    real = evaluation.predict_conditions
    monkeypatch.setattr(evaluation, "predict_conditions", lambda networks, *rest: asked.append(list(networks)) or real(networks, *rest))
    again = evaluation.predictions(tiny)
    assert asked == [["B"]] and all(torch.equal(first[name], again[name]) for name in "ABC")


def test_predictions_of_other_images_are_not_taken_for_done(tiny, monkeypatch):
    first = evaluation.predictions(tiny)
    others = tiny.images("test")
    others.pixels.copy_(others.pixels.flip(0))
    monkeypatch.setattr(type(tiny), "images", lambda study, split: others)
    again = evaluation.predictions(tiny)
    assert any(not torch.equal(first[name], again[name]) for name in first)


def test_evaluation_leaves_the_number_of_threads_as_it_was(networks, images):
    before = torch.get_num_threads()
    evaluation.predict_conditions(networks, images, CONDITIONS[:1])
    assert torch.get_num_threads() == before


def test_examples_are_kept_for_a_reader_without_the_data(tiny, monkeypatch):
    first = results.examples(tiny)
    assert len(first["test"]) > 10 and len(first["train"]) == 6
    assert first["test"].labels.tolist() == sorted(first["test"].labels.tolist())
    assert results.caption(tiny) == tiny.title
    monkeypatch.setattr(type(tiny), "images", lambda *_: pytest.fail("the images are not needed"))
    again = results.examples(tiny)
    assert all(torch.equal(first[split].pixels, again[split].pixels) for split in first)


def test_other_noise_moves_the_compatibility_a_little(tiny):
    table = results.noise_seeds(tiny)
    assert len(table) == 3 * 3 and table["seed"].unique().tolist() == [1, 2, 3]
    whole = paradox.compatibility(evaluation.accuracy(
        {name: classes[:, :10] for name, classes in evaluation.predictions(tiny).items()}, tiny.images("test").labels[:10], tiny.conditions
    ))  # fmt: skip
    assert table.loc[0, "compatibility"] == pytest.approx(whole.loc["A", "B"], nan_ok=True)


def test_a_study_s_tables_hang_together(tiny):
    accuracies, pairs = results.accuracies(tiny), results.pairs(tiny)
    assert len(accuracies) == 3 * 5 and len(pairs) == 3
    assert pairs["relation"].tolist() == ["parent and child", "strangers", "strangers"]
    assert pairs.loc[0, "similarity"] > 0.99 and pairs.loc[1, "similarity"] < 0.3
    assert results.transplant_pair(tiny) == ("A", "B")
    again = results.pairs(tiny)
    assert np.array_equal(pairs["compatibility"], again["compatibility"], equal_nan=True)
    network = training.load_network(tiny, "A")
    images = tiny.images("test")
    clean = evaluation.predict(network, images.pixels.float() / 255).argmax(1)
    shown = accuracies[(accuracies["network"] == "A") & (accuracies["distortion"] == "contrast") & (accuracies["level"] == 1)]
    assert shown["accuracy"].item() == pytest.approx((clean == images.labels).double().mean().item())
