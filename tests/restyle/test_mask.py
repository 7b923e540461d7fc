"""Refinement of masks: edges at full size, exact elsewhere, sizes, errors."""

import numpy as np
import pytest
from PIL import Image

from shared.core.images import ImageError
from shared.restyle.garment.mask import refine_mask
from tests.restyle.pictures import cloth_photo


@pytest.mark.parametrize(
    ("color", "background"),
    [((30, 30, 32), (200, 200, 205)), ((235, 235, 235), (120, 130, 110)), ((150, 40, 60), (110, 100, 90))],
)
def test_border_follows_the_photo(color, background):
    image, mask, _ = cloth_photo(color, background, size=(600, 800), depth=0.2)
    truth = np.asarray(mask, float) / 255
    coarse = Image.fromarray(np.asarray(mask.resize((75, 100), Image.Resampling.BOX)) > 127)
    enlarged = np.asarray(coarse.convert("L").resize(image.size, Image.Resampling.BICUBIC), float) / 255
    refined = np.asarray(refine_mask(image, coarse), float) / 255
    assert np.abs(refined - truth).sum() < 0.25 * np.abs(enlarged - truth).sum()


def test_pixels_far_from_the_border_are_0_or_255():
    image, mask, _ = cloth_photo((200, 30, 30))
    refined = np.asarray(refine_mask(image, mask.resize((60, 80))))
    assert set(np.unique(refined[150:170, 110:130])) == {255}
    assert set(np.unique(refined[:20])) == {0}


@pytest.mark.parametrize("size", [(1, 1), (1, 60), (50, 3), (33, 47)])
def test_sizes(size):
    image = Image.new("RGB", size, "white")
    assert refine_mask(image, np.ones((5, 4), bool)).size == size


def test_bad_arguments():
    with pytest.raises(ImageError, match="array"):
        refine_mask(Image.new("RGB", (4, 4)), np.ones(4))
    with pytest.raises(ValueError, match="radius must be at least 0"):
        refine_mask(Image.new("RGB", (4, 4)), np.ones((4, 4), bool), radius=-1)
    with pytest.raises(ValueError, match="mode RGB"):
        refine_mask(Image.new("L", (4, 4)), np.ones((4, 4), bool))
