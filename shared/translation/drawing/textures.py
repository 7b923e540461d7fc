"""Periodic textures of drawing materials: the grain of paper and hatching by hand.

A texture is a tile of noise, filtered in the frequency domain so that it repeats without a seam, whose values
are spread evenly over 0..1: the share of pixels below a value is that value.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

TILE = 1024  # pixels


@lru_cache(maxsize=16)
def grain(scale: float, seed: int = 0) -> np.ndarray:
    """Make the grain of drawing paper.

    Args:
        scale: Size of a grain in pixels.
        seed: Seed of the noise.

    Returns:
        float32 `[TILE, TILE]`, uniform in 0..1; not to be written to.
    """
    y, x = _frequencies()
    squared = (x**2 + y**2) * scale**2
    # Noise between two scales: no flicker from pixel to pixel, no clouds.
    response = np.exp(-2 * squared) - 0.8 * np.exp(-40 * squared)
    return _filtered_noise(response, seed)


@lru_cache(maxsize=16)
def hatching(scale: float, angle: float, seed: int = 0) -> np.ndarray:
    """Make strokes of a pencil, dense and of one direction.

    Args:
        scale: Width of a stroke in pixels.
        angle: Direction of the strokes in degrees, counter-clockwise from the horizontal.
        seed: Seed of the noise.

    Returns:
        float32 `[TILE, TILE]`, uniform in 0..1; not to be written to.
    """
    y, x = _frequencies()
    radians = math.radians(angle)
    along = x * math.cos(radians) - y * math.sin(radians)
    across = x * math.sin(radians) + y * math.cos(radians)
    length, width = 14 * scale, scale
    ridges = np.exp(-2 * (math.pi * width * across / 2) ** 2) - 0.7 * np.exp(-60 * (width * across) ** 2)
    return _filtered_noise(ridges * np.exp(-2 * (math.pi * length * along / 2) ** 2), seed)


def tiled(texture: np.ndarray, top: int, rows: int, width: int) -> np.ndarray:
    """Return rows of an endless plane of tiles.

    Args:
        texture: `[TILE, TILE]`.
        top: First row.
        rows: Number of rows.
        width: Number of columns.

    Returns:
        `[rows, width]`.
    """
    numbers = np.arange(top, top + rows) % len(texture)
    return np.take(texture[numbers], np.arange(width) % texture.shape[1], axis=1)


def _frequencies() -> tuple[np.ndarray, np.ndarray]:
    """Return the frequencies of a tile in cycles per pixel, `[TILE, 1]` and `[1, TILE // 2 + 1]`."""
    return np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None]


def _filtered_noise(response: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((TILE, TILE))
    filtered = np.fft.irfft2(np.fft.rfft2(noise) * response, s=(TILE, TILE))
    ranks = np.empty(TILE * TILE, np.float32)
    ranks[np.argsort(filtered, axis=None)] = np.linspace(0, 1, TILE * TILE, dtype=np.float32)
    texture = ranks.reshape(TILE, TILE)
    texture.flags.writeable = False
    return texture
