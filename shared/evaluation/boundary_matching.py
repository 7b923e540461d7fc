"""One-to-one matching of boundary pixels at the least cost, kept up to date while a prediction changes."""

import math
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
    check_shapes(prediction, truth)
    matcher = BoundaryMatcher(prediction, truth, max_distance * math.hypot(*truth.shape))
    matched_prediction, matched_truth = np.zeros_like(prediction), np.zeros_like(truth)
    matched_prediction[prediction] = matcher.update(np.ones(np.count_nonzero(prediction), bool))
    matched_truth[truth] = matcher.matched_truth()
    return matched_prediction, matched_truth


def check_shapes(prediction: np.ndarray, truth: np.ndarray) -> None:
    """Raises ValueError unless both are maps `[H, W]` of the same size."""
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
