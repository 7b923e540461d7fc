"""Score fusion: one score of several, by their mean or by weights from a validation set.

CycleMatch (thesis of Y. Liu, chapter 6) compares an image and a sentence in five ways and adds the scores;
ensembles of RRF-Net with different T are fused in the same way. Nothing is retrained.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.crossmodal.benchmarks.recall import recall_metrics


def fuse(similarities: np.ndarray, weights: Sequence[float] | np.ndarray | None = None) -> np.ndarray:
    """Return the weighted mean of several scores.

    Args:
        similarities: `[K, images, texts]`.
        weights: K numbers of 0 or more, of any sum above 0; equal by default.

    Returns:
        `[images, texts]`.

    Raises:
        ValueError: The number of weights is wrong, one is negative, or all are 0.

    >>> fuse(np.array([[[1.0]], [[0.0]]]), [3, 1]).tolist()
    [[0.75]]
    """
    count = len(similarities)
    normalized = np.ones(count) if weights is None else np.asarray(weights, float)
    if normalized.shape != (count,) or normalized.min() < 0 or normalized.sum() <= 0:
        raise ValueError(f"expected {count} weights of 0 or more with a sum above 0, received {weights}")
    normalized = (normalized / normalized.sum()).astype(similarities.dtype)
    return np.tensordot(normalized, similarities, 1)


def adaptive_weights(
    similarities: np.ndarray,
    image_index: np.ndarray,
    *,
    factors: Sequence[float] = (0.0, 0.5, 2.0),
    rounds: int = 4,
) -> list[float]:
    """Return fusion weights that maximise R-sum on a validation set, by coordinate search.

    From equal weights, one after another is dropped, halved or doubled as long as R-sum rises: few scores and
    coarse steps, so that the weights do not overfit the set.

    Args:
        similarities: `[K, images, texts]` of the validation set.
        image_index: See `shared.crossmodal.benchmarks.recall.first_relevant_ranks`.
        factors: Factors that a weight is tried with; without 0 no score is dropped.
        rounds: Limit of passes over all weights.

    Returns:
        K weights of sum 1.
    """
    weights = np.ones(len(similarities))
    best = recall_metrics(fuse(similarities, weights), image_index)["R_sum"]
    for _ in range(rounds):
        previous = best
        for position in range(len(weights)):
            for factor in factors:
                trial = weights.copy()
                trial[position] *= factor
                if trial.sum() == 0:
                    continue
                r_sum = recall_metrics(fuse(similarities, trial), image_index)["R_sum"]
                if r_sum > best:
                    best, weights = r_sum, trial
        if best == previous:
            break
    return (weights / weights.sum()).round(6).tolist()
