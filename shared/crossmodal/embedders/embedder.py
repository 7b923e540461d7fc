"""What a search with words needs of whatever puts words and pictures into one space."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from PIL import Image

from shared.core.prefetch import WorkerPool
from shared.gallery.snapshot import GallerySnapshot

#: What `Embedder.describe` says of a picture.
PICTURE, MADE = "picture", "made"


class Embedder(ABC):
    """Embeds pictures and texts. Calls may come from many threads at once.

    Attributes:
        engines: What vectors can be asked for.
        model_fingerprint: A number that tells these weights from others, uint64 `[1]`, as `describe` has it.
        worker_pool: What describes several pictures at a time, see `shared.core.scheduling.InferenceScheduler`; None where one after
            the other is faster.
        meant_for: The number of pictures in the galleries for which `threshold` holds.
        own_galleries: Whether galleries must have been described by these weights.
    """

    engines: tuple[str, ...]
    model_fingerprint: np.ndarray
    worker_pool: WorkerPool | None
    meant_for: int
    own_galleries: bool

    @abstractmethod
    def describe(self, pictures: Sequence[Image.Image]) -> list[dict[str, np.ndarray]]:
        """What any engine wants to know of RGB pictures, for `Gallery.add`.

        Returns:
            For each `picture`, float16 `[F]`, and `made`, uint64 `[1]`, which weights made it.
        """

    @abstractmethod
    def gallery_vectors(self, gallery: GallerySnapshot, ids: Sequence[int], engine: str) -> np.ndarray:
        """Vectors `[N, D]` of pictures of a gallery.

        Raises:
            MismatchError: They cannot be had.
        """

    @abstractmethod
    def pictures(self, rows: np.ndarray, engine: str) -> np.ndarray:
        """Vectors `[N, D]` of pictures, from `describe`, stacked to `[N, F]`."""

    @abstractmethod
    def regions(self, picture: Image.Image, engine: str) -> np.ndarray:
        """Vectors `[R, D]` of parts all over an RGB picture, which may overlap: a square grid row by row."""

    @abstractmethod
    def texts(self, texts: Sequence[str], engine: str) -> np.ndarray:
        """Vectors `[N, D]` of texts, of any length and script."""

    @abstractmethod
    def unknown(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Words in texts that name something which these weights have never read."""

    @abstractmethod
    def probability(self, scores: np.ndarray | float, engine: str) -> np.ndarray:
        """How likely it is that a text and a picture belong together whose vectors have this dot product.

        As if half of all pairs belonged together.
        """

    def false_accept_rate(self, engine: str) -> float | None:
        """Return the fraction of queries without a match whose best hit reaches the threshold, if measured."""
        return None

    @abstractmethod
    def threshold(self, engine: str) -> float | None:
        """The probability from which on the best picture of a gallery is a good match for a text.

        None where nobody has measured one.
        """
