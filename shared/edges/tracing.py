"""Thin lines as polylines: tracing of a mask, pruning of branches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

# The eight neighbors of a pixel as (right, down), counter-clockwise from the east; even ones share a side.
_NEIGHBORS = ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))

# Not sknw or skan: they link all eight neighbors of a pixel, which turns stairs and crossings into clusters
# of junctions, so the lines differ. sknw is no faster, and compiles for six seconds at its first call.


def trace_lines(mask: np.ndarray, *, min_length: float = 0) -> list[np.ndarray]:
    """Trace lines of one pixel from end or junction to end or junction, and around closed loops.

    Two pixels are linked if they share a side, or a corner but no neighbor on a side: so stairs have no
    shortcuts, and a crossing is one junction rather than several.

    Args:
        mask: bool `[H, W]`, lines of one pixel as from `thinning.thin`. On thicker lines every pixel would be
            a junction.
        min_length: Shorter lines, in pixels, are left out unless they connect two junctions.

    Returns:
        Polylines, each `[K, 2]` float32: x and y of the centers of its pixels in order, in SVG coordinates
        (the center of the first pixel of the image is at 0.5, 0.5). A closed loop ends on its first point; an
        isolated pixel has K = 1. Without `min_length` every pixel is on a line, and only junctions are on
        several.

    Raises:
        ValueError: The mask is not two-dimensional.

    >>> trace_lines(np.array([[1, 1, 0], [0, 0, 1]], bool))[0].tolist()
    [[0.5, 0.5], [1.5, 0.5], [2.5, 1.5]]
    """
    mask = np.asarray(mask, bool)
    if mask.ndim != 2:
        raise ValueError(f"mask: expected shape [height, width], received shape {mask.shape}")
    y, x = np.nonzero(mask)
    centers = np.stack([x, y], axis=1).astype(np.float32) + 0.5
    starts, targets = _pixel_graph(mask)
    is_junction = np.diff(starts) > 2
    lines = []
    for path in _walk(starts.tolist(), targets.tolist()):
        line = centers[path]
        if (is_junction[path[0]] and is_junction[path[-1]]) or _length(line) >= min_length:
            lines.append(line)
    return lines


def prune(mask: np.ndarray, min_length: int) -> np.ndarray:
    """Remove branches that leave a line at a junction and end after less than `min_length` pixels.

    Args:
        mask: bool `[H, W]`, lines of one pixel.
        min_length: Length in pixels; lines without a junction stay.

    Returns:
        bool `[H, W]`, a subset of `mask`.
    """
    starts, targets = _pixel_graph(mask)
    degrees = np.diff(starts)
    pixels = np.flatnonzero(mask)
    pruned = mask.copy()
    for path in _walk(starts.tolist(), targets.tolist()):
        first, last = degrees[path[0]], degrees[path[-1]]
        if len(path) <= min_length and min(first, last) == 1 and max(first, last) > 2:
            branch = path[1:] if first > 2 else path[:-1]
            pruned.reshape(-1)[pixels[branch]] = False
    return pruned


def _pixel_graph(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Build the graph of linked pixels in compressed rows.

    Returns:
        `starts` and `targets`: pixel i, in row order, is linked to `targets[starts[i] : starts[i + 1]]`.
    """
    padded = np.pad(mask, 1)
    flat = padded.reshape(-1)
    pixels = np.flatnonzero(flat)
    offsets = np.array([right + down * padded.shape[1] for right, down in _NEIGHBORS])
    linked = np.stack([flat[pixels + offset] for offset in offsets], axis=1)
    straight = linked[:, 0::2]
    linked[:, 1::2] &= ~(straight | np.roll(straight, -1, axis=1))
    source, direction = np.nonzero(linked)
    targets = np.searchsorted(pixels, pixels[source] + offsets[direction])
    starts = np.concatenate([[0], np.cumsum(linked.sum(1))])
    return starts, targets


def _walk(starts: list[int], targets: list[int]) -> Iterator[list[int]]:
    """Walk along every link of a pixel graph once and yield the paths, as pixel indices.

    The arguments are lists, which a loop reads faster than arrays.
    """
    walked = bytearray(len(targets))

    def follow(start: int, link: int) -> list[int]:
        path = [start]
        while True:
            previous, pixel = path[-1], targets[link]
            path.append(pixel)
            first, end = starts[pixel], starts[pixel + 1]
            back = targets.index(previous, first, end)
            walked[link] = walked[back] = True
            if end - first != 2 or pixel == start:
                return path
            link = first + end - 1 - back  # of two links, the one that does not lead back

    degrees = [end - first for first, end in pairwise(starts)]
    for pixel, degree in enumerate(degrees):
        if degree == 0:
            yield [pixel]
        elif degree != 2:
            for link in range(starts[pixel], starts[pixel + 1]):
                if not walked[link]:
                    yield follow(pixel, link)
    for pixel, degree in enumerate(degrees):  # closed loops
        if degree == 2 and not walked[starts[pixel]]:
            yield follow(pixel, starts[pixel])


def _length(line: np.ndarray) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())
