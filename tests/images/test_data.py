"""Data sets in every form, embedded, archive or folder; and what is wrong with bad ones."""

import hashlib
import pickle

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torchvision.datasets import CIFAR10
from torchvision.transforms import functional as T

from paradoxlib import seeds
from paradoxlib.images import data, datasets


def make_folder(
    root, size=(40, 32), splits=("train", "test"), classes=("cat", "dog"), count=3, suffix="png"
):
    """Write a folder of images, each filled with noise."""
    source = np.random.default_rng(0)
    for split in splits:
        for label in classes:
            folder = root / split / label
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = source.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i:04}.{suffix}")
    return root


def test_digits_are_scikit_learn_s():
    digits, test = load_digits(), data.load("digits", "test")
    order = torch.randperm(len(digits.target), generator=seeds.generator("digits"))[: len(test)]
    assert test.labels.tolist() == digits.target[order].tolist()
    bright = test.pixels.float().mean(1)
    ours, theirs = bright[:, 2::4, 2::4].flatten(1), torch.from_numpy(digits.images[order])
    pairs = torch.stack([ours, theirs.float().flatten(1)], 1)
    assert min(torch.corrcoef(pair)[0, 1] for pair in pairs) > 0.9


def test_digits_are_embedded_and_always_the_same():
    train, test = data.load("digits", "train"), data.load("digits", "test")
    assert train.pixels.shape == (1297, 3, 32, 32) and test.pixels.shape == (500, 3, 32, 32)
    assert train.pixels.dtype == torch.uint8 and train.labels.dtype == torch.int64
    assert data.load("digits", "test").fingerprint() == test.fingerprint() != train.fingerprint()
    assert len(set(test.labels.tolist())) == 10
    both = torch.cat([train.pixels, test.pixels]).flatten(1)
    assert len(both.unique(dim=0)) == 1797


def test_a_folder_of_small_images_is_held_in_memory_and_cached(home, tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "own", size=(32, 32))
    images = data.load(f"folder:{folder}", "train", size=32)
    assert isinstance(images, datasets.Images) and images.classes == ("cat", "dog")
    assert images.pixels.shape == (6, 3, 32, 32)
    pixels = {tuple(np.asarray(Image.open(f)).ravel()) for f in folder.glob("train/*/*")}
    assert {tuple(image.permute(1, 2, 0).numpy().ravel()) for image in images.pixels} == pixels
    monkeypatch.setattr(datasets, "decode", None)  # the second time nothing is decoded
    assert torch.equal(data.load(f"folder:{folder}", "train", size=32).pixels, images.pixels)


def test_a_changed_folder_is_decoded_again(home, tmp_path):
    folder = make_folder(tmp_path / "own", size=(32, 32))
    before = data.load(f"folder:{folder}", "train", size=32)
    Image.new("RGB", (32, 32), "red").save(folder / "train" / "cat" / "0000.png")
    assert not torch.equal(data.load(f"folder:{folder}", "train", size=32).pixels, before.pixels)


@pytest.mark.parametrize("damage", [lambda whole: whole[:100], lambda whole: whole[:-1] + b"\0"])
def test_a_damaged_cache_is_not_read(home, tmp_path, damage):
    folder = make_folder(tmp_path / "own", size=(32, 32))
    before = data.load(f"folder:{folder}", "train", size=32)
    cache = next((home / "runs" / "cache").iterdir())
    assert damage(cache.read_bytes()) != cache.read_bytes()
    cache.write_bytes(damage(cache.read_bytes()))
    assert torch.equal(data.load(f"folder:{folder}", "train", size=32).pixels, before.pixels)


def test_a_cache_without_a_digest_is_read(home, tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "own", size=(32, 32))
    before = data.load(f"folder:{folder}", "train", size=32)
    save_file({"pixels": before.pixels}, next((home / "runs" / "cache").iterdir()))
    monkeypatch.setattr(datasets, "decode", None)
    assert torch.equal(data.load(f"folder:{folder}", "train", size=32).pixels, before.pixels)


def test_cifar10_is_a_folder_where_there_is_one(home, tmp_path):
    make_folder(tmp_path / "cifar10", size=(32, 32))
    assert len(data.load("cifar10", "test", root=tmp_path)) == 6


def fake_archive(root, monkeypatch):
    """Write an archive laid out as CIFAR-10's, and let torchvision take its checksums for right."""
    folder = root / CIFAR10.base_folder
    folder.mkdir()
    contents = {
        "data_batch_1": {"data": np.zeros((4, 3072), np.uint8), "labels": [0, 1, 1, 0]},
        "test_batch": {"data": np.ones((4, 3072), np.uint8), "labels": [0, 1, 1, 0]},
        "batches.meta": {"label_names": ["cat", "dog"]},
    }
    sums = {}
    for name, content in contents.items():
        (folder / name).write_bytes(pickle.dumps(content))
        sums[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
    meta = {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]}
    monkeypatch.setattr(CIFAR10, "train_list", [("data_batch_1", sums["data_batch_1"])])
    monkeypatch.setattr(CIFAR10, "test_list", [("test_batch", sums["test_batch"])])
    monkeypatch.setattr(CIFAR10, "meta", meta)
    monkeypatch.setattr(CIFAR10, "url", (root / "nowhere.tar.gz").as_uri())
    return folder


def test_cifar10_is_torchvision_s_archive_otherwise(tmp_path, monkeypatch):
    fake_archive(tmp_path, monkeypatch)
    images = data.load("cifar10", "test", root=tmp_path)
    assert images.pixels.shape == (4, 3, 32, 32) and (images.pixels == 1).all()
    assert images.labels.tolist() == [0, 1, 1, 0] and images.classes == ("cat", "dog")


def test_an_altered_archive_is_not_read(tmp_path, monkeypatch):
    folder = fake_archive(tmp_path, monkeypatch)
    (folder / "test_batch").write_bytes(b"something else")
    with pytest.raises(FileNotFoundError, match="downloading it failed"):
        data.load("cifar10", "test", root=tmp_path)


def test_large_images_are_streamed_as_crops(tmp_path):
    make_folder(tmp_path / "imagenet", size=(300, 260), splits=("train", "val"), suffix="jpg")
    images = data.load("imagenet", "test", root=tmp_path)
    assert isinstance(images, datasets.ImageFiles) and images.size == 224
    index, pixels, labels = next(datasets.batches(images, torch.tensor([4, 1, 0]), 3))
    assert pixels.shape == (3, 3, 224, 224) and pixels.dtype == torch.uint8
    assert index.tolist() == [4, 1, 0] and torch.equal(labels, images.labels[index])
    whole = Image.open(images.files[4]).convert("RGB")
    expected = whole.resize((258, 224), Image.BILINEAR).crop((17, 0, 241, 224))
    difference = pixels[0].permute(1, 2, 0).numpy().astype(float) - np.asarray(expected)
    assert abs(difference).mean() < 1


def test_random_crops_depend_on_their_seed_alone(tmp_path):
    make_folder(tmp_path / "imagenet", size=(300, 260), splits=("train", "val"), suffix="jpg")
    train = data.load("imagenet", "train", root=tmp_path)
    crops = [
        next(datasets.batches(train, torch.tensor([0]), 1, seed=seed))[1] for seed in (1, 1, 2)
    ]
    assert torch.equal(crops[0], crops[1]) and not torch.equal(crops[0], crops[2])


def test_every_kind_of_image_becomes_rgb(tmp_path):
    folder = make_folder(tmp_path / "own", size=(30, 50), count=1)
    for mode, suffix in (("L", "jpg"), ("CMYK", "jpg"), ("RGBA", "png"), ("P", "png")):
        Image.new(mode, (50, 40)).save(folder / "train" / "cat" / f"{mode}.{suffix}")
    images = data.load(f"folder:{folder}", "train", size=72)
    (_, pixels, _), *_ = datasets.batches(images, torch.arange(len(images)), len(images))
    assert pixels.shape == (6, 3, 72, 72)


def plain(file, size):
    """Return the central square of an image file, decoded whole."""
    whole = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    return T.pil_to_tensor(T.center_crop(T.resize(whole, size), [size, size])).int()


@pytest.mark.parametrize(
    ("shape", "turn", "off"),
    [((150, 130), 1, 0.01), ((150, 130), 6, 0.01), ((130, 101), 3, 0.01), ((330, 310), 8, 3)],
)
def test_pictures_are_turned_as_exif_says_and_large_ones_decoded_at_a_part_of_their_size(
    tmp_path, shape, turn, off
):
    smooth = np.random.default_rng(0).integers(0, 256, (7, 6, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[datasets.ORIENTATION] = turn
    Image.fromarray(smooth).resize(shape).save(tmp_path / "a.jpg", exif=exif, quality=95)
    difference = datasets.decode(tmp_path / "a.jpg", 72).int() - plain(tmp_path / "a.jpg", 72)
    assert difference.abs().float().mean() <= off


def test_sixteen_bits_become_eight(tmp_path):
    values = np.linspace(0, 65535, 72 * 72).reshape(72, 72).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert (datasets.decode(tmp_path / "a.png", 72).numpy() == values // 257).all()


def test_a_picture_cut_short_is_named(tmp_path):
    folder = make_folder(tmp_path / "own", size=(90, 90), count=1, suffix="jpg")
    victim = folder / "train" / "dog" / "0000.jpg"
    victim.write_bytes(victim.read_bytes()[:400])
    images = data.load(f"folder:{folder}", "train", size=72)
    with pytest.raises(ValueError, match=r"dog/0000.jpg cannot be read as an image"):
        list(datasets.batches(images, torch.arange(2), 2))


@pytest.mark.parametrize(
    ("name", "split", "text"),
    [
        ("mnist", "test", "unknown data set 'mnist'"),
        ("digits", "validation", "unknown split 'validation'"),
    ],
)
def test_unknown_names_are_refused(name, split, text):
    with pytest.raises(ValueError, match=text):
        data.load(name, split)


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder test or val"):
        data.load(f"folder:{tmp_path}", "test")
    (tmp_path / "test").mkdir()
    with pytest.raises(ValueError, match="no usable classes"):
        data.load(f"folder:{tmp_path}", "test")
    (tmp_path / "test" / "cat").mkdir()
    with pytest.raises(ValueError, match="no usable classes"):
        data.load(f"folder:{tmp_path}", "test")


def test_splits_of_different_classes_are_refused(tmp_path):
    folder = make_folder(tmp_path / "own", count=1)
    (folder / "test" / "dog").rename(folder / "test" / "wolf")
    with pytest.raises(ValueError, match="do not have the same classes: dog, wolf"):
        data.load(f"folder:{folder}", "train")


def test_validation_images_stand_in_for_test_images_without_labels(tmp_path):
    folder = make_folder(tmp_path / "own", splits=("train", "val"), count=1)
    (folder / "test").mkdir()
    Image.new("RGB", (32, 32)).save(folder / "test" / "0000.png")
    test, train = (data.load(f"folder:{folder}", split) for split in ("test", "train"))
    assert len(test) == len(train) == 2
    assert all("/val/" in file for file in test.files)


@pytest.mark.parametrize("count", [10_000, 100])
def test_statistics_are_those_of_the_pixels(count):
    images = data.load("digits", "train")
    mean, std = datasets.channel_statistics(images, count)
    values = images.pixels[:count].double().transpose(0, 1).flatten(1) / 255
    assert np.allclose(mean, values.mean(1)) and np.allclose(std, values.std(1, correction=0))


def test_a_channel_that_never_varies_has_a_deviation_of_one():
    pixels = torch.randint(256, (9, 3, 4, 4), generator=seeds.generator(1)).to(torch.uint8)
    for value in (0, 7, 77, 128, 200, 255):
        pixels[:, 1] = value
        images = datasets.Images(pixels, torch.zeros(9).long(), ("one",), "made up")
        mean, std = datasets.channel_statistics(images)
        assert std[1] == 1 and mean[1] == pytest.approx(value / 255) and min(std) > 0.1


def test_the_quality_of_jpeg_files_is_named(tmp_path):
    for quality in (30, 75, 95):
        Image.new("RGB", (32, 32), (200, 30, 90)).save(tmp_path / f"{quality}.jpg", quality=quality)
        assert data.jpeg_quality(tmp_path / f"{quality}.jpg") == quality
    Image.new("RGB", (32, 32)).save(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_text("no image")
    assert data.jpeg_quality(tmp_path / "a.png") is None
    assert data.jpeg_quality(tmp_path / "b.jpg") is None


def test_what_would_be_downloaded(tmp_path):
    assert data.must_download("cifar10", tmp_path) and not data.must_download("digits", tmp_path)
    for folder in ("cifar10", CIFAR10.base_folder):
        (tmp_path / folder).mkdir()
        assert not data.must_download("cifar10", tmp_path)
        (tmp_path / folder).rmdir()


def test_anybody_s_pictures(tmp_path):
    for i in range(6):
        (tmp_path / "test" / "ba"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 9), (40 * i, 0, 0)).save(tmp_path / f"test/{'ba'[i % 2]}/{i}.png")
    found = data.load_pictures(tmp_path, 5)
    assert found.pixels.shape == (5, 3, 9, 9) and found.classes == ("a", "b")
    assert torch.equal(found.labels, (found.pixels[:, 0, 0, 0] // 40 % 2 == 0).long())
    flat = data.load_pictures(tmp_path / "test" / "a", 9, size=4)
    assert flat.pixels.shape == (3, 3, 4, 4) and set(flat.labels.tolist()) == {-1}
    (tmp_path / "test" / ".hidden").mkdir()
    Image.new("RGB", (12, 9)).save(tmp_path / "test/.hidden/0.png")
    again = data.load_pictures(tmp_path, 5)
    assert again.classes == found.classes and torch.equal(again.labels, found.labels)
    with pytest.raises(ValueError, match="count is 0: at least one"):
        data.load_pictures(tmp_path, 0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no images"):
        data.load_pictures(tmp_path / "empty", 9)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        data.load_pictures(tmp_path / "none", 9)
