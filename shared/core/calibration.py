"""Calibration of similarity scores: match probabilities, thresholds, confidence bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


def fit_probability(
    positives: np.ndarray, negatives: np.ndarray, *, max_steps: int = 50
) -> tuple[float, float]:
    """Fit the probability of a match to scores by logistic regression (Platt scaling).

    Platt, "Probabilistic Outputs for Support Vector Machines", 1999, with equal total weight of both groups,
    however many scores each has: the probability holds at even prior odds.

    Args:
        positives: Scores of matches, any shape.
        negatives: Scores of non-matches, any shape.
        max_steps: Largest number of Newton steps.

    Returns:
        Scale and offset for `probability`.

    Raises:
        ValueError: A group is empty.

    >>> scale, offset = fit_probability(np.array([0.4, 0.6, 0.8]), np.array([0.0, 0.2, 0.5]))
    >>> (probability(np.array([0.1, 0.8]), scale, offset) > 0.5).tolist()
    [False, True]
    """
    groups = [np.asarray(group, np.float64).ravel() for group in (negatives, positives)]
    if not all(map(len, groups)):
        raise ValueError(f"expected scores of both kinds, received {len(groups[1])} and {len(groups[0])}")
    scores = np.concatenate(groups)
    label = np.repeat([0.0, 1.0], [len(group) for group in groups])
    weight = np.repeat([0.5 / len(group) for group in groups], [len(group) for group in groups])
    mean, deviation = scores.mean(), max(float(scores.std()), 1e-9)
    x = np.stack([(scores - mean) / deviation, np.ones_like(scores)])
    theta = np.zeros(2)
    # scikit-learn's LogisticRegression has the same optimum, but takes six times as long on a million scores.
    for _ in range(max_steps):
        predicted = probability(theta[0] * x[0] + theta[1], 1, 0)
        # Weak weight decay keeps the slope finite for groups that do not overlap.
        gradient = x @ (weight * (predicted - label)) + 1e-4 * theta
        hessian = (x * (weight * predicted * (1 - predicted))) @ x.T + 1e-4 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        theta = theta - step
        if np.abs(step).max() < 1e-8:
            break
    return float(theta[0] / deviation), float(theta[1] - theta[0] * mean / deviation)


def probability(scores: np.ndarray | float, scale: float, offset: float) -> np.ndarray:
    """Convert scores to probabilities `1 / (1 + exp(-(scale * score + offset)))`, 0..1.

    Args:
        scores: Any shape.
        scale: First result of `fit_probability`.
        offset: Second result of `fit_probability`.

    >>> probability(np.array([0.0, 900.0]), 1, 0).tolist()
    [0.5, 1.0]
    """
    return 0.5 * (1 + np.tanh(0.5 * (scale * np.asarray(scores, np.float64) + offset)))


def prior_correction(probability: np.ndarray | float, count: float) -> np.ndarray:
    """Correct probabilities for a prior of one match among `count` candidates: p / (p + count * (1 - p)).

    The probabilities of `fit_probability` hold at even prior odds. In a gallery of `count` images one is
    expected to match, and the odds are `count` times lower.

    Args:
        probability: Probabilities at even odds, 0..1, any shape.
        count: Number of candidates, 1 or greater.

    >>> prior_correction(np.array([0.5, 0.9, 1.0]), 9).round(2).tolist()
    [0.1, 0.5, 1.0]
    """
    probability = np.asarray(probability, np.float64)
    return probability / (probability + count * (1 - probability))


def lowest_threshold(negatives: np.ndarray, rate: float) -> float:
    """Return the lowest threshold, to three decimals, that at most a fraction `rate` of negatives reaches.

    >>> lowest_threshold(np.array([0.1, 0.2, 0.3, 0.4]), 0.25)
    0.301
    """
    falling = np.sort(negatives)[::-1].astype(np.float64)
    return float(np.floor(falling[int(rate * len(negatives))] * 1000 + 1) / 1000)


@dataclass(frozen=True)
class ConfidenceBand:
    """Range of scores that share one verdict.

    Attributes:
        name: Verdict for visitors, such as "may be the same".
        min_score: Lowest score of the band.
        false_accept_rate: Fraction of queries without a match in the gallery whose best hit reaches this band
            or a better one, 0..1.
        true_accept_rate: Fraction of queries with a match in the gallery whose best correct hit does, 0..1.
        precision: Fraction of the hits in this band that are right, 0..1; None where that was not measured.
    """

    name: str
    min_score: float
    false_accept_rate: float
    true_accept_rate: float
    precision: float | None = None


@dataclass(frozen=True)
class ConfidenceBands:
    """Calibrated bands for all scores.

    Attributes:
        bands: Bands by falling minimum score.
        below: Name for scores below every band.
        scale: Slope of the match probability, see `fit_probability`.
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
            ConfidenceBand(
                step["name"],
                step["least"],
                step["false_accepts"],
                step["true_accepts"],
                step.get("precision"),
            )
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
                "precision": band.precision,
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
