"""Patterns drawn by code: tiles of two colors that repeat without a seam."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from PIL import Image

from shared.core.errors import check_choice
from shared.restyle.arguments import Color, rgb_of

SIDE = 256  # of a tile, in pixels
FINENESS = 3  # drawn pixels along each side of a pixel of the tile

#: Share of the figure's color, 0..1, at places of the tile: right and down, `[n, n]` in 0..1.
Figure = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Design(NamedTuple):
    """One pattern.

    Attributes:
        name: Identifier.
        title: Name for visitors.
        figure: Share of the figure's color by place.
        ground_color: Usual color of the ground.
        figure_color: Usual color of the figure.
        scale: Usual width of a tile, as a share of the garment's longer side.
    """

    name: str
    title: str
    figure: Figure
    ground_color: str
    figure_color: str
    scale: float


def stripes(count: int, width: float) -> Figure:
    """Return upright stripes.

    Args:
        count: Stripes of a tile.
        width: Width of a stripe, as a share of its distance to the next.
    """
    return lambda x, y: (x * count % 1 < width).astype(float)


def breton(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return level stripes, a third of the height, as on sailors' shirts."""
    return np.asarray(y * 6 % 1 < 0.36, float)


def gingham(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return checks whose stripes are half as strong where only one of them runs."""
    return ((x * 4 % 1 < 0.5).astype(float) + (y * 4 % 1 < 0.5)) / 2


def tartan(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return broad and thin stripes, which cross."""

    def bands(t: np.ndarray) -> np.ndarray:
        t = t * 2 % 1
        thin = (np.abs(t - 0.25) < 0.02) | (np.abs(t - 0.75) < 0.02)
        return np.where(thin, 1.0, np.where(np.abs(t - 0.5) < 0.17, 0.75, 0.1))

    twill = ((x + y) * 32 % 1 < 0.5).astype(float)
    return twill * bands(x) + (1 - twill) * bands(y)


def chessboard(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return squares of equal size."""
    return np.asarray((np.floor(x * 4) + np.floor(y * 4)) % 2, float)


def dots(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return round dots in rows, every other of which is shifted."""
    row = np.floor(y * 4)
    u, v = (x * 4 + row / 2) % 1 - 0.5, y * 4 % 1 - 0.5
    return np.asarray(np.hypot(u, v) < 0.24, float)


def herringbone(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return slanted lines, whose direction changes from column to column."""
    direction = np.where(np.floor(x * 6) % 2 == 0, 1, -1)
    return np.asarray((y * 12 + direction * (x * 6 % 1) * 2) % 1 < 0.5, float)


def houndstooth(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the teeth of a twill of four dark and four light threads in both directions."""
    column, row = np.floor(x * 24).astype(int), np.floor(y * 24).astype(int)
    upright = (column - row) % 4 < 2
    return np.where(upright, column % 8 < 4, row % 8 < 4).astype(float)


def zigzag(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return level lines that go up and down."""
    return np.asarray((y * 5 + np.abs(x * 4 % 1 - 0.5) * 1.4) % 1 < 0.45, float)


def argyle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return diamonds, and thin lines across them."""
    u, v = x * 2 % 1, y * 2 % 1
    filled = np.abs(u - 0.5) + np.abs(v - 0.5) < 0.5
    lines = np.abs(np.abs(u - 0.5) - np.abs(v - 0.5)) < 0.02
    return np.where(lines, 0.55, filled.astype(float))


def flowers(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return flowers with five petals, every other turned and smaller."""
    row = np.floor(y * 4)
    column = np.floor(x * 4 + row / 2)
    u, v = (x * 4 + row / 2) % 1 - 0.5, y * 4 % 1 - 0.5
    small = (column + row) % 2
    radius, angle = np.hypot(u, v), np.arctan2(v, u) + small * 0.6
    petals = radius < (0.3 - 0.1 * small) * (0.72 + 0.28 * np.cos(5 * angle))
    return np.where(radius < 0.07, 0.25, petals.astype(float))


def camouflage(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return blots in three shades, from noise that repeats."""
    random, place = np.random.default_rng(7), [x * 2 * np.pi, y * 2 * np.pi]
    height = np.zeros_like(x)
    for across in range(-5, 6):
        for down in range(6):
            frequency = np.hypot(across, down)
            if frequency:
                phase, weight = random.uniform(0, 2 * np.pi), random.normal() / frequency**1.1
                height += weight * np.cos(across * place[0] + down * place[1] + phase)
    edges = np.quantile(height, (0.35, 0.6, 0.82))
    return np.array([0.0, 0.45, 1.0, 0.2])[np.searchsorted(edges, height)]


#: Designs by name, in page order.
DESIGNS: Mapping[str, Design] = MappingProxyType(
    {
        design.name: design
        for design in (
            Design("stripes", "Stripes", stripes(6, 0.5), "#f4f1ea", "#274b7a", 0.3),
            Design("pinstripes", "Pinstripes", stripes(8, 0.1), "#2b3240", "#c9ced8", 0.25),
            Design("breton", "Sailor", breton, "#f6f4ee", "#1f2f52", 0.42),
            Design("gingham", "Gingham", gingham, "#ffffff", "#c0392b", 0.22),
            Design("tartan", "Tartan", tartan, "#8c1f28", "#16302b", 0.42),
            Design("chessboard", "Chessboard", chessboard, "#f2efe6", "#222222", 0.3),
            Design("dots", "Dots", dots, "#1d3557", "#fdf6e3", 0.22),
            Design("herringbone", "Herringbone", herringbone, "#8a8378", "#d8d2c4", 0.2),
            Design("houndstooth", "Houndstooth", houndstooth, "#f4f2ec", "#26241f", 0.2),
            Design("zigzag", "Zigzag", zigzag, "#f3e9d2", "#2a7f78", 0.32),
            Design("argyle", "Argyle", argyle, "#d9c8a9", "#6b3a4b", 0.3),
            Design("flowers", "Flowers", flowers, "#28463b", "#f2b5c4", 0.3),
            Design("camouflage", "Camouflage", camouflage, "#c2b280", "#3f4a2c", 0.6),
        )
    }
)


def draw_design(
    name: str, ground: Color | None = None, figure: Color | None = None, side: int = SIDE
) -> Image.Image:
    """Draw a tile.

    Args:
        name: Name of a row of `DESIGNS`.
        ground: Color of the ground; the usual one by default.
        figure: Color of the figure; the usual one by default.
        side: Width and height in pixels.

    Returns:
        Mode RGB.

    Raises:
        ValueError: There is no such design, or a color cannot be understood.

    >>> draw_design("chessboard", "white", "black").getpixel((70, 10))
    (0, 0, 0)
    """
    check_choice("pattern", name, tuple(DESIGNS))
    design = DESIGNS[name]
    light = np.array(rgb_of(ground or design.ground_color), float)
    dark = np.array(rgb_of(figure or design.figure_color), float)
    share = _shares(name, side)[..., None]
    return Image.fromarray(np.rint((1 - share) * light + share * dark).astype(np.uint8))


@cache
def _shares(name: str, side: int) -> np.ndarray:
    """Return the share of the figure's color in each pixel of a tile, `[side, side]` in 0..1."""
    places = (np.arange(side * FINENESS) + 0.5) / (side * FINENESS)
    share = DESIGNS[name].figure(*np.meshgrid(places, places))
    means: np.ndarray = share.reshape(side, FINENESS, side, FINENESS).mean((1, 3))
    return means
