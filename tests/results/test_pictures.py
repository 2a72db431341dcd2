"""The paper's second experiment, ResNet50 on a folder of pictures, from files to accuracies."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torchvision.models import get_model

from paradoxlib import results
from paradoxlib.behaviour import scores
from paradoxlib.images import datasets
from paradoxlib.paper import verdicts
from paradoxlib.results import original_tables
from paradoxlib.similarity import kernels
from paradoxlib.studies import sessions

STUDY = """
name: pictures
title: two ResNet50 on pictures
data: {name: imagenet, image_size: 72, zoom: 0.0, shift: 0.0}
model: {architecture: resnet50}
evaluation: {seed: 1, grid: {contrast: [1.0], gaussian_noise: [0.0, 0.05]}}
defaults: {epochs: 1, batch_size: 4, learning_rate: 1.e-3, weight_decay: 0.0}
networks:
  N1: {seed: 1}
  N1-Contrast: {seed: 2, parent: N1, learning_rate: 1.e-5, distortions: [contrast]}
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A session of two networks on a folder as ImageNet's, with pictures of many kinds."""
    home, source = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    kinds = ["RGB", "L", "CMYK", "RGB"]
    for split in ("train", "val"):
        for label in ("n01440764", "n01443537"):
            folder = home / "imagenet" / split / label
            folder.mkdir(parents=True)
            for i, kind in enumerate(kinds):
                size = tuple(source.integers(300, 500, 2))
                picture = Image.fromarray(
                    source.integers(0, 256, (*size, 3), dtype=np.uint8)
                ).convert(kind)
                picture.save(folder / f"{i}.JPEG", "JPEG")
        Image.new("RGBA", (400, 320), (90, 10, 40, 128)).save(folder / "alpha.png")
    (home / "pictures.yaml").write_text(STUDY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("paradoxlib.paths.HOME", home)
        yield sessions.start(home / "pictures.yaml", data_root=str(home), workers=1)


def test_pictures_of_all_kinds_are_trained_and_evaluated_on(pictures):
    table = results.accuracies(pictures)
    assert (
        table["network"].unique().tolist() == ["N1", "N1-Contrast"]
        and (table["n"] == 9).all()
        and len(table) == 2 * 3
    )
    assert results.similarities(pictures).loc["N1", "N1-Contrast"] > 0.99
    assert results.training_history(pictures).groupby("network")["epoch"].max().tolist() == [
        1,
        1,
    ]


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_the_weights_of_torchvision_s_networks_stand_beside_ours(pictures, name):
    torch.manual_seed(0)
    network, file = get_model(name, num_classes=2).eval(), Path(pictures.data_root) / "any.pt"
    torch.save({"state_dict": network.state_dict()}, file)
    accuracy, similarity, claims = results.original(pictures, file)
    assert accuracy["network"].unique().tolist() == ["original"]
    test = pictures.images("test")
    ((_, images, labels),) = datasets.batches(test, torch.arange(len(test)), len(test))
    means = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    seen = (images / 255 - means) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.inference_mode():
        right = (network(seen).argmax(1) == labels).double().mean()
    assert scores.clean_accuracy(accuracy)["original"] == right
    assert similarity["network"].tolist() == ["N1", "N1-Contrast"]
    chance = {"resnet18": np.nan, "resnet50": kernels.chance_level("resnet50", pairs=1)}[name]
    assert np.allclose(similarity["similarity"], chance, atol=0.02, equal_nan=True)
    both = scores.mean_accuracies(pd.concat([accuracy, results.accuracies(pictures)]))
    row = claims.iloc[0]
    assert row["reproduced"] == abs(both.loc["original"] - both.loc["N1"]).max()
    assert row["low"] <= row["reproduced"] <= row["high"] and row["notebook"].startswith("03")
    assert row["statement"].startswith(f"The original ResNet{name[6:]} scores like N1")


def test_an_original_of_other_classes_or_another_kind_is_refused(pictures):
    with pytest.raises(ValueError, match="has images of 2 classes: .* not of 3"):
        results.original(pictures, get_model("resnet18", num_classes=3))
    file = Path(pictures.data_root) / "other.pt"
    torch.save(torch.nn.Linear(2, 2).state_dict(), file)
    with pytest.raises(ValueError, match="not the weights of one of torchvision's ResNets"):
        results.original(pictures, file)


def test_the_original_network_is_read_where_its_weights_are_given(pictures, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: "nowhere")
    accuracy, similarity, claims = results.original(pictures)
    assert accuracy.empty and similarity.empty
    assert claims["verdict"].tolist() == [verdicts.NOT_TESTABLE]
    torch.manual_seed(0)
    file = Path(pictures.data_root) / "resnet50-0676ba61.pth"
    torch.save(get_model("resnet50", num_classes=2).state_dict(), file)
    assert results.original_file(pictures) is None  # two classes are not ImageNet's
    monkeypatch.setattr(original_tables, "CLASSES", 2)
    assert results.original_file(pictures) == file
    assert results.original(pictures).accuracy["network"].unique().tolist() == ["original"]


def test_a_picture_cut_short_is_named(pictures):
    victim = Path(pictures.images("test").files[0])
    whole = victim.read_bytes()
    try:
        victim.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ValueError, match=f"{victim} cannot be read as an image"):
            results.original(pictures, get_model("resnet18", num_classes=2).eval())
    finally:
        victim.write_bytes(whole)
