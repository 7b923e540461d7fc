"""Scores of thin boundaries: one-to-one matching of boundary pixels, and ODS, OIS and AP from the counts.

The definitions are those of the Berkeley boundary benchmark: D. Martin, C. Fowlkes and J. Malik, "Learning to
detect natural image boundaries using local brightness, color, and texture cues", TPAMI 26(5), 2004, appendix
B, and P. Arbelaez, M. Maire, C. Fowlkes and J. Malik, "Contour detection and hierarchical image
segmentation", TPAMI 33(5), 2011, section 5.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

UNITS = 100  # costs are whole hundredths of a pixel, so that sums are exact
OUTLIER = 100  # what an unmatched pixel costs, in maximum distances
ABSENT = 1 << 60  # dual of a pixel that is not in the present prediction: nothing can be matched with it


class BoundaryMatcher:
    """The least-cost one-to-one matching of a changing prediction with one truth.

    Pixels within reach of each other may be paired, at their distance, and a pair gains 100 times the maximum
    distance: more pairs come first, then shorter ones. The optimum is exact. It is kept by the Hungarian
    method (shortest augmenting paths with dual prices), where each pixel that enters or leaves the prediction
    costs one search that mostly ends nearby; so a series of predictions that differ little, such as those of
    neighboring thresholds, costs little more than its largest one.

    Args:
        candidates: bool [H, W], all pixels that will be in some prediction. A prediction is given as bool [N]
            over its N true pixels, row by row (`prediction[candidates]`).
        truth: bool [H, W], thin.
        max_distance: reach, in pixels.
    """

    def __init__(self, candidates: np.ndarray, truth: np.ndarray, max_distance: float):
        rows, columns, costs = _pairs(candidates, truth, max_distance)
        self._size = int(np.count_nonzero(candidates))
        self._near, rows = np.unique(rows, return_inverse=True)  # all other candidates can never be matched
        sizes = (len(self._near), int(np.count_nonzero(truth)))
        gains = max(round(OUTLIER * UNITS * max_distance), 1) - costs
        # two sides: 0 the prediction, 1 the truth
        self._adjacent = (_lists(rows, columns, gains, sizes[0]), _lists(columns, rows, gains, sizes[1]))
        self._mate = ([-1] * sizes[0], [-1] * sizes[1])
        self._dual = ([ABSENT] * sizes[0], [0] * sizes[1])
        self._present = np.zeros(sizes[0], bool)
        self._matched = np.zeros(sizes[0], bool)

    def update(self, prediction: np.ndarray) -> np.ndarray:
        """Move to another prediction.

        Args:
            prediction: bool [N], see the class.

        Returns:
            bool [N], which of its pixels are matched; equally many pixels of the truth are.
        """
        prediction = prediction[self._near]
        changed = np.flatnonzero(prediction != self._present)
        entering = prediction[changed]
        for pixel in changed[~entering].tolist():
            self._remove(pixel)
        for pixel in changed[entering].tolist():
            self._insert(pixel)
        self._present[changed] = entering
        matched = np.zeros(self._size, bool)
        matched[self._near] = self._matched
        return matched

    def matched_truth(self) -> np.ndarray:
        """Bool [M]: which of the M true pixels of the truth, row by row, are matched."""
        return np.array(self._mate[1], int) >= 0

    def _insert(self, pixel: int) -> None:
        prices = self._dual[1]
        highest, nearest = 0, -1
        for other, gain in self._adjacent[0][pixel]:
            if gain - prices[other] > highest:
                highest, nearest = gain - prices[other], other
        self._dual[0][pixel] = highest
        if not highest:
            return
        if self._mate[1][nearest] < 0:
            self._mate[0][pixel], self._mate[1][nearest] = nearest, pixel
            self._matched[pixel] = True
        else:
            self._augment(0, pixel)

    def _remove(self, pixel: int) -> None:
        self._dual[0][pixel] = ABSENT
        partner = self._mate[0][pixel]
        if partner >= 0:
            self._mate[0][pixel] = self._mate[1][partner] = -1
            self._matched[pixel] = False
            if self._dual[1][partner]:
                self._augment(1, partner)

    def _augment(self, side: int, start: int) -> None:
        """Restore the optimum after `start`, unmatched but with a price above 0, has appeared on a side.

        Dijkstra's search over alternating paths in reduced costs. A path ends at an unmatched pixel of the
        other side (one pair more) or at a pixel of the same side, which gives up its partner at the cost of
        its price; `start` itself may be that pixel.
        """
        dual, other_dual = self._dual[side], self._dual[1 - side]
        mate, other_mate = self._mate[side], self._mate[1 - side]
        adjacent = self._adjacent[side]
        best, end, gives_up = dual[start], start, True
        distance: dict[int, int] = {}  # of pixels of the other side; that of their partner is the same
        parent: dict[int, int] = {}
        heap = [(0, start)]
        while heap:
            here, pixel = heappop(heap)
            if here >= best:
                break
            if pixel != start and here > distance[mate[pixel]]:
                continue
            base = here + dual[pixel]
            for other, gain in adjacent[pixel]:
                there = base + other_dual[other] - gain
                if there < best and there < distance.get(other, best):
                    distance[other], parent[other] = there, pixel
                    partner = other_mate[other]
                    if partner < 0:
                        best, end, gives_up = there, other, False
                    else:
                        heappush(heap, (there, partner))
                        if there + dual[partner] < best:
                            best, end, gives_up = there + dual[partner], partner, True
        dual[start] -= best
        for other, there in distance.items():
            if there < best:
                other_dual[other] += best - there
                dual[other_mate[other]] -= best - there
        if end == start and gives_up:
            return
        self._flip(side, start, end, gives_up, parent)

    def _flip(self, side: int, start: int, end: int, gives_up: bool, parent: dict[int, int]) -> None:
        mate, other_mate = self._mate[side], self._mate[1 - side]
        if side == 0:
            self._matched[start] = True
        if gives_up:
            other, mate[end] = mate[end], -1
            if side == 0:
                self._matched[end] = False
        else:
            other = end
            if side == 1:
                self._matched[end] = True
        while True:
            pixel = parent[other]
            following = mate[pixel]
            mate[pixel], other_mate[other] = other, pixel
            if pixel == start:
                return
            other = following


def match_boundaries(
    prediction: np.ndarray, truth: np.ndarray, max_distance: float = 0.0075
) -> tuple[np.ndarray, np.ndarray]:
    """Match the pixels of two thin boundary maps one to one, at the least cost.

    Args:
        prediction: bool [H, W].
        truth: bool [H, W].
        max_distance: how far the pixels of a pair may be apart, as a fraction of the diagonal of the map. The
            benchmark uses 0.0075 on BSDS500 (4.3 pixels) and 0.011 on NYUDv2.

    Returns:
        The matched pixels of the prediction and of the truth, both bool [H, W] with equally many pixels.

    >>> line = np.zeros((9, 200), bool)
    >>> line[4] = True
    >>> [int(side.sum()) for side in match_boundaries(np.roll(line, 1, axis=0), line)]
    [200, 200]
    """
    prediction, truth = np.asarray(prediction, bool), np.asarray(truth, bool)
    _check_shapes(prediction, truth)
    matcher = BoundaryMatcher(prediction, truth, max_distance * math.hypot(*truth.shape))
    matched_prediction, matched_truth = np.zeros_like(prediction), np.zeros_like(truth)
    matched_prediction[prediction] = matcher.update(np.ones(np.count_nonzero(prediction), bool))
    matched_truth[truth] = matcher.matched_truth()
    return matched_prediction, matched_truth


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
    _check_shapes(predictions[0], truths[0])
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


def _check_shapes(prediction: np.ndarray, truth: np.ndarray) -> None:
    if prediction.ndim != 2 or prediction.shape != truth.shape:
        raise ValueError(
            "prediction and truth must be maps [height, width] of one size, "
            f"received shapes {prediction.shape} and {truth.shape}"
        )


def _pairs(
    candidates: np.ndarray, truth: np.ndarray, max_distance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs within reach: numbers of the pixels in both maps, and the cost in hundredths of a pixel."""
    reach = int(max_distance)
    down, right = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
    square = down**2 + right**2
    near = np.flatnonzero(square <= max_distance**2)
    near = near[np.argsort(square[near], kind="stable")]  # close ones first lets searches end early
    numbers = np.full(truth.shape, -1, np.int32)
    numbers[truth] = np.arange(np.count_nonzero(truth))
    numbers = np.pad(numbers, reach, constant_values=-1)
    stride = numbers.shape[1]
    y, x = np.nonzero(candidates)
    around = (y + reach) * stride + x + reach
    table = numbers.reshape(-1)[around[:, None] + (down * stride + right)[near]]
    rows, offsets = np.nonzero(table >= 0)
    costs = np.rint(UNITS * np.sqrt(square[near])).astype(np.int64)
    return rows, table[rows, offsets], costs[offsets]


def _lists(
    from_pixel: np.ndarray, to_pixel: np.ndarray, gains: np.ndarray, size: int
) -> list[list[tuple[int, int]]]:
    """For each pixel of a side its (pixel of the other side, gain), the highest gains first."""
    order = np.lexsort((-gains, from_pixel))
    pairs = list(zip(to_pixel[order].tolist(), gains[order].tolist(), strict=True))
    ends = np.cumsum(np.bincount(from_pixel, minlength=size)).tolist()
    return [pairs[start:end] for start, end in zip([0, *ends], ends, strict=False)]
