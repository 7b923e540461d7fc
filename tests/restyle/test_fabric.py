"""Patterns, fabrics and palettes on garments."""

import numpy as np
import pytest
from PIL import Image

from shared.core.images import ImageError
from shared.restyle.editor import RestyleEditor
from shared.restyle.garment.palette import transfer_palette
from shared.restyle.garment.pattern import PatternSettings, apply_pattern
from shared.restyle.garment.tiles import extract_fabric, seam_ratio, wrapping_tile
from tests.restyle.pictures import cloth_photo, oklab, solid_part

WHITE, RED = (236, 236, 232), (190, 30, 40)


def checks(cell=16):
    pixels = np.full((2 * cell, 2 * cell, 3), 235, np.uint8)
    pixels[:cell, :cell] = pixels[cell:, cell:] = (20, 60, 120)
    return Image.fromarray(pixels)


def test_pattern_is_laid_on_the_garment_only():
    image, mask, _ = cloth_photo(WHITE)
    result = apply_pattern(image, mask, checks(), PatternSettings(scale=0.2))
    outside = np.asarray(mask) == 0
    assert np.array_equal(np.asarray(result)[outside], np.asarray(image)[outside])
    blue = oklab(solid_part(result, mask))[:, 2] < -0.06
    assert 0.3 < blue.mean() < 0.7


def test_pattern_is_shaded_by_the_folds():
    image, mask, light = cloth_photo(WHITE, noise=0)
    result = apply_pattern(image, mask, Image.new("RGB", (20, 20), RED))
    lightness = oklab(solid_part(result, mask))[:, 0]
    assert np.corrcoef(lightness, light[np.asarray(mask) == 255])[0, 1] > 0.9


def test_old_print_does_not_show_through():
    image, mask, _ = cloth_photo(WHITE, depth=0.2, size=(480, 640))
    image.paste((20, 60, 200), (200, 280, 280, 360))
    result = np.asarray(apply_pattern(image, mask, Image.new("RGB", (20, 20), RED)))
    inside, neighbors = (
        np.median(result[290:350, 210:270], (0, 1)),
        np.median(result[290:350, 120:190], (0, 1)),
    )
    assert np.abs(inside - neighbors).max() < 40


def test_body_coordinates_place_the_pattern():
    """Coordinates that all name one place give one color."""
    image, mask, _ = cloth_photo(WHITE, depth=0.0, noise=0)
    place = np.full((8, 6, 2), 0.05, np.float32)
    settings = PatternSettings(scale=0.2, folds=0)
    lab = oklab(solid_part(apply_pattern(image, mask, checks(), settings, coordinates=place), mask))
    assert np.ptp(lab[:, 0]) < 0.05
    with pytest.raises(ValueError, match=r"shape \[h, w, 2\]"):
        apply_pattern(image, mask, checks(), coordinates=np.zeros((4, 4)))


def test_tiles_repeat_without_a_seam():
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, 64, dtype=np.uint8)[:, None, None], (1, 64, 3)))
    assert wrapping_tile(checks()).size == (32, 32)
    assert seam_ratio(ramp) > 5
    mirrored = wrapping_tile(ramp)
    assert mirrored.size == (128, 128)
    assert seam_ratio(mirrored) < 1.5


def test_fabric_repeats_without_a_seam_and_keeps_its_stripes():
    image, mask, _ = cloth_photo(WHITE, depth=0.1, size=(480, 640))
    x = np.arange(480)
    striped = np.asarray(image).copy()
    striped[:, (x // 12) % 2 == 0] = striped[:, (x // 12) % 2 == 0] // 3
    fabric = extract_fabric(Image.fromarray(striped), mask)
    assert fabric.width >= 60
    assert seam_ratio(fabric) < 2
    columns = np.asarray(fabric.convert("L"), float).mean(0)
    assert np.percentile(columns, 90) > 2 * np.percentile(columns, 10)
    assert fabric.width % 24 in (0, 1, 23)


def test_fabric_of_a_tiny_garment():
    mask = np.zeros((50, 50), bool)
    mask[:4, :4] = True
    with pytest.raises(ImageError, match="too small"):
        extract_fabric(Image.new("RGB", (50, 50)), mask)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": 0}, "scale of the pattern"),
        ({"angle": 400}, "angle of the pattern"),
        ({"folds": -1}, "bending by folds"),
        ({"shape": "round"}, "bending by shape"),
        ({"tiling": "stretch"}, "tiling must be one of auto, wrap, mirror"),
    ],
)
def test_bad_settings(arguments, message):
    with pytest.raises(ValueError, match=message):
        PatternSettings(**arguments)


def test_palette_moves_to_another_garment():
    image, mask, light = cloth_photo(WHITE)
    source, source_mask, _ = cloth_photo(RED)
    result = transfer_palette(image, mask, source, source_mask)
    lab = oklab(solid_part(result, mask))
    target = np.median(oklab(solid_part(source, source_mask)), 0)
    assert np.linalg.norm(np.median(lab, 0) - target) < 0.05
    outside = np.asarray(mask) == 0
    assert np.array_equal(np.asarray(result)[outside], np.asarray(image)[outside])
    assert np.corrcoef(lab[:, 0], light[np.asarray(mask) == 255])[0, 1] > 0.8


def test_both_colors_of_a_palette_move():
    image, mask, _ = cloth_photo(WHITE, depth=0.1)
    source = image.copy()
    image.paste((20, 40, 160), (60, 160, 180, 240))
    source.paste((150, 30, 30), (60, 160, 180, 240))
    result = transfer_palette(image, mask, source, mask)
    red, _, blue = np.asarray(result)[200, 120].astype(int)
    assert red > blue + 60
    red, _, blue = np.asarray(result)[120, 120].astype(int)
    assert abs(red - blue) < 20
    with pytest.raises(ImageError, match="at least one"):
        transfer_palette(image, [], image, [])


def test_editor_refines_masks_and_reports():
    image, mask, _ = cloth_photo(WHITE)
    editor = RestyleEditor()
    restyling = editor.recolor(image, mask.resize((60, 80)), "navy")
    assert restyling.image.size == image.size
    assert restyling.as_dict()["operation"] == "recolor"
    assert list(restyling.files()) == [".png"]
    for result in (
        editor.pattern(image, mask, checks()),
        editor.fabric(image, mask, image, mask),
        editor.palette(image, [mask], image, [mask]),
        RestyleEditor(refine=False).background(image, mask, "white"),
    ):
        assert result.image.size == image.size
    with pytest.raises(ImageError):
        editor.recolor(b"no image", mask, "navy")
