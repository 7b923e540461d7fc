"""Requests and results of gallery searches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.core.calibration import ConfidenceBands
from shared.gallery.gallery import Gallery
from shared.gallery.snapshot import GallerySnapshot

if TYPE_CHECKING:  # pages show results before they load faiss
    from shared.gallery.index import IndexHits

MAX_TOP_K = 1000


@dataclass(frozen=True)
class SearchRequest:
    """Options of one search.

    Attributes:
        top_k: Largest number of hits, 1..`MAX_TOP_K`.
        min_score: Lowest `Hit.ranking_score` of a hit; None keeps all.
        exclude_id: Id of an image to leave out, such as the query itself.
        hide_duplicates: True keeps only the best of several near-duplicate images.
        gallery: Gallery to search; None stands for that of the search.

    Raises:
        ValueError: `top_k` or `min_score` is out of range.
    """

    top_k: int = 20
    min_score: float | None = None
    exclude_id: int | None = None
    hide_duplicates: bool = False
    gallery: Gallery | None = None

    def __post_init__(self) -> None:
        check_top_k(self.top_k)
        if self.min_score is not None and not (
            isinstance(self.min_score, Real) and math.isfinite(self.min_score)
        ):
            raise ValueError(f"min_score must be a number, received {self.min_score!r}")


@dataclass(frozen=True)
class Hit:
    """Image of a gallery that matches a query.

    Attributes:
        id: Id of the image in its gallery.
        name: Name of the image.
        score: Similarity to the query; its unit depends on the engine.
        rank: Position in the list, from 1.
        duplicate_count: Number of hidden near-duplicates that would follow in the list.
        probability: Match probability, 0..1; None where scores are not calibrated. `as_dict` gives
            that of `ConfidenceBands.probability` instead where there are bands.
        max_verdict_score: Upper limit of the score that decides the verdict, where something speaks against
            what the score says.
    """

    id: int
    name: str
    score: float
    rank: int
    duplicate_count: int = 0
    probability: float | None = None
    max_verdict_score: float = math.inf

    @property
    def verdict_score(self) -> float:
        """Score that decides the verdict."""
        return min(self.score, self.max_verdict_score)

    @property
    def ranking_score(self) -> float:
        """Probability, or the score of the verdict where there is none."""
        return self.verdict_score if self.probability is None else self.probability

    def as_dict(self, bands: ConfidenceBands | None = None) -> dict[str, Any]:
        """Return the hit as JSON values.

        Args:
            bands: Bands that add the keys `confidence` and `probability`.
        """
        values = {
            "rank": self.rank,
            "id": self.id,
            "name": self.name,
            "score": round(self.score, 4) + 0.0,  # never -0.0
            "duplicate_count": self.duplicate_count,
        }
        if bands is not None:
            values["confidence"] = bands.name(self.verdict_score)
            values["probability"] = round(bands.probability(self.verdict_score), 4)
        elif self.probability is not None:
            values["probability"] = round(self.probability, 4)
        return values


@dataclass(frozen=True)
class SearchResults:
    """Answer to one search.

    Attributes:
        hits: Hits, the best first.
        threshold: Lowest ranking score of a good match; None where none has been measured.
        engine: Name of the engine.
        searched: Number of images in the gallery.
        seconds: Seconds of the whole request, with the encoding of the query.
        search_seconds: Seconds of the search alone.
        unknown_words: Words of the query that are not in the network's vocabulary.
        confidence_bands: Bands of the scores; None where none have been measured.
        false_accept_rate: Fraction of queries without a match in the gallery whose best hit reaches the
            threshold, 0..1; None where it has not been measured.
        possible_threshold: Lowest ranking score of a possible match; None where none has been measured.
        hint: Sentence that says how the query would say better what it seems to mean; empty without one.
        read_as: Translation of the query that was searched with; empty if that was the query itself.
    """

    hits: tuple[Hit, ...]
    threshold: float | None
    engine: str
    searched: int
    seconds: float
    search_seconds: float
    unknown_words: tuple[str, ...] = ()
    confidence_bands: ConfidenceBands | None = None
    false_accept_rate: float | None = None
    possible_threshold: float | None = None
    hint: str = ""
    read_as: str = ""

    @property
    def good_match(self) -> bool | None:
        """True if the best hit reaches `threshold`; None without it."""
        return self._best_reaches(self.threshold)

    @property
    def possible_match(self) -> bool | None:
        """True if the best hit reaches `possible_threshold`; None without it."""
        return self._best_reaches(self.possible_threshold)

    def _best_reaches(self, threshold: float | None) -> bool | None:
        if threshold is None:
            return None
        return bool(self.hits) and self.hits[0].ranking_score >= threshold

    def as_dict(self) -> dict[str, Any]:
        """Return the results as JSON values, without the keys that do not apply."""
        values: dict[str, Any] = {
            "hits": [hit.as_dict(self.confidence_bands) for hit in self.hits],
            "good_match": self.good_match,
            "threshold": None if self.threshold is None else round(self.threshold, 4),
            "engine": self.engine,
            "searched": self.searched,
            "seconds": round(self.seconds, 3),
        }
        if self.possible_threshold is not None:
            values["possible_match"] = self.possible_match
        if self.confidence_bands is not None:
            values["confidence_bands"] = [vars(band) for band in self.confidence_bands.bands]
        if self.unknown_words:
            values["unknown_words"] = list(self.unknown_words)
        if self.hint:
            values["hint"] = self.hint
        if self.read_as:
            values["read_as"] = self.read_as
        return values


def list_hits(
    index_hits: IndexHits,
    request: SearchRequest,
    *,
    probabilities: np.ndarray | None = None,
    groups: Callable[[GallerySnapshot, Sequence[int]], Sequence[int]] | None = None,
) -> list[Hit]:
    """Convert index results to hits: threshold, exclusion, de-duplication.

    Args:
        index_hits: Results of the index, the best first.
        request: Options; `top_k` is left to the caller.
        probabilities: Match probability of each result.
        groups: Returns the duplicate group of each image, of which only the first is kept; by default none
            are hidden.
    """
    entries = index_hits.snapshot.entries
    hit_probabilities = [None] * len(index_hits.ids) if probabilities is None else probabilities.tolist()
    hits = [
        Hit(id, entries[id].name, score, 0, probability=probability)
        for id, score, probability in zip(index_hits.ids, index_hits.scores, hit_probabilities, strict=True)
        if id != request.exclude_id
    ]
    if request.min_score is not None:
        hits = [hit for hit in hits if hit.ranking_score >= request.min_score]
    group_ids = groups(index_hits.snapshot, [hit.id for hit in hits]) if groups else range(len(hits))
    best: dict[int, Hit] = {}
    for group_id, hit in zip(group_ids, hits, strict=True):
        if group_id in best:
            best[group_id] = replace(best[group_id], duplicate_count=best[group_id].duplicate_count + 1)
        else:
            best[group_id] = replace(hit, rank=len(best) + 1)
    return list(best.values())


def check_top_k(top_k: int) -> None:
    """Check a number of hits.

    Raises:
        ValueError: It is no whole number in 1..`MAX_TOP_K`.
    """
    if isinstance(top_k, bool) or not isinstance(top_k, (int, np.integer)) or not 1 <= top_k <= MAX_TOP_K:
        raise ValueError(f"top_k must be a whole number in 1..{MAX_TOP_K}, received {top_k!r}")
