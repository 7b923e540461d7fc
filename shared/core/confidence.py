"""How sure a score makes one that what was found is the same: in words, and as a probability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.core.calibration import probability


@dataclass(frozen=True)
class ConfidenceBand:
    """One of the words for a match.

    Attributes:
        name: In words that stand above a list, such as "may be the same".
        least: The score from which on a match gets it.
        false_accepts: Of searches for something that is not there, the share whose best match gets this grade
            or a better one, 0..1.
        true_accepts: Of searches for something that is there, the share whose best right match does.
    """

    name: str
    least: float
    false_accepts: float
    true_accepts: float


@dataclass(frozen=True)
class ConfidenceBands:
    """The words for all scores, as they were calibrated.

    Attributes:
        steps: The grades, the best first, which each begin at a lower score than the one before.
        rest: The word for scores below them all.
        scale: Of the probability, see `shared.core.calibration.fit_probability`.
        offset: Of the probability.
    """

    steps: tuple[ConfidenceBand, ...]
    rest: str
    scale: float
    offset: float

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> ConfidenceBands | None:
        """What a calibration wrote into a configuration, see `as_config`; None where there was none."""
        found = config.get("grades")
        if found is None:
            return None
        return cls(
            tuple(ConfidenceBand(**step) for step in found["steps"]), found["rest"], found["scale"], found["offset"]
        )

    def as_config(self) -> dict[str, Any]:
        """The key of a configuration from which `of` makes the same."""
        steps = [vars(step) for step in self.steps]
        return {"grades": {"steps": steps, "rest": self.rest, "scale": self.scale, "offset": self.offset}}

    @property
    def names(self) -> tuple[str, ...]:
        """All words, that for the best matches first."""
        return (*(step.name for step in self.steps), self.rest)

    def name(self, score: float) -> str:
        """The word for a score.

        >>> grades = Grades((Grade("the same", 0.7, 0.05, 0.5),), "alike", 8, -4)
        >>> grades.name(0.7), grades.name(0.6)
        ('the same', 'alike')
        """
        return next((step.name for step in self.steps if score >= step.least), self.rest)

    def probability(self, score: float) -> float:
        """How probable it is that something with this score is the same, if half of all that is looked at is.

        >>> Grades((), "alike", 8, -4).probability(0.5)
        0.5
        """
        return float(probability(score, self.scale, self.offset))
