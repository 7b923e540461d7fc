"""Matching and scores of boundaries, on cases whose answers are known by hand or by another solver."""

import math

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from shared.core.metrics import (
    BoundaryCounts,
    BoundaryMatcher,
    average_precision,
    best_per_picture,
    best_threshold,
    boundary_scores,
    count_boundaries,
    f_measure,
    match_boundaries,
)


def dots(*places: tuple[int, int], shape: tuple[int, int] = (20, 20)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(np.transpose(places))] = True
    return mask


def fraction(pixels: float, shape: tuple[int, int] = (20, 20)) -> float:
    return pixels / math.hypot(*shape)


def counts(matched_truth, truth, matched_prediction, prediction) -> BoundaryCounts:
    return BoundaryCounts(*map(np.array, (matched_truth, truth, matched_prediction, prediction)))


def optimum(prediction: np.ndarray, truth: np.ndarray, reach: float) -> tuple[int, int]:
    """Number of pairs and their cost in hundredths of a pixel, by a solver of another kind."""
    a, b = np.argwhere(prediction), np.argwhere(truth)
    if not len(a) or not len(b):
        return 0, 0
    distance = np.hypot(*(a[:, None] - b).transpose(2, 0, 1))
    row, column = np.nonzero(distance <= reach)
    cost = np.rint(100 * distance[row, column])
    outlier = round(100 * 100 * reach)
    every = np.arange(len(a))
    graph = csr_array(
        # 1 more for each, as the solver takes 0 for a missing pair
        (
            np.r_[cost + 1, np.full(len(a), outlier + 1)],
            (np.r_[row, every], np.r_[column, len(b) + every]),
        ),
        shape=(len(a), len(b) + len(a)),
    )
    rows, columns = min_weight_full_bipartite_matching(graph)
    pairs = columns < len(b)
    return int(pairs.sum()), int(np.rint(100 * distance[rows[pairs], columns[pairs]]).sum())


def cost_of(matcher: BoundaryMatcher, candidates: np.ndarray, truth: np.ndarray) -> tuple[int, int]:
    a, b = np.argwhere(candidates)[matcher._near], np.argwhere(truth)
    pairs = [(own, other) for own, other in enumerate(matcher._mate[0]) if other >= 0]
    assert all(matcher._mate[1][other] == own for own, other in pairs)
    return len(pairs), sum(round(100 * math.hypot(*(a[own] - b[other]))) for own, other in pairs)


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


def test_counts_of_several_annotators():
    prediction = dots((0, 0), (0, 10), (10, 10))
    truths = np.stack([dots((0, 1), (19, 19)), dots((0, 0), (0, 11)), dots((19, 0))])
    result = count_boundaries(np.stack([prediction, dots((0, 0))]), truths, fraction(2))
    # recall sums over annotators; (0, 0) is right for two annotators and counts once; (10, 10) is wrong
    np.testing.assert_array_equal(result.matched_truth, [3, 2])
    np.testing.assert_array_equal(result.truth, [5, 5])
    np.testing.assert_array_equal(result.matched_prediction, [2, 1])
    np.testing.assert_array_equal(result.prediction, [3, 1])
    np.testing.assert_allclose(result.recall, [3 / 5, 2 / 5])
    np.testing.assert_allclose(result.precision, [2 / 3, 1])


def test_counts_do_not_depend_on_the_other_thresholds():
    rng = np.random.default_rng(5)
    levels, truths = rng.random((40, 40)), rng.random((3, 40, 40)) < 0.1
    masks = np.stack([levels < level for level in (0.2, 0.02, 0.1)])
    together = count_boundaries(masks, truths, fraction(2.5, (40, 40)))
    for k, mask in enumerate(masks):
        alone = count_boundaries(mask[None], truths, fraction(2.5, (40, 40)))
        assert together.matched_truth[k] == alone.matched_truth[0]
        assert together.prediction[k] == alone.prediction[0]
        assert abs(together.matched_prediction[k] - alone.matched_prediction[0]) <= 3  # ties


def test_empty_prediction_and_empty_truth_score_zero():
    empty = np.zeros((2, 6, 6), bool)
    result = count_boundaries(empty, np.ones((1, 6, 6), bool))
    assert boundary_scores(BoundaryCounts.stack([result]), np.array([0.3, 0.6])) == {
        "ODS": 0.0,
        "OIS": 0.0,
        "AP": 0.0,
        "threshold": 0.3,
    }
    result = count_boundaries(np.ones((2, 6, 6), bool), empty)
    assert result.recall.tolist() == result.precision.tolist() == [0, 0]


def test_published_point_of_rds():
    assert f_measure(0.7820, 0.8014) == pytest.approx(0.7916, abs=1e-4)


def test_best_threshold_interpolates():
    # recall 1 -> 0.5 and precision 0.5 -> 1: F is 2/3 at both ends and 0.75 halfway
    result = best_threshold(counts([10, 5], [10, 10], [5, 5], [10, 5]), np.array([0.2, 0.6]))
    assert result["F"] == pytest.approx(0.75, abs=1e-4)
    assert result["threshold"] == pytest.approx(0.4, abs=0.005)
    assert result["recall"] == pytest.approx(0.75, abs=0.005)


def test_a_single_threshold_is_its_own_best():
    assert best_threshold(counts([5], [10], [5], [5]), np.array([0.5])) == {
        "threshold": 0.5,
        "recall": 0.5,
        "precision": 1.0,
        "F": pytest.approx(2 / 3),
    }


def test_pictures_choose_their_own_threshold():
    # the first picture is perfect at threshold 0, the second at threshold 1
    both = counts([[10, 0], [0, 20]], [[10, 10], [20, 20]], [[10, 0], [0, 20]], [[10, 0], [30, 20]])
    assert best_per_picture(both) == {"recall": 1.0, "precision": 1.0, "F": 1.0}
    scores = boundary_scores(both, np.array([0.1, 0.9]))
    assert scores["OIS"] == 1
    assert scores["ODS"] == pytest.approx(2 * 1 * (20 / 30) / (1 + 20 / 30))


def test_average_precision_counts_only_recalls_that_are_reached():
    # precision 1 at recalls 0.2, 0.21, .. 0.6: 41 of the 101 points, divided by 100
    assert average_precision(counts([6, 2], [10, 10], [6, 2], [6, 2])) == pytest.approx(0.41)
    # and the mean of 0.5 and 1 over them where precision falls linearly
    assert average_precision(counts([6, 2], [10, 10], [6, 2], [12, 2])) == pytest.approx(0.41 * 0.75)
    assert average_precision(counts([6, 6], [10, 10], [6, 6], [6, 6])) == 0
