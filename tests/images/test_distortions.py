"""Distortions agree with slow oracles, and noise is as strong as asked."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.ndimage import gaussian_filter

from paradoxlib import seeds
from paradoxlib.images import distortions, noise


@pytest.fixture
def images():
    return torch.randint(0, 256, (6, 3, 32, 32), generator=seeds.generator("images")) / 255


def test_the_grid_has_34_conditions_of_which_28_differ():
    conditions = distortions.conditions()
    identity = [distortions.is_identity(name, level) for name, level in conditions]
    assert len(conditions) == 34
    assert len(conditions) - sum(identity) + 1 == 28


@pytest.mark.parametrize("name", [n for n in distortions.GRID if n != "poisson_noise"])
def test_identity_levels_return_the_input(images, name):
    level = distortions.DISTORTIONS[name].identity
    assert torch.equal(distortions.distort(images, name, level, seeds.generator(1)), images)
    many = torch.full((len(images),), float(level))
    again = distortions.distort(images, name, many, seeds.generator(1))
    assert torch.allclose(again, images, atol=1e-6)


@pytest.mark.parametrize("name", distortions.GRID)
def test_other_levels_change_the_input(images, name):
    for level in distortions.GRID[name]:
        result = distortions.distort(images, name, level, seeds.generator(1))
        assert torch.equal(result, images) == distortions.is_identity(name, level)


@pytest.mark.parametrize("name", distortions.DISTORTIONS)
def test_levels_evaluated_and_trained_on_are_within_the_limits(name):
    distortion = distortions.DISTORTIONS[name]
    for level in (*distortion.levels, *(distortion.training or ())):
        distortions.check_level(name, level)


@pytest.mark.parametrize(("name", "level"), distortions.conditions())
def test_results_stay_in_range_and_inputs_unchanged(images, name, level):
    before = images.clone()
    result = distortions.distort(images, name, level, seeds.generator(name, level))
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
    factors = torch.rand(len(images), 3, generator=seeds.generator("factors"))
    each = distortions.distort(images, "illuminant", factors)
    assert torch.allclose(each, images * factors[:, :, None, None])


@pytest.mark.parametrize("sigma", [0.5, 1.0, 1.5, 4.0])
def test_blur_oracle(images, sigma):
    channels = images.double().flatten(0, 1).numpy()
    slow = [gaussian_filter(channel, sigma, mode="reflect", truncate=4) for channel in channels]
    slow = np.stack(slow).reshape(images.shape)
    assert np.allclose(distortions.distort(images, "blur", sigma), slow, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("blur", [0, 0.4, 0.8, 1.3, 1.5, 0.1]),
        ("gamma", [0.3, 0.5, 1, 2, 2.5, 3]),
        ("contrast", [0.1, 0.2, 0.4, 0.5, 0.9, 1]),
    ],
)
def test_a_level_for_each_image_is_that_level(images, name, levels):
    many = distortions.DISTORTED_AT_ONCE  # more images than are distorted at once
    together = distortions.distort(images.repeat(many, 1, 1, 1), name, torch.tensor(levels * many))
    for i, level in enumerate(levels):
        alone = distortions.distort(images[i : i + 1], name, level)
        assert torch.allclose(together[i :: len(levels)], alone, atol=1e-5)


def test_gamma_oracle(images):
    slow = images.double().numpy() ** 3
    assert np.allclose(distortions.distort(images, "gamma", 3.0), slow, atol=1e-6)


def test_salt_pepper_replaces_the_share_asked_for():
    grey = torch.full((100, 3, 32, 32), 0.5)
    noisy = distortions.distort(grey, "salt_pepper", 0.1, seeds.generator(1))
    for value in (0, 1):
        assert abs((noisy == value).double().mean().item() - 0.05) < 0.002
    assert ((noisy == 0) | (noisy == 1) | (noisy == 0.5)).all()
    assert (noisy[:, 0] != noisy[:, 1]).any()  # each channel alone


@pytest.mark.parametrize(
    ("name", "expected"), [("gaussian_noise", 0.01), ("speckle_noise", 0.01 * 0.25)]
)
def test_noise_has_the_variance_asked_for(name, expected):
    noisy = distortions.distort(torch.full((100, 3, 32, 32), 0.5), name, 0.01, seeds.generator(2))
    assert abs(noisy.var().item() / expected - 1) < 0.02
    assert abs(noisy.mean().item() - 0.5) < 0.001


RAMP = torch.arange(256).repeat(12).view(1, 3, 32, 32) / 255  # 256 values: V = 256
HALVES = torch.tensor([0, 0.5]).repeat_interleave(512).expand(1, 3, -1).reshape(1, 3, 32, 32)


@pytest.mark.parametrize(("image", "peak"), [(RAMP, 256), (HALVES, 2)])
def test_poisson_noise_counts_in_steps_of_the_image_s_distinct_values(image, peak):
    many = image.expand(200, -1, -1, -1).contiguous()
    noisy = distortions.distort(many, "poisson_noise", 1.0, seeds.generator(3))
    steps = noisy * peak
    assert torch.allclose(steps, steps.round(), atol=1e-4)
    middle = (image[0] > 0.4) & (image[0] < 0.6)
    rates = (image[0][middle] * 255).round().double().numpy() / 255 * peak
    clipped = np.minimum(stats.poisson.rvs(rates, size=(200, len(rates)), random_state=0), peak)
    error = noisy[:, middle].double().numpy() - rates / peak
    expected = clipped / peak - rates / peak
    assert abs(error.var() / expected.var() - 1) < 0.05
    if peak == 256:  # none of its middle values is clipped
        assert abs(error.var() * peak / image[0][middle].mean().item() - 1) < 0.05


def test_poisson_noise_leaves_black_images_black():
    black = torch.zeros(1, 3, 8, 8)
    noisy = distortions.distort(black, "poisson_noise", 1.0, seeds.generator(4))
    assert (noisy == 0).all()


@pytest.mark.parametrize("peak", [1, 16, 256])
def test_poisson_counts_are_the_inverse_distribution_function(peak):
    values = np.repeat(np.arange(256, dtype=np.uint8), 401)
    shares = np.tile(np.linspace(1e-3, 0.9999, 401, dtype=np.float32), 256)
    above = np.nextafter(shares, np.float32(1)).astype(float)
    expected = stats.poisson.ppf(above, values / 255 * peak)
    counts = shares.copy()
    noise.invert(values, counts, 1 / 1024, *noise.poisson_tables(peak))
    counts *= 1024
    assert (counts != expected).mean() < 1e-4  # float32 shares that fall on a step
    assert abs(counts - expected).max() <= 1


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("salt_pepper", 0.1),
        ("gaussian_noise", 0.1),
        ("speckle_noise", 0.1),
        ("poisson_noise", 1.0),
    ],
)
def test_equal_generators_give_equal_noise(images, name, level):
    one, again, other = (
        distortions.distort(images, name, level, seeds.generator(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


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
        distortions.distort(torch.zeros(2, 3, 8, 8), name, level)


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 1, 8, 8)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"images have shape"):
        distortions.distort(torch.zeros(shape), "contrast", 0.5)
    with pytest.raises(ValueError, match=r"floats"):
        distortions.distort(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "contrast", 0.5)


def test_a_blur_that_is_cut_further_out_is_the_same():
    """As on a device that does not tell the highest SD."""
    near = distortions.blur_matrix(torch.tensor([1.0]), 32)
    far = distortions.blur_matrix(torch.tensor([1.0, 10.0]), 32)
    assert torch.allclose(far[0], near[0], atol=1e-7)
