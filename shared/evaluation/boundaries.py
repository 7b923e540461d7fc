"""Scores of thin boundaries: ODS, OIS and AP from counts of pixels matched one to one.

The definitions are those of the Berkeley boundary benchmark: D. Martin, C. Fowlkes and J. Malik, "Learning to
detect natural image boundaries using local brightness, color, and texture cues", TPAMI 26(5), 2004, appendix
B, and P. Arbelaez, M. Maire, C. Fowlkes and J. Malik, "Contour detection and hierarchical image
segmentation", TPAMI 33(5), 2011, section 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from shared.evaluation.boundary_matching import BoundaryMatcher, check_shapes


@dataclass(frozen=True)
class BoundaryCounts:
    """Counts of pixels, int64 `[K]` for K thresholds of one image or `[images, K]` for several.

    Attributes:
        matched_truth: Pixels of the truth that are matched, summed over the annotators.
        truth: Pixels of the truth, summed over the annotators.
        matched_prediction: Predicted pixels that are matched with any annotator.
        prediction: Predicted pixels.
    """

    matched_truth: np.ndarray
    truth: np.ndarray
    matched_prediction: np.ndarray
    prediction: np.ndarray

    @classmethod
    def stack(cls, counts: Sequence[BoundaryCounts]) -> BoundaryCounts:
        """Return counts `[images, K]` from those of single images."""
        return cls(*(np.stack(column) for column in zip(*(row.arrays() for row in counts), strict=True)))

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return the four arrays, in the order of the fields."""
        return self.matched_truth, self.truth, self.matched_prediction, self.prediction

    def pooled(self) -> BoundaryCounts:
        """Return counts `[K]`, summed over the images."""
        return BoundaryCounts(*(array.sum(axis=0) for array in self.arrays()))

    def select(self, thresholds: np.ndarray) -> BoundaryCounts:
        """Return counts `[images]` at one threshold per image, given by their numbers `[images]`."""
        images = np.arange(len(thresholds))
        return BoundaryCounts(*(array[images, thresholds] for array in self.arrays()))

    @property
    def recall(self) -> np.ndarray:
        """Matched pixels of the truth / pixels of the truth; 0 where there are none."""
        return self.matched_truth / np.maximum(self.truth, 1)

    @property
    def precision(self) -> np.ndarray:
        """Matched predicted pixels / predicted pixels; 0 where there are none."""
        return self.matched_prediction / np.maximum(self.prediction, 1)


def count_boundaries(
    predictions: ArrayLike, truths: ArrayLike, max_distance: float = 0.0075
) -> BoundaryCounts:
    """Match the predictions of one image at all thresholds with the truth of every annotator.

    Args:
        predictions: bool `[K, H, W]`, thin, one for each threshold; fast if neighbors differ little.
        truths: bool `[A, H, W]`, one for each annotator.
        max_distance: See `match_boundaries`.

    Returns:
        Counts `[K]`: those of the truth are summed over the annotators; a predicted pixel counts once, as
        matched if it is matched with at least one annotator.

    Raises:
        ValueError: The maps differ in size.
    """
    masks: np.ndarray = np.asarray(predictions, bool)
    annotations: np.ndarray = np.asarray(truths, bool)
    check_shapes(masks[0], annotations[0])
    candidates = np.asarray(masks.any(axis=0))
    vectors = masks[:, candidates]
    matched_prediction = np.zeros_like(vectors)
    matched_truth = np.zeros(len(vectors), np.int64)
    for truth in annotations:
        matcher = BoundaryMatcher(candidates, truth, max_distance * math.hypot(*truth.shape))
        # from the fewest pixels to the most: a pixel that enters is cheaper than one that leaves
        for k in np.argsort(vectors.sum(axis=1), kind="stable"):
            matched = matcher.update(vectors[k])
            matched_prediction[k] |= matched
            matched_truth[k] += np.count_nonzero(matched)
    return BoundaryCounts(
        matched_truth,
        np.full(len(vectors), np.count_nonzero(annotations)),
        matched_prediction.sum(axis=1),
        vectors.sum(axis=1),
    )


def f_measure(recall: ArrayLike, precision: ArrayLike) -> np.ndarray:
    """Compute F = 2 P R / (P + R), and 0 where both are 0.

    Args:
        recall: R, 0..1.
        precision: P, 0..1, of the same shape.

    Returns:
        F in 0..1, of the same shape.

    >>> float(f_measure(0.5, 1.0))
    0.6666666666666666
    """
    total = np.add(recall, precision)
    f: np.ndarray = 2 * np.multiply(recall, precision) / np.where(total == 0, 1, total)
    return f


def best_threshold(counts: BoundaryCounts, thresholds: np.ndarray) -> dict[str, float]:
    """Return the point of the highest F on the curve of precision and recall over thresholds.

    Between neighboring thresholds, recall and precision are interpolated linearly at 100 points, as the
    benchmark does: max over k, d of F(R_k + d (R_k+1 - R_k), P_k + d (P_k+1 - P_k)), d = 0, 1/99, .. 1.

    Args:
        counts: `[K]`.
        thresholds: `[K]`, increasing.

    Returns:
        `threshold`, `recall`, `precision` and `F`. On pooled counts, F is the ODS (optimal data set scale).
    """
    curve = np.stack([thresholds, counts.recall, counts.precision])
    steps = np.linspace(0, 1, 100)
    interpolated = curve[:, :-1, None] * (1 - steps) + curve[:, 1:, None] * steps
    points = np.concatenate([curve[:, :1], interpolated.reshape(3, -1)], axis=1)
    scores = f_measure(points[1], points[2])
    best = int(np.argmax(scores))
    threshold, recall, precision = points[:, best].tolist()
    return {"threshold": threshold, "recall": recall, "precision": precision, "F": float(scores[best])}


def best_per_image(counts: BoundaryCounts) -> dict[str, float]:
    """Compute OIS (optimal image scale): F of the counts pooled over images, each at its best threshold.

    Args:
        counts: `[images, K]`.

    Returns:
        `recall`, `precision` and `F`.
    """
    best = np.argmax(f_measure(counts.recall, counts.precision), axis=1)
    pooled = counts.select(best).pooled()
    recall, precision = float(pooled.recall), float(pooled.precision)
    return {"recall": recall, "precision": precision, "F": float(f_measure(recall, precision))}


def average_precision(counts: BoundaryCounts) -> float:
    """Compute AP: precision, interpolated linearly over recall, summed at recall 0, 0.01, .. 1, over 100.

    Recalls that no threshold reaches, below the lowest as well as above the highest, add nothing.

    Args:
        counts: `[K]`, with increasing thresholds.

    Returns:
        0..1.
    """
    recall, first = np.unique(counts.recall, return_index=True)
    if len(recall) < 2:
        return 0.0
    precision = counts.precision[first]
    return float(np.interp(np.arange(101) / 100, recall, precision, left=0, right=0).sum() / 100)


def boundary_scores(counts: BoundaryCounts, thresholds: np.ndarray) -> dict[str, float]:
    """Compute ODS with its threshold, OIS and AP.

    Args:
        counts: `[images, K]`.
        thresholds: `[K]`, increasing.

    Returns:
        `ODS`, `OIS`, `AP` and `threshold`, all in 0..1.
    """
    pooled = counts.pooled()
    best = best_threshold(pooled, thresholds)
    return {
        "ODS": best["F"],
        "OIS": best_per_image(counts)["F"],
        "AP": average_precision(pooled),
        "threshold": best["threshold"],
    }
