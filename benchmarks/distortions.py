"""The eight distortions on one core, images a second: ours on a batch, scikit-image one by one."""

from collections import defaultdict

import numpy as np
import race
import torch
from skimage import exposure, filters, util

from paradoxlib import seeds
from paradoxlib.images import distortions

LEVELS = {
    "contrast": 0.5,
    "illuminant": 0.5,
    "blur": 1.0,
    "gamma": 0.8,
    "salt_pepper": 0.05,
    "gaussian_noise": 0.05,
    "speckle_noise": 0.05,
    "poisson_noise": 1.0,
}
IMAGES = 250


def peers(source):
    """Return {distortion: function of one image (h, w, 3), float 0..1}, at the same levels.

    By scikit-image, or by NumPy where that is all there is to it.
    """
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


def smooth_images():
    """Return images (n, 3, 32, 32) of 256 steps, 0..1; neighbours are alike, as in photographs."""
    coarse = torch.rand(IMAGES, 3, 8, 8)
    smooth = torch.nn.functional.interpolate(coarse, 32, mode="bilinear")
    return (smooth * 255).round() / 255


def contenders(name, images, singly, peer, noise):
    """Return {name: function} for a race in one distortion."""

    def ours():
        return len(distortions.distort(images, name, LEVELS[name], noise))

    def theirs():
        return len([peer(image) for image in singly])

    def torch_poisson():
        return len((torch.poisson(images * 256, noise) / 256).clamp(max=1))

    racing = {"scikit-image": theirs, "paradoxlib": ours}
    if name == "poisson_noise":
        racing["torch.poisson"] = torch_poisson
    return racing


def main():
    print(race.machine())
    torch.set_num_threads(1)
    images = smooth_images()
    singly = [np.ascontiguousarray(image.permute(1, 2, 0).double().numpy()) for image in images]
    noise = seeds.generator(1)
    loops = peers(np.random.default_rng(1))
    seconds = defaultdict(float)  # of an image under all distortions
    for name in LEVELS:
        rates = race.race(contenders(name, images, singly, loops[name], noise), 5)
        race.report(name, rates, "scikit-image", "images")
        for who, rate in rates.items():
            seconds[who] += 1 / rate.median
    ratio = seconds["scikit-image"] / seconds["paradoxlib"]
    print(f"\nAll eight: {ratio:.1f} times the rate of scikit-image")
    copy = torch.empty_like(images)
    limit = race.race({"copy": lambda: len(copy.copy_(images))}, 20)["copy"].median
    reached = f"the eight reach {8 / seconds['paradoxlib'] / limit:.1%} of it"
    print(f"Limit, a copy of the images: {limit:,.0f} a second; {reached}")


if __name__ == "__main__":
    main()
