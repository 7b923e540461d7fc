"""Styles of drawings: lines and tone to the darkness of the paper, at any size.

A style is a function of the maps at full resolution; it works on a band of rows at a time, with textures that
continue from band to band.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from shared.translation.drawing.textures import grain, hatching, tiled


@dataclass(frozen=True)
class Sheet:
    """Band of rows of a drawing.

    Attributes:
        lines: float32 `[rows, width]`, 0 paper to 1 middle of a line; lines fade out softly to their sides.
        tone: float32 `[rows, width]`, 0 black to 1 white.
        top: Number of the first row in the drawing.
        scale: Size of textures, 1 in a drawing of about a thousand pixels.
        sharpness: Pixels of the drawing for one pixel of the network's maps, at least 1.
    """

    lines: np.ndarray
    tone: np.ndarray
    top: int
    scale: float
    sharpness: float

    def texture(self, tile: np.ndarray) -> np.ndarray:
        """Return a texture `[h, w]`, continued over the band to `[rows, width]`."""
        rows, width = self.lines.shape
        return tiled(tile, self.top, rows, width)

    def crisp(self, level: float, softness: float = 0.28) -> np.ndarray:
        """Return lines with sharp borders, 0..1: the stronger a line, the wider.

        Args:
            level: Strength at the border of a line, 0..1.
            softness: Half the step of strength over which a border fades, at the size of the maps.
        """
        half = softness / self.sharpness
        return smoothstep(self.lines, level - half, level + half)


#: Maps a band and a darkness (1 is usual) to the share of ink or graphite, float32 `[rows, width]` in 0..1.
Style: TypeAlias = Callable[[Sheet, float], np.ndarray]


def pencil(sheet: Sheet, darkness: float) -> np.ndarray:
    """Draw with a pencil: soft lines, two directions of hatching over smudged graphite, paper grain."""
    shade = _shade(sheet.tone, darkness)
    tooth = sheet.texture(grain(1.1 * sheet.scale))
    first = sheet.texture(hatching(1.2 * sheet.scale, 52, seed=1))
    second = sheet.texture(hatching(1.2 * sheet.scale, 18, seed=2))
    paper = 1 - 0.52 * shade * (0.62 + 0.55 * tooth)
    paper *= 1 - 0.5 * smoothstep(1.6 * shade - first, 0.0, 0.75)
    paper *= 1 - 0.45 * smoothstep(1.75 * shade - 0.75 - second, 0.0, 0.65)
    softness = 0.45 / sheet.sharpness
    stroke = softness * sheet.lines + (1 - softness) * sheet.crisp(0.4)
    paper *= 1 - np.clip(darkness * 0.9 * stroke * (0.72 + 0.45 * tooth), 0, 0.95)
    return np.asarray(1 - paper, np.float32)


def ink(sheet: Sheet, darkness: float) -> np.ndarray:
    """Draw with a pen: black lines that taper, hatching in the shadows, solid black in the darkest ones."""
    sharp = 0.06 / sheet.sharpness
    shade = _shade(sheet.tone, darkness)
    black = smoothstep(shade, 0.8 - sharp, 0.8 + sharp)
    lines = sheet.crisp(min(0.42 / darkness, 0.85), softness=0.15)
    return np.maximum(np.maximum(lines, black), _pen_hatching(sheet, shade))


def charcoal(sheet: Sheet, darkness: float) -> np.ndarray:
    """Draw with charcoal: broad dark tone on coarse paper, and heavy soft lines."""
    shade = _shade(sheet.tone, darkness)
    tooth = sheet.texture(grain(1.8 * sheet.scale, seed=3))
    smear = sheet.texture(hatching(3.5 * sheet.scale, 40, seed=4))
    paper = 1 - 0.55 * shade
    paper *= 1 - 0.7 * smoothstep(1.3 * shade - 0.6 * tooth - 0.3 * smear, 0.0, 0.6)
    stroke = np.clip(1.25 * sheet.lines, 0, 1) * (0.45 + 0.75 * smoothstep(1.4 - tooth, 0.4, 0.9))
    paper *= 1 - np.clip(0.85 * darkness * stroke, 0, 0.95)
    return np.asarray(1 - paper, np.float32)


#: Styles by name, in page order; the first is the default.
STYLES: dict[str, Style] = {"pencil": pencil, "ink": ink, "charcoal": charcoal}


def smoothstep(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below `low`, 1 above `high`, and 3 t^2 - 2 t^3 in between.

    >>> smoothstep(np.float32([0, 0.5, 1]), 0, 1).tolist()
    [0.0, 0.5, 1.0]
    """
    t = ((values - np.float32(low)) * np.float32(1 / (high - low))).clip(0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _shade(tone: np.ndarray, darkness: float) -> np.ndarray:
    """Return the darkness of a tone, 0..1: light tones stay paper."""
    return np.asarray(np.clip((0.78 - tone) / 0.78, 0, 1) ** 1.2 * darkness, np.float32).clip(0, 1)


def _pen_hatching(sheet: Sheet, shade: np.ndarray) -> np.ndarray:
    """Return parallel strokes in the shadows, wider where it is darker, crossed in the deepest."""
    rows, width = shade.shape
    period = 7.0 * sheet.scale
    y = np.arange(sheet.top, sheet.top + rows, dtype=np.float32)[:, None]
    x = np.arange(width, dtype=np.float32)
    wobble = 2.2 * (sheet.texture(hatching(12 * sheet.scale, 45, seed=5)) - 0.5)
    hatch = np.zeros_like(shade)
    for angle, start in ((45.0, 0.38), (-30.0, 0.64)):
        across = x * np.sin(np.radians(angle)) + y * np.cos(np.radians(angle))
        phase = np.cos(across * np.float32(2 * np.pi / period) + wobble)
        breadth = np.clip((shade - start) * 1.5, -0.2, 0.8)
        edge = 1.6 / period
        hatch = np.maximum(hatch, smoothstep(phase - 1 + 2 * breadth, -edge, edge))
    return hatch
