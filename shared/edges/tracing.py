"""Thin lines as vectors: a mask becomes polylines, and polylines become an SVG document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from skimage.measure import approximate_polygon

# The eight neighbors of a pixel as (right, down), counter-clockwise from the east; even ones share a side.
_NEIGHBORS = ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))


def trace_lines(mask: np.ndarray, *, min_length: float = 0) -> list[np.ndarray]:
    """Follows lines of one pixel from end or junction to end or junction, and around closed loops.

    Two pixels are linked when they share a side, or a corner and no neighbor to go around by: so a stair has
    no short cuts, and where two lines cross there is one junction rather than several.

    Args:
        mask: `[H, W]` bool, lines of one pixel such as `thinning.thin` gives. On thicker ones every pixel
            would be a junction.
        min_length: Lines shorter than this many pixels are left out, unless they run between two junctions.

    Returns:
        Polylines, each `[K, 2]` float32: x and y of the centers of its pixels in turn, as SVG counts them
        (the first pixel of the picture is at 0.5, 0.5). A closed loop ends on the point where it began; a
        lone pixel has K = 1. Every pixel is on a line, and only junctions are on several.

    >>> trace_lines(np.array([[1, 1, 0], [0, 0, 1]], bool))[0].tolist()
    [[0.5, 0.5], [1.5, 0.5], [2.5, 1.5]]
    """
    mask = np.asarray(mask, bool)
    if mask.ndim != 2:
        raise ValueError(f"mask: expected shape [height, width], received shape {mask.shape}")
    y, x = np.nonzero(mask)
    centers = np.stack([x, y], axis=1).astype(np.float32) + 0.5
    firsts, targets = _links(mask)
    junction = np.diff(firsts) > 2
    lines = []
    for path in _walk(firsts.tolist(), targets.tolist()):
        line = centers[path]
        if (junction[path[0]] and junction[path[-1]]) or _length(line) >= min_length:
            lines.append(line)
    return lines


def prune(mask: np.ndarray, length: int) -> np.ndarray:
    """Cuts off the branches that leave a line and end after less than `length` pixels.

    Args:
        mask: `[H, W]` bool, lines of one pixel.
        length: Pixels; lines that are short as a whole stay.

    Returns:
        `[H, W]` bool, a subset of `mask`.
    """
    firsts, targets = _links(mask)
    degrees = np.diff(firsts)
    pixels = np.flatnonzero(mask)
    pruned = mask.copy()
    for path in _walk(firsts.tolist(), targets.tolist()):
        one, other = degrees[path[0]], degrees[path[-1]]
        if len(path) <= length and min(one, other) == 1 and max(one, other) > 2:
            branch = path[1:] if one > 2 else path[:-1]
            pruned.reshape(-1)[pixels[branch]] = False
    return pruned


def simplify(line: np.ndarray, tolerance: float = 0.5) -> np.ndarray:
    """Takes the stairs out of a traced line, and the points that it does not need.

    Every point but the ends moves toward its two neighbors (twice, with weights 1, 2, 1), less than a pixel;
    then points that are less than `tolerance` from the line through the others are left out (U. Ramer 1972;
    D. Douglas and T. Peucker 1973).

    Args:
        line: `[K, 2]`, a polyline of `trace_lines`.
        tolerance: Pixels; 0 leaves the line as it is.

    Returns:
        `[k, 2]`, k <= K, with the same ends.
    """
    if tolerance <= 0 or len(line) < 3:
        return line
    closed = len(line) > 3 and np.array_equal(line[0], line[-1])
    for _ in range(2):
        around = np.concatenate([line[-2:-1], line, line[1:2]]) if closed else line
        middle = (around[:-2] + 2 * around[1:-1] + around[2:]) / 4
        line = middle if closed else np.concatenate([line[:1], middle, line[-1:]])
    return approximate_polygon(line, tolerance)


def to_svg(
    lines: Iterable[np.ndarray],
    size: Sequence[int],
    *,
    color: str = "black",
    width: float = 1.5,
    background: str | None = None,
    title: str | None = None,
) -> str:
    """Writes polylines as an SVG document of a picture's size, one path each.

    Args:
        lines: Polylines `[K, 2]` of x and y in pixels; they are written to a tenth of a pixel.
        size: Width and height of the picture.
        color: Of the lines, as SVG and CSS name colors.
        width: Of the lines, in pixels.
        background: Color of the paper; None leaves it transparent.
        title: What viewers and screen readers call the drawing.

    Returns:
        The document. It stands alone and refers to nothing outside.

    Raises:
        ValueError: The width is not above 0.

    >>> print(to_svg([np.array([[0.5, 0.5], [4, 0.5], [4, 2.25]])], (5, 3), title="An edge"))
    <svg xmlns="http://www.w3.org/2000/svg" width="5" height="3" viewBox="0 0 5 3">
    <title>An edge</title>
    <g fill="none" stroke="black" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round">
    <path d="M.5 .5l3.5 0 0 1.7"/>
    </g>
    </svg>
    <BLANKLINE>
    """
    if not width > 0:
        raise ValueError(f"width: expected a number of pixels above 0, received {width!r}")
    across, down = size
    frame = f'width="{across}" height="{down}" viewBox="0 0 {across} {down}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>']
    if title:
        parts.append(f"<title>{escape(_printable(title))}</title>")
    if background:
        parts.append(f'<rect width="100%" height="100%" fill={quoteattr(_printable(background))}/>')
    stroke = f'stroke={quoteattr(_printable(color))} stroke-width="{width:g}"'
    parts.append(f'<g fill="none" {stroke} stroke-linecap="round" stroke-linejoin="round">')
    return "\n".join([*parts, *map(_path, lines), "</g>", "</svg>", ""])


def _links(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The graph of pixels: number i, in row order, is linked to `targets[firsts[i] : firsts[i + 1]]`."""
    padded = np.pad(mask, 1)
    flat = padded.reshape(-1)
    pixels = np.flatnonzero(flat)
    offsets = np.array([right + down * padded.shape[1] for right, down in _NEIGHBORS])
    linked = np.stack([flat[pixels + offset] for offset in offsets], axis=1)
    straight = linked[:, 0::2]
    linked[:, 1::2] &= ~(straight | np.roll(straight, -1, axis=1))
    source, direction = np.nonzero(linked)
    targets = np.searchsorted(pixels, pixels[source] + offsets[direction])
    firsts = np.concatenate([[0], np.cumsum(linked.sum(1))])
    return firsts, targets


def _walk(firsts: list[int], targets: list[int]) -> Iterator[list[int]]:
    """Follows every link of the graph once. Its arguments are lists: a loop reads them faster than arrays."""
    walked = bytearray(len(targets))

    def follow(start: int, link: int) -> list[int]:
        path = [start]
        while True:
            before, here = path[-1], targets[link]
            path.append(here)
            first, after = firsts[here], firsts[here + 1]
            back = targets.index(before, first, after)
            walked[link] = walked[back] = True
            if after - first != 2 or here == start:
                return path
            link = first + after - 1 - back  # the other one of two

    degrees = [after - first for first, after in pairwise(firsts)]
    for pixel, degree in enumerate(degrees):
        if degree == 0:
            yield [pixel]
        elif degree != 2:
            for link in range(firsts[pixel], firsts[pixel + 1]):
                if not walked[link]:
                    yield follow(pixel, link)
    for pixel, degree in enumerate(degrees):  # what is left are closed loops
        if degree == 2 and not walked[firsts[pixel]]:
            yield follow(pixel, firsts[pixel])


def _length(line: np.ndarray) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def _path(line: np.ndarray) -> str:
    """One path element: the first point, then steps. Points are rounded first, so that no errors add up."""
    tenths = np.rint(np.asarray(line) * 10).astype(np.int64)
    start, *steps = [
        f"{_short(x)} {_short(y)}" for x, y in np.diff(tenths, axis=0, prepend=[[0, 0]]).tolist()
    ]
    # A step of no length draws a dot, because the ends of lines are round.
    return f'<path d="M{start}l{" ".join(steps) or "0 0"}"/>'


def _short(tenths: int) -> str:
    """A number of tenths in as few letters as SVG allows.

    >>> [_short(n) for n in (0, 5, -5, 10, -123)]
    ['0', '.5', '-.5', '1', '-12.3']
    """
    whole, rest = divmod(abs(tenths), 10)
    digits = f"{whole or ''}.{rest}" if rest else f"{whole}"
    return f"-{digits}" if tenths < 0 else digits


def _printable(text: str) -> str:
    """Text without the control characters and lone surrogates that XML 1.0 forbids."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)
