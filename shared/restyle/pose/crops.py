"""Crops of people for the pose network: an upright rectangle of any place, turn and size in an image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from shared.core.images import Box

HEIGHT, WIDTH = 256, 192  # of the network's input
MARGIN = 1.25  # of a crop around the box of a person
FILL = 128  # level of what lies outside the image


@dataclass(frozen=True)
class Crop:
    """Rectangle of an image.

    Attributes:
        x: Column of its center in pixels of the image.
        y: Row of its center.
        scale: Pixels of the image for each pixel of the crop.
        angle: Clockwise turn of the rectangle in radians.
        size: Width and height of the crop.
        mirrored: True if the crop is the mirror image of the rectangle.
    """

    x: float
    y: float
    scale: float
    angle: float = 0.0
    size: tuple[int, int] = (WIDTH, HEIGHT)
    mirrored: bool = False

    @classmethod
    def around(cls, box: Box, margin: float = MARGIN, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Crop:
        """Return the smallest crop around a box.

        Args:
            box: Left, top, right and bottom in pixels of the image.
            margin: Factor on the sides of the box.
            size: Width and height of the crop.
        """
        left, top, right, bottom = box
        scale = max((right - left) / size[0], (bottom - top) / size[1]) * margin
        return cls((left + right) / 2, (top + bottom) / 2, max(scale, 1e-3), size=size)

    def _matrix(self) -> np.ndarray:
        """Return the affine map from the crop to the image, `[2, 3]`; pixel centers are at 0.5, 1.5, ..."""
        cosine, sine = self.scale * math.cos(self.angle), self.scale * math.sin(self.angle)
        flip = -1.0 if self.mirrored else 1.0
        linear = np.array([[cosine * flip, -sine], [sine * flip, cosine]])
        center = np.array([self.x, self.y]) - linear @ (np.array(self.size) / 2)
        return np.column_stack([linear, center])

    def cut(self, image: Image.Image) -> Image.Image:
        """Return the pixels of the crop, mode RGB; grey outside the image."""
        # Resampling looks at 2 x 2 pixels: an image that is much larger than the crop is reduced before.
        factor = max(1, int(self.scale / 1.5))
        matrix = self._matrix()
        if factor > 1:
            reach = math.hypot(*self.size) * self.scale / 2
            left, top = (max(int(center - reach), 0) for center in (self.x, self.y))
            right = min(math.ceil(self.x + reach), image.width)
            bottom = min(math.ceil(self.y + reach), image.height)
            if left < right and top < bottom:
                image = image.reduce(factor, (left, top, right, bottom))
                matrix[:, 2] -= (left, top)
                matrix /= factor
        return image.transform(
            self.size,
            Image.Transform.AFFINE,
            tuple(matrix.ravel()),
            Image.Resampling.BILINEAR,
            fillcolor=(FILL,) * 3,
        )

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Map points `[n, 2]` of the crop to the image, x and y in pixels."""
        matrix = self._matrix()
        return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])

    def from_image(self, points: np.ndarray) -> np.ndarray:
        """Map points `[n, 2]` of the image to the crop, x and y in pixels."""
        matrix = self._matrix()
        return np.asarray((points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T)
