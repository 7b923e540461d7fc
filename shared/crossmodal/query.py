"""Query of a cross-modal search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.core.images import Box, Source
from shared.crossmodal.embedders.embedder import Embedder
from shared.crossmodal.text.queries import Term


@dataclass(frozen=True, eq=False)
class Query:
    """Query with a text, an image, or both.

    Attributes:
        text: Words, with arithmetic such as "dog - beach + 2:snow".
        image: Image as `shared.core.images.open_image` takes it.
        box: Part of `image` to search with, in pixels: left, top, right, bottom; None for the whole.
        text_weight: Weight of the text, 0..1, if there is an image as well, whose weight is the remainder.
        image_id: Id of the image if it belongs to the searched gallery; it is left out of the hits, and may
            take the place of `image`.

    Raises:
        ValueError: `text_weight` is out of range, or there is a box without `image`.
    """

    text: str = ""
    image: Source | None = None
    box: Box | None = None
    text_weight: float = 0.5
    image_id: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.text_weight <= 1:
            raise ValueError(f"text_weight must be in 0..1, received {self.text_weight!r}")
        if self.box is not None and self.image is None:
            raise ValueError("a box needs the image that it is a part of, not only an id")

    @property
    def has_text(self) -> bool:
        """True if there is a text."""
        return bool(self.text.strip())

    @property
    def has_image(self) -> bool:
        """True if there is an image, so that scores have no probabilities."""
        return self.image is not None or self.image_id is not None


def query_evidence(
    terms: Sequence[Term], features: np.ndarray, embedder: Embedder, engine: str
) -> np.ndarray:
    """Return the evidence of a query's text for images: the mean of that of its terms, by their weights.

    Args:
        terms: Terms of the text; a negative weight speaks against what its term says.
        features: `IMAGE_FEATURE` of the images, `[N, F]`.
        embedder: Model that described them.
        engine: One of its engines.

    Returns:
        float32 `[N]`, see `Embedder.evidence`; zeros without terms.
    """
    total = np.zeros(len(features), np.float32)
    for term in terms:
        total += term.weight * embedder.evidence(term.text, features, engine)
    return total / max(sum(abs(term.weight) for term in terms), 1e-6)
