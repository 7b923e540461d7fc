"""New colors of garments: target, folds, prints, borders, noise, sizes, errors, time and memory."""

import time
import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core.images import ImageError
from shared.restyle.garment.cloth import find_cloth
from shared.restyle.garment.recolor import cloth_of, recolor
from shared.restyle.garment.tone import ToneCurve
from tests.restyle.pictures import cloth_photo, oklab, solid_part

COLORS = {"black": (24, 24, 26), "white": (236, 236, 232), "red": (150, 30, 40), "denim": (60, 80, 120)}
TARGETS = ["#f2c300", "#1b2a49", "#c0182c", "#1f7a4d", "#f4f1ea", "#e58fb0"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("color", COLORS.values(), ids=COLORS)
def test_median_becomes_the_target_and_folds_stay(color, target):
    image, mask, light = cloth_photo(color)
    lab = oklab(solid_part(recolor(image, mask, target), mask))
    expected = cloth_of(target)
    difference = np.median(lab, 0) - (expected.lightness, expected.a, expected.b)
    assert np.linalg.norm(difference) < 0.03
    folds = np.corrcoef(lab[:, 0], light[np.asarray(mask) == 255] ** (1 / 3))[0, 1]
    assert folds > 0.9


@pytest.mark.parametrize("prints", ["keep", "shift", "tint"])
def test_pixels_outside_the_mask_are_untouched(prints):
    image, mask, _ = cloth_photo(COLORS["denim"])
    result = recolor(image, mask, "#f2c300", prints=prints)
    outside = np.asarray(mask) == 0
    assert np.array_equal(np.asarray(result)[outside], np.asarray(image)[outside])


def test_strength_of_zero_changes_nothing():
    image, mask, _ = cloth_photo(COLORS["red"])
    assert np.array_equal(np.asarray(recolor(image, mask, "navy", 0)), np.asarray(image))


def test_strength_lies_between():
    image, mask, _ = cloth_photo(COLORS["white"])
    medians = [np.median(solid_part(recolor(image, mask, "navy", s), mask), 0).sum() for s in (0, 0.5, 1)]
    assert medians[0] > medians[1] + 50 > medians[2] + 100


@pytest.mark.parametrize("target", [0.2, 0.35, 0.6, 0.85, 0.965])
@pytest.mark.parametrize("source", [0.1, 0.2, 0.5, 0.8, 0.95])
def test_lightness_is_monotone_and_reaches_the_target(source, target):
    curve = ToneCurve(source, target)
    values = curve(torch.linspace(0, 1, 1001))
    assert (values.diff() >= 0).all()
    assert float(curve(torch.tensor(source))) == pytest.approx(target, abs=0.01)
    assert 0 <= float(values[0]) <= float(values[-1]) <= 1


def test_black_and_white_cloth_keep_folds():
    for color, target in ((COLORS["white"], "black"), (COLORS["black"], "white")):
        image, mask, _ = cloth_photo(color)
        levels = solid_part(recolor(image, mask, target), mask).mean(1)
        assert np.ptp(np.percentile(levels, (5, 95))) > 8
        assert (levels < 1).mean() < 0.01
        assert (levels > 254).mean() < 0.01


def test_noise_of_black_cloth_is_not_amplified():
    image, mask, _ = cloth_photo(COLORS["black"], depth=0.0, noise=1.5, size=(480, 640))
    before, after = solid_part(image, mask), solid_part(recolor(image, mask, "#f2c300"), mask)
    assert after[:, 0].astype(float).std() < 1.2 * before[:, 0].astype(float).std()


def test_colored_print_stays_unless_it_is_tinted():
    image, mask, _ = cloth_photo(COLORS["white"], size=(480, 640))
    image.paste((200, 20, 30), (200, 280, 280, 360))
    remaining = np.asarray(recolor(image, mask, "#1b2a49"))[300:340, 220:260]
    tinted = np.asarray(recolor(image, mask, "#1b2a49", prints="tint"))[300:340, 220:260]
    assert np.abs(remaining.astype(int) - (200, 20, 30)).max() <= 2
    assert np.median(tinted[..., 2]) > np.median(tinted[..., 0])


def test_black_stripes_of_white_cloth_stay_black():
    image, mask, _ = cloth_photo(COLORS["white"])
    image.paste((20, 20, 20), (110, 100, 130, 220))
    assert np.asarray(recolor(image, mask, "#c0182c"))[120:200, 114:126].max() < 60


def test_border_has_no_halo():
    """A dark garment on white becomes yellow: each border pixel mixes yellow and white, and nothing else."""
    image, mask, _ = cloth_photo(COLORS["black"], background=(240, 240, 240), depth=0.0, noise=0)
    result = np.asarray(recolor(image, mask, "#f2c300")).astype(float)
    levels = np.asarray(mask)
    border = (levels > 0) & (levels < 255)
    yellow = np.median(result[levels == 255], 0)
    along = np.minimum(yellow, 240) - 12, np.maximum(yellow, 240) + 12
    assert ((result[border] >= along[0]) & (result[border] <= along[1])).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (7, 3), (301, 2), (333, 222)])
def test_sizes(size):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8))
    assert recolor(image, np.ones(size[::-1], bool), "teal").size == size


def test_median_of_plain_cloth_is_found():
    image, mask, _ = cloth_photo(COLORS["denim"])
    pixels = solid_part(image, mask)
    cloth, median = find_cloth(pixels), np.median(oklab(pixels), 0)
    assert np.abs(np.array([cloth.lightness, cloth.a, cloth.b]) - median).max() < 0.03


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"color": "no color"}, "a color must be"),
        ({"color": (1, 2, 300)}, "a color must be"),
        ({"color": None}, "a color must be"),
        ({"strength": 1.5}, r"strength of the color must be a number in 0\.\.1"),
        ({"strength": float("nan")}, "strength of the color"),
        ({"prints": "lose"}, "treatment of prints must be one of keep, shift, tint"),
        ({"image": Image.new("L", (4, 4))}, "mode RGB"),
    ],
)
def test_bad_arguments(arguments, message):
    valid = {"image": Image.new("RGB", (4, 4)), "mask": np.ones((4, 4), bool), "color": "red"}
    with pytest.raises(ValueError, match=message):
        recolor(**{**valid, **arguments})


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((4, 4), bool), "empty"),
        (np.ones((3, 4), bool), "size of the photo, 4 x 4, received 4 x 3"),
        (np.full((4, 4), 2.0), r"floats in 0\.\.1"),
        (np.ones((4, 4, 3), bool), r"array \[H, W\]"),
        (Image.new("RGB", (4, 4)), "mode L or 1"),
        (None, "received NoneType"),
    ],
)
def test_bad_masks(mask, message):
    with pytest.raises(ImageError, match=message):
        recolor(Image.new("RGB", (4, 4)), mask, "red")


def test_twelve_megapixels_take_little_time_and_memory():
    """Processor time, since the machine may be busy; on a garment of a quarter of the image."""
    image, mask, _ = cloth_photo(COLORS["denim"])
    image, mask = (part.resize((3000, 4000), Image.Resampling.BILINEAR) for part in (image, mask))
    tracemalloc.start()
    started = time.process_time()
    recolor(image, mask, "#1b2a49")
    seconds = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 6  # of all cores together: three on two cores
    assert peak < 200e6
