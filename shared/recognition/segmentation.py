"""Segmentation of an image: the class of each pixel, the region of each class, and both as files."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from shared.core.images import encode_image

#: Color of pixels of none of the classes.
UNKNOWN_COLOR = (150, 150, 150)


def class_colors(classes: int) -> np.ndarray:
    """Return PASCAL VOC's colors of class ids.

    The bits of an id, three at a time, become the highest bits of red, green and blue.

    Args:
        classes: Number of colors.

    Returns:
        uint8 `[classes, 3]`; the first color is black.

    >>> class_colors(3).tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    """
    ids = np.arange(classes)[:, None]
    colors = np.zeros((classes, 3), np.int64)
    for step in range(8):
        colors |= ((ids >> (3 * step + np.arange(3))) & 1) << (7 - step)
    return colors.astype(np.uint8)


@dataclass(frozen=True)
class Region:
    """All pixels of one class in an image.

    Attributes:
        label: Name of the class.
        id: Index of the class.
        area_fraction: Fraction of the image's area, 0..1.
        confidence: Mean probability of the class over these pixels, 0..1; of pixels of none of the classes,
            that of the rejected classes.
        box: Left, top, right, bottom in pixels; right and bottom are exclusive.
    """

    label: str
    id: int
    area_fraction: float
    confidence: float
    box: tuple[int, int, int, int]

    @property
    def name(self) -> str:
        """Label without the words in brackets, for the names of files."""
        return self.label.partition(" (")[0]

    def as_dict(self) -> dict[str, Any]:
        """Return the region as plain values, fractions rounded."""
        values = {
            "area_fraction": round(self.area_fraction, 5),
            "confidence": round(self.confidence, 4),
            "box": list(self.box),
        }
        return asdict(self) | values


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Classes of an image's pixels.

    Attributes:
        image: The image, upright, RGB.
        ids: uint8 `[H, W]`, class of each pixel.
        confidence: float16 `[H, W]`, probability of that class, 0..1.
        labels: Class names, by id.
        background: Id of the class without objects; None if every class is an object.
        engine: Name of the engine.
        seconds: Duration of the call.
        unknown: Id of pixels of none of the classes, the last label; None if there are none.
        entropy: float32 `[classes]`, see `shared.recognition.backends.SegmenterOutput`; None if not known.
        energy: float32 `[classes]`, likewise.
    """

    image: Image.Image = field(repr=False)
    ids: np.ndarray = field(repr=False)
    confidence: np.ndarray = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)
    background: int | None
    engine: str
    seconds: float = 0.0
    unknown: int | None = field(default=None, repr=False)
    entropy: np.ndarray | None = field(default=None, repr=False)
    energy: np.ndarray | None = field(default=None, repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as in PIL."""
        return self.image.size

    @property
    def summary(self) -> str:
        """Labels of the regions with their fractions of the image's area, largest first."""
        percents = (f"{region.area_fraction:.0%}" for region in self.regions)
        parts = [
            f"{region.label} {'under 1%' if percent == '0%' else percent}"
            for region, percent in zip(self.regions, percents, strict=True)
        ]
        return ", ".join(parts) or "nothing found"

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """Regions of all classes in the image but the background, largest first."""
        pixel_counts = np.array(Image.fromarray(self.ids).histogram())  # NumPy would count a copy in int64
        regions = []
        for class_id in np.flatnonzero(pixel_counts):
            if class_id == self.background:
                continue
            mask = self.ids == class_id
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            region = Region(
                label=self.labels[class_id],
                id=int(class_id),
                area_fraction=float(pixel_counts[class_id] / self.ids.size),
                confidence=float(self.confidence[mask].mean(dtype=np.float64)),
                box=(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1),
            )
            regions.append(region)
        return tuple(sorted(regions, key=lambda region: -region.area_fraction))

    def reject(self, class_ids: Collection[int], label: str) -> Segmentation:
        """Return the segmentation with all pixels of some classes as pixels of none of the classes.

        Args:
            class_ids: Ids of the classes.
            label: Name of the region of these pixels.
        """
        if not class_ids:
            return self
        unknown = len(self.labels)
        ids = np.where(np.isin(self.ids, list(class_ids)), np.uint8(unknown), self.ids)
        return replace(self, ids=ids, labels=(*self.labels, label), unknown=unknown)

    def mask(self, class_id: int) -> Image.Image:
        """Return the mask of a class: mode L, 255 on its pixels, else 0."""
        return Image.fromarray(np.where(self.ids == class_id, np.uint8(255), np.uint8(0)))

    def cutout(self, region: Region) -> Image.Image:
        """Return a region cropped to its box on a transparent background: mode RGBA."""
        cutout = Image.new("RGBA", (region.box[2] - region.box[0], region.box[3] - region.box[1]))
        cutout.paste(self.image.crop(region.box), mask=self.mask(region.id).crop(region.box))
        return cutout

    def overlay(self, strength: float = 0.6) -> Image.Image:
        """Return the image with each region tinted in the color of its class: mode RGB.

        Args:
            strength: Opacity of the colors, 0..1.

        Raises:
            ValueError: `strength` is not in 0..1.
        """
        if not 0 <= strength <= 1:
            raise ValueError(f"strength must be in 0..1, received {strength}")
        tinted = Image.blend(self.image, self.id_map().convert("RGB"), strength)
        if self.background is not None:
            tinted.paste(self.image, mask=self.mask(self.background))
        return tinted

    def palette(self) -> np.ndarray:
        """Return the colors of the classes, uint8 `[classes, 3]`."""
        colors = class_colors(len(self.labels))
        if self.unknown is not None:
            colors[self.unknown] = UNKNOWN_COLOR
        return colors

    def id_map(self) -> Image.Image:
        """Return the class ids with the colors as palette: mode P, the format of VOC's annotations."""
        image = Image.fromarray(self.ids)
        image.putpalette(self.palette().tobytes())
        return image

    def as_dict(self) -> dict[str, Any]:
        """Return size, regions and class names as plain values."""
        return {
            "size": list(self.size),
            "regions": [region.as_dict() for region in self.regions],
            "labels": list(self.labels),
        }

    def as_row(self) -> dict[str, str]:
        """Return the regions with their area fractions as one table cell, by column."""
        regions = (f"{region.label} {region.area_fraction:.4f}" for region in self.regions)
        return {"regions": "; ".join(regions)}

    def preview_files(self) -> dict[str, bytes]:
        """Return the contents of two small files, id map and overlay, by the suffix of their names."""
        return {
            "-classes.png": encode_image(self.id_map()),
            "-regions.jpg": encode_image(self.overlay(), "JPEG"),
        }

    def files(self) -> dict[str, bytes]:
        """Return file contents by name: id map, regions, and a mask and a cut-out per region."""
        files = {
            "classes.png": encode_image(self.id_map()),
            "regions.json": json.dumps(self.as_dict(), indent=2).encode(),
        }
        for region in self.regions:
            stem = region.name.replace(" ", "-").replace("/", "-")
            files[f"{stem}-mask.png"] = encode_image(self.mask(region.id))
            files[f"{stem}-cutout.png"] = encode_image(self.cutout(region))
        return files
