"""Distortions agree with slow oracles, are the identity where they should be, and their noise is as strong as asked."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.ndimage import gaussian_filter

from paradoxlib import data, distortions


@pytest.fixture
def images():
    return (torch.randint(0, 256, (6, 3, 32, 32), generator=torch.Generator().manual_seed(3)) / 255).float()


def test_the_grid_has_34_conditions_of_which_28_differ():
    conditions = distortions.conditions()
    identity = [level == distortions.IDENTITY.get(name) for name, level in conditions]
    assert len(conditions) == 34
    assert len(conditions) - sum(identity) + 1 == 28


@pytest.mark.parametrize(("name", "level"), distortions.IDENTITY.items())
def test_identity_levels_return_the_input(images, name, level):
    assert torch.equal(distortions.distort(images, name, level, data.generator(1)), images)
    many = torch.full((len(images),), float(level))
    assert torch.allclose(distortions.distort(images, name, many, data.generator(1)), images, atol=1e-6)


@pytest.mark.parametrize(("name", "level"), distortions.conditions())
def test_results_stay_in_range_and_inputs_unchanged(images, name, level):
    before = images.clone()
    result = distortions.distort(images, name, level, data.generator(name, level))
    assert result.shape == images.shape
    assert result.min() >= 0 and result.max() <= 1
    assert torch.equal(images, before)


@pytest.mark.parametrize("level", [0.01, 0.3, 0.75])
def test_contrast_oracle(images, level):
    slow = level * images.numpy() + (1 - level) / 2
    assert np.allclose(distortions.distort(images, "contrast", level), slow, atol=1e-6)


def test_illuminant_dims_the_red_channel_or_each_by_its_own_factor(images):
    one = distortions.distort(images, "illuminant", 0.25)
    assert torch.allclose(one[:, 0], images[:, 0] * 0.25)
    assert torch.equal(one[:, 1:], images[:, 1:])
    factors = torch.rand(len(images), 3)
    each = distortions.distort(images, "illuminant", factors)
    assert torch.allclose(each, images * factors[:, :, None, None])


@pytest.mark.parametrize("sigma", [0.5, 1.0, 1.5, 4.0])
def test_blur_oracle(images, sigma):
    slow = np.stack([[gaussian_filter(channel, sigma, mode="reflect", truncate=4) for channel in image] for image in images.double().numpy()])
    assert np.allclose(distortions.distort(images, "blur", sigma), slow, atol=1e-5)


def test_a_level_for_each_image_is_that_level(images):
    for name, levels in (("blur", [0, 0.4, 0.8, 1.3, 1.5, 0.1]), ("gamma", [0.3, 0.5, 1, 2, 2.5, 3]), ("contrast", [0.1, 0.2, 0.4, 0.5, 0.9, 1])):
        together = distortions.distort(images, name, torch.tensor(levels))
        for i, level in enumerate(levels):
            assert torch.allclose(together[i], distortions.distort(images[i : i + 1], name, level)[0], atol=1e-5)


def test_gamma_oracle(images):
    assert np.allclose(distortions.distort(images, "gamma", 3.0), images.double().numpy() ** 3, atol=1e-6)


def test_salt_pepper_replaces_the_share_asked_for():
    grey = torch.full((100, 3, 32, 32), 0.5)
    noisy = distortions.distort(grey, "salt_pepper", 0.1, data.generator(1))
    for value in (0, 1):
        assert abs((noisy == value).double().mean().item() - 0.05) < 0.002
    assert ((noisy == 0) | (noisy == 1) | (noisy == 0.5)).all()
    assert (noisy[:, 0] != noisy[:, 1]).any()  # each channel alone


@pytest.mark.parametrize(("name", "expected"), [("gaussian_noise", 0.01), ("speckle_noise", 0.01 * 0.25)])
def test_noise_has_the_variance_asked_for(name, expected):
    noisy = distortions.distort(torch.full((100, 3, 32, 32), 0.5), name, 0.01, data.generator(2))
    assert abs(noisy.var().item() / expected - 1) < 0.02
    assert abs(noisy.mean().item() - 0.5) < 0.001


def test_poisson_noise_counts_in_steps_of_the_image_s_distinct_values():
    ramp = (torch.arange(256).float() / 255).repeat(12).view(1, 3, 32, 32)  # 256 values: V = 256
    two = torch.cat([torch.zeros(1, 3, 16, 32), torch.full((1, 3, 16, 32), 0.5)], 2)  # 2 values: V = 2
    for image, peak in ((ramp, 256), (two, 2)):
        many = image.expand(200, -1, -1, -1).contiguous()
        noisy = distortions.distort(many, "poisson_noise", 1.0, data.generator(3))
        steps = noisy * peak
        assert torch.allclose(steps, steps.round(), atol=1e-4)
        middle = (image[0] > 0.4) & (image[0] < 0.6)
        noise = (noisy - many)[:, middle]
        assert abs(noise.var().item() * peak / image[0][middle].mean().item() - 1) < 0.05 or peak == 2  # peak 2 is clipped
    assert (distortions.distort(torch.zeros(1, 3, 8, 8), "poisson_noise", 1.0, data.generator(4)) == 0).all()


@pytest.mark.parametrize("peak", [1, 16, 256])
def test_poisson_counts_are_the_inverse_distribution_function(peak):
    values = np.repeat(np.arange(256, dtype=np.uint8), 401)
    shares = np.tile(np.linspace(1e-3, 0.9999, 401, dtype=np.float32), 256)
    expected = stats.poisson.ppf(np.nextafter(shares, np.float32(1)).astype(float), values / 255 * peak)
    counts = shares.copy()
    distortions.invert(values, counts, 1 / 1024, *distortions.poisson_tables(peak))
    counts *= 1024
    assert (counts != expected).mean() < 1e-4  # float32 shares that fall on a step
    assert abs(counts - expected).max() <= 1


def test_equal_generators_give_equal_noise(images):
    for name in ("salt_pepper", "gaussian_noise", "speckle_noise", "poisson_noise"):
        one, again, other = (distortions.distort(images, name, 1.0 if name == "poisson_noise" else 0.1, data.generator(s)) for s in (1, 1, 2))
        assert torch.equal(one, again)
        assert not torch.equal(one, other)


def test_random_distortions_leave_no_image_clean_and_never_touch_the_input(images):
    images = images * 0.8 + 0.1
    before = images.clone()
    result = distortions.distort_randomly(images, ("illuminant", "gaussian_noise"), 1, 0.1, data.generator(5))
    assert torch.equal(images, before)
    assert all(not torch.equal(a, b) for a, b in zip(result, images, strict=True))
    scaled = result / images
    kept = [(row.std(dim=(1, 2)) < 1e-4).all().item() for row in scaled]
    assert 0 < sum(kept) < len(images) or len(set(kept)) == 1  # an illuminant scales whole channels, noise does not


def test_flip_zoom_shift():
    image = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(distortions.flip_zoom_shift(image, False, 0, 0, data.generator(1)), image, atol=1e-5)
    flipped = distortions.flip_zoom_shift(image, True, 0, 0, data.generator(1))
    as_is = [torch.allclose(a, b, atol=1e-5) for a, b in zip(flipped, image, strict=True)]
    mirrored = [torch.allclose(a, b.flip(-1), atol=1e-5) for a, b in zip(flipped, image, strict=True)]
    assert all(a != m for a, m in zip(as_is, mirrored, strict=True))
    moved = distortions.flip_zoom_shift(image, False, 0.1, 0.1, data.generator(2))
    assert not torch.allclose(moved, image, atol=1e-2)


@pytest.mark.parametrize(
    ("name", "level", "text"),
    [
        ("fog", 1, "unknown distortion 'fog'"),
        ("contrast", 1.5, "contrast level 1.5 is out of range"),
        ("blur", -1, "blur level -1 is out of range"),
        ("gaussian_noise", torch.tensor([0.1, 2.0]), "gaussian_noise level 2 is out of range"),
        ("contrast", float("nan"), "out of range"),
    ],
)
def test_bad_levels_are_refused(name, level, text):
    with pytest.raises(ValueError, match=text):
        distortions.distort(torch.rand(2, 3, 8, 8), name, level)


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 1, 8, 8)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"images have shape"):
        distortions.distort(torch.rand(shape), "contrast", 0.5)
    with pytest.raises(ValueError, match=r"floats"):
        distortions.distort(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "contrast", 0.5)
