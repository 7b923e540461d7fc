"""Colorization of images of any size by any engine; lightness stays exactly as it was."""

from __future__ import annotations

import time
from numbers import Real

from shared.core.images import Source, open_image
from shared.core.predictors import EnginePredictor
from shared.translation.colorization.backend import ColorizationBackend
from shared.translation.colorization.lab import image_of, lightness_of
from shared.translation.engines import COLORIZERS
from shared.translation.result import Translation

MAX_SATURATION = 2.0


class Colorizer(EnginePredictor[ColorizationBackend]):
    """Colorizer of images of any size. Safe to call from many threads at once.

    Attributes:
        engine: Name of the engine.
        backend: The model behind it.
    """

    ENGINES = COLORIZERS

    def __call__(self, image: Source, saturation: float = 1.0) -> Translation:
        """Colorize an image; colors that it already has are ignored.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            saturation: Factor on the chroma, 0..2; 0 gives the grey image.

        Returns:
            An image of mode RGB, with the size and the lightness of the input.

        Raises:
            ImageError: The image cannot be used.
            ValueError: The saturation is out of range.
        """
        started = time.perf_counter()
        if not isinstance(saturation, Real) or not 0 <= saturation <= MAX_SATURATION:
            raise ValueError(
                f"the saturation must be a number in 0..{MAX_SATURATION:g}, received {saturation!r}"
            )
        lightness = lightness_of(open_image(image))
        chroma = self.backend.chroma(lightness)
        chroma *= float(saturation)
        return Translation(image_of(lightness, chroma), self.engine, time.perf_counter() - started)
