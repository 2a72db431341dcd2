"""The eight distortions: ours on a batch against scikit-image, image by image; images a second on one core."""

import numpy as np
import race
import torch
from skimage import exposure, filters, util

from paradoxlib import data, distortions

LEVELS = {
    "contrast": 0.5, "illuminant": 0.5, "blur": 1.0, "gamma": 0.8,
    "salt_pepper": 0.05, "gaussian_noise": 0.05, "speckle_noise": 0.05, "poisson_noise": 1.0,
}  # fmt: skip
IMAGES = 250


def peers(source):
    """Return {distortion: function of one image (h, w, 3), float 0..1} by scikit-image, or NumPy where that is all there is to it."""
    return {
        "contrast": lambda image: 0.5 * image + 0.25,
        "illuminant": lambda image: image * (0.5, 1, 1),
        "blur": lambda image: filters.gaussian(image, 1.0, mode="reflect", channel_axis=2),
        "gamma": lambda image: exposure.adjust_gamma(image, 0.8),
        "salt_pepper": lambda image: util.random_noise(image, "s&p", rng=source, amount=0.05),
        "gaussian_noise": lambda image: util.random_noise(image, "gaussian", rng=source, var=0.05),
        "speckle_noise": lambda image: util.random_noise(image, "speckle", rng=source, var=0.05),
        "poisson_noise": lambda image: util.random_noise(image, "poisson", rng=source),
    }


def main():
    print(race.machine())
    torch.set_num_threads(1)
    smooth = torch.nn.functional.interpolate(torch.rand(IMAGES, 3, 8, 8), 32, mode="bilinear")  # neighbours are alike, as in photographs
    images = (smooth * 255).round() / 255
    singly = [np.ascontiguousarray(image.permute(1, 2, 0).double().numpy()) for image in images]
    noise, loops, total = data.generator(1), peers(np.random.default_rng(1)), {"scikit-image": 0.0, "paradoxlib": 0.0, "torch.poisson": 0.0}
    for name, level in LEVELS.items():
        contenders = {
            "scikit-image": lambda name=name: len([loops[name](image) for image in singly]),
            "paradoxlib": lambda name=name, level=level: len(distortions.distort(images, name, level, noise)),
        }
        if name == "poisson_noise":
            contenders["torch.poisson"] = lambda: len((torch.poisson(images * 256, noise) / 256).clamp(max=1))
        rates = race.race(contenders, 5)
        race.report(name, rates, "scikit-image", "images")
        for who, (median, *_) in rates.items():
            total[who] += 1 / median
    print(f"\nAll eight: {total['scikit-image'] / total['paradoxlib']:.1f} times the rate of scikit-image")
    copy = torch.empty_like(images)
    memory = race.race({"copy": lambda: len(copy.copy_(images))}, 20)["copy"][0]
    print(f"Limit, a copy of the images: {memory:,.0f} a second; the eight reach {8 / total['paradoxlib'] / memory:.1%} of it")


if __name__ == "__main__":
    main()
