"""Semantic segmentation: one call for every engine."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from shared.core import engines
from shared.core.images import Source, open_image
from shared.recognition.backends import SegmenterBackend
from shared.recognition.engines import SEGMENTERS
from shared.recognition.segmentation import Segmentation

if TYPE_CHECKING:
    import torch


class Segmenter:
    """Classifier of an image's pixels. Safe to call from many threads at once.

    Attributes:
        engine: Name of the engine.
        backend: The network behind it.
    """

    def __init__(self, engine: str, backend: SegmenterBackend) -> None:
        self.engine = engine
        self.backend = backend

    @classmethod
    def load(
        cls,
        name: str = "fcfn",
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> Segmenter:
        """Load an engine.

        Args:
            name: One of `shared.recognition.engines.SEGMENTERS`.
            folder: Weights to use in place of the engine's own.
            device: Device of the network, by default `shared.core.devices.default_device()`.
            allow_hub: True to download weights that are not on this machine. Engines of the Hub always
                download theirs.

        Raises:
            ValueError: No engine has this name.
            WeightsError: The weights cannot be used.
        """
        engine = engines.find(SEGMENTERS, name)
        return cls(name, engine.load(folder=folder, device=device, allow_hub=allow_hub))

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names, by id."""
        return self.backend.labels

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
        ids, confidence = self.backend.predict(image)
        return Segmentation(
            image=image,
            ids=ids,
            confidence=confidence,
            labels=self.labels,
            background=self.backend.background,
            engine=self.engine,
            seconds=time.perf_counter() - started,
        )
