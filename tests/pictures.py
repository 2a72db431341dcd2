"""Run all notebooks on a folder of pictures as ImageNet's: of odd sizes and of many kinds.

    python tests/pictures.py                 # crops of 72 pixels, three ResNet20
    python tests/pictures.py --size 224 --architecture resnet50

makes a few dozen pictures (grey, CMYK, turned by EXIF, 16 bits, large, small, a class with one
picture), a study of three networks on them, and runs `paradox run` in a home of its own, with the
default number of workers. It prints how long each notebook took and is run by hand.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from paradoxlib import paths

STUDY = """
name: pictures
title: three networks on pictures
data: {name: imagenet, image_size: SIZE, zoom: 0.0, shift: 0.0}
model: {architecture: ARCHITECTURE}
evaluation: {seed: 1, grid: {contrast: [0.3, 1.0], gaussian_noise: [0.0, 0.05], blur: [1.0]}}
transplant_images: 10
exchange_images: 10
defaults: {epochs: 20, batch_size: 8, learning_rate: 2.e-3, weight_decay: 0.0}
fine_tuning: {epochs: 2, learning_rate: 1.e-4}
networks:
  N1: {seed: 1}
  N1-Contrast: {seed: 2, parent: N1, distortions: [contrast]}
  N2: {seed: 3}
"""
PICTURES = {"train": 36, "val": 20}
CLASSES = 5
ODD_SIZES = [(500, 375), (375, 500), (97, 61), (1601, 1203), (231, 229), (640, 400)]
TURNED = 6  # by a quarter, as EXIF says


def make_pictures(folder: Path) -> None:
    """Write pictures cut from scikit-learn's two photographs; the last class has one a split."""
    photographs = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    source = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = TURNED
    for split, count in PICTURES.items():
        for i in range(count):
            label = CLASSES - 1 if i == 0 else i % (CLASSES - 1)
            place = folder / split / f"n{label}"
            place.mkdir(parents=True, exist_ok=True)
            left, top = source.integers(0, 200, 2).tolist()
            box = (left, top, left + 400, top + 220)
            picture = photographs[label % 2].resize(ODD_SIZES[i % len(ODD_SIZES)], box=box)
            path = place / f"{i:03}.JPEG"
            match i % 5:
                case 1:
                    picture.convert("L").save(path)
                case 2:
                    picture.convert("CMYK").save(path)
                case 3:
                    picture.save(path, exif=exif)
                case 4:
                    deep = np.asarray(picture.convert("L")).astype(np.uint16) * 257
                    Image.fromarray(deep).save(path.with_suffix(".png"))
                case _:
                    picture.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=72)
    parser.add_argument("--architecture", default="resnet20")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for part in ("notebooks", "figures", "weights"):
            shutil.copytree(paths.CLONE / part, home / part)
        make_pictures(home / "data" / "imagenet")
        text = STUDY.replace("SIZE", str(chosen.size))
        (home / "pictures.yaml").write_text(text.replace("ARCHITECTURE", chosen.architecture))
        command = [sys.executable, "-m", "paradoxlib", "run", str(home / "pictures.yaml")]
        environment = os.environ | {"PARADOX_HOME": name, "PARADOX_DATA": str(home / "data")}
        ended = subprocess.run(command, env=environment, cwd=name)
        if ended.returncode == 0:
            facts = json.loads((home / "figures" / "pictures" / "provenance.json").read_text())
            print(json.dumps(facts["last_run_seconds"], indent=1))
    sys.exit(ended.returncode)


if __name__ == "__main__":
    main()
