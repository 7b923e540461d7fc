"""Working sizes of diffusion pipelines, and the way from any image to them and back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class SizeLimits:
    """Image sizes that a pipeline makes well.

    Attributes:
        max_pixels: Largest number of pixels.
        max_side: Largest width and height in pixels.
        min_side: Length in pixels to which the longer side of a smaller image is enlarged.
        multiple: Number that divides the width and the height.
        max_aspect: Largest ratio of the longer to the shorter side; narrower images get a margin. An image of
            this ratio and `max_side` must keep `max_pixels`.
    """

    max_pixels: int = 1024 * 1024
    max_side: int = 1536
    min_side: int = 768
    multiple: int = 16
    max_aspect: float = 4.0


@dataclass(frozen=True)
class Canvas:
    """Working image of a pipeline, with the resized original inside.

    Attributes:
        original: Size of the original, width and height in pixels.
        size: Size of the canvas.
        box: Part of the canvas that shows the original: left, top, right and bottom. The remaining margin
            repeats the border of the original.
    """

    original: tuple[int, int]
    size: tuple[int, int]
    box: tuple[int, int, int, int]

    @classmethod
    def fit(cls, size: tuple[int, int], limits: SizeLimits) -> Canvas:
        """Return the canvas of an image.

        Args:
            size: Width and height in pixels.
            limits: Sizes that are allowed.

        >>> Canvas.fit((4000, 3000), SizeLimits()).size
        (1168, 880)
        >>> Canvas.fit((3000, 2), SizeLimits()).size, Canvas.fit((3000, 2), SizeLimits()).box
        ((1536, 384), (0, 184, 1536, 200))
        """
        longest = max(size)
        scale = min(math.sqrt(limits.max_pixels / (size[0] * size[1])), limits.max_side / longest)
        scale = min(scale, max(1.0, limits.min_side / longest))
        step = limits.multiple
        width, height = (max(int(side * scale) // step * step, step) for side in size)
        shortest = math.ceil(max(width, height) / limits.max_aspect / step) * step
        canvas = max(width, shortest), max(height, shortest)
        left, top = (canvas[0] - width) // 2, (canvas[1] - height) // 2
        return cls(size, canvas, (left, top, left + width, top + height))

    def draw(self, image: Image.Image, resample: Image.Resampling = Image.Resampling.LANCZOS) -> Image.Image:
        """Return an image of the original's size on the canvas.

        Args:
            image: Image of mode RGB or L.
            resample: Filter; `NEAREST` keeps the colors of label maps.
        """
        left, top, right, bottom = self.box
        # Reducing first bounds the memory and the time of the filter on large images.
        gap = None if resample == Image.Resampling.NEAREST else 3.0
        inside = image.resize((right - left, bottom - top), resample, reducing_gap=gap)
        margins = ((top, self.size[1] - bottom), (left, self.size[0] - right))
        values = np.asarray(inside)
        return Image.fromarray(np.pad(values, margins + ((0, 0),) * (values.ndim - 2), mode="edge"))

    def restore(self, image: Image.Image) -> Image.Image:
        """Return the part of a canvas that shows the original, in the original's size."""
        return image.crop(self.box).resize(self.original, Image.Resampling.LANCZOS)
