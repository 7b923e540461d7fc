"""Results of lifelong search: recall during a lesson, the report of a lesson, and hits of a search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, TypeAlias

#: Called with the share of a lesson that is done, 0..1, and a few words; may raise to stop.
Progress: TypeAlias = Callable[[float, str], None]


def no_progress(share: float, text: str) -> None:
    """Report nothing."""


class Recall(NamedTuple):
    """Recall@1 at a moment of a lesson, 0..1; None where it cannot be measured.

    Attributes:
        step: Optimizer step, from 0.
        old: Of the classes that were known before the lesson.
        new: Of the classes of the lesson.
    """

    step: int
    old: float | None
    new: float | None


@dataclass(frozen=True)
class LessonReport:
    """Result of a lesson.

    Attributes:
        method: Name of the method.
        classes: Names of the new classes.
        photos: Number of photos from which the network learned.
        curve: Recall from before the lesson to its end.
        forgotten: Ids of gallery images whose nearest image was of their class before the lesson, and is not
            any more.
        seconds: Duration.
    """

    method: str
    classes: tuple[str, ...]
    photos: int
    curve: tuple[Recall, ...]
    forgotten: tuple[int, ...]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = asdict(self)
        values["curve"] = [recall._asdict() for recall in self.curve]
        return values | {"seconds": round(self.seconds, 2)}


@dataclass(frozen=True)
class LearnedHit:
    """Image that a search found.

    Attributes:
        id: Index of the image in the gallery.
        rank: From 1.
        score: Cosine similarity, -1..1.
        name: Name of the image.
        label: Name of its class; empty if nobody said it.
    """

    id: int
    rank: int
    score: float
    name: str
    label: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self) | {"score": round(self.score, 4)}
