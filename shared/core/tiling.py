"""Large pictures in tiles: a dense map is computed piece by piece, and the pieces are blended without a seam.

A convolutional network sees nothing beyond its tile, so near a tile's edge its answer differs from the one
for the whole picture. Neighboring tiles therefore overlap. In the overlap the answer passes smoothly from one
to the other, and the outermost part of every tile, where the padding is felt most, is not used at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Box(NamedTuple):
    """A rectangle in pixels, right and bottom excluded, in the order of `PIL.Image.Image.crop`."""

    left: int
    top: int
    right: int
    bottom: int


def spans(length: int, *, tile: int, overlap: int, multiple: int = 1) -> list[tuple[int, int]]:
    """Cuts a line into overlapping pieces of even length.

    Args:
        length: Pixels to cover, at least 1.
        tile: The longest piece, at least `2 * overlap` and `overlap + multiple`.
        overlap: Pixels that two neighbors share, exactly; a whole number of `multiple`.
        multiple: Every piece starts at a multiple of this: the stride of a network, so that its cells lie on
            the same pixels in every piece.

    Returns:
        Start and stop (excluded) of each piece, in order. Only neighbors overlap.

    Raises:
        ValueError: The numbers do not fit together.

    >>> spans(100, tile=100, overlap=20)
    [(0, 100)]
    >>> spans(100, tile=50, overlap=20, multiple=4)
    [(0, 48), (28, 76), (56, 100)]
    """
    if (
        length < 1
        or multiple < 1
        or overlap < 0
        or overlap % multiple
        or tile - overlap < max(overlap, multiple)
    ):
        raise ValueError(
            "expected length >= 1, overlap a whole number of multiple, tile >= 2 * overlap and "
            f">= overlap + multiple, received {length=}, {tile=}, {overlap=}, {multiple=}"
        )
    if length <= tile:
        return [(0, length)]
    longest_step = (tile - overlap) // multiple * multiple
    count = math.ceil((length - overlap) / longest_step)
    # Even pieces waste less than full ones and a remainder.
    step = max(math.ceil((length - overlap) / count / multiple) * multiple, overlap)
    count = math.ceil((length - overlap) / step)
    return [(i * step, min(i * step + step + overlap, length)) for i in range(count)]


def boxes(width: int, height: int, *, pixels: int, overlap: int, multiple: int = 1) -> list[Box]:
    """Cuts a picture into overlapping tiles of about `pixels` pixels at most, row by row.

    Tiles are square where the picture allows it. In a narrow picture they are as much longer, so that a strip
    one pixel wide is not cut into thousands of them.

    Args:
        width: Of the picture.
        height: Of the picture.
        pixels: Most pixels of a tile; more only where twice the overlap asks for it.
        overlap: See `spans`.
        multiple: See `spans`.

    >>> for box in boxes(300, 100, pixels=16_000, overlap=40):
    ...     print(*box)
    0 0 127 100
    87 0 214 100
    174 0 300 100
    """
    if width * height <= pixels:
        return [Box(0, 0, width, height)]
    square = math.isqrt(pixels)
    least = overlap + max(overlap, multiple)
    across, down = (max(pixels // min(other, square), least) for other in (height, width))
    columns = spans(width, tile=across, overlap=overlap, multiple=multiple)
    rows = spans(height, tile=down, overlap=overlap, multiple=multiple)
    return [Box(left, top, right, bottom) for top, bottom in rows for left, right in columns]


def add_tiles(
    function: Callable[[Box], Tensor],
    out: Tensor,
    *,
    weight: float = 1,
    pixels: int,
    overlap: int,
    multiple: int = 1,
) -> None:
    """Computes a dense map tile by tile and adds it to `out`.

    It adds, rather than returns, so that a caller can average several passes (scales, mirror images) in one
    buffer.

    Args:
        function: Gives for a box of the picture its map `[C, bottom - top, right - left]`.
        out: `[C, H, W]` of any floating type; changed in place.
        weight: What the map is multiplied with.
        pixels: Most pixels of a tile, see `boxes`; it bounds the memory that `function` needs.
        overlap: Pixels that neighboring tiles share, see `spans`. No tile shows where it is as wide as the
            area that really moves a network's output, which is far less than its receptive field.
        multiple: Tiles start at multiples of this, see `spans`.

    Raises:
        ValueError: `function` gave a map of another shape than its box, or the numbers do not fit together.
    """
    channels, height, width = out.shape
    for box in boxes(width, height, pixels=pixels, overlap=overlap, multiple=multiple):
        part = function(box)
        shape = (channels, box.bottom - box.top, box.right - box.left)
        if part.shape != shape:
            raise ValueError(f"expected a map of shape {shape} for {box}, received {tuple(part.shape)}")
        if shape[1] < height:
            part = part * _shares(box.top, box.bottom, height, overlap).to(part)[:, None]
        if shape[2] < width:
            part = part * _shares(box.left, box.right, width, overlap).to(part)
        out[:, box.top : box.bottom, box.left : box.right].add_(part.to(out.device), alpha=weight)


def _shares(start: int, stop: int, length: int, overlap: int) -> Tensor:
    """What one piece of a line counts at each of its pixels; the shares of all pieces add up to 1."""
    shares = torch.ones(stop - start)
    # From 0 to 1 over the middle half of the overlap: the outer quarter of a piece has no say.
    t = ((torch.arange(overlap) + 0.5) / max(overlap, 1) * 2 - 0.5).clamp(0, 1)
    rise = t * t * (3 - 2 * t)
    if start > 0:
        shares[:overlap] *= rise
    if stop < length:
        shares[stop - start - overlap :] *= 1 - rise
    return shares
