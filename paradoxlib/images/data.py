"""Named data sets: where they come from."""

import hashlib
from functools import cache
from importlib.metadata import distribution
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from tqdm import tqdm

from paradoxlib import keep, paths, seeds
from paradoxlib.images import datasets

DATA_SETS = ("digits", "cifar10", "imagenet", "folder:<path>")
SPLIT_FOLDERS = {"train": ("train",), "test": ("test", "val")}  # ImageNet's test has no labels
RESIDENT = 64  # pixels: up to this size a data set is held in memory
DIGITS_TEST = 500


def load(
    name: str, split: str, root: str | Path | None = None, size: int | None = None
) -> datasets.Images | datasets.ImageFiles:
    """Return a data set.

    Parameters
    ----------
    name : str
        ``digits`` (embedded in scikit-learn), ``cifar10``, ``imagenet`` or ``folder:<path>``.
    split : str
        ``train`` or ``test``.
    root : path, optional
        The folder of the data sets; else the environment variable PARADOX_DATA, else data/.
    size : int, optional
        Width and height of the images in pixels: always 32 for digits and cifar10, 224 for the
        others where it is not given.

    Raises
    ------
    ValueError
        For an unknown name or split, a folder without classes or an image that cannot be read.
    FileNotFoundError
        Where the data are not there (and, for cifar10, cannot be downloaded).
    """
    if split not in SPLIT_FOLDERS:
        raise ValueError(f"unknown split {split!r}: choose train or test")
    if name == "digits":
        return load_digits(split)
    folder = paths.data_root(root)
    if name == "cifar10":
        own = folder / "cifar10"
        given = any((own / part).is_dir() for part in ("train", "test"))
        return load_folder(own, split, 32) if given else load_archive(folder, split)
    if name == "imagenet":
        return load_folder(folder / "imagenet", split, size or 224)
    if name.startswith("folder:"):
        return load_folder(Path(name.removeprefix("folder:")).expanduser(), split, size or 224)
    raise ValueError(f"unknown data set {name!r}: choose one of {', '.join(DATA_SETS)}")


def must_download(name: str, root: str | Path | None = None) -> bool:
    """Say whether `load` would have to download a data set."""
    if name != "cifar10":
        return False
    from torchvision.datasets import CIFAR10  # here: it takes two seconds

    places = [paths.data_root(root) / folder for folder in ("cifar10", CIFAR10.base_folder)]
    return not any(place.is_dir() for place in places)


@cache
def load_digits(split: str) -> datasets.Images:
    """Return scikit-learn's 1,797 scanned digits: 1,297 for training and 500 for testing.

    Each is enlarged to 32 x 32 and tinted: the strokes get a random light colour and the paper a
    random dark one (the same on every machine), so that colour and contrast carry something to
    distort.
    """
    file = distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")
    table = np.loadtxt(str(file), delimiter=",", dtype=np.int64)  # to import load_digits is slow
    digits = torch.from_numpy(table)
    source = seeds.generator("digits")
    order = torch.randperm(len(digits), generator=source)
    dark, light = torch.rand(2, len(order), 3, 1, 1, generator=source)
    strokes = digits[:, :-1].view(-1, 1, 8, 8).float() / 16
    strokes = torch.nn.functional.interpolate(strokes, size=(32, 32), mode="bilinear").clamp(0, 1)
    pixels = 0.35 * dark * (1 - strokes) + (0.5 + 0.5 * light) * strokes
    chosen = order[:DIGITS_TEST] if split == "test" else order[DIGITS_TEST:]
    return datasets.Images(
        (pixels * 255).round().to(torch.uint8)[chosen],
        digits[:, -1][chosen],
        tuple("0123456789"),
        "scikit-learn digits (1,797 scanned digits), tinted, 32 x 32",
    )


def load_archive(root: Path, split: str) -> datasets.Images:
    """Return CIFAR-10 from torchvision's archive, downloaded where it is not there.

    Its checksums are checked in either case.
    """
    from torchvision.datasets import CIFAR10

    if not (root / CIFAR10.base_folder).is_dir():
        keep.require_space(root, 400e6, "CIFAR-10")
    try:
        archive = CIFAR10(root, train=split == "train", download=True)
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise FileNotFoundError(
            f"cifar10 is neither in {root / 'cifar10'} (folders train/ and test/ of class folders) "
            f"nor in torchvision's archive below {root}, and downloading it failed ({reason}): "
            "put it there or set PARADOX_DATA to where it is"
        ) from None
    pixels = torch.from_numpy(archive.data).permute(0, 3, 1, 2).contiguous()
    labels, classes = torch.tensor(archive.targets), tuple(archive.classes)
    return datasets.Images(pixels, labels, classes, "CIFAR-10, original archive")


def load_folder(folder: Path, split: str, size: int) -> datasets.Images | datasets.ImageFiles:
    """Return a folder of images, ``<folder>/{train,test or val}/<class>/*``.

    Images of at most `RESIDENT` pixels are decoded once and kept in a cache.
    """
    from torchvision.datasets import ImageFolder

    place = split_folder(folder, split)
    try:
        listing = ImageFolder(place)
    except FileNotFoundError as error:
        reason = str(error).splitlines()[0].rstrip(". ")
        raise ValueError(f"{place} has no usable classes: {reason}") from None
    for other in ("train", "test", "val"):
        check_same_classes(place, listing.classes, folder / other)
    # the order mixes the classes, so that the first n images hold all of them
    order = torch.randperm(len(listing), generator=seeds.generator("order")).tolist()
    files = tuple(listing.samples[i][0] for i in order)
    labels = torch.tensor([listing.samples[i][1] for i in order])
    quality = jpeg_quality(files[0])
    kind = f"JPEG files of quality {quality}" if quality else "image files"
    source = f"folder of {len(files):,} {kind}, {folder.name}/{place.name}"
    images = datasets.ImageFiles(files, labels, tuple(listing.classes), source, size)
    return resident(images) if size <= RESIDENT else images


def load_pictures(folder: str | Path, count: int, size: int = 0) -> datasets.Images:
    """Return anybody's images, in memory: those in a folder, or in its folders, one for each class.

    Parameters
    ----------
    folder : path
        It holds images (then all labels are -1), or a folder for each class, or ``test`` or
        ``val`` with these in it. Classes are numbered by the order of their names.
    count : int
        How many images at most, 1 or more, of classes in random order (the same each time).
    size : int
        Pixels of their sides; 0: theirs, up to `RESIDENT` pixels, and else 224.

    Raises
    ------
    ValueError
        Where there are no images, or one cannot be read, or fewer than one are asked for.
    FileNotFoundError
        Where there is no such folder.
    """
    from torchvision.datasets.folder import IMG_EXTENSIONS

    if count < 1:
        raise ValueError(f"count is {count}: at least one image is needed")
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise FileNotFoundError(f"there is no folder {place}")
    place = next((place / name for name in SPLIT_FOLDERS["test"] if (place / name).is_dir()), place)
    classes = sorted(
        entry.name for entry in place.iterdir() if entry.is_dir() and entry.name[0] != "."
    )
    found = [
        (file, classes.index(file.parent.name) if classes else -1)
        for file in sorted(place.glob("[!.]*/*" if classes else "*"))
        if file.suffix.lower() in IMG_EXTENSIONS
    ]
    if not found:
        kinds = f"({', '.join(IMG_EXTENSIONS)})"
        raise ValueError(f"{place} holds no images, nor folders of classes with images {kinds}")
    order = torch.randperm(len(found), generator=seeds.generator("order"))[:count].tolist()
    files = [found[i][0] for i in order]
    if not size:
        own = datasets.shortest_side(files[0])
        size = own if own <= RESIDENT else 224
    pixels = torch.stack([datasets.decode(file, size) for file in files])
    labels = torch.tensor([found[i][1] for i in order])
    return datasets.Images(pixels, labels, tuple(classes), f"folder {place.name}")


def split_folder(folder: Path, split: str) -> Path:
    """Return the folder that holds the classes of a split: the first one with folders in it."""
    names = SPLIT_FOLDERS[split]
    found = [folder / name for name in names if (folder / name).is_dir()]
    if not found:
        where = f"images lie in {folder / names[0]}/<class>/"
        raise FileNotFoundError(f"no folder {' or '.join(names)} in {folder}: {where}")
    return next((place for place in found if any(map(Path.is_dir, place.iterdir()))), found[0])


def check_same_classes(place: Path, classes: list[str], other: Path) -> None:
    """Raise ValueError where another split's folder holds classes, but not the same ones."""
    if not other.is_dir():
        return
    found = {entry.name for entry in other.iterdir() if entry.is_dir()}
    if found and found != set(classes):
        odd = ", ".join(sorted(found ^ set(classes))[:5])
        raise ValueError(f"{place} and {other} do not have the same classes: {odd} is not in both")


def jpeg_quality(file: str | Path) -> int | None:
    """Return the quality (1..100) that a JPEG file was written with.

    It is read off the file's quantisation tables; None for other tables and other files.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            tables = getattr(image, "quantization", None)
    except (OSError, UnidentifiedImageError):
        return None
    if not tables:
        return None
    for quality in range(100, 0, -1):
        buffer = BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "jpeg", quality=quality)
        with Image.open(buffer) as written:
            if getattr(written, "quantization", None) == tables:
                return quality
    return None


def resident(images: datasets.ImageFiles) -> datasets.Images:
    """Return streamed images as one tensor, from the cache or decoded (with a progress bar).

    The cache's key depends on the files' names, lengths and times and on the size of the images.
    """
    states = [(file, Path(file).stat()) for file in images.files]
    listing = [f"{file} {state.st_size} {state.st_mtime_ns}" for file, state in states]
    key = hashlib.sha256("\n".join([str(images.size), *listing]).encode()).hexdigest()[:16]
    path = paths.cache_file(key)
    try:
        pixels = keep.read_tensors(path)[0]["pixels"]
    except (FileNotFoundError, keep.DamagedFile):
        room = 1.1 * len(images) * 3 * images.size**2
        keep.require_space(path.parent, room, "the decoded images")
        bar = tqdm(images.files, desc=f"decoding {images.source}", unit="image")
        jobs = (delayed(datasets.decode)(file, images.size) for file in bar)
        pixels = torch.stack(Parallel(-1, backend="threading")(jobs))
        keep.write_tensors(path, {"pixels": pixels}, {"source": images.source})
    return datasets.Images(pixels, images.labels, images.classes, images.source)
