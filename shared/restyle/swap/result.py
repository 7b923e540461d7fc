"""Result of an outfit swap, with the stages that led to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from shared.core.images import encode_image


@dataclass(frozen=True)
class Stage:
    """Step on the way to a swap, as an image.

    Attributes:
        name: Name in files and in the API.
        title: Caption for visitors.
        image: Mode RGB or L.
    """

    name: str
    title: str
    image: Image.Image


@dataclass(frozen=True)
class OutfitSwap:
    """Photo of a person in the garments of another photo.

    Attributes:
        image: Result, mode RGB and of the size of the person's photo.
        garments: Garment of the other photo for each garment of the person that changed.
        stages: Steps in their order.
        agreement: Share of the changed pixels that generator III takes for garments, 0..1.
        notes: Sentences for visitors about what limits the result.
        seconds: Duration of the call.
    """

    image: Image.Image
    garments: Mapping[str, str]
    stages: Sequence[Stage]
    agreement: float
    notes: Sequence[str]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the pixels.

        >>> OutfitSwap(Image.new("RGB", (4, 2)), {"top": "dress"}, [], 0.9, [], 0.25).as_dict()["garments"]
        {'top': 'dress'}
        """
        return {
            "width": self.image.width,
            "height": self.image.height,
            "garments": dict(self.garments),
            "stages": [{"name": stage.name, "title": stage.title} for stage in self.stages],
            "agreement": round(self.agreement, 3),
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }

    def files(self) -> dict[str, bytes]:
        """Return the files of a download, by file name extension: the result and its stages."""
        stages = {f".{stage.name}.png": encode_image(stage.image) for stage in self.stages}
        return {".png": encode_image(self.image), **stages}
