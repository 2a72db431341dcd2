"""Loading pictures as ImageNet's for training, images a second: ours, and torchvision's.

The pictures are cut from scikit-learn's two photographs, 500 x 375 pixels, some 110 kB each, or
those of a folder (--folder, with classes as `ImageFolder` wants them). Both give batches of random
crops of 224 pixels, uint8, with as many processes or threads as there are cores.
"""

import argparse
import resource
import tempfile
from pathlib import Path

import numpy as np
import race
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from paradoxlib.images import data, datasets

PICTURES, BATCH = 1000, 32
PEER = "ImageFolder, DataLoader"


def make_pictures(folder):
    """Write pictures of two classes; return the folder."""
    photographs = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    source = np.random.default_rng(0)
    for i in range(PICTURES):
        place = folder / "train" / str(i % 2)
        place.mkdir(parents=True, exist_ok=True)
        left, top = source.integers(0, 140, 2).tolist()
        box = (left, top, left + 500, top + 287)
        photographs[i % 2].resize((500, 375), box=box).save(place / f"{i}.jpg", quality=92)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    print(race.machine())
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or make_pictures(Path(temporary))
        compare(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"largest memory of this process: {peak:.0f} MB")


def compare(folder):
    """Time both on the pictures of a folder, one epoch each time."""
    cores = torch.get_num_threads()
    images = data.load(f"folder:{folder}", "train")
    resized = [transforms.Resize(256), transforms.RandomCrop(224)]

    def peer(*last):
        listing = ImageFolder(folder / "train", transforms.Compose([*resized, *last]))
        loader = DataLoader(
            listing, BATCH, shuffle=True, num_workers=cores, persistent_workers=True
        )
        return lambda: sum(len(labels) for _, labels in loader)

    def ours():
        order = torch.randperm(len(images))
        return sum(len(index) for index, *_ in datasets.batches(images, order, BATCH, seed=1))

    contenders = {
        PEER: peer(transforms.PILToTensor()),
        f"{PEER}, float32": peer(transforms.ToTensor()),
        "paradoxlib": ours,
    }
    title = f"Loading {len(images):,} pictures on {cores} cores, batches of {BATCH}"
    race.report(title, race.race(contenders), PEER, "images")


if __name__ == "__main__":
    main()
