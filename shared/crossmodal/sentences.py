"""Plain sentences about everyday scenes, among which "describe" finds those that fit a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources

import numpy as np

from shared.core.calibration import prior_correction
from shared.crossmodal.embedders.embedder import Embedder
from shared.crossmodal.text.normalization import plain, said
from shared.crossmodal.text.queries import QueryError

MAX_SENTENCES = 1000


@dataclass(frozen=True)
class RankedSentence:
    """A sentence that may describe a picture.

    Attributes:
        text: The sentence.
        score: The cosine of its vector and the picture's.
        probability: How probable it is that they belong together, 0..1, where one of all sentences is
            expected to fit.
        rank: Its place in the list, from 1.
    """

    text: str
    score: float
    probability: float
    rank: int


class SentenceRanker:
    """Ranks sentences by how well they fit a picture; those that are here are read once.

    Args:
        space: What gives vectors to texts.
        engine: Which of its engines.
    """

    def __init__(self, space: Embedder, engine: str) -> None:
        self._space, self._engine = space, engine

    def rank(
        self, picture: np.ndarray, lines: str | Sequence[str] | None, count: int
    ) -> tuple[RankedSentence, ...]:
        """The sentences that fit a picture, the most probable first.

        Args:
            picture: Its vector `[D]`.
            lines: Sentences to choose from, one a line; None for those that are here.
            count: How many at most.

        Raises:
            QueryError: There are lines, but none that can be used, or too many.
        """
        texts = everyday_sentences() if lines is None else parse_sentences(lines)
        scores = (self._everyday if lines is None else self._vectors(texts)) @ picture
        order = np.argsort(-scores, kind="stable")[:count]
        sure = prior_correction(self._space.probability(scores[order], self._engine), len(texts))
        return tuple(
            RankedSentence(texts[place], float(scores[place]), float(one), rank)
            for rank, (place, one) in enumerate(zip(order.tolist(), sure, strict=True), 1)
        )

    @cached_property
    def _everyday(self) -> np.ndarray:
        return self._vectors(everyday_sentences())

    def _vectors(self, texts: Sequence[str]) -> np.ndarray:
        return self._space.texts([said(text) for text in texts], self._engine)


@cache
def everyday_sentences() -> tuple[str, ...]:
    """The sentences that come with the package, in a fixed order.

    >>> everyday_sentences()[0]
    'A dog runs across a field of grass.'
    """
    text = resources.files("shared.crossmodal").joinpath("sentences.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def parse_sentences(lines: str | Sequence[str]) -> list[str]:
    """Sentences that somebody brings, one a line, none twice.

    Raises:
        QueryError: There is none, there are too many, or one says nothing.

    >>> parse_sentences(["A dog.", "", " A cat. ", "A dog."])
    ['A dog.', 'A cat.']
    """
    given = lines.splitlines() if isinstance(lines, str) else list(lines)
    kept = list(dict.fromkeys(line.strip() for line in given if line.strip()))
    if not kept:
        raise QueryError("Write at least one sentence, one a line.")
    if len(kept) > MAX_SENTENCES:
        raise QueryError(f"At most {MAX_SENTENCES:,} lines can be compared; these are {len(kept):,}.")
    for line in kept:
        plain(line)  # which refuses what says nothing
    return kept
