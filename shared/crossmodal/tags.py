"""Tags of images: things, places and the like that are probably in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any

import numpy as np

from shared.crossmodal.data.named_images import name_texts
from shared.crossmodal.embedders.embedder import Embedder

MAX_TAGS = 6
#: Number of tags of an image that are expected to be right, for the prior probability of each: many are near
#: to one another, such as "boat" and "ship". Chosen on validation photos, where 7 of 10 tags that are shown
#: stand in people's captions.
EXPECTED_TAGS = 12
#: Lowest probability of a tag that is shown.
MIN_PROBABILITY = 0.5


@dataclass(frozen=True)
class Tag:
    """Name of something that is probably in an image.

    Attributes:
        name: The name.
        probability: Probability that it is there, 0..1.
    """

    name: str
    probability: float

    def as_dict(self) -> dict[str, Any]:
        """Return the tag as JSON values."""
        return {"name": self.name, "probability": round(self.probability, 4)}


class TagRanker:
    """Find the tags of an image; their names are embedded once.

    Args:
        embedder: Model that embeds the names.
        engine: One of its engines.
    """

    def __init__(self, embedder: Embedder, engine: str) -> None:
        self._embedder, self._engine = embedder, engine

    def __call__(
        self, image: np.ndarray, max_tags: int = MAX_TAGS, min_probability: float = MIN_PROBABILITY
    ) -> tuple[Tag, ...]:
        """Return the tags of an image, the most probable first.

        Args:
            image: Vector of the image, `[D]`.
            max_tags: Largest number of tags.
            min_probability: Lowest probability of a tag.
        """
        names = tag_names()
        scores = self._vectors @ image
        order = np.argsort(-scores, kind="stable")[:max_tags]
        candidates = max(1, round(len(names) / EXPECTED_TAGS))
        probabilities = self._embedder.calibration(self._engine).probability(scores[order], candidates)
        return tuple(
            Tag(names[index], float(probability))
            for index, probability in zip(order.tolist(), probabilities, strict=True)
            if probability >= min_probability
        )

    @cached_property
    def _vectors(self) -> np.ndarray:
        return tag_vectors(self._embedder, self._engine, tag_names())


def tag_vectors(embedder: Embedder, engine: str, names: Sequence[str]) -> np.ndarray:
    """Return the mean vectors of names alone and in a phrase about a photo, float32 `[N, D]`."""
    alone, phrases = zip(*map(name_texts, names), strict=True)
    return (embedder.embed_texts(alone, engine) + embedder.embed_texts(phrases, engine)) / 2


@cache
def tag_names() -> tuple[str, ...]:
    """Return the names of all tags, in a fixed order.

    >>> tag_names()[:2]
    ('dog', 'cat')
    """
    text = resources.files("shared.crossmodal").joinpath("tags.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())
