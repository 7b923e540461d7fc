"""Garments outlined on a thumbnail."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

OUTER, INNER = (255, 255, 255), (255, 45, 135)  # colors of the line, on light and on dark clothes
WIDTH = 0.006  # of each color, as a share of the longer side
DIMMED = 0.45  # share of white over everything else


def draw_outline(image: Image.Image, mask: np.ndarray) -> Image.Image:
    """Return an image with a line around a region, and everything else paler.

    Args:
        image: Mode RGB.
        mask: Boolean `[h, w]`, in the frame of the image and of any size.

    Returns:
        Mode RGB and of the size of the image, which is returned unchanged if the mask is empty.
    """
    if not mask.any():
        return image
    levels = Image.fromarray(mask.astype(np.uint8) * 255).resize(image.size, Image.Resampling.BICUBIC)
    smooth = ndimage.gaussian_filter(np.asarray(levels, np.float32), max(image.size) / 200)
    region = smooth > 127
    width = max(1, round(WIDTH * max(image.size)))
    distance = ndimage.distance_transform_edt(~region)
    pixels = np.array(image, np.float32)
    pixels[~region] += (255 - pixels[~region]) * DIMMED
    pixels[(distance > 0) & (distance <= width)] = INNER
    pixels[(distance > width) & (distance <= 2 * width)] = OUTER
    return Image.fromarray(np.rint(pixels).astype(np.uint8))
