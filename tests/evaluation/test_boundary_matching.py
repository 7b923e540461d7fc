"""One-to-one matching of boundary pixels, against hand-made answers and another solver."""

import math

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from shared.evaluation.boundary_matching import BoundaryMatcher, match_boundaries


def dots(*places: tuple[int, int], shape: tuple[int, int] = (20, 20)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(np.transpose(places))] = True
    return mask


def fraction(pixels: float, shape: tuple[int, int] = (20, 20)) -> float:
    return pixels / math.hypot(*shape)


def optimum(prediction: np.ndarray, truth: np.ndarray, reach: float) -> tuple[int, int]:
    """Return the number of pairs and their cost in hundredths of a pixel, by a solver of another kind."""
    a, b = np.argwhere(prediction), np.argwhere(truth)
    if not len(a) or not len(b):
        return 0, 0
    distance = np.hypot(*(a[:, None] - b).transpose(2, 0, 1))
    row, column = np.nonzero(distance <= reach)
    cost = np.rint(100 * distance[row, column])
    outlier = round(100 * 100 * reach)
    outliers = np.arange(len(a))
    graph = csr_array(
        # 1 more for each, as the solver takes 0 for a missing pair
        (
            np.r_[cost + 1, np.full(len(a), outlier + 1)],
            (np.r_[row, outliers], np.r_[column, len(b) + outliers]),
        ),
        shape=(len(a), len(b) + len(a)),
    )
    rows, columns = min_weight_full_bipartite_matching(graph)
    pairs = columns < len(b)
    return int(pairs.sum()), int(np.rint(100 * distance[rows[pairs], columns[pairs]]).sum())


def cost_of(matcher: BoundaryMatcher, candidates: np.ndarray, truth: np.ndarray) -> tuple[int, int]:
    a, b = np.argwhere(candidates)[matcher._near], np.argwhere(truth)
    pairs = [(i, j) for i, j in enumerate(matcher._mate[0]) if j >= 0]
    assert all(matcher._mate[1][j] == i for i, j in pairs)
    return len(pairs), sum(round(100 * math.hypot(*(a[i] - b[j]))) for i, j in pairs)


def test_identical_maps_match_in_full():
    rng = np.random.default_rng(0)
    mask = rng.random((40, 50)) < 0.2
    matched, matched_truth = match_boundaries(mask, mask)
    np.testing.assert_array_equal(matched, mask)
    np.testing.assert_array_equal(matched_truth, mask)


@pytest.mark.parametrize(("shift", "share"), [(0, 1), (3, 1), (4, 1), (5, 0), (6, 0)])
def test_shifted_line_matches_within_tolerance_only(shift, share):
    line = np.zeros((321, 481), bool)  # 0.0075 of the diagonal is 4.34 pixels
    line[100] = True
    matched, matched_truth = match_boundaries(np.roll(line, shift, axis=0), line)
    assert matched.sum() == matched_truth.sum() == 481 * share


def test_matching_beats_the_greedy_one():
    # nearest first would pair the 5 with the 6 and leave 2 and 9 without a partner
    prediction, truth = dots((0, 5), (0, 9)), dots((0, 2), (0, 6))
    matched, matched_truth = match_boundaries(prediction, truth, fraction(3))
    assert matched.sum() == matched_truth.sum() == 2


def test_of_two_candidates_the_nearer_one_is_matched():
    prediction, truth = dots((0, 0), (0, 2)), dots((0, 3))
    matched, _ = match_boundaries(prediction, truth, fraction(3))
    np.testing.assert_array_equal(matched, dots((0, 2)))


def test_distance_is_euclidean():
    truth = dots((5, 5))
    assert match_boundaries(dots((7, 7)), truth, fraction(2.9))[0].any()
    assert not match_boundaries(dots((7, 7)), truth, fraction(2.8))[0].any()


def test_without_tolerance_only_the_same_pixels_match():
    prediction, truth = dots((3, 3), (5, 5)), dots((3, 4), (5, 5))
    matched, matched_truth = match_boundaries(prediction, truth, 0)
    np.testing.assert_array_equal(matched, dots((5, 5)))
    np.testing.assert_array_equal(matched_truth, dots((5, 5)))


@pytest.mark.parametrize(("length", "pairs"), [(50, 50), (150, 149)])
def test_one_pair_more_is_worth_a_hundred_reaches(length, pairs):
    # all but one pixel lie on the truth; to match the last one as well, all must move by one pixel
    prediction, truth = np.zeros((3, 200), bool), np.zeros((3, 200), bool)
    prediction[1, :length] = truth[1, 1 : length + 1] = True
    assert match_boundaries(prediction, truth, fraction(1, (3, 200)))[0].sum() == pairs


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (12, 7)])
def test_empty_maps(shape):
    empty, full = np.zeros(shape, bool), np.ones(shape, bool)
    for prediction, truth in ((empty, full), (full, empty), (empty, empty)):
        matched, matched_truth = match_boundaries(prediction, truth)
        assert matched.shape == matched_truth.shape == shape
        assert not matched.any()
        assert not matched_truth.any()
    assert match_boundaries(full, full)[0].all()


def test_maps_of_different_size_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 5\) and \(5, 4\)"):
        match_boundaries(np.zeros((4, 5), bool), np.zeros((5, 4), bool))


@pytest.mark.parametrize("seed", range(12))
def test_cost_is_the_least_for_a_changing_prediction(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 45, 2))
    truth = rng.random(shape) < rng.uniform(0, 0.3)
    levels = rng.random(shape)
    reach = rng.uniform(0.5, 5)
    candidates = levels < 0.4
    matcher = BoundaryMatcher(candidates, truth, reach)
    for level in rng.uniform(0, 0.4, 8):
        # neither rising nor nested: some pixels come, others go
        prediction = (levels < level) & (rng.random(shape) < 0.9)
        matched = matcher.update(prediction[candidates])
        assert cost_of(matcher, candidates, truth) == optimum(prediction, truth, reach)
        assert not (matched & ~prediction[candidates]).any()
        assert matched.sum() == matcher.matched_truth().sum()


def test_lines_have_the_least_cost_too():
    rng = np.random.default_rng(3)
    x = np.arange(120)
    prediction, truth = np.zeros((60, 120), bool), np.zeros((60, 120), bool)
    for row in (10, 14, 30, 33, 50):
        truth[np.clip(row + np.rint(3 * np.sin(x / 9)).astype(int), 0, 59), x] = True
        noise = np.rint(np.cumsum(rng.normal(0, 0.4, 120))).astype(int).clip(-4, 4)
        prediction[np.clip(row + noise + np.rint(3 * np.sin(x / 9)).astype(int), 0, 59), x] = True
    matcher = BoundaryMatcher(prediction, truth, 4.3)
    matcher.update(np.ones(prediction.sum(), bool))
    assert cost_of(matcher, prediction, truth) == optimum(prediction, truth, 4.3)
