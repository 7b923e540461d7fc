"""Embedded weights of translators: no checkerboard, no seams, familiarity of inputs."""

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core.images import open_image
from shared.translation.engines import TRANSLATORS
from shared.translation.tasks import DIRECTIONS
from shared.translation.translator import Translator

pytestmark = pytest.mark.parametrize("name", [*TRANSLATORS])


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("color", [(0, 48, 255), (128, 128, 128), (240, 230, 60)])
def test_flat_images_get_no_checkerboard(name, direction, color):
    translator = Translator.load(name, device="cpu")
    x = torch.tensor(color).float().div(127.5).sub(1)[None, :, None, None].expand(1, 3, 128, 128)
    with torch.inference_mode():
        y = translator.backend.network(x, direction)[0].numpy()
    spectrum = np.abs(np.fft.fft2(y)) / y[0].size
    for row, column in ((64, 0), (0, 64), (64, 64), (32, 0), (0, 32), (32, 32)):
        assert spectrum[:, row, column].max() < 0.5 / 127.5  # half a grey level


def test_large_images_pass_in_tiles_like_small_ones(name):
    """Tiles of an enlarged scene have no seam: the steps between pixels are as large there as elsewhere."""
    translator = Translator.load(name, device="cpu")
    blocks = np.random.default_rng(0).integers(60, 200, (8, 10, 3), dtype=np.uint8)
    image = Image.fromarray(blocks).resize((1280, 1024), Image.Resampling.BICUBIC)
    result = np.asarray(translator(image, "forward", side=1024).image.convert("L"), dtype=float)
    steps = np.abs(np.diff(result, axis=1)).mean(0)
    assert result.shape == (1024, 1280)
    assert steps.max() < 8 * np.median(steps) + 4


def test_images_of_nothing_are_unfamiliar(name):
    translator = Translator.load(name, device="cpu")
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (160, 200, 3), np.uint8), random.integers(0, 256, (128, 128), np.uint8)]
    flat = Image.new("RGB", (200, 160), (128, 96, 128))
    for direction in DIRECTIONS:
        for image in (*map(open_image, noise), flat):
            familiarity = translator.backend.familiarity(image, direction)
            assert familiarity is not None
            assert familiarity < 0.5
