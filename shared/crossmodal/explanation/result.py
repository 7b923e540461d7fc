"""Explanation of a match between a query and an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from shared.core.heatmap import overlay_heatmap


@dataclass(frozen=True, eq=False)
class WordContribution:
    """Contribution of one word of a text to the score.

    Attributes:
        text: The word as it was typed.
        score_drop: Score minus the score without the word.
        heatmap: Where in the image the word is, `[cells, cells]`, 0..1; zeros for a word that names nothing.
        is_content: True if the word names something.
    """

    text: str
    score_drop: float
    heatmap: np.ndarray = field(repr=False)
    is_content: bool


@dataclass(frozen=True, eq=False)
class MatchExplanation:
    """Explanation of the score of a text, an image, or both, with an image.

    Attributes:
        image: The matched image.
        heatmap: Where in it the query is, `[cells, cells]`, 0..1.
        words: Words of the query's text in their order; none without a text.
        score: Cosine of the vectors of the query and the image.
        probability: Probability that text and image match as if half of all pairs did, 0..1; None if an image
            is part of the query.
        score_without_hottest: Score after the deletion of the hottest third of the image.
        score_without_coldest: Score after the deletion of the coldest third.
        engine: Name of the engine.
        name: Name of the image, if it has one.
        seconds: Seconds of the request.
    """

    image: Image.Image = field(repr=False)
    heatmap: np.ndarray = field(repr=False)
    words: Sequence[WordContribution]
    score: float
    probability: float | None
    score_without_hottest: float
    score_without_coldest: float
    engine: str
    name: str = ""
    seconds: float = 0.0

    @property
    def strongest_word(self) -> WordContribution | None:
        """Content word with the greatest score drop."""
        words = [word for word in self.words if word.is_content]
        return max(words, key=lambda word: word.score_drop, default=None)

    def overlay(self, word: int | None = None, strength: float = 0.65) -> Image.Image:
        """Return the image with a heat map over it.

        Args:
            word: Index of the word to show, from 0; None shows the whole query.
            strength: Opacity of the hottest area, 0..1.

        Raises:
            ValueError: There is no such word, or `strength` is out of range.
        """
        if word is not None and not 0 <= word < len(self.words):
            raise ValueError(f"word must be in 0..{len(self.words) - 1}, received {word!r}")
        heatmap = self.heatmap if word is None else self.words[word].heatmap
        pixels = Image.fromarray(heatmap).resize(self.image.size, Image.Resampling.BICUBIC)
        return overlay_heatmap(self.image, np.asarray(pixels).clip(0, 1), strength)

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation without its images as JSON values."""
        return {
            "probability": None if self.probability is None else round(self.probability, 4),
            "score": round(self.score, 4),
            "words": [{"word": word.text, "score_drop": round(word.score_drop, 4)} for word in self.words],
            "score_without_hottest": round(self.score_without_hottest, 4),
            "score_without_coldest": round(self.score_without_coldest, 4),
            "engine": self.engine,
            "seconds": round(self.seconds, 3),
        }
