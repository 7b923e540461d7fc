"""What a search gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.core.gallery import Snapshot
from shared.retrieval.describe import DESCRIPTOR, HASH
from shared.retrieval.duplicates import near_duplicates
from shared.retrieval.indexes import Found


@dataclass(frozen=True)
class Hit:
    """A picture that was found.

    Attributes:
        id: Of the picture in its gallery.
        name: What it is called there.
        score: The greater the more alike; what it is measured in depends on the engine.
        rank: Its place in the list, from 1.
        alike: How many near duplicates of it, which would have come later in the list, are hidden.
    """

    id: int
    name: str
    score: float
    rank: int
    alike: int = 0


@dataclass(frozen=True)
class Results:
    """What a search found.

    Attributes:
        hits: The most alike first.
        good: Whether the best hit reaches the threshold; None where the engine has no threshold.
        threshold: Score from which on a picture counts as a good match; None where nobody has measured one.
        engine: The name of the engine.
        searched: How many pictures there were.
        seconds: What the whole took, with the description of the query.
        search_seconds: What the search alone took.
    """

    hits: tuple[Hit, ...]
    good: bool | None
    threshold: float | None
    engine: str
    searched: int
    seconds: float
    search_seconds: float


@dataclass(frozen=True)
class Added:
    """What became of pictures that were to be added.

    Attributes:
        ids: Of those that are in the gallery now, in the order in which they came.
        skipped: Name and reason of each that cannot be used.
        full: Why the gallery took no more, as a sentence; empty if all had room. The rest has not been looked
            at.
    """

    ids: tuple[int, ...]
    skipped: tuple[tuple[str, str], ...]
    full: str = ""


def list_hits(found: Found, least: float | None, without: int | None, hide: bool) -> list[Hit]:
    """What an index found as hits, without those that are not wanted.

    Args:
        found: What was found.
        least: Leave out what has a lower score.
        without: Id of a picture to leave out.
        hide: Whether to show only the first of near duplicates.
    """
    rows = [
        (id, score)
        for id, score in zip(found.ids, found.scores, strict=True)
        if id != without and (least is None or score >= least)
    ]
    groups = _groups(found.gallery, [id for id, _ in rows]) if hide else range(len(rows))
    first: dict[int, Hit] = {}
    for group, (id, score) in zip(groups, rows, strict=True):
        if group in first:
            first[group] = replace(first[group], alike=first[group].alike + 1)
        else:
            first[group] = Hit(id, found.gallery.entries[id].name, score, len(first) + 1)
    return list(first.values())


def _groups(gallery: Snapshot, ids: Sequence[int]) -> list[int]:
    """For each picture the number of its group of near duplicates."""
    if not ids:
        return []
    return near_duplicates(gallery.features(HASH, ids)[1], gallery.features(DESCRIPTOR, ids)[1]).tolist()
