"""Confidence bands and match probabilities for similarity scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.core.calibration import probability


@dataclass(frozen=True)
class ConfidenceBand:
    """Range of scores that share one verdict.

    Attributes:
        name: Verdict for visitors, such as "may be the same".
        min_score: Lowest score of the band.
        false_accept_rate: Fraction of queries without a match in the gallery whose best hit reaches this band
            or a better one, 0..1.
        true_accept_rate: Fraction of queries with a match in the gallery whose best correct hit does, 0..1.
    """

    name: str
    min_score: float
    false_accept_rate: float
    true_accept_rate: float


@dataclass(frozen=True)
class ConfidenceBands:
    """Calibrated bands for all scores.

    Attributes:
        bands: Bands by falling minimum score.
        below: Name for scores below every band.
        scale: Slope of the match probability, see `shared.core.calibration.fit_probability`.
        offset: Offset of the match probability.
    """

    bands: tuple[ConfidenceBand, ...]
    below: str
    scale: float
    offset: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ConfidenceBands | None:
        """Read the bands from a weight folder's configuration, see `as_config`; None where it has none."""
        values = config.get("grades")
        if values is None:
            return None
        bands = (
            ConfidenceBand(step["name"], step["least"], step["false_accepts"], step["true_accepts"])
            for step in values["steps"]
        )
        return cls(tuple(bands), values["rest"], values["scale"], values["offset"])

    def as_config(self) -> dict[str, Any]:
        """Return the configuration key from which `from_config` restores the bands."""
        steps = [
            {
                "name": band.name,
                "least": band.min_score,
                "false_accepts": band.false_accept_rate,
                "true_accepts": band.true_accept_rate,
            }
            for band in self.bands
        ]
        return {"grades": {"steps": steps, "rest": self.below, "scale": self.scale, "offset": self.offset}}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all bands, the best first."""
        return (*(band.name for band in self.bands), self.below)

    def name(self, score: float) -> str:
        """Return the name of the band that a score falls into.

        >>> bands = ConfidenceBands((ConfidenceBand("the same", 0.7, 0.05, 0.5),), "similar", 8, -4)
        >>> bands.name(0.7), bands.name(0.6)
        ('the same', 'similar')
        """
        return next((band.name for band in self.bands if score >= band.min_score), self.below)

    def probability(self, score: float) -> float:
        """Return the match probability of a score at even prior odds, 0..1.

        >>> ConfidenceBands((), "similar", 8, -4).probability(0.5)
        0.5
        """
        return float(probability(score, self.scale, self.offset))
