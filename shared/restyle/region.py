"""Parts of an image that are worked on: the box around a mask, in strips that take little memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from shared.restyle.arguments import Mask, check_image, mask_levels

STRIP_PIXELS = 120_000
SAMPLES = 20_000  # pixels that represent a garment in statistics
SOLID = 250  # level of the mask from which a pixel holds nothing but the subject


@dataclass(frozen=True)
class Region:
    """Pixels of an image in the box around a mask.

    Attributes:
        left: Column of the box in the image.
        top: Row of the box in the image.
        pixels: uint8 `[h, w, 3]`, a copy that can be changed.
        mask: uint8 `[h, w]`, 0 outside to 255 inside.
    """

    left: int
    top: int
    pixels: np.ndarray
    mask: np.ndarray

    @classmethod
    def around(cls, image: Image.Image, mask: Mask, margin: int = 0) -> Region:
        """Cut the box around a mask out of an image.

        Args:
            image: Mode RGB.
            mask: See `shared.restyle.arguments.Mask`, of the size of the image.
            margin: Pixels around the box, where the image has them.

        Raises:
            ImageError: The mask cannot be used.
            ValueError: The image has another mode.
        """
        check_image(image)
        levels = mask_levels(mask, image.size)
        rows, columns = (np.flatnonzero(levels.any(axis)) for axis in (1, 0))
        left, top = max(int(columns[0]) - margin, 0), max(int(rows[0]) - margin, 0)
        right = min(int(columns[-1]) + 1 + margin, image.width)
        bottom = min(int(rows[-1]) + 1 + margin, image.height)
        pixels = np.array(image.crop((left, top, right, bottom)))
        return cls(left, top, pixels, levels[top:bottom, left:right])

    @property
    def solid(self) -> np.ndarray:
        """Boolean `[h, w]` of pixels that hold nothing but the subject, or of most of it if none is solid."""
        return self.mask >= min(SOLID, int(self.mask.max()))

    def samples(self) -> np.ndarray:
        """Return up to `SAMPLES` solid pixels, evenly spread, uint8 `[n, 3]`."""
        indices = np.flatnonzero(self.solid)
        return self.pixels.reshape(-1, 3)[indices[:: max(1, len(indices) // SAMPLES)]]

    def strips(self) -> Iterator[slice]:
        """Yield the rows of the box in strips of about `STRIP_PIXELS`."""
        yield from strips(*self.mask.shape)

    def paste(self, image: Image.Image) -> Image.Image:
        """Return a copy of an image with the pixels of this region."""
        result = image.copy()
        result.paste(Image.fromarray(self.pixels), (self.left, self.top))
        return result


def strips(height: int, width: int) -> Iterator[slice]:
    """Yield rows in strips of about `STRIP_PIXELS`."""
    rows = max(1, STRIP_PIXELS // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))
