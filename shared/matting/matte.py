"""Matte: the main subject of a photo, as a mask, cut out, or on another background."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image, ImageColor

from shared.core.images import encode_image
from shared.matting.foreground import estimate_foreground


@dataclass(frozen=True)
class Matte:
    """Main subject of an image.

    Attributes:
        image: The image, of mode RGB.
        alpha: Mode L and of the size of the image, 0 background to 255 subject.
        coverage: Share of the image that the subject covers, 0..1.
        confidence: Share of the likely pixels of the subject that are sure, 0..1; low where the image has no
            main subject.
        seconds: Duration of the call.
    """

    image: Image.Image
    alpha: Image.Image
    coverage: float
    confidence: float
    seconds: float

    @cached_property
    def foreground(self) -> Image.Image:
        """Colors of the subject, of mode RGB, without the background that shines through its border."""
        return estimate_foreground(self.image, self.alpha)

    def cutout(self) -> Image.Image:
        """Return the subject on nothing, mode RGBA."""
        cutout = self.foreground.copy()
        cutout.putalpha(self.alpha)
        return cutout

    def composite(self, background: str | tuple[int, int, int] | Image.Image) -> Image.Image:
        """Put the subject on another background.

        Args:
            background: A color as PIL names them, such as `"white"` or `"#ff8800"`, an RGB color, or an
                image, which is cropped in the middle to the shape of the photo.

        Returns:
            Mode RGB, of the size of the image.

        Raises:
            ValueError: The color has no such name.
        """
        if isinstance(background, str):
            background = ImageColor.getrgb(background)[:3]
        if isinstance(background, Image.Image):
            scene = _cover(background.convert("RGB"), self.image.size)
        else:
            scene = Image.new("RGB", self.image.size, tuple(background))
        scene.paste(self.foreground, mask=self.alpha)
        return scene

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the pixels."""
        return {
            "width": self.image.width,
            "height": self.image.height,
            "coverage": round(self.coverage, 3),
            "confidence": round(self.confidence, 3),
            "seconds": round(self.seconds, 3),
        }

    def files(self) -> dict[str, bytes]:
        """Return the files of a download, by file name extension."""
        return {".png": encode_image(self.cutout())}


def confidence(probability: np.ndarray) -> float:
    """Return the share of sure pixels among the likely pixels of a subject.

    Args:
        probability: `[H, W]`, 0..1.

    Returns:
        Pixels above 0.8 over those above 0.2; 0 without any.

    >>> confidence(np.array([[0.9, 0.9, 0.5, 0.0]])), confidence(np.zeros((2, 2)))
    (0.6666666666666666, 0.0)
    """
    likely = int((probability > 0.2).sum())
    return int((probability > 0.8).sum()) / likely if likely else 0.0


def _cover(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize an image so that it covers a size, and crop it in the middle."""
    scale = max(size[0] / image.width, size[1] / image.height)
    width, height = size[0] / scale, size[1] / scale
    left, top = (image.width - width) / 2, (image.height - height) / 2
    box = (max(left, 0.0), max(top, 0.0), min(left + width, image.width), min(top + height, image.height))
    return image.resize(size, Image.Resampling.BICUBIC, box, reducing_gap=2.0)
