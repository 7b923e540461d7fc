"""Models that give photos random vectors, to measure a library without its networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from shared.core.devices import keep_freed_memory
from shared.core.scheduling import WorkerPool
from shared.library import models
from shared.library.models import IMAGE, TEXT, LibraryModel, ModelSpec

#: Lengths of the vectors of the default models, by kind of model and column.
LENGTHS = {
    IMAGE: {"image_random": 1024},
    TEXT: {"text_random": 640, "features_random": 3584},
}
TAGS = ("dog", "beach", "car", "tree", "person")


class RandomModel(LibraryModel):
    """Model with vectors of unit length from a generator of random numbers.

    Args:
        spec: Choice whose place it takes.
    """

    fingerprint = "0" * 15 + "1"

    def __init__(self, spec: ModelSpec) -> None:
        self.spec, self.columns = spec, LENGTHS[spec.kind]
        self.worker_pool = WorkerPool(2)
        self._rng = np.random.default_rng(0)

    def describe(self, images: Sequence[Image.Image]) -> list[dict[str, np.ndarray]]:
        return [{name: self._vector(length) for name, length in self.columns.items()} for _ in images]

    def tags(self, row: dict[str, np.ndarray]) -> list[str]:
        return list(self._rng.choice(TAGS, 2, replace=False)) if self.has_tags else []

    def _vector(self, length: int) -> np.ndarray:
        vector = self._rng.standard_normal(length, np.float32)
        return (vector / np.linalg.norm(vector)).astype(np.float16)


def use_random_models() -> None:
    """Let the libraries of this process load random models in place of the project's."""
    keep_freed_memory()  # as networks do when they load
    models.LOADERS = dict.fromkeys(LENGTHS, RandomModel)
