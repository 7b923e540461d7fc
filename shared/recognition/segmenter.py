"""Semantic segmentation: one call for every engine."""

from __future__ import annotations

import time
from functools import cached_property

from shared.core.images import Source, open_image
from shared.core.predictors import EnginePredictor
from shared.recognition.backends import SegmenterBackend
from shared.recognition.engines import SEGMENTERS
from shared.recognition.segmentation import Segmentation
from shared.recognition.vocabulary.class_names import segment_name


class Segmenter(EnginePredictor[SegmenterBackend]):
    """Classifier of an image's pixels. Safe to call from many threads at once.

    Attributes:
        engine: Name of the engine.
        backend: The network behind it.
    """

    ENGINES = SEGMENTERS

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Everyday class names, by id."""
        return tuple(map(segment_name, self.backend.labels))

    def __call__(self, image: Source) -> Segmentation:
        """Segment an image.

        Args:
            image: Anything that `shared.core.images.open_image` takes.

        Returns:
            The segmentation, of the image's size.

        Raises:
            ImageError: The image cannot be used.
        """
        started = time.perf_counter()
        image = open_image(image)
        output = self.backend.predict(image)
        return Segmentation(
            image=image,
            ids=output.ids,
            confidence=output.confidence,
            labels=self.labels,
            background=self.backend.background,
            engine=self.engine,
            seconds=time.perf_counter() - started,
            entropy=output.entropy,
            energy=output.energy,
        )
