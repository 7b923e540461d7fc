"""What a search of a gallery is asked, and what it gives back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from shared.core.confidence import ConfidenceBands
from shared.core.images import ImageError
from shared.gallery.gallery import Gallery
from shared.gallery.snapshot import GallerySnapshot

if TYPE_CHECKING:  # which needs faiss, and a page shows results before it needs that
    from shared.gallery.index import Features, IndexHits

MOST = 1000  # hits of a search


@dataclass(frozen=True)
class Hit:
    """A picture that was found.

    Attributes:
        id: Of the picture in its gallery.
        name: What it is called there.
        score: The greater the nearer; what it is measured in depends on the engine.
        rank: Its place in the list, from 1.
        alike: How many near duplicates of it, which would have come later in the list, are hidden.
        probability: How probable it is that it fits, 0..1; None where scores are not calibrated.
    """

    id: int
    name: str
    score: float
    rank: int
    alike: int = 0
    probability: float | None = None

    @property
    def figure(self) -> float:
        """What says how good it is: the probability, or the score where there is none."""
        return self.score if self.probability is None else self.probability


@dataclass(frozen=True)
class SearchResults:
    """What a search found.

    Attributes:
        hits: The best first.
        good: Whether the best hit's figure reaches the threshold; None where there is no threshold.
        threshold: Figure from which on a picture counts as a good match; None where nobody has measured one.
        engine: The name of the engine.
        searched: How many pictures there were.
        seconds: What the whole took, with the description of the query.
        search_seconds: What the search alone took.
        unknown: Words of the query that the network has not learned.
        grades: What scores mean in words; None where nobody has measured that.
    """

    hits: tuple[Hit, ...]
    good: bool | None
    threshold: float | None
    engine: str
    searched: int
    seconds: float
    search_seconds: float
    unknown: tuple[str, ...] = ()
    grades: ConfidenceBands | None = None


def list_hits(
    found: IndexHits,
    least: float | None = None,
    without: int | None = None,
    *,
    probability: Callable[[np.ndarray], np.ndarray] | None = None,
    groups: Callable[[GallerySnapshot, Sequence[int]], Sequence[int]] | None = None,
) -> list[Hit]:
    """What an index found as hits, without those that are not wanted.

    Args:
        found: What was found.
        least: Leave out what has a lower figure, see `Hit.figure`.
        without: Id of a picture to leave out.
        probability: Tells the probability of scores.
        groups: Tells for each picture the number of its group of near duplicates, of which only the first is
            wanted.
    """
    scores = np.asarray(found.scores, np.float64)
    figures = [None] * len(scores) if probability is None else probability(scores).tolist()
    hits = [
        Hit(id, found.gallery.entries[id].name, score, 0, probability=figure)
        for id, score, figure in zip(found.ids, found.scores, figures, strict=True)
        if id != without
    ]
    hits = [hit for hit in hits if least is None or hit.figure >= least]
    group = groups(found.gallery, [hit.id for hit in hits]) if groups else range(len(hits))
    first: dict[int, Hit] = {}
    for number, hit in zip(group, hits, strict=True):
        if number in first:
            first[number] = replace(first[number], alike=first[number].alike + 1)
        else:
            first[number] = replace(hit, rank=len(first) + 1)
    return list(first.values())


def snapshot_containing(gallery: Gallery, id: int) -> GallerySnapshot:
    """A gallery as it is now, with a picture in it.

    Raises:
        ImageError: There is no such picture.
    """
    snapshot = gallery.snapshot()
    if id not in snapshot.entries:
        raise image_not_found(id)
    return snapshot


def image_not_found(id: int) -> ImageError:
    """The error for a picture that is not in the gallery, to be raised."""
    return ImageError(f"There is no picture {id} in the gallery: it may have been removed.")


def image_features(gallery: Gallery, id: int) -> Features:
    """The features of a picture of a gallery.

    Raises:
        ImageError: There is no such picture.
    """
    snapshot = snapshot_containing(gallery, id)
    return {kind: snapshot.feature(kind, id) for kind in snapshot.kinds}


def check_settings(count: int, least: float | None) -> None:
    """Raises `ValueError` where the number of hits or the lowest figure is none that a search can have."""
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or not 1 <= count <= MOST:
        raise ValueError(f"count must be a whole number in 1..{MOST}, received {count!r}")
    if least is not None and not (isinstance(least, Real) and math.isfinite(least)):
        raise ValueError(f"least must be a number, received {least!r}")
