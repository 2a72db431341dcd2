"""Images with labels, in memory or in files, and batches of them.

What fits in memory (images of at most 64 pixels) is one tensor; larger images are streamed from
their files as crops. Both have the same attributes: ``labels`` int64 (n,), ``classes``, ``source``
and ``size``.
"""

import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from paradoxlib import devices, seeds

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # indices, pixels, labels
AHEAD = 2  # batches that are decoded while one is in use
LEAST_DEVIATION = 1e-7  # of a channel, 0..1; below it is rounding
ORIENTATION, TURNED = 0x0112, 5  # the EXIF tag; from this value on width and height are swapped


@dataclass(frozen=True)
class Images:
    """A data set in memory: ``pixels`` uint8 (n, 3, h, w), RGB."""

    pixels: torch.Tensor
    labels: torch.Tensor
    classes: tuple[str, ...]
    source: str

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> int:
        """Return the width of the images in pixels."""
        return self.pixels.shape[-1]

    def first(self, count: int | None) -> "Images":
        """Return the first `count` images (None: all); their classes are mixed as in the set."""
        if count is None:
            return self
        return replace(self, pixels=self.pixels[:count], labels=self.labels[:count])

    def fingerprint(self) -> str:
        """Return the sha256 of pixels and labels."""
        content = self.pixels.numpy().tobytes() + self.labels.numpy().tobytes()
        return hashlib.sha256(content).hexdigest()

    def to(self, device: torch.device) -> "Images":
        """Return the data set on a device."""
        return replace(self, pixels=self.pixels.to(device), labels=self.labels.to(device))


@dataclass(frozen=True)
class ImageFiles:
    """A data set in files, decoded when asked for, as squares of ``size`` pixels (see `decode`)."""

    files: tuple[str, ...]
    labels: torch.Tensor
    classes: tuple[str, ...]
    source: str
    size: int

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int | None) -> "ImageFiles":
        """Return the first `count` images (None: all); their classes are mixed as in the set."""
        if count is None:
            return self
        return replace(self, files=self.files[:count], labels=self.labels[:count])

    def fingerprint(self) -> str:
        """Return the sha256 of the files' names and lengths; their content is too much to read."""
        listing = "".join(f"{Path(file).name} {Path(file).stat().st_size}\n" for file in self.files)
        return hashlib.sha256(listing.encode()).hexdigest()

    def to(self, device: torch.device) -> "ImageFiles":
        """Return the data set itself: streamed images come to a device batch by batch."""
        return self


def shortest_side(file: str | Path) -> int:
    """Return the shorter side of an image file in pixels; ValueError where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(file) as opened:
            return min(opened.size)
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{file} cannot be read as an image: {error}") from None


def decode(file: str | Path, size: int, source: torch.Generator | None = None) -> torch.Tensor:
    """Return one image file as RGB, uint8 (3, size, size), turned as its EXIF says.

    Without a generator the short side is resized to `size` and the central square is cropped, as in
    the paper's evaluation; an image that has the size already stays as it is. With a generator the
    short side is resized to 8/7 of `size` (256 for 224) and the crop is random.
    """
    short = size if source is None else round(size * 8 / 7)
    try:
        (height, width), pixels = read_pixels(file, short)
    except (OSError, SyntaxError, ValueError, RuntimeError) as error:
        raise ValueError(f"{file} cannot be read as an image: {error}") from None
    if source is None and (height, width) == (size, size):
        return pixels
    least = min(height, width)
    height, width = short * height // least, short * width // least
    if source is None:
        top, left = round((height - size) / 2), round((width - size) / 2)
    else:
        left, top = (
            int((length - size + 1) * torch.rand((), generator=source))
            for length in (width, height)
        )
    if pixels.shape[1:] != (height, width):
        pixels = F.interpolate(pixels[None], (height, width), mode="bilinear", antialias=True)[0]
    return pixels[:, top : top + size, left : left + size]


def read_pixels(file: str | Path, short: int) -> tuple[tuple[int, int], torch.Tensor]:
    """Return ((height, width) of an image file, RGB pixels uint8 (3, h, w)).

    A JPEG file whose short side is at least twice `short` is decoded at a half, a quarter or an
    eighth of its size, not below `short`.
    """
    from PIL import Image, ImageOps
    from torchvision import io

    with Image.open(file) as opened:
        shape = opened.height, opened.width
        if opened.getexif().get(ORIENTATION, 1) >= TURNED:
            shape = shape[::-1]
        large = min(shape) >= 2 * short
        if opened.format == "JPEG" and opened.mode in ("L", "RGB") and not large:
            data, mode = io.read_file(str(file)), io.ImageReadMode.RGB
            return shape, io.decode_jpeg(data, mode, apply_exif_orientation=True)
        opened.draft(None, (short, short))
        image = ImageOps.exif_transpose(opened)
        if image.mode.startswith("I"):  # 16 bits a pixel
            image = Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
        return shape, torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


def batches(
    images: Images | ImageFiles,
    order: torch.Tensor,
    batch_size: int,
    seed: object = None,
    device: torch.device | str = "cpu",
) -> Iterator[Batch]:
    """Yield (indices, pixels uint8 (b, 3, h, w), labels (b,)) on the device, in a given order.

    The indices lie where the images do. A `seed` makes the crops of streamed images random; images
    in memory are never cropped. Streamed images are decoded by as many threads as torch may use,
    `AHEAD` batches ahead.
    """
    if isinstance(images, Images):
        for index in order.to(images.pixels.device).split(batch_size):
            yield index, images.pixels[index].to(device), images.labels[index].to(device)
        return
    pinned = torch.device(device).type == "cuda"  # such memory is copied while the device computes
    with devices.thread_pool() as pool:
        begun = (begin(images, index, seed, pinned, pool) for index in order.split(batch_size))
        coming = deque(islice(begun, AHEAD))
        try:
            while coming:
                (index, pixels, labels), jobs = coming.popleft()
                coming.extend(islice(begun, 1))
                for decoded in jobs:
                    decoded.result()
                pixels = pixels.to(device, non_blocking=pinned)
                yield index, pixels, labels.to(device, non_blocking=pinned)
        finally:
            pool.shutdown(cancel_futures=True)


def begin(
    images: ImageFiles, index: torch.Tensor, seed: object, pinned: bool, pool: Executor
) -> tuple[Batch, list[Future]]:
    """Return a batch, in pinned memory or not, and the jobs of a pool that decode its images."""
    shape, labels = (len(index), 3, images.size, images.size), images.labels[index]
    pixels = torch.empty(shape, dtype=torch.uint8, pin_memory=pinned)

    def fill(place: torch.Tensor, i: int) -> None:
        source = None if seed is None else seeds.generator(seed, "crop", i)
        place.copy_(decode(images.files[i], images.size, source))

    jobs = [pool.submit(fill, *task) for task in zip(pixels, index.tolist(), strict=True)]
    return (index, pixels, labels.pin_memory() if pinned else labels), jobs


def channel_statistics(
    images: Images | ImageFiles, count: int = 10_000
) -> tuple[list[float], list[float]]:
    """Return the channel means and standard deviations over the first `count` images.

    Each is a list of 3 numbers in 0..1. The deviation of a channel that is the same everywhere
    counts as 1: standardised, it is 0.
    """
    total, square, n = torch.zeros(3).double(), torch.zeros(3).double(), 0
    for _, pixels, _ in batches(images, torch.arange(min(count, len(images))), 500):
        values = pixels.double().flatten(2) / 255
        total, square = total + values.sum((0, 2)), square + (values**2).sum((0, 2))
        n += values.shape[0] * values.shape[2]
    mean = total / n
    deviation = (square / n - mean**2).clamp(min=0).sqrt()
    return mean.tolist(), torch.where(deviation > LEAST_DEVIATION, deviation, 1.0).tolist()
