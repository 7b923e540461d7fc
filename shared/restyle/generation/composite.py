"""Composites of a photo and a painted part of it, with soft borders."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageFilter

CONTEXT = 0.4  # around a mask, as a share of its box's longer side, that a model sees
SOFTNESS = 0.01  # standard deviation of a border, as a share of the longer side of what is painted
MIN_SOFTNESS = 1.5  # in pixels
SEAM = 0.04  # width of the soft seam of a box, as a share of its shorter side

#: Left, top, right and bottom in whole pixels.
PixelBox = tuple[int, int, int, int]


def context_box(mask: Image.Image) -> PixelBox:
    """Return the box around a mask with its surroundings, inside the image.

    Args:
        mask: Mode L, not 0 everywhere.

    >>> mask = Image.new("L", (200, 100))
    >>> mask.paste(255, (50, 40, 100, 60))
    >>> context_box(mask)
    (30, 20, 120, 80)
    """
    left, top, right, bottom = mask.getbbox() or (0, 0, *mask.size)
    margin = round(CONTEXT * max(right - left, bottom - top))
    return (
        max(left - margin, 0),
        max(top - margin, 0),
        min(right + margin, mask.width),
        min(bottom + margin, mask.height),
    )


def soft_mask(mask: Image.Image) -> Image.Image:
    """Return a mask that stays as it is inside, and fades out beyond its border.

    The border of what was there before must not shine through the border of what replaces it.

    Args:
        mask: Mode L.
    """
    left, top, right, bottom = mask.getbbox() or (0, 0, *mask.size)
    radius = max(SOFTNESS * max(right - left, bottom - top), MIN_SOFTNESS)
    blurred = mask.filter(ImageFilter.GaussianBlur(radius))
    # A blurred border is at half of its level where the mask ends, so twice of that is full there.
    return ImageChops.lighter(mask, blurred.point(lambda level: min(2 * level, 255)))


def paste_box(image: Image.Image, part: Image.Image, box: PixelBox) -> Image.Image:
    """Return an image with a part of it replaced, with a soft seam where the part ends inside the image.

    Args:
        image: Mode RGB.
        part: Mode RGB, of the size of the box.
        box: Place of the part.
    """
    width, height = part.size
    seam = SEAM * min(width, height)
    across = _ramp(width, seam, start=box[0] > 0, end=box[2] < image.width)
    down = _ramp(height, seam, start=box[1] > 0, end=box[3] < image.height)
    levels = np.rint(255 * down[:, None] * across).astype(np.uint8)
    result = image.copy()
    result.paste(part, box[:2], Image.fromarray(levels))
    return result


def _ramp(length: int, seam: float, *, start: bool, end: bool) -> np.ndarray:
    """Return weights that rise at the start and fall at the end where wanted, `[length]` in 0..1."""
    places = np.arange(length) + 0.5
    rising = places / seam if start else np.ones(length)
    falling = (length - places) / seam if end else np.ones(length)
    weights: np.ndarray = np.minimum(rising, falling).clip(0, 1)
    return weights
