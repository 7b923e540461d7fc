"""Calibration of classifiers: expected calibration error and temperature scaling."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

TEMPERATURE_RANGE = (0.25, 4.0)
TEMPERATURE_STEPS = 161


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> float:
    """Compute the mean absolute difference between confidence and accuracy over bins of equal width.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3.

    Args:
        confidence: `[N]`, probability of the best prediction, 0..1.
        correct: bool `[N]`, True if that prediction is correct.
        bins: Number of bins.

    >>> expected_calibration_error(np.array([0.9, 0.9]), np.array([True, False]))
    0.4
    """
    bin_ids = np.minimum((np.asarray(confidence) * bins).astype(int), bins - 1)
    gaps = np.bincount(bin_ids, np.asarray(correct, float) - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def fit_temperature(logits: Tensor, correct: Tensor) -> float:
    """Return the temperature with the least negative log-likelihood, on a logarithmic grid.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.

    Args:
        logits: `[N, classes]`.
        correct: bool `[N, classes]`, all classes that are correct for an image; the likelihood is that of
            any of them.

    Returns:
        Divisor of the logits, within `TEMPERATURE_RANGE`.
    """
    low, high = np.log(TEMPERATURE_RANGE)
    grid = torch.exp(torch.linspace(low, high, TEMPERATURE_STEPS))
    losses = []
    for temperature in grid:
        log_probabilities = torch.log_softmax(logits / temperature, 1)
        losses.append(-torch.logsumexp(log_probabilities.masked_fill(~correct, -torch.inf), 1).mean())
    return float(grid[int(torch.stack(losses).argmin())])
