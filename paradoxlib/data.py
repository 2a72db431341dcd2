"""Named data sets as 8-bit images with labels, and batches of them.

What fits in memory (images of at most 64 pixels) is one tensor; larger images are streamed from their files as crops. Both have the same
attributes: ``labels`` int64 (n,), ``classes``, ``source`` and ``size``.
"""

import hashlib
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import torch
from joblib import Parallel, delayed
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from paradoxlib import paths

NAMES = ("digits", "cifar10", "imagenet", "folder:<path>")
RESIDENT = 64  # pixels: up to this size a data set is held in memory
DIGITS_TEST = 500


@dataclass(frozen=True)
class Images:
    """A data set in memory: ``pixels`` uint8 (n, 3, h, w), RGB."""

    pixels: torch.Tensor
    labels: torch.Tensor
    classes: tuple
    source: str

    def __len__(self):
        return len(self.labels)

    @property
    def size(self):
        return self.pixels.shape[-1]

    def first(self, count):
        """Return the first `count` images (all, where it is None), the classes mixed as in the data set."""
        return self if count is None else replace(self, pixels=self.pixels[:count], labels=self.labels[:count])

    def fingerprint(self):
        """Return the sha256 of pixels and labels."""
        return hashlib.sha256(self.pixels.numpy().tobytes() + self.labels.numpy().tobytes()).hexdigest()


@dataclass(frozen=True)
class ImageFiles(Dataset):
    """A data set in files, decoded when asked for: short side resized, square crop of ``size`` pixels, uint8 (3, size, size)."""

    files: tuple
    labels: torch.Tensor
    classes: tuple
    source: str
    size: int

    def __len__(self):
        return len(self.labels)

    def first(self, count):
        """Return the first `count` images (all, where it is None)."""
        return self if count is None else replace(self, files=self.files[:count], labels=self.labels[:count])

    def fingerprint(self):
        """Return the sha256 of the file names and lengths (the files themselves are too many to read)."""
        listing = "".join(f"{Path(file).name} {Path(file).stat().st_size}\n" for file in self.files)
        return hashlib.sha256(listing.encode()).hexdigest()

    def __getitem__(self, item):
        """Decode one image; `item` is its index and the seed of a random crop, or None for the central one."""
        index, seed = item
        return index, decode(self.files[index], self.size, None if seed is None else generator(seed, "crop", index))


def load(name, split, root=None, size=None):
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
        Width and height of the images in pixels: 32 for digits and cifar10, 224 where not given for the others.

    Returns
    -------
    Images or ImageFiles

    Raises
    ------
    ValueError
        For an unknown name or split, a folder without classes or an image that cannot be read.
    FileNotFoundError
        Where the data are not there (and, for cifar10, cannot be downloaded).
    """
    if split not in ("train", "test"):
        raise ValueError(f"unknown split {split!r}: choose train or test")
    if name == "digits":
        return load_digits(split)
    root = paths.data_root(root)
    if name == "cifar10":
        folder = root / "cifar10"
        return load_folder(folder, split, 32) if any((folder / part).is_dir() for part in ("train", "test")) else load_archive(root, split)
    if name == "imagenet":
        return load_folder(root / "imagenet", split, size or 224)
    if name.startswith("folder:"):
        return load_folder(Path(name.removeprefix("folder:")).expanduser(), split, size or 224)
    raise ValueError(f"unknown data set {name!r}: choose one of {', '.join(NAMES)}")


def must_download(name, root=None):
    """Say whether `load` would have to download a data set."""
    from torchvision.datasets import CIFAR10

    return name == "cifar10" and not any((paths.data_root(root) / folder).is_dir() for folder in ("cifar10", CIFAR10.base_folder))


def load_digits(split):
    """Return scikit-learn's 1,797 scanned digits, each tinted and enlarged to 32 x 32: 1,297 for training and 500 for testing.

    The strokes get a random light colour and the paper a random dark one (the same on every machine), so that colour and contrast carry
    something to distort.
    """
    from sklearn.datasets import load_digits as embedded

    digits = embedded()
    source = generator("digits")
    order = torch.randperm(len(digits.target), generator=source)
    dark, light = torch.rand(2, len(order), 3, 1, 1, generator=source)
    strokes = torch.from_numpy(digits.images).float()[:, None] / 16
    strokes = torch.nn.functional.interpolate(strokes, size=(32, 32), mode="bilinear").clamp(0, 1)
    pixels = 0.35 * dark * (1 - strokes) + (0.5 + 0.5 * light) * strokes
    chosen = order[:DIGITS_TEST] if split == "test" else order[DIGITS_TEST:]
    return Images(
        (pixels * 255).round().to(torch.uint8)[chosen],
        torch.from_numpy(digits.target).long()[chosen],
        tuple("0123456789"),
        "scikit-learn digits (1,797 scanned digits), tinted, 32 x 32",
    )


def load_archive(root, split):
    """Return CIFAR-10 from torchvision's archive, which is downloaded and checked where it is not there."""
    from torchvision.datasets import CIFAR10

    if not (root / CIFAR10.base_folder).is_dir():
        paths.require_space(root, 400e6, "CIFAR-10")
    try:
        archive = CIFAR10(root, train=split == "train", download=True)
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise FileNotFoundError(
            f"cifar10 is neither in {root / 'cifar10'} (folders train/ and test/ of class folders) nor in torchvision's archive below "
            f"{root}, and downloading it failed ({reason}): put it there or set PARADOX_DATA to where it is"
        ) from None
    pixels = torch.from_numpy(archive.data).permute(0, 3, 1, 2).contiguous()
    return Images(pixels, torch.tensor(archive.targets), tuple(archive.classes), "CIFAR-10, original archive")


def load_folder(folder, split, size):
    """Return a folder of images, ``<folder>/{train,test or val}/<class>/*``; small ones are decoded once and kept in a cache."""
    from torchvision.datasets import ImageFolder

    parts = ("train",) if split == "train" else ("test", "val")  # ImageNet's test images have no labels: they lie in no class folders
    found = [folder / part for part in parts if (folder / part).is_dir()]
    place = next((part for part in found if any(map(Path.is_dir, part.iterdir()))), found[0] if found else None)
    if place is None:
        raise FileNotFoundError(f"no folder {' or '.join(parts)} in {folder}: images lie in {folder / parts[0]}/<class>/")
    try:
        listing = ImageFolder(place)
    except FileNotFoundError as error:
        raise ValueError(f"{place} has no usable classes: {str(error).splitlines()[0].rstrip('. ')}") from None
    for other in (folder / part for part in ("train", "test", "val")):
        classes = sorted(entry.name for entry in other.iterdir() if entry.is_dir()) if other.is_dir() else []
        if classes and classes != listing.classes:
            odd = sorted(set(classes) ^ set(listing.classes))
            raise ValueError(f"{place} and {other} do not have the same classes: {', '.join(odd[:5])} is not in both")
    order = torch.randperm(len(listing), generator=generator("order")).tolist()  # so that the first n images mix the classes
    files = tuple(listing.samples[i][0] for i in order)
    labels = torch.tensor([listing.samples[i][1] for i in order])
    quality = jpeg_quality(files[0])
    kind = f"JPEG files of quality {quality}" if quality else "image files"
    images = ImageFiles(files, labels, tuple(listing.classes), f"folder of {len(files):,} {kind}, {folder.name}/{place.name}", size)
    return resident(images) if size <= RESIDENT else images


def jpeg_quality(file):
    """Return the quality (1..100) that a JPEG file was written with, read off its quantisation tables; None for other files and tables."""
    from PIL import Image, UnidentifiedImageError

    def tables(source):
        with Image.open(source) as image:
            return getattr(image, "quantization", None)

    def written(quality):
        buffer = BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "jpeg", quality=quality)
        return tables(buffer)

    try:
        found = tables(file)
    except (OSError, UnidentifiedImageError):
        return None
    return next((quality for quality in range(100, 0, -1) if written(quality) == found), None) if found else None


def resident(images):
    """Return streamed images as one tensor, from the cache or decoded (with a progress bar) and put there."""
    listing = [f"{file} {Path(file).stat().st_size} {Path(file).stat().st_mtime_ns}" for file in images.files]
    key = hashlib.sha256("\n".join([str(images.size), *listing]).encode()).hexdigest()[:16]
    path = paths.cache(key)
    try:
        with safe_open(path, "pt") as file:
            return Images(file.get_tensor("pixels"), images.labels, images.classes, images.source)
    except (FileNotFoundError, SafetensorError):
        pass
    paths.require_space(path.parent, 1.1 * len(images) * 3 * images.size**2, "the decoded images")
    bar = tqdm(images.files, desc=f"decoding {images.source}", unit="image")
    pixels = torch.stack(Parallel(-1, backend="threading")(delayed(decode)(file, images.size) for file in bar))
    with paths.atomic(path) as temporary:
        save_file({"pixels": pixels}, temporary)
    return Images(pixels, images.labels, images.classes, images.source)


def decode(file, size, source=None):
    """Return one image file as RGB, uint8 (3, size, size).

    Without a generator the short side becomes `size` and the central square is cropped (the paper's evaluation); with one the short
    side becomes 8/7 of it (256 for 224) and the crop is random. An image that has the size already stays as it is.
    """
    from PIL import Image
    from torchvision.transforms import functional as T

    try:
        with Image.open(file) as opened:
            image = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{file} cannot be read as an image: {error}") from None
    if source is None:
        if image.size != (size, size):
            image = T.center_crop(T.resize(image, size), [size, size])
    else:
        image = T.resize(image, round(size * 8 / 7))
        left, top = (int((length - size + 1) * torch.rand((), generator=source)) for length in image.size)
        image = T.crop(image, top, left, size, size)
    return T.pil_to_tensor(image)


def batches(images, order, batch_size, seed=None, device="cpu"):
    """Yield (indices, pixels uint8 (b, 3, h, w), labels (b,)) on the device, in a given order.

    `seed` makes the crops of streamed images random; images in memory are never cropped.
    """
    if isinstance(images, Images):
        for index in order.split(batch_size):
            yield index, images.pixels[index].to(device), images.labels[index].to(device)
        return
    items = [[(i, seed) for i in part.tolist()] for part in order.split(batch_size)]
    workers = 0 if len(order) <= batch_size else torch.get_num_threads()
    for index, pixels in DataLoader(images, batch_sampler=items, num_workers=workers):
        yield index, pixels.to(device, non_blocking=True), images.labels[index].to(device)


def statistics(images, count=10_000):
    """Return the channel means and standard deviations (each a list of 3, in 0..1) over the first `count` images."""
    total, square, n = 0, 0, 0
    for _, pixels, _ in batches(images, torch.arange(min(count, len(images))), 500):
        values = pixels.double().flatten(2) / 255
        total, square = total + values.sum((0, 2)), square + (values**2).sum((0, 2))
        n += values.shape[0] * values.shape[2]
    mean = total / n
    return mean.tolist(), (square / n - mean**2).sqrt().tolist()


def generator(*parts, device="cpu"):
    """Return a random generator whose seed is made of anything printable: equal parts, equal numbers."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)
