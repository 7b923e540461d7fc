"""Recall of old and new classes during a lesson."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from shared.networks.lifelong.embedder import EmbeddingNetwork
from shared.retrieval.lifelong.gallery import LearnedGallery
from shared.retrieval.lifelong.results import Recall


class RecallCurve:
    """Measure recall on a gallery that already has the photos of the lesson.

    Args:
        gallery: The gallery.
        new_classes: Names of the classes of the lesson.
        on_recall: Called with each measurement.

    Attributes:
        points: All measurements, in their order.
    """

    def __init__(
        self, gallery: LearnedGallery, new_classes: Sequence[str], on_recall: Callable[[Recall], None]
    ) -> None:
        self._gallery, self._new_classes, self._on_recall = gallery, new_classes, on_recall
        self._old_classes = set(gallery.labels) - {"", *new_classes}
        self.points: list[Recall] = []

    def measure(self, step: int, network: EmbeddingNetwork) -> None:
        """Add the recall of a network.

        Args:
            step: Optimizer step, from 0.
            network: The network, in eval mode.
        """
        vectors = self._gallery.describe(network).vectors
        old, new = (
            self._gallery.recall(classes, vectors) for classes in (self._old_classes, self._new_classes)
        )
        self.points.append(Recall(step, old, new))
        self._on_recall(self.points[-1])

    def forgotten(self, before: np.ndarray, after: np.ndarray) -> tuple[int, ...]:
        """Return the ids of images of old classes that were found before the lesson and are not any more.

        Args:
            before: Vectors of the gallery before the lesson, float32 `[N, D]`.
            after: The same after it.
        """
        is_right = (self._gallery.nearest_is_right(vectors) for vectors in (before, after))
        return tuple(
            index
            for index, (earlier, later) in enumerate(zip(*is_right, strict=True))
            if earlier and later is False and self._gallery.images[index].label in self._old_classes
        )
