"""Images with labels, in memory or in files, and batches of them.

What fits in memory (images of at most 64 pixels) is one tensor; larger images are streamed from
their files as crops. Both have the same attributes: ``labels`` int64 (n,), ``classes``, ``source``
and ``size``.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset

from paradoxlib import seeds


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


@dataclass(frozen=True)
class ImageFiles(Dataset):
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

    def __getitem__(self, item: tuple[int, int | None]) -> tuple[int, torch.Tensor]:
        """Decode one image, given its index and the seed of a random crop (None: the central)."""
        index, seed = item
        source = None if seed is None else seeds.generator(seed, "crop", index)
        return index, decode(self.files[index], self.size, source)


def decode(file: str | Path, size: int, source: torch.Generator | None = None) -> torch.Tensor:
    """Return one image file as RGB, uint8 (3, size, size).

    Without a generator the short side is resized to `size` and the central square is cropped, as in
    the paper's evaluation; an image that has the size already stays as it is. With a generator the
    short side is resized to 8/7 of `size` (256 for 224) and the crop is random.
    """
    from PIL import Image
    from torchvision.transforms import functional as T

    try:
        with Image.open(file) as opened:
            image = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{file} cannot be read as an image: {error}") from None
    if source is not None:
        image = T.resize(image, round(size * 8 / 7))
        places = (length - size + 1 for length in image.size)
        left, top = (int(count * torch.rand((), generator=source)) for count in places)
        image = T.crop(image, top, left, size, size)
    elif image.size != (size, size):
        image = T.center_crop(T.resize(image, size), [size, size])
    return T.pil_to_tensor(image)


def batches(
    images: Images | ImageFiles,
    order: torch.Tensor,
    batch_size: int,
    seed: object = None,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Yield (indices, pixels uint8 (b, 3, h, w), labels (b,)) on the device, in a given order.

    A `seed` makes the crops of streamed images random; images in memory are never cropped.
    """
    if isinstance(images, Images):
        for index in order.split(batch_size):
            yield index, images.pixels[index].to(device), images.labels[index].to(device)
        return
    items = [[(i, seed) for i in part.tolist()] for part in order.split(batch_size)]
    workers = 0 if len(order) <= batch_size else torch.get_num_threads()
    for index, pixels in DataLoader(images, batch_sampler=items, num_workers=workers):
        yield index, pixels.to(device, non_blocking=True), images.labels[index].to(device)


def channel_statistics(
    images: Images | ImageFiles, count: int = 10_000
) -> tuple[list[float], list[float]]:
    """Return the channel means and standard deviations over the first `count` images.

    Each is a list of 3 numbers in 0..1.
    """
    total, square, n = torch.zeros(3).double(), torch.zeros(3).double(), 0
    for _, pixels, _ in batches(images, torch.arange(min(count, len(images))), 500):
        values = pixels.double().flatten(2) / 255
        total, square = total + values.sum((0, 2)), square + (values**2).sum((0, 2))
        n += values.shape[0] * values.shape[2]
    mean = total / n
    return mean.tolist(), (square / n - mean**2).sqrt().tolist()
