"""Tiles of a large image, and maps of a coarse grid at the pixels of a tile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from shared.core.calls import check_call

TILE = 256  # side in pixels
AHEAD = 8  # tiles that are computed ahead, on several threads


class Tile(NamedTuple):
    """Rectangle in pixels, right and bottom excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def rows_and_columns(self) -> tuple[slice, slice]:
        """Index of the tile in an array `[H, W]`."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grow(self, margin: int, size: tuple[int, int]) -> Tile:
        """Return the tile with a margin, clipped to an image of width and height `size`."""
        return Tile(
            max(self.left - margin, 0),
            max(self.top - margin, 0),
            min(self.right + margin, size[0]),
            min(self.bottom + margin, size[1]),
        )

    def inside(self, outer: Tile) -> tuple[slice, slice]:
        """Return the index of the tile in the array of a larger one."""
        top, left = self.top - outer.top, self.left - outer.left
        return slice(top, top + self.bottom - self.top), slice(left, left + self.right - self.left)


def tiles(size: tuple[int, int]) -> Iterator[Tile]:
    """Split an image of width and height `size` into tiles, row by row.

    >>> len(list(tiles((600, 256))))
    3
    """
    width, height = size
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            check_call()
            yield Tile(left, top, min(left + TILE, width), min(top + TILE, height))


class Grid:
    """Maps on a coarse grid that covers an image.

    Args:
        maps: float32 `[h, w]` each, of one shape.
        size: Width and height of the image.
    """

    def __init__(self, maps: Sequence[np.ndarray], size: tuple[int, int]) -> None:
        self._planes = [Image.fromarray(np.ascontiguousarray(values, np.float32)) for values in maps]
        self._size = size

    def at(self, tile: Tile) -> list[np.ndarray]:
        """Interpolate all maps to the pixels of a tile; tiles join without a seam."""
        columns, rows = self._planes[0].size
        horizontal, vertical = columns / self._size[0], rows / self._size[1]
        box = (
            tile.left * horizontal,
            tile.top * vertical,
            min(tile.right * horizontal, columns),
            min(tile.bottom * vertical, rows),
        )
        shape = (tile.right - tile.left, tile.bottom - tile.top)
        return [np.asarray(plane.resize(shape, Image.Resampling.BILINEAR, box)) for plane in self._planes]
