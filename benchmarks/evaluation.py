"""Evaluation of five networks under the grid, images a second: ours, and the plain float32 loop."""

import argparse

import race
import torch

from paradoxlib import seeds
from paradoxlib.behaviour import predictions
from paradoxlib.images import datasets, distortions
from paradoxlib.networks import models

# One of each distortion.
CONDITIONS = [(name, levels[len(levels) // 2]) for name, levels in distortions.GRID.items()]
IMAGES = {"resnet20": 500, "resnet50": 100}
PEER = "float32, eager"


def plain(networks, images):
    """Show each network each condition, batch norms as they are, all cores on one batch."""
    with torch.inference_mode():
        for model in networks.values():
            for name, level in CONDITIONS:
                noise = seeds.generator(1, name)
                for pixels in images.pixels.split(250):
                    model(distortions.distort(pixels.float() / 255, name, level, noise)).argmax(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", default="resnet20", choices=IMAGES)
    architecture = parser.parse_args().architecture
    count = IMAGES[architecture]
    print(race.machine())
    source = torch.Generator().manual_seed(1)
    pixels = torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8, generator=source)
    labels = torch.zeros(count, dtype=torch.int64)
    images = datasets.Images(pixels, labels, tuple("0123456789"), "random")
    networks = {str(i): models.build(architecture, generator=source).eval() for i in range(5)}
    units = len(networks) * len(CONDITIONS) * count
    cores = torch.get_num_threads()

    def eager():
        torch.set_num_threads(cores)
        plain(networks, images)
        return units

    def ours(precision):
        torch.set_num_threads(cores)
        predictions.predict_conditions(networks, images, CONDITIONS, precision=precision)
        return units

    contenders = {
        PEER: eager,
        "paradoxlib, float32": lambda: ours("float32"),
        "paradoxlib, bfloat16": lambda: ours("bfloat16"),
    }
    rates = race.race(contenders)
    limit = cores * race.arithmetic(torch.bfloat16) / race.operations(models.empty(architecture))
    title = f"Evaluating 5 {architecture} under {len(CONDITIONS)} conditions x {count} images"
    race.report(title, rates, PEER, "images", limit)


if __name__ == "__main__":
    main()
