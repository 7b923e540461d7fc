"""What a segmenter gives back: a class for every pixel, the regions of each class, and both as files."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from PIL import Image


def class_colors(count: int) -> np.ndarray:
    """The colors that PASCAL VOC gives to class ids: uint8 `[count, 3]`, the first is black.

    The bits of the id, three at a time, become the highest bits of red, green and blue.

    >>> class_colors(3).tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    """
    ids = np.arange(count)[:, None]
    colors = np.zeros((count, 3), np.int64)
    for step in range(8):
        colors |= ((ids >> (3 * step + np.arange(3))) & 1) << (7 - step)
    return colors.astype(np.uint8)


@dataclass(frozen=True)
class Region:
    """All pixels of one class in a picture.

    Attributes:
        label: The class's name.
        id: Its number.
        area_fraction: The part of the picture that it covers, 0..1.
        confidence: How sure the segmenter is of these pixels on average, 0..1.
        box: Left, top, right, bottom in pixels, right and bottom excluded.
    """

    label: str
    id: int
    area_fraction: float
    confidence: float
    box: tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The classes of a picture's pixels.

    Attributes:
        image: The picture, upright, RGB.
        ids: uint8 `[H, W]`, the class of each pixel.
        confidence: float16 `[H, W]`, its probability, 0..1.
        labels: Names of the classes, by number.
        background: Number of the class that is no object, or None where every class is one.
        engine: The name of the engine.
        seconds: What it took.
    """

    image: Image.Image = field(repr=False)
    ids: np.ndarray = field(repr=False)
    confidence: np.ndarray = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)
    background: int | None
    engine: str
    seconds: float = 0.0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as PIL has them."""
        return self.image.size

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The classes that occur, without the background, largest first."""
        counts = np.array(Image.fromarray(self.ids).histogram())  # NumPy would count a copy in int64
        found = []
        for number in np.flatnonzero(counts):
            if number == self.background:
                continue
            mask = self.ids == number
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            region = Region(
                label=self.labels[number],
                id=int(number),
                area_fraction=float(counts[number] / self.ids.size),
                confidence=float(self.confidence[mask].mean(dtype=np.float64)),
                box=(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1),
            )
            found.append(region)
        return tuple(sorted(found, key=lambda region: -region.area_fraction))

    def mask(self, number: int) -> Image.Image:
        """White where a picture shows the class, else black: mode L."""
        return Image.fromarray(np.where(self.ids == number, np.uint8(255), np.uint8(0)))

    def cutout(self, region: Region) -> Image.Image:
        """A region alone, cropped to its box, with nothing around it: mode RGBA."""
        alone = Image.new("RGBA", (region.box[2] - region.box[0], region.box[3] - region.box[1]))
        alone.paste(self.image.crop(region.box), mask=self.mask(region.id).crop(region.box))
        return alone

    def picture(self, strength: float = 0.6) -> Image.Image:
        """The picture with every region tinted in the color of its class: mode RGB.

        Args:
            strength: How much of the color to lay on, 0..1.

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
        """The colors of the classes, uint8 `[classes, 3]`."""
        return class_colors(len(self.labels))

    def id_map(self) -> Image.Image:
        """The class ids as a picture with the colors as its palette: mode P, as VOC's annotation files."""
        picture = Image.fromarray(self.ids)
        picture.putpalette(self.palette().tobytes())
        return picture

    def as_dict(self) -> dict:
        """The regions as plain values."""
        return {
            "size": list(self.size),
            "regions": [
                {
                    "label": region.label,
                    "id": region.id,
                    "area_fraction": round(region.area_fraction, 5),
                    "confidence": round(region.confidence, 4),
                    "box": list(region.box),
                }
                for region in self.regions
            ],
            "labels": list(self.labels),
        }

    def files(self) -> dict[str, bytes]:
        """Everything as files by name: ids, regions, and a mask and a cut-out for each region."""
        files = {
            "classes.png": _png(self.id_map()),
            "regions.json": json.dumps(self.as_dict(), indent=2).encode(),
        }
        for region in self.regions:
            stem = region.label.replace(" ", "-").replace("/", "-")
            files[f"{stem}-mask.png"] = _png(self.mask(region.id))
            files[f"{stem}-cutout.png"] = _png(self.cutout(region))
        return files


def _png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
