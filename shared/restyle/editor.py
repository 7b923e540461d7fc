"""Editor of garments and backgrounds: pictures from any source in, pictures of the same size out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from shared.core.images import Source, encode_image, open_image
from shared.restyle.arguments import Color, Mask
from shared.restyle.background import Background, swap_background
from shared.restyle.garment.mask import refine_mask
from shared.restyle.garment.palette import transfer_palette
from shared.restyle.garment.pattern import PatternSettings, apply_pattern
from shared.restyle.garment.recolor import recolor
from shared.restyle.garment.tiles import extract_fabric


@dataclass(frozen=True)
class Restyling:
    """Edited image.

    Attributes:
        image: Result, of mode RGB and of the input's size.
        operation: Name of the operation: recolor, pattern, fabric, palette, background, outfit or words.
        seconds: Duration of the call.
    """

    image: Image.Image
    operation: str
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the pixels.

        >>> Restyling(Image.new("RGB", (4, 2)), "recolor", 0.25).as_dict()
        {'operation': 'recolor', 'width': 4, 'height': 2, 'seconds': 0.25}
        """
        return {
            "operation": self.operation,
            "width": self.image.width,
            "height": self.image.height,
            "seconds": round(self.seconds, 3),
        }

    def files(self) -> dict[str, bytes]:
        """Return the files of a download, by file name extension."""
        return {".png": encode_image(self.image)}


class RestyleEditor:
    """Editor of garments and backgrounds, at full resolution. Safe to call from many threads.

    Args:
        refine: True to move the borders of masks to the edges of the photo; False for masks that are exact,
            such as alpha mattes. Masks of another size than the photo are always refined.
    """

    def __init__(self, refine: bool = True) -> None:
        self.refine = refine

    def recolor(
        self, image: Source, mask: Mask, color: Color, strength: float = 1.0, *, prints: str = "keep"
    ) -> Restyling:
        """Give a garment another color; see `shared.restyle.garment.recolor.recolor`."""
        return self._run(
            "recolor",
            image,
            lambda opened: recolor(opened, self.mask(opened, mask), color, strength, prints=prints),
        )

    def pattern(
        self,
        image: Source,
        mask: Mask,
        pattern: Source,
        settings: PatternSettings | None = None,
        *,
        coordinates: np.ndarray | None = None,
    ) -> Restyling:
        """Lay a pattern on a garment; see `shared.restyle.garment.pattern.apply_pattern`."""
        return self._run(
            "pattern",
            image,
            lambda opened: apply_pattern(
                opened, self.mask(opened, mask), open_image(pattern), settings, coordinates=coordinates
            ),
        )

    def fabric(
        self,
        image: Source,
        mask: Mask,
        source_image: Source,
        source_mask: Mask,
        settings: PatternSettings | None = None,
    ) -> Restyling:
        """Lay the fabric of another garment on one; see `shared.restyle.garment.tiles.extract_fabric`."""

        def edit(opened: Image.Image) -> Image.Image:
            source = open_image(source_image)
            fabric = extract_fabric(source, self.mask(source, source_mask))
            return apply_pattern(
                opened, self.mask(opened, mask), fabric, settings or PatternSettings(tiling="wrap")
            )

        return self._run("fabric", image, edit)

    def palette(
        self,
        image: Source,
        masks: Sequence[Mask],
        source_image: Source,
        source_masks: Sequence[Mask],
        strength: float = 1.0,
    ) -> Restyling:
        """Give an outfit the colors of another one; see `shared.restyle.garment.palette.transfer_palette`."""

        def edit(opened: Image.Image) -> Image.Image:
            source = open_image(source_image)
            garments = [self.mask(opened, mask) for mask in masks]
            sources = [self.mask(source, mask) for mask in source_masks]
            return transfer_palette(opened, garments, source, sources, strength)

        return self._run("palette", image, edit)

    def background(
        self,
        image: Source,
        mask: Mask,
        background: Background,
        *,
        foreground: Image.Image | None = None,
        light: float = 0.0,
    ) -> Restyling:
        """Put a subject in front of another background; see `shared.restyle.background.swap_background`."""
        return self._run(
            "background",
            image,
            lambda opened: swap_background(
                opened, self.mask(opened, mask), background, foreground=foreground, light=light
            ),
        )

    def mask(self, image: Image.Image, mask: Mask) -> Mask:
        """Return the mask that is used for an image, refined where that is set or needed."""
        size = mask.size if isinstance(mask, Image.Image) else tuple(np.shape(mask)[::-1])
        return refine_mask(image, mask) if self.refine or size != image.size else mask

    def _run(self, operation: str, image: Source, edit: Callable[[Image.Image], Image.Image]) -> Restyling:
        started = time.perf_counter()
        result = edit(open_image(image))
        return Restyling(result, operation, time.perf_counter() - started)
