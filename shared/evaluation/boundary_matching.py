"""One-to-one matching of boundary pixels at the least cost, updated while a prediction changes."""

from __future__ import annotations

import math
from heapq import heappop, heappush

import numpy as np
from numpy.typing import ArrayLike

#: Costs are whole hundredths of a pixel, so that sums are exact.
UNITS = 100
#: Cost of an unmatched pixel, in maximum distances.
OUTLIER = 100
#: Dual price of a pixel that is not in the present prediction: no pixel can be matched with it.
ABSENT = 1 << 60


class BoundaryMatcher:
    """Least-cost one-to-one matching of a changing prediction with one truth.

    Pixels within reach of each other may be paired, at their distance, and a pair gains 100 times the maximum
    distance: more pairs come first, then shorter ones. The optimum is exact. The Hungarian method (shortest
    augmenting paths with dual prices) maintains it: each pixel that enters or leaves the prediction costs one
    search, which mostly ends nearby, so that a series of predictions that differ little, such as those of
    neighboring thresholds, costs little more than its largest one.

    Args:
        candidates: bool `[H, W]`, all pixels that will be in some prediction. A prediction is passed as bool
            `[N]` over its N true pixels, row by row (`prediction[candidates]`).
        truth: bool `[H, W]`, thin.
        max_distance: Reach, in pixels.
    """

    def __init__(self, candidates: np.ndarray, truth: np.ndarray, max_distance: float) -> None:
        rows, columns, costs = _pairs(candidates, truth, max_distance)
        self._size = int(np.count_nonzero(candidates))
        self._near, rows = np.unique(rows, return_inverse=True)  # no other candidate can be matched
        sizes = (len(self._near), int(np.count_nonzero(truth)))
        gains = max(round(OUTLIER * UNITS * max_distance), 1) - costs
        # two sides: 0 the prediction, 1 the truth
        self._adjacent = (
            _neighbors(rows, columns, gains, sizes[0]),
            _neighbors(columns, rows, gains, sizes[1]),
        )
        self._mate = ([-1] * sizes[0], [-1] * sizes[1])
        self._dual = ([ABSENT] * sizes[0], [0] * sizes[1])
        self._present = np.zeros(sizes[0], bool)
        self._matched = np.zeros(sizes[0], bool)

    def update(self, prediction: np.ndarray) -> np.ndarray:
        """Move to another prediction.

        Args:
            prediction: bool `[N]`, see the class.

        Returns:
            bool `[N]`, mask of its matched pixels; equally many pixels of the truth are matched.
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
        """Return the mask of matched pixels of the truth, bool `[M]` over its M true pixels, row by row."""
        return np.array(self._mate[1], int) >= 0

    def _insert(self, pixel: int) -> None:
        prices = self._dual[1]
        highest, nearest = 0, -1
        for neighbor, gain in self._adjacent[0][pixel]:
            if gain - prices[neighbor] > highest:
                highest, nearest = gain - prices[neighbor], neighbor
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
        opposite side (one pair more) or at a pixel of the same side, which gives up its partner at the cost
        of its price; `start` itself may be that pixel.
        """
        dual, opposite_dual = self._dual[side], self._dual[1 - side]
        mate, opposite_mate = self._mate[side], self._mate[1 - side]
        adjacent = self._adjacent[side]
        best, end, gives_up = dual[start], start, True
        distance: dict[int, int] = {}  # of pixels of the opposite side; that of their partner is the same
        parent: dict[int, int] = {}
        heap = [(0, start)]
        while heap:
            cost, pixel = heappop(heap)
            if cost >= best:
                break
            if pixel != start and cost > distance[mate[pixel]]:
                continue
            base = cost + dual[pixel]
            for neighbor, gain in adjacent[pixel]:
                cost = base + opposite_dual[neighbor] - gain
                if cost < best and cost < distance.get(neighbor, best):
                    distance[neighbor], parent[neighbor] = cost, pixel
                    partner = opposite_mate[neighbor]
                    if partner < 0:
                        best, end, gives_up = cost, neighbor, False
                    else:
                        heappush(heap, (cost, partner))
                        if cost + dual[partner] < best:
                            best, end, gives_up = cost + dual[partner], partner, True
        dual[start] -= best
        for neighbor, cost in distance.items():
            if cost < best:
                opposite_dual[neighbor] += best - cost
                dual[opposite_mate[neighbor]] -= best - cost
        if end == start and gives_up:
            return
        self._flip(side, start, end, gives_up, parent)

    def _flip(self, side: int, start: int, end: int, gives_up: bool, parent: dict[int, int]) -> None:
        """Exchange matched and unmatched pairs along the path from `start` to `end`."""
        mate, opposite_mate = self._mate[side], self._mate[1 - side]
        if side == 0:
            self._matched[start] = True
        if gives_up:
            neighbor, mate[end] = mate[end], -1
            if side == 0:
                self._matched[end] = False
        else:
            neighbor = end
            if side == 1:
                self._matched[end] = True
        while True:
            pixel = parent[neighbor]
            following = mate[pixel]
            mate[pixel], opposite_mate[neighbor] = neighbor, pixel
            if pixel == start:
                return
            neighbor = following


def match_boundaries(
    prediction: ArrayLike, truth: ArrayLike, max_distance: float = 0.0075
) -> tuple[np.ndarray, np.ndarray]:
    """Match the pixels of two thin boundary maps one to one, at the least cost.

    Args:
        prediction: bool `[H, W]`.
        truth: bool `[H, W]`.
        max_distance: Largest distance of the pixels of a pair, as a fraction of the diagonal of the map. The
            benchmark uses 0.0075 on BSDS500 (4.3 pixels) and 0.011 on NYUDv2.

    Returns:
        Matched pixels of the prediction and of the truth, both bool `[H, W]` with equally many pixels.

    Raises:
        ValueError: The maps differ in size.

    >>> line = np.zeros((9, 200), bool)
    >>> line[4] = True
    >>> [int(side.sum()) for side in match_boundaries(np.roll(line, 1, axis=0), line)]
    [200, 200]
    """
    candidates, expected = np.asarray(prediction, bool), np.asarray(truth, bool)
    check_shapes(candidates, expected)
    matcher = BoundaryMatcher(candidates, expected, max_distance * math.hypot(*expected.shape))
    matched_prediction, matched_truth = np.zeros_like(candidates), np.zeros_like(expected)
    matched_prediction[candidates] = matcher.update(np.ones(np.count_nonzero(candidates), bool))
    matched_truth[expected] = matcher.matched_truth()
    return matched_prediction, matched_truth


def check_shapes(prediction: np.ndarray, truth: np.ndarray) -> None:
    """Check that two maps `[H, W]` have the same size.

    Raises:
        ValueError: They have not, or one is no map.
    """
    if prediction.ndim != 2 or prediction.shape != truth.shape:
        raise ValueError(
            "prediction and truth must be maps [height, width] of one size, "
            f"received shapes {prediction.shape} and {truth.shape}"
        )


def _pairs(
    candidates: np.ndarray, truth: np.ndarray, max_distance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all pairs within reach.

    Returns:
        Numbers of the pixels in both maps, and the cost in hundredths of a pixel, three arrays `[pairs]`.
    """
    reach = int(max_distance)
    down, right = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
    square = down**2 + right**2
    near = np.flatnonzero(square <= max_distance**2)
    near = near[np.argsort(square[near], kind="stable")]  # close ones first lets searches end early
    numbers: np.ndarray = np.full(truth.shape, -1, np.int32)
    numbers[truth] = np.arange(np.count_nonzero(truth))
    numbers = np.pad(numbers, reach, constant_values=-1)
    stride = numbers.shape[1]
    y, x = np.nonzero(candidates)
    center = (y + reach) * stride + x + reach
    table = numbers.reshape(-1)[center[:, None] + (down * stride + right)[near]]
    rows, offsets = np.nonzero(table >= 0)
    costs = np.rint(UNITS * np.sqrt(square[near])).astype(np.int64)
    return rows, table[rows, offsets], costs[offsets]


def _neighbors(
    from_pixel: np.ndarray, to_pixel: np.ndarray, gains: np.ndarray, size: int
) -> list[list[tuple[int, int]]]:
    """Return for each pixel of a side its neighbors on the opposite side with their gains, highest first."""
    order = np.lexsort((-gains, from_pixel))
    pairs = list(zip(to_pixel[order].tolist(), gains[order].tolist(), strict=True))
    ends = np.cumsum(np.bincount(from_pixel, minlength=size)).tolist()
    return [pairs[start:end] for start, end in zip([0, *ends], ends, strict=False)]
