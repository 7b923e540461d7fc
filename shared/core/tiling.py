"""Tiling of large images, and the size at which a network sees a whole one.

A dense map of a large image is computed tile by tile, and the tiles are blended without a seam. A
convolutional network sees nothing beyond its tile, so near a tile's edge its output differs from that for
the whole image. Neighbouring tiles therefore overlap. In the overlap the output passes smoothly from one to
the other, and the outermost part of every tile, which the padding affects most, is not used at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from shared.core.calls import check_call


class Tile(NamedTuple):
    """Rectangle in pixels, right and bottom excluded, in the order of `PIL.Image.Image.crop`."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Tiling:
    """Settings of a tiling.

    Attributes:
        max_pixels: Largest number of pixels of a tile, which bounds the memory of a network; exceeded only if
            twice the overlap requires it.
        overlap: Pixels that two neighbouring tiles share; a multiple of `multiple`. Tiles do not show if it
            is as wide as the area that really affects a network's output, which is far less than its
            receptive field.
        multiple: Tiles start at multiples of this: the stride of a network, so that its cells lie on the same
            pixels in every tile.
    """

    max_pixels: int
    overlap: int
    multiple: int = 1

    def tiles(self, width: int, height: int) -> list[Tile]:
        """Split an image into overlapping tiles, row by row.

        Tiles are square where the image allows it. In a narrow image they are as much longer, so that a strip
        one pixel wide is not split into thousands of them.

        Args:
            width: Width of the image in pixels.
            height: Height of the image in pixels.

        >>> for tile in Tiling(max_pixels=16_000, overlap=40).tiles(300, 100):
        ...     print(*tile)
        0 0 127 100
        87 0 214 100
        174 0 300 100
        """
        if width * height <= self.max_pixels:
            return [Tile(0, 0, width, height)]
        square = math.isqrt(self.max_pixels)
        minimum = self.overlap + max(self.overlap, self.multiple)
        across, down = (
            max(self.max_pixels // min(side, square), minimum)
            for side in (height, width)  # a tile is as wide as its height allows, and as high as its width
        )
        columns = split_length(width, size=across, overlap=self.overlap, multiple=self.multiple)
        rows = split_length(height, size=down, overlap=self.overlap, multiple=self.multiple)
        return [Tile(left, top, right, bottom) for top, bottom in rows for left, right in columns]


def split_length(length: int, *, size: int, overlap: int, multiple: int = 1) -> list[tuple[int, int]]:
    """Split a length into overlapping spans of even size.

    Args:
        length: Pixels to cover, at least 1.
        size: Largest size of a span, at least `2 * overlap` and `overlap + multiple`.
        overlap: Pixels that two neighbours share, exactly; a multiple of `multiple`.
        multiple: Every span starts at a multiple of this.

    Returns:
        Start and stop (excluded) of each span, in order. Only neighbours overlap.

    Raises:
        ValueError: The numbers are inconsistent.

    >>> split_length(100, size=100, overlap=20)
    [(0, 100)]
    >>> split_length(100, size=50, overlap=20, multiple=4)
    [(0, 48), (28, 76), (56, 100)]
    """
    if (
        length < 1
        or multiple < 1
        or overlap < 0
        or overlap % multiple
        or size - overlap < max(overlap, multiple)
    ):
        raise ValueError(
            "expected length >= 1, overlap a multiple of multiple, size >= 2 * overlap and "
            f">= overlap + multiple, received {length=}, {size=}, {overlap=}, {multiple=}"
        )
    if length <= size:
        return [(0, length)]
    longest_step = (size - overlap) // multiple * multiple
    count = math.ceil((length - overlap) / longest_step)
    # Even spans waste less than full ones and a remainder.
    step = max(math.ceil((length - overlap) / count / multiple) * multiple, overlap)
    count = math.ceil((length - overlap) / step)
    return [(i * step, min(i * step + step + overlap, length)) for i in range(count)]


def add_tiles(function: Callable[[Tile], Tensor], out: Tensor, tiling: Tiling, *, weight: float = 1) -> None:
    """Compute a dense map tile by tile and add it to `out`.

    It adds, rather than returns, so that a caller can average several passes (scales, mirror images) in one
    buffer.

    Args:
        function: Returns the map of a tile, `[C, bottom - top, right - left]`.
        out: `[C, H, W]` of any floating type; changed in place.
        tiling: Sizes of the tiles.
        weight: Factor of the map.

    Raises:
        GenerationError: The call that runs here must end, see `shared.core.calls`.
        ValueError: `function` returned a map of another shape, or the sizes are inconsistent.
    """
    channels, height, width = out.shape
    for tile in tiling.tiles(width, height):
        check_call()
        values = function(tile)
        shape = (channels, tile.bottom - tile.top, tile.right - tile.left)
        if values.shape != shape:
            raise ValueError(f"expected a map of shape {shape} for {tile}, received {tuple(values.shape)}")
        if shape[1] < height:
            values = (
                values * _blend_weights(tile.top, tile.bottom, height, tiling.overlap).to(values)[:, None]
            )
        if shape[2] < width:
            values = values * _blend_weights(tile.left, tile.right, width, tiling.overlap).to(values)
        region = out[:, tile.top : tile.bottom, tile.left : tile.right]
        region.add_(values.to(out.device), alpha=weight)


def _blend_weights(start: int, stop: int, length: int, overlap: int) -> Tensor:
    """Compute the weight of a span at each of its pixels; the weights of all spans add up to 1.

    The weight rises with smoothstep, 3t^2 - 2t^3, over the middle half of the overlap, so the outer quarter
    of a tile counts nothing.
    """
    weights = torch.ones(stop - start)
    t = ((torch.arange(overlap) + 0.5) / max(overlap, 1) * 2 - 0.5).clamp(0, 1)
    rise = t * t * (3 - 2 * t)
    if start > 0:
        weights[:overlap] *= rise
    if stop < length:
        weights[stop - start - overlap :] *= 1 - rise
    return weights


def working_size(size: tuple[int, int], side: int, max_side: int, multiple: int = 32) -> tuple[int, int]:
    """Return the width and height at which a network sees a whole image, in the image's proportions.

    Args:
        size: Width and height of the image in pixels.
        side: The result has about as many pixels as a square of this side.
        max_side: Longest side of the result, a multiple of `multiple`.
        multiple: Both sides are multiples of it.

    >>> working_size((4000, 3000), 288, 960), working_size((5000, 1), 288, 960)
    ((320, 256), (960, 32))
    """
    scale = side / math.sqrt(size[0] * size[1])
    sides = (round(length * scale / multiple) * multiple for length in size)
    width, height = (min(max(length, multiple), max_side) for length in sides)
    return width, height
