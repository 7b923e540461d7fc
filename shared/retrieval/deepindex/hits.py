"""Hits of DeepIndex: images, and pairs of patches."""

from __future__ import annotations

from dataclasses import dataclass

from shared.core.images import Box


@dataclass(frozen=True)
class ScoredImage:
    """Hit of a search.

    Attributes:
        name: Name under which the image was added.
        score: Similarity to the query, above 0.
    """

    name: str
    score: float


@dataclass(frozen=True)
class PatchMatch:
    """Two patches that share a visual word.

    Attributes:
        query: Patch of the query: left, top, right, bottom in fractions of the image's sides.
        image: Patch of the indexed image, likewise.
        weight: Contribution to the score.
    """

    query: Box
    image: Box
    weight: float
