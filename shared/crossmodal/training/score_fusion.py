"""Late fusion: one score of several, by their mean or by weights that a validation set decides.

CycleMatch (thesis of Y. Liu, chapter 6) compares a picture and a sentence in five ways and adds the scores
up; ensembles of RRF-Net with different T are fused alike. Nothing is trained anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.crossmodal.benchmarks.recall import figures


def fuse(similarities: np.ndarray, weights: Sequence[float] | None = None) -> np.ndarray:
    """The weighted mean of several scores.

    Args:
        similarities: `[K, pictures, texts]`.
        weights: K numbers of 0 or more, of any sum above 0; by default all the same.

    Returns:
        `[pictures, texts]`.

    Raises:
        ValueError: The weights do not fit.

    >>> fuse(np.array([[[1.0]], [[0.0]]]), [3, 1]).tolist()
    [[0.75]]
    """
    count = len(similarities)
    share = np.ones(count) if weights is None else np.asarray(weights, float)
    if share.shape != (count,) or share.min() < 0 or share.sum() <= 0:
        raise ValueError(f"expected {count} weights of 0 or more with a sum above 0, received {weights}")
    share = (share / share.sum()).astype(similarities.dtype)
    return np.tensordot(share, similarities, 1)


def adaptive_weights(
    similarities: np.ndarray,
    owners: np.ndarray,
    *,
    factors: Sequence[float] = (0.0, 0.5, 2.0),
    rounds: int = 4,
) -> list[float]:
    """Weights with which fusion does best on a validation set, by R-sum.

    From the plain mean, one weight after the other is left out, halved or doubled for as long as that helps:
    few scores and coarse steps, so that the weights fit no more than the set can tell.

    Args:
        similarities: `[K, pictures, texts]` of the validation set.
        owners: See `shared.crossmodal.benchmarks.recall.first_relevant_ranks`.
        factors: What a weight is tried with; without 0 no score is left out.
        rounds: Most passes over all weights.

    Returns:
        K weights of sum 1.
    """
    weights = np.ones(len(similarities))
    best = figures(fuse(similarities, weights), owners)["R_sum"]
    for _ in range(rounds):
        before = best
        for place in range(len(weights)):
            for factor in factors:
                trial = weights.copy()
                trial[place] *= factor
                if trial.sum() == 0:
                    continue
                found = figures(fuse(similarities, trial), owners)["R_sum"]
                if found > best:
                    best, weights = found, trial
        if best == before:
            break
    return (weights / weights.sum()).round(6).tolist()
