"""Scores of thin boundaries: ODS, OIS and AP from counts of pixels that are matched one to one.

The definitions are those of the Berkeley boundary benchmark: D. Martin, C. Fowlkes and J. Malik, "Learning to
detect natural image boundaries using local brightness, color, and texture cues", TPAMI 26(5), 2004, appendix
B, and P. Arbelaez, M. Maire, C. Fowlkes and J. Malik, "Contour detection and hierarchical image
segmentation", TPAMI 33(5), 2011, section 5.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.evaluation.boundary_matching import BoundaryMatcher, check_shapes


@dataclass(frozen=True)
class BoundaryCounts:
    """Counts of pixels, int64 [K] for the K thresholds of one picture or [pictures, K] for many."""

    matched_truth: np.ndarray
    truth: np.ndarray
    matched_prediction: np.ndarray
    prediction: np.ndarray

    @classmethod
    def stack(cls, pictures: Sequence["BoundaryCounts"]) -> "BoundaryCounts":
        """Counts [pictures, K] from those of single pictures."""
        names = cls.__dataclass_fields__
        return cls(*(np.stack([getattr(picture, name) for picture in pictures]) for name in names))

    def pooled(self) -> "BoundaryCounts":
        """Counts [K], summed over the pictures."""
        return BoundaryCounts(*(np.sum(getattr(self, name), axis=0) for name in self.__dataclass_fields__))

    @property
    def recall(self) -> np.ndarray:
        """Matched pixels of the truth / pixels of the truth, over all annotators; 0 where there are none."""
        return self.matched_truth / np.maximum(self.truth, 1)

    @property
    def precision(self) -> np.ndarray:
        """Predicted pixels matched with any annotator / predicted pixels; 0 where there are none."""
        return self.matched_prediction / np.maximum(self.prediction, 1)


def count_boundaries(
    predictions: np.ndarray, truths: np.ndarray, max_distance: float = 0.0075
) -> BoundaryCounts:
    """Match the predictions of one picture at all thresholds with the truth of every annotator.

    Args:
        predictions: bool [K, H, W], thin, one for each threshold. Fast when each is much like the next.
        truths: bool [A, H, W], one for each annotator.
        max_distance: see `match_boundaries`.

    Returns:
        Counts [K]: those of the truth are summed over the annotators; a predicted pixel counts once, and is
        right when it is matched with at least one annotator.
    """
    predictions, truths = np.asarray(predictions, bool), np.asarray(truths, bool)
    check_shapes(predictions[0], truths[0])
    candidates = predictions.any(axis=0)
    vectors = predictions[:, candidates]
    right = np.zeros_like(vectors)
    matched_truth = np.zeros(len(vectors), np.int64)
    for truth in truths:
        matcher = BoundaryMatcher(candidates, truth, max_distance * math.hypot(*truth.shape))
        # from the fewest pixels to the most: pixels that come are cheaper than pixels that go
        for k in np.argsort(vectors.sum(axis=1), kind="stable"):
            matched = matcher.update(vectors[k])
            right[k] |= matched
            matched_truth[k] += np.count_nonzero(matched)
    return BoundaryCounts(
        matched_truth, np.full(len(vectors), np.count_nonzero(truths)), right.sum(axis=1), vectors.sum(axis=1)
    )


def f_measure(recall: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """F = 2 P R / (P + R), and 0 where both are 0.

    >>> float(f_measure(0.5, 1.0))
    0.6666666666666666
    """
    total = np.add(recall, precision)
    return 2 * np.multiply(recall, precision) / np.where(total == 0, 1, total)


def best_threshold(counts: BoundaryCounts, thresholds: np.ndarray) -> dict[str, float]:
    """The point of the highest F on the curve of precision and recall over thresholds.

    Between neighboring thresholds, recall and precision are interpolated linearly at 100 points, as the
    benchmark does: max over k, d of F(R_k + d (R_k+1 - R_k), P_k + d (P_k+1 - P_k)), d = 0, 1/99, .. 1.

    Args:
        counts: [K].
        thresholds: [K], rising.

    Returns:
        "threshold", "recall", "precision" and "F". On pooled counts, F is the ODS (optimal data set scale).
    """
    curve = np.stack([thresholds, counts.recall, counts.precision])
    steps = np.linspace(0, 1, 100)
    fine = curve[:, :-1, None] * (1 - steps) + curve[:, 1:, None] * steps
    points = np.concatenate([curve[:, :1], fine.reshape(3, -1)], axis=1)
    scores = f_measure(points[1], points[2])
    best = int(np.argmax(scores))
    threshold, recall, precision = points[:, best].tolist()
    return {"threshold": threshold, "recall": recall, "precision": precision, "F": float(scores[best])}


def best_per_picture(counts: BoundaryCounts) -> dict[str, float]:
    """OIS (optimal image scale): F of the counts pooled over the pictures, each at its own best threshold.

    Args:
        counts: [pictures, K].

    Returns:
        "recall", "precision" and "F".
    """
    best = np.argmax(f_measure(counts.recall, counts.precision), axis=1)
    chosen = BoundaryCounts(
        *(getattr(counts, name)[np.arange(len(best)), best] for name in counts.__dataclass_fields__)
    ).pooled()
    recall, precision = float(chosen.recall), float(chosen.precision)
    return {"recall": recall, "precision": precision, "F": float(f_measure(recall, precision))}


def average_precision(counts: BoundaryCounts) -> float:
    """AP: precision, interpolated linearly over recall, summed at recall 0, 0.01, .. 1 and divided by 100.

    Recalls that no threshold reaches, below the lowest as well as above the highest, add nothing.

    Args:
        counts: [K], with rising thresholds.
    """
    recall, first = np.unique(counts.recall, return_index=True)
    if len(recall) < 2:
        return 0.0
    precision = counts.precision[first]
    return float(np.interp(np.arange(101) / 100, recall, precision, left=0, right=0).sum() / 100)


def boundary_scores(counts: BoundaryCounts, thresholds: np.ndarray) -> dict[str, float]:
    """ODS with its threshold, OIS and AP of counts [pictures, K] at K rising thresholds, as fractions."""
    pooled = counts.pooled()
    best = best_threshold(pooled, thresholds)
    return {
        "ODS": best["F"],
        "OIS": best_per_picture(counts)["F"],
        "AP": average_precision(pooled),
        "threshold": best["threshold"],
    }
