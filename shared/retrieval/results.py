"""What a search gives back."""

from __future__ import annotations

from dataclasses import dataclass


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
