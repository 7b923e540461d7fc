"""Garments outlined on a thumbnail, and the part of it that shows a person."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

OUTER, INNER = (255, 255, 255), (255, 45, 135)  # colors of the line, on light and on dark clothes
WIDTH = 0.006  # of each color, as a share of the longer side
DIMMED = 0.45  # share of white over everything else
MARGIN = 0.05  # around a person, as a share of the person's sides
RATIO = 3 / 4  # of width to height


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


def person_box(size: tuple[int, int], mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return the part of an image to show of a person: left, top, right and bottom in pixels.

    Its sides have the ratio `RATIO` where the image has room for that.

    Args:
        size: Width and height of the image.
        mask: Boolean `[h, w]`, pixels of the person in the frame of the image.
    """
    if not mask.any():
        return (0, 0, *size)
    spans = []
    for axis, length in enumerate(size):
        indices = np.flatnonzero(mask.any(axis))
        scale = length / mask.shape[1 - axis]
        spans.append((indices[0] * scale, (indices[-1] + 1) * scale))
    (left, right), (top, bottom) = spans
    width, height = (right - left) * (1 + 2 * MARGIN), (bottom - top) * (1 + 2 * MARGIN)
    width, height = max(width, RATIO * height), max(height, width / RATIO)
    box = []
    for start, stop, wanted, length in ((left, right, width, size[0]), (top, bottom, height, size[1])):
        side = min(wanted, length)
        first = min(max((start + stop - side) / 2, 0), length - side)
        box.append((round(first), max(round(first + side), round(first) + 1)))
    return box[0][0], box[1][0], box[0][1], box[1][1]
