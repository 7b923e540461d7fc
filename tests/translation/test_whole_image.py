"""Networks on images of any size: shapes, small images, and tiles without seams."""

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core.tiling import Tiling
from shared.networks.cyclegan import ResnetGenerator
from shared.networks.instance_norm import shared_statistics
from shared.translation.whole_image import WholeImageSettings, apply_to_image, result_image

SMALL_TILES = WholeImageSettings(max_pixels=160 * 160, overlap=96)


def generator(blocks=2):
    torch.manual_seed(0)
    network = ResnetGenerator(channels=8, blocks=blocks).eval()
    return lambda x: (network(2 * x - 1) + 1) / 2


def scene(width, height):
    """A bright and a dark half with smooth waves, so that tiles have very different statistics."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    waves = 20 * np.sin(x / 9) + 20 * np.cos(y / 13)
    grey = np.where(x < width / 2, 60, 190) + waves
    return Image.fromarray(np.stack([grey, grey[::-1], 255 - grey], 2).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (33, 5), (300, 1), (201, 167)])
def test_every_size_comes_back(size):
    out = apply_to_image(generator(), Image.new("RGB", size, "teal"), SMALL_TILES)
    assert out.shape == (3, size[1], size[0])
    assert result_image(out).size == size


def test_images_that_fit_pass_in_one_piece():
    image, function = scene(150, 120), generator()
    with torch.no_grad():
        expected = function(pixels(image))[0]
    assert torch.allclose(apply_to_image(function, image, SMALL_TILES), expected, atol=1e-5)


def pixels(image):
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255


def test_tiles_have_no_seams():
    """With the thumbnail's statistics, the tiles give what the whole image gives in one piece."""
    image, function = scene(480, 320), generator()
    thumbnail = image.resize((195, 130), Image.Resampling.BICUBIC, reducing_gap=2.0)
    with torch.no_grad(), shared_statistics(function, pixels(thumbnail)):
        whole = function(pixels(image))[0]
    tiled = apply_to_image(function, image, SMALL_TILES)
    assert len(Tiling(SMALL_TILES.max_pixels, 96, 4).tiles(480, 320)) > 8
    assert (whole - tiled).abs().max() < 2 / 255


def test_tiles_are_close_to_the_whole():
    image, function = scene(480, 320), generator()
    whole = apply_to_image(function, image, WholeImageSettings(max_pixels=10**6))
    tiled = apply_to_image(function, image, SMALL_TILES)
    assert (whole - tiled).abs().mean() < 0.06  # the thumbnail's statistics differ a little


def test_tiles_with_their_own_statistics_would_show():
    image, function = scene(480, 320), generator()
    whole = apply_to_image(function, image, WholeImageSettings(max_pixels=10**6))
    with torch.no_grad():
        left = function(pixels(image)[..., :160])[0]
    assert (whole[..., :100] - left[..., :100]).abs().mean() > 0.1


def test_large_results_are_stored_in_half_precision(monkeypatch):
    monkeypatch.setattr("shared.translation.whole_image.MAX_FULL_PRECISION_PIXELS", 1000)
    image, function = scene(300, 200), generator(1)
    half = apply_to_image(function, image, SMALL_TILES)
    monkeypatch.undo()
    exact = apply_to_image(function, image, SMALL_TILES)
    assert half.dtype == torch.float16
    assert (half.float() - exact).abs().max() < 2e-3


def test_grey_results_become_grey_images():
    out = apply_to_image(lambda x: x.mean(1, keepdim=True), scene(40, 40), channels=1)
    assert result_image(out).mode == "L"
