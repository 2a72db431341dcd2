"""Training images are moved and distorted at random, by whatever `DISTORTIONS` holds."""

from types import SimpleNamespace

import pytest
import torch

from paradoxlib import seeds
from paradoxlib.images import augmentation, data, distortions


@pytest.fixture
def images():
    """Images of values in .1 .. .9, which any distortion changes."""
    values = torch.randint(0, 256, (600, 3, 8, 8), generator=seeds.generator("images"))
    return values / 255 * 0.8 + 0.1


def test_random_distortions_leave_no_image_clean_and_never_touch_the_input(images):
    before, names = images.clone(), ("illuminant", "gaussian_noise")
    result = augmentation.distort_randomly(images, names, 1, 0.1, seeds.generator(5))
    assert torch.equal(images, before)
    assert all(not torch.equal(a, b) for a, b in zip(result, images, strict=True))
    # the illuminant scales whole channels, noise does not: each image went through one of them
    dimmed = ((result / images).std((2, 3)) < 1e-4).all(1)
    assert 0.4 < dimmed.double().mean() < 0.6


def test_an_image_that_draws_several_distortions_gets_them_in_the_order_of_the_registry(images):
    names = ("gamma", "contrast")  # the other way round in DISTORTIONS
    source = seeds.generator(6)
    result = augmentation.distort_randomly(images, names, 2, 0.1, source)
    source = seeds.generator(6)
    torch.rand(len(images), 2, generator=source)  # which distortions are drawn
    expected = images
    for name, low, high in (("contrast", 0.05, 1), ("gamma", 0.3, 3)):
        level = low + (high - low) * torch.rand(len(images), generator=source)
        expected = distortions.distort(expected, name, level)
    assert torch.equal(result, expected)


@pytest.mark.parametrize(("training", "low", "high"), [((0.25, 0.5), 0.25, 0.5), (None, 0, 0.1)])
def test_a_new_distortion_needs_one_entry(images, monkeypatch, training, low, high):
    def invert(images, level, generator):
        return images + level * (1 - 2 * images)

    entry = distortions.Distortion(
        invert, (0.0, 1.0), (0, 1), "share inverted", identity=0, training=training
    )
    monkeypatch.setitem(distortions.DISTORTIONS, "inversion", entry)
    assert torch.equal(distortions.distort(images, "inversion", 0), images)
    assert torch.allclose(distortions.distort(images, "inversion", 1), 1 - images)
    with pytest.raises(ValueError, match=r"inversion level 2 is out of range.*\(share inverted\)"):
        distortions.distort(images, "inversion", 2)
    result = augmentation.distort_randomly(images, ("inversion",), 1, 0.1, seeds.generator(1))
    shares = ((result - images) / (1 - 2 * images)).flatten(1)
    levels = shares.median(1).values
    assert torch.allclose(result, distortions.distort(images, "inversion", levels), atol=1e-5)
    assert low <= levels.min() < low + 0.05 * (high - low)
    assert high - 0.05 * (high - low) < levels.max() <= high


def test_distortions_by_channel_draw_a_level_for_each(images):
    result = augmentation.distort_randomly(images, ("illuminant",), 1, 0, seeds.generator(1))
    factors = (result / images).mean((2, 3))
    assert torch.allclose(result, images * factors[:, :, None, None], atol=1e-5)
    assert (factors[:, 0] - factors[:, 1]).abs().max() > 0.5


def test_an_unknown_distortion_is_not_passed_over(images):
    with pytest.raises(ValueError, match="fog"):
        augmentation.distort_randomly(images, ("fog", "blur"), 1, 0, seeds.generator(1))


def test_flip_zoom_shift():
    image = torch.rand(40, 3, 32, 32, generator=seeds.generator("image"))
    still = augmentation.flip_zoom_shift(image, False, 0, 0, seeds.generator(1))
    assert torch.allclose(still, image, atol=1e-5)
    flipped = augmentation.flip_zoom_shift(image, True, 0, 0, seeds.generator(1))
    as_is = (flipped - image).abs().amax((1, 2, 3)) < 1e-5
    mirrored = (flipped - image.flip(-1)).abs().amax((1, 2, 3)) < 1e-5
    assert torch.equal(as_is, ~mirrored)
    assert 10 < mirrored.sum() < 30
    moved = augmentation.flip_zoom_shift(image, False, 0.1, 0.1, seeds.generator(2))
    assert not torch.allclose(moved, image, atol=1e-2)


def test_images_are_shifted_as_far_as_asked_and_the_border_is_repeated():
    ramp = torch.linspace(0, 1, 33)[:32].expand(200, 3, 32, 32)  # a step of 1 / 32 each column
    moved = augmentation.flip_zoom_shift(ramp, False, 0, 0.1, seeds.generator(3))
    shift = (moved - ramp)[:, 0, 16, 16]
    assert 0.09 < shift.max() <= 0.1001 and -0.1001 <= shift.min() < -0.09
    assert moved.min() >= 0 and moved.max() <= ramp.max() + 1e-6


def test_training_batches_are_those_images_moved_and_distorted():
    pixels = data.load("digits", "test").pixels[:20]
    standard = SimpleNamespace(flip=False, zoom=0.1, shift=0.1)
    settings = SimpleNamespace(distortions=(), distortions_per_image=1, noise_amount=0.1)
    plain = augmentation.augment(pixels, standard, settings, seeds.generator(1))
    expected = augmentation.flip_zoom_shift(pixels / 255, False, 0.1, 0.1, seeds.generator(1))
    assert torch.equal(plain, expected)
    settings.distortions = ("gaussian_noise",)
    noisy = augmentation.augment(pixels, standard, settings, seeds.generator(1))
    assert noisy.dtype == torch.float32 and not torch.equal(noisy, plain)


def test_blocks_are_the_distorted_data_set_with_the_same_noise_each_time():
    images = data.load("digits", "train").first(augmentation.BLOCK + 30)
    noise, whole = ("gaussian_noise", 0.05), ("contrast", 1.0)
    one, again, other = (
        list(augmentation.distorted_blocks(images, conditions, seed))
        for conditions, seed in (([whole, noise], 1), ([noise], 1), ([noise], 2))
    )
    shown = [(place, len(index)) for place, index, _ in one]
    assert shown == [(0, augmentation.BLOCK), (1, augmentation.BLOCK), (0, 30), (1, 30)]
    assert torch.equal(torch.cat([index for _, index, _ in again]), torch.arange(len(images)))
    for (*_, a), (*_, b), (*_, c) in zip(one[1::2], again, other, strict=True):
        assert torch.equal(a, b) and not torch.equal(a, c)
    assert torch.equal(torch.cat([block for *_, block in one[::2]]), images.pixels / 255)
