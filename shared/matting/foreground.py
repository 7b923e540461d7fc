"""Colors of the subject at its border, without the background that shines through.

Blur fusion (Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021): colors of subject and
background are blurred with alpha as their weight, and the subject's is corrected so that both explain the
image. A coarse pass bridges wide borders, a fine one at full resolution keeps their detail.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.ndimage import uniform_filter

from shared.matting.tiles import Grid, Tile, tiles

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
    masks = np.asarray(alpha)
    radius = int(np.clip(round(FINE_RADIUS * max(image.size)), MIN_FINE_RADIUS, MAX_FINE_RADIUS))
    coarse: Grid | None = None
    for tile in tiles(image.size):
        outer = tile.grow(radius, image.size)
        part = masks[outer.rows_and_columns]
        if not ((part > EMPTY) & (part < OPAQUE)).any():
            continue
        coarse = coarse or _coarse_colors(image, alpha)
        colors.paste(_fine_colors(image, part, coarse, tile, outer, radius), tile[:2])
    return colors


def fuse(pixels: np.ndarray, alpha: np.ndarray, subject: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Correct smooth colors of the subject by the image.

    `F = f + alpha (I - alpha f - (1 - alpha) b)`: the more opaque a pixel, the more of its own color it has.

    Args:
        pixels: Image, float32 `[H, W, 3]` in 0..1.
        alpha: float32 `[H, W, 1]` in 0..1.
        subject: Smooth colors f of the subject, as `pixels`.
        background: Smooth colors b of the background, as `pixels`.

    Returns:
        Colors of the subject, as `pixels`.
    """
    mixed = alpha * subject + (1 - alpha) * background
    return np.asarray((subject + alpha * (pixels - mixed)).clip(0, 1), np.float32)


def _weighted_blur(colors: np.ndarray, weight: np.ndarray, radius: int) -> np.ndarray:
    size = (2 * radius + 1, 2 * radius + 1, 1)
    weight = weight + np.float32(1e-4)
    blurred = uniform_filter(colors * weight, size, mode="nearest") / uniform_filter(
        weight, size, mode="nearest"
    )
    return np.asarray(blurred, np.float32)


def _coarse_colors(image: Image.Image, alpha: Image.Image) -> Grid:
    """Return smooth colors of subject and background on a coarse grid: six maps."""
    scale = min(COARSE_SIDE / max(image.size), 1.0)
    size = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
    pixels = np.asarray(image.resize(size, Image.Resampling.BOX, reducing_gap=2.0), np.float32) / 255
    small_alpha = np.asarray(alpha.resize(size, Image.Resampling.BOX, reducing_gap=2.0), np.float32) / 255
    # Powers of alpha, since the mixed pixels of the rim should say little about either color.
    subject = _weighted_blur(pixels, small_alpha[..., None] ** 4, COARSE_RADIUS)
    background = _weighted_blur(pixels, (1 - small_alpha[..., None]) ** 4, COARSE_RADIUS)
    return Grid([*subject.transpose(2, 0, 1), *background.transpose(2, 0, 1)], image.size)


def _fine_colors(
    image: Image.Image, alpha: np.ndarray, coarse: Grid, tile: Tile, outer: Tile, radius: int
) -> Image.Image:
    """Return the colors of the subject in a tile, from those of the tile with its margin."""
    pixels = np.asarray(image.crop(outer), np.float32) / 255
    opacity = alpha[..., None].astype(np.float32) / 255
    maps = np.stack(coarse.at(outer), -1)
    subject, background = maps[..., :3], maps[..., 3:]
    smooth = _weighted_blur(fuse(pixels, opacity, subject, background), opacity, radius)
    colors = fuse(pixels, opacity, smooth, _weighted_blur(background, 1 - opacity, radius))
    colors = np.where(opacity >= OPAQUE / 255, pixels, colors)
    return Image.fromarray(np.rint(colors[tile.inside(outer)] * 255).astype(np.uint8))
