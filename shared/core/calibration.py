"""From scores to probabilities, and thresholds with a known rate of errors."""

from __future__ import annotations

import numpy as np


def fit_probability(right: np.ndarray, wrong: np.ndarray, *, rounds: int = 50) -> tuple[float, float]:
    """Logistic regression on one score: how sure a score makes one that something is right.

    Platt, "Probabilistic Outputs for Support Vector Machines", 1999, with both groups counting the same,
    however many there are of each: the probability is that of a world in which half of all is right.

    Args:
        right: Scores of what is right, any shape.
        wrong: Scores of what is not.
        rounds: Most steps of Newton's method.

    Returns:
        Scale and offset for `probability`.

    Raises:
        ValueError: A group is empty.

    >>> found = fit_probability(np.array([0.4, 0.6, 0.8]), np.array([0.0, 0.2, 0.5]))
    >>> (probability(np.array([0.1, 0.8]), *found) > 0.5).tolist()
    [False, True]
    """
    groups = [np.asarray(group, np.float64).ravel() for group in (wrong, right)]
    if not all(map(len, groups)):
        raise ValueError(f"expected scores of both kinds, received {len(groups[1])} and {len(groups[0])}")
    scores = np.concatenate(groups)
    label = np.repeat([0.0, 1.0], [len(group) for group in groups])
    weight = np.repeat([0.5 / len(group) for group in groups], [len(group) for group in groups])
    center, spread = scores.mean(), max(float(scores.std()), 1e-9)
    x = np.stack([(scores - center) / spread, np.ones_like(scores)])
    found = np.zeros(2)
    for _ in range(rounds):
        told = probability(found[0] * x[0] + found[1], 1, 0)
        # A little decay keeps groups that do not overlap from asking for an infinite slope.
        slope = x @ (weight * (told - label)) + 1e-4 * found
        curve = (x * (weight * told * (1 - told))) @ x.T + 1e-4 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        found = found - step
        if np.abs(step).max() < 1e-8:
            break
    return float(found[0] / spread), float(found[1] - found[0] * center / spread)


def probability(scores: np.ndarray | float, scale: float, offset: float) -> np.ndarray:
    """What `fit_probability` found, applied: `1 / (1 + exp(-(scale * score + offset)))`, 0..1.

    >>> probability(np.array([0.0, 900.0]), 1, 0).tolist()
    [0.5, 1.0]
    """
    return 0.5 * (1 + np.tanh(0.5 * (scale * np.asarray(scores, np.float64) + offset)))


def prior_correction(probability: np.ndarray | float, count: int) -> np.ndarray:
    """What a probability becomes where only one of several is expected to be right.

    That of `fit_probability` is of a world in which half of all is right. In a gallery most is wrong: of
    `count` pictures one is expected to fit, and the odds are as many times lower.

    Args:
        probability: 0..1.
        count: 1 or more.

    >>> one_of(np.array([0.5, 0.9, 1.0]), 9).round(2).tolist()
    [0.1, 0.5, 1.0]
    """
    probability = np.asarray(probability, np.float64)
    return probability / (probability + count * (1 - probability))


def lowest_threshold(wrong: np.ndarray, rate: float) -> float:
    """The lowest threshold that at most this share of wrong scores reach, to three decimals.

    >>> lowest_threshold(np.array([0.1, 0.2, 0.3, 0.4]), 0.25)
    0.301
    """
    falling = np.sort(wrong)[::-1].astype(np.float64)
    return float(np.floor(falling[int(rate * len(wrong))] * 1000 + 1) / 1000)
