"""Translation between two sets of images: one call for every engine and any image size."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from shared.core.images import Source, open_image
from shared.core.predictors import EnginePredictor
from shared.translation.engines import TRANSLATORS
from shared.translation.generator_backend import GeneratorBackend
from shared.translation.result import Translation
from shared.translation.tasks import DIRECTIONS, Direction, Task, check_direction

MIN_SIDE = 32


@dataclass(frozen=True)
class Cycle:
    """Translation of an image and the translation back.

    Attributes:
        there: Translation of the image.
        back: Translation of the result in the opposite direction.
        difference: Absolute difference of `back` and the image, mean over colors, of mode L.
    """

    there: Translation
    back: Translation
    difference: Image.Image

    @property
    def error(self) -> float:
        """Mean absolute difference of `back` and the image, 0..1."""
        return float(np.asarray(self.difference).mean() / 255)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the pixels."""
        return {"there": self.there.as_dict(), "back": self.back.as_dict(), "error": round(self.error, 4)}


class Translator(EnginePredictor[GeneratorBackend]):
    """Translator of images between two sets, in both directions. Safe to call from many threads at once.

    Attributes:
        engine: Name of the engine.
        backend: The generators behind it.
    """

    ENGINES = TRANSLATORS

    @property
    def task(self) -> Task:
        """Sets of images between which the engine translates."""
        return self.backend.task

    def __call__(self, image: Source, direction: str = "forward", *, side: int | None = None) -> Translation:
        """Translate an image.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            direction: `"forward"` from the first set of `task` to the second, or `"backward"`.
            side: Shorter side in pixels at which the network works, at least 32; by default the one with the
                best results in validation. Larger images are shrunk to it, and the result is enlarged.
                Images with a shorter side than `side` are enlarged.

        Returns:
            The translation, of the image's size.

        Raises:
            ImageError: The image cannot be used.
            ValueError: The direction or the side is out of range.
        """
        checked = check_direction(direction)
        _check_side(side)
        return self._translate(open_image(image), checked, side)

    def cycle(self, image: Source, direction: str = "forward", *, side: int | None = None) -> Cycle:
        """Translate an image and the result back again.

        Args:
            image: See `__call__`.
            direction: Direction of the first translation.
            side: See `__call__`.

        Returns:
            Both translations and the difference to the image.

        Raises:
            ImageError: The image cannot be used.
            ValueError: The direction or the side is out of range.
        """
        checked = check_direction(direction)
        _check_side(side)
        opened = open_image(image)
        there = self._translate(opened, checked, side)
        opposite = DIRECTIONS[1 - DIRECTIONS.index(checked)]
        back = self._translate(there.image.convert("RGB"), opposite, side)
        return Cycle(there, back, difference(opened, back.image))

    def _translate(self, image: Image.Image, direction: Direction, side: int | None) -> Translation:
        started = time.perf_counter()
        result = self.backend.translate(image, direction, side or self.backend.side(direction))
        familiarity = self.backend.familiarity(image, direction)
        return Translation(result, self.engine, time.perf_counter() - started, familiarity)


def _check_side(side: int | None) -> None:
    if side is not None and (not isinstance(side, int) or side < MIN_SIDE):
        raise ValueError(f"the side must be a whole number of at least {MIN_SIDE}, received {side!r}")


def difference(first: Image.Image, second: Image.Image) -> Image.Image:
    """Return the absolute difference of two images of the same size, mean over colors, of mode L.

    >>> difference(Image.new("RGB", (1, 1), (9, 0, 0)), Image.new("L", (1, 1))).getpixel((0, 0))
    3
    """
    out = Image.new("L", first.size)
    rows = max(1, 1_000_000 // first.width)  # bounds the memory of numbers wider than a byte
    for top in range(0, first.height, rows):
        box = (0, top, first.width, min(top + rows, first.height))
        levels = [np.asarray(part.crop(box).convert("RGB"), dtype=np.int16) for part in (first, second)]
        strip = np.abs(levels[0] - levels[1]).mean(2).round().astype(np.uint8)
        out.paste(Image.fromarray(strip), (0, top))
    return out
