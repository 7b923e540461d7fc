"""Probabilities that mean what they say: expected calibration error, and the temperature that lowers it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def expected_calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Mean distance between confidence and accuracy, over bins of equal width.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3.

    Args:
        confidence: `[N]`, the probability of the best prediction, 0..1.
        right: bool `[N]`, whether the best prediction was right.
        bins: how many.

    >>> expected_calibration_error(np.array([0.9, 0.9]), np.array([True, False]))
    0.4
    """
    where = np.minimum((np.asarray(confidence) * bins).astype(int), bins - 1)
    gaps = np.bincount(where, np.asarray(right, float) - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def best_temperature(logits: Tensor, allowed: Tensor) -> float:
    """The number to divide logits by so that the right classes become as likely as possible.

    Args:
        logits: `[N, classes]`.
        allowed: bool `[N, classes]`, the classes that count as right for each picture; together their
            probability is what is made likely.

    Returns:
        The temperature with the least negative log-likelihood, in 0.25..4.
    """
    grid = torch.exp(torch.linspace(np.log(0.25), np.log(4.0), 161))
    losses = []
    for temperature in grid:
        log = torch.log_softmax(logits / temperature, 1)
        losses.append(-torch.logsumexp(log.masked_fill(~allowed, -torch.inf), 1).mean())
    return float(grid[int(torch.stack(losses).argmin())])
