"""Rendering of lines and tone as a drawing of any size, band by band."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from shared.translation.drawing.lines import DrawingMaps
from shared.translation.drawing.styles import STYLES, Sheet

PAPER, GRAPHITE = 254, 22  # levels of white paper and of full darkness, of 255
TEXTURE_SIDE = 1100  # longest side in pixels of a drawing whose textures have their own size
MIN_TEXTURE_SCALE = 0.75
BAND_PIXELS = 1_000_000  # of the rows that are rendered at a time, which bounds the memory


@dataclass(frozen=True)
class Band:
    """Rows of a result that is enlarged from a map.

    Attributes:
        top: First row.
        bottom: Row after the last.
        width: Columns of the result.
        box: Part of the map, in its pixels: left, top, right, bottom.
    """

    top: int
    bottom: int
    width: int
    box: tuple[float, float, float, float]


def bands(size: tuple[int, int], map_size: tuple[int, int]) -> Iterator[Band]:
    """Split a result into bands of `BAND_PIXELS`.

    Args:
        size: Width and height of the result.
        map_size: Width and height of the map.
    """
    width, height = size
    map_width, map_height = map_size
    rows = max(BAND_PIXELS // width, 1)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        upper, lower = (min(edge * map_height / height, map_height) for edge in (top, bottom))
        yield Band(top, bottom, width, (0.0, upper, float(map_width), lower))


def enlarge(values: Image.Image, band: Band) -> np.ndarray:
    """Interpolate a map to the pixels of a band; bands join without a seam.

    Args:
        values: Mode F, in 0..1.
        band: The band.

    Returns:
        float32 `[bottom - top, width]`, 0..1.
    """
    resized = values.resize((band.width, band.bottom - band.top), Image.Resampling.BICUBIC, band.box)
    return np.asarray(resized, np.float32).clip(0, 1)


def render(
    maps: DrawingMaps, size: tuple[int, int], style: str, *, detail: float = 1.0, darkness: float = 1.0
) -> Image.Image:
    """Render maps as a drawing.

    Lines and tone are interpolated from the working size, and lines are then sharpened, so that a large
    drawing is as crisp as a small one.

    Args:
        maps: Lines and tone.
        size: Width and height of the drawing.
        style: Name of a style.
        detail: See `shared.translation.drawing.sketcher.Sketcher`.
        darkness: See there.

    Returns:
        Mode L.
    """
    lines, tone = Image.fromarray(maps.lines(detail)), Image.fromarray(maps.tone)
    scale = max(round(max(size) / TEXTURE_SIDE * 4) / 4, MIN_TEXTURE_SCALE)
    drawing = np.empty(size[::-1], np.uint8)
    for band in bands(size, lines.size):
        sheet = Sheet(
            lines=enlarge(lines, band),
            tone=enlarge(tone, band),
            top=band.top,
            scale=scale,
            sharpness=max(size[1] / lines.height, 1.0),
        )
        levels = PAPER - (PAPER - GRAPHITE) * STYLES[style](sheet, darkness)
        drawing[band.top : band.bottom] = np.rint(levels)
    return Image.fromarray(drawing)
