"""Result of a translation: an image of the input's size, shared by all predictors of this package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PIL import Image

from shared.core.images import encode_image


@dataclass(frozen=True)
class Translation:
    """Image that an engine made of another one.

    Attributes:
        image: Result, of mode RGB or L and of the input's size.
        engine: Name of the engine.
        seconds: Duration of the call.
        familiarity: Likeness of the input to the training data, 0..1, 1 for typical training data; None where
            it is not measured.
    """

    image: Image.Image
    engine: str
    seconds: float
    familiarity: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the pixels.

        >>> Translation(Image.new("RGB", (4, 2)), "facades-pix2pix", 0.25).as_dict()
        {'engine': 'facades-pix2pix', 'width': 4, 'height': 2, 'seconds': 0.25, 'familiarity': None}
        """
        familiarity = None if self.familiarity is None else round(self.familiarity, 3)
        return {
            "engine": self.engine,
            "width": self.image.width,
            "height": self.image.height,
            "seconds": round(self.seconds, 3),
            "familiarity": familiarity,
        }

    def files(self) -> dict[str, bytes]:
        """Return the files of a download, by file name extension."""
        return {".png": encode_image(self.image)}
