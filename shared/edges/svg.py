"""Polylines as an SVG document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import numpy as np


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


def to_svg(lines: Iterable[np.ndarray], size: Sequence[int], style: SvgStyle | None = None) -> str:
    """Write polylines as an SVG document, one path each.

    Args:
        lines: Polylines `[K, 2]` of x and y in pixels, which are rounded to a tenth of a pixel.
        size: Width and height of the image.
        style: Appearance of the drawing; that of `SvgStyle()` by default.

    Returns:
        A document without references to other files.

    >>> print(to_svg([np.array([[0.5, 0.5], [4, 0.5], [4, 2.25]])], (5, 3), SvgStyle(title="An edge")))
    <svg xmlns="http://www.w3.org/2000/svg" width="5" height="3" viewBox="0 0 5 3">
    <title>An edge</title>
    <g fill="none" stroke="black" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round">
    <path d="M.5 .5l3.5 0 0 1.7"/>
    </g>
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
    stroke = f'stroke={quoteattr(_printable(style.color))} stroke-width="{style.width:g}"'
    parts.append(f'<g fill="none" {stroke} stroke-linecap="round" stroke-linejoin="round">')
    return "\n".join([*parts, *map(_path, lines), "</g>", "</svg>", ""])


def _path(line: np.ndarray) -> str:
    """Return a path element with relative steps. Points are rounded first, so that no errors add up."""
    tenths = np.rint(np.asarray(line) * 10).astype(np.int64)
    start, *steps = [
        f"{_format_tenths(x)} {_format_tenths(y)}"
        for x, y in np.diff(tenths, axis=0, prepend=[[0, 0]]).tolist()
    ]
    # A step of length 0 draws a dot, because the ends of lines are round.
    return f'<path d="M{start}l{" ".join(steps) or "0 0"}"/>'


def _format_tenths(tenths: int) -> str:
    """Return a number of tenths in as few characters as SVG allows.

    >>> [_format_tenths(n) for n in (0, 5, -5, 10, -123)]
    ['0', '.5', '-.5', '1', '-12.3']
    """
    whole, decimal = divmod(abs(tenths), 10)
    digits = f"{whole or ''}.{decimal}" if decimal else f"{whole}"
    return f"-{digits}" if tenths < 0 else digits


def _printable(text: str) -> str:
    """Remove the control characters and lone surrogates that XML 1.0 forbids."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)
