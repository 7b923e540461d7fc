"""Colors of the subject at its border, without the background that shines through.

Blur fusion (Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021): colors of subject and
background are blurred with alpha as their weight, and the subject's is corrected so that both explain the
image. A coarse pass bridges wide borders, a fine one at full resolution keeps their detail.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from PIL import Image
from scipy.ndimage import uniform_filter

from shared.core.scheduling import prefetch
from shared.matting.tiles import AHEAD, Grid, Tile, tiles

COARSE_SIDE = 256  # longest side of the coarse pass in pixels
COARSE_RADIUS = 22  # of its window, in pixels
FINE_RADIUS = 6 / 1000  # of the fine pass, in longest sides of the image
MIN_FINE_RADIUS, MAX_FINE_RADIUS = 3, 20
OPAQUE, EMPTY = 253, 2  # alpha of pixels that need no other color


def estimate_foreground(image: Image.Image, alpha: Image.Image) -> Image.Image:
    """Estimate the colors of the subject.

    Args:
        image: Mode RGB.
        alpha: Mode L, of the same size.

    Returns:
        Mode RGB; equal to the image where alpha is 0 or 255 all around.
    """
    colors = image.copy()
    levels = np.asarray(alpha)
    radius = int(np.clip(round(FINE_RADIUS * max(image.size)), MIN_FINE_RADIUS, MAX_FINE_RADIUS))
    rim = []
    for tile in tiles(image.size):
        opacity = levels[tile.grow(radius, image.size).rows_and_columns]
        if ((opacity > EMPTY) & (opacity < OPAQUE)).any():
            rim.append(tile)
    if not rim:
        return colors
    fine_colors = partial(_fine_colors, image, levels, _coarse_colors(image, alpha), radius)
    for tile, part in prefetch(rim, fine_colors, AHEAD):
        colors.paste(part, tile[:2])
    return colors


def fuse(pixels: np.ndarray, alpha: np.ndarray, subject: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Correct smooth colors of the subject by the image.

    `F = f + alpha (I - alpha f - (1 - alpha) b)`: the more opaque a pixel, the more of its own color it has.

    Args:
        pixels: Image, float32 `[3, H, W]` in 0..1.
        alpha: float32 `[H, W]` in 0..1.
        subject: Smooth colors f of the subject, as `pixels`.
        background: Smooth colors b of the background, as `pixels`.

    Returns:
        Colors of the subject, as `pixels`.
    """
    mixed = alpha * subject + (1 - alpha) * background
    return np.asarray((subject + alpha * (pixels - mixed)).clip(0, 1), np.float32)


def _weighted_blur(colors: np.ndarray, weight: np.ndarray, radius: int) -> np.ndarray:
    """Return the weighted mean of colors `[3, H, W]` in a square window."""
    side = 2 * radius + 1
    weight = weight + np.float32(1e-4)
    blurred = [uniform_filter(plane * weight, side, mode="nearest") for plane in colors]
    return np.asarray(np.stack(blurred) / uniform_filter(weight, side, mode="nearest"), np.float32)


def _planes(image: Image.Image) -> np.ndarray:
    """Return the channels of an image, float32 `[3, H, W]` in 0..1."""
    return np.stack([np.asarray(plane, np.float32) for plane in image.split()]) / np.float32(255)


def _coarse_colors(image: Image.Image, alpha: Image.Image) -> Grid:
    """Return smooth colors of subject and background on a coarse grid: six maps."""
    scale = min(COARSE_SIDE / max(image.size), 1.0)
    size = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
    pixels = _planes(image.resize(size, Image.Resampling.BOX, reducing_gap=2.0))
    opacity = np.asarray(alpha.resize(size, Image.Resampling.BOX, reducing_gap=2.0), np.float32) / 255
    # Powers of alpha, since the mixed pixels of the rim should say little about either color.
    subject = _weighted_blur(pixels, opacity**4, COARSE_RADIUS)
    background = _weighted_blur(pixels, (1 - opacity) ** 4, COARSE_RADIUS)
    return Grid([*subject, *background], image.size)


def _fine_colors(
    image: Image.Image, levels: np.ndarray, coarse: Grid, radius: int, tile: Tile
) -> Image.Image:
    """Return the colors of the subject in a tile, from those of the tile with a margin of a radius."""
    outer = tile.grow(radius, image.size)
    pixels = _planes(image.crop(outer))
    opacity = levels[outer.rows_and_columns].astype(np.float32) / 255
    maps = np.stack(coarse.at(outer))
    subject, background = maps[:3], maps[3:]
    smooth = _weighted_blur(fuse(pixels, opacity, subject, background), opacity, radius)
    rows, columns = tile.inside(outer)
    # The background is smooth already: its coarse colors do.
    inner = (slice(None), rows, columns)
    colors = fuse(pixels[inner], opacity[rows, columns], smooth[inner], background[inner])
    colors = np.where(opacity[rows, columns] >= OPAQUE / 255, pixels[inner], colors)
    planes = [Image.fromarray(np.rint(plane * 255).astype(np.uint8)) for plane in colors]
    return Image.merge("RGB", planes)
