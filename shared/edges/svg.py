"""Smooth curves as an SVG document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import numpy as np

# Pixels in a unit of the document's numbers, which are whole: the centers of pixels are whole in halves. Such
# numbers take half the characters of those with a decimal.
UNIT = 0.5
# A curve whose control points lie this close to its chord, in units, is written as a straight line.
STRAIGHT_UNITS = 1.0


@dataclass(frozen=True)
class SvgStyle:
    """Appearance of an SVG drawing.

    Attributes:
        color: Color of the lines, as SVG and CSS name colors.
        width: Width of the lines in pixels, above 0.
        background: Color of the background; None for a transparent one.
        title: Title for viewers and screen readers; None for none.

    Raises:
        ValueError: The width is not above 0.
    """

    color: str = "black"
    width: float = 1.5
    background: str | None = None
    title: str | None = None

    def __post_init__(self) -> None:
        if not self.width > 0:
            raise ValueError(f"width: expected a number of pixels above 0, received {self.width!r}")


def to_svg(
    curves: Iterable[np.ndarray], size: Sequence[int], style: SvgStyle | None = None, *, unit: float = UNIT
) -> str:
    """Write curves as an SVG document with one path, in relative steps.

    Args:
        curves: Control points `[1 + 3 * n, 2]` of each line as from `curves.fit_curves`, x and y in pixels. A
            line without a curve is a dot.
        size: Width and height of the image.
        style: Appearance of the drawing; that of `SvgStyle()` by default.
        unit: Pixels to which points are rounded.

    Returns:
        A document without references to other files.

    >>> points = np.array([[0.5, 0.5], [2, 0.5], [4, 1], [4, 4]])
    >>> print(to_svg([points], (5, 4), SvgStyle(title="An edge")))
    <svg xmlns="http://www.w3.org/2000/svg" width="5" height="4" viewBox="0 0 5 4">
    <title>An edge</title>
    <path transform="scale(.5)" fill="none" stroke="black" stroke-width="3" stroke-linecap="round"
     stroke-linejoin="round" d="M1 1c3 0 7 1 7 7"/>
    </svg>
    <BLANKLINE>
    """
    style = style or SvgStyle()
    width, height = size
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}">'
    ]
    if style.title:
        parts.append(f"<title>{escape(_printable(style.title))}</title>")
    if style.background:
        parts.append(f'<rect width="100%" height="100%" fill={quoteattr(_printable(style.background))}/>')
    scale = f"{unit:g}".removeprefix("0")
    parts.append(
        f'<path transform="scale({scale})" fill="none" stroke={quoteattr(_printable(style.color))}'
        f' stroke-width="{style.width / unit:g}" stroke-linecap="round"'
    )
    return "\n".join(
        [*parts, f' stroke-linejoin="round" d="{_path_data(list(curves), unit)}"/>', "</svg>", ""]
    )


def _path_data(curves: list[np.ndarray], unit: float) -> str:
    """Return the commands of a path through all lines. Points are rounded first, so that no errors add up."""
    if not curves:
        return ""
    points = np.rint(np.concatenate(curves) / unit).astype(np.int64)
    sizes = np.array([len(curve) for curve in curves])
    heads = np.cumsum(sizes) - sizes
    is_head = np.zeros(len(points), bool)
    is_head[heads] = True
    # Steps from the start of each curve to its three points; of a line, from the end of the previous line.
    lasts = np.flatnonzero(~is_head)[2::3]
    steps = points[~is_head].reshape(-1, 3, 2) - points[lasts - 3][:, None]
    moves = points[heads] - np.concatenate([[[0, 0]], points[heads[1:] - 1]])
    commands = zip(steps.reshape(-1, 6).tolist(), _are_straight(steps).tolist(), strict=True)
    text: list[str] = []
    for move, count in zip(moves.tolist(), (sizes // 3).tolist(), strict=True):
        command = "m" if text else "M"
        text.append(f"{command}{_numbers(move)}")
        if not count:
            text.append("l0 0")  # a step of length 0 draws a dot, because the ends of lines are round
        for _ in range(count):
            step, straight = next(commands)
            letter = "l" if straight else "c"
            numbers = _numbers(step[4:] if straight else step)
            # Further steps of a command need no letter, only something between the numbers.
            separator = letter if letter != command else "" if numbers[0] == "-" else " "
            text.append(separator + numbers)
            command = letter
    return "".join(text)


def _are_straight(steps: np.ndarray) -> np.ndarray:
    """Return the mask of curves that are drawn as their chord, from the steps to their points `[n, 3, 2]`."""
    chord = steps[:, 2].astype(float)
    length = np.maximum(np.hypot(*chord.T), 1e-9)[:, None]
    along = (steps[:, :2] * chord[:, None]).sum(2) / length
    across = (steps[:, :2, 0] * chord[:, None, 1] - steps[:, :2, 1] * chord[:, None, 0]) / length
    inside = (along > -STRAIGHT_UNITS) & (along < length + STRAIGHT_UNITS)
    return (inside & (np.abs(across) <= STRAIGHT_UNITS)).all(1)


def _numbers(values: Sequence[int]) -> str:
    """Return whole numbers with as little between them as SVG allows: a minus sign is enough.

    >>> _numbers([0, 5, -5, 12])
    '0 5-5 12'
    """
    return " ".join(map(str, values)).replace(" -", "-")


def _printable(text: str) -> str:
    """Remove the control characters and lone surrogates that XML 1.0 forbids."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)
