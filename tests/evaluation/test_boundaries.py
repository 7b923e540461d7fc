"""Scores of boundaries on hand-made cases."""

import math

import numpy as np
import pytest

from shared.evaluation.boundaries import (
    BoundaryCounts,
    average_precision,
    best_per_image,
    best_threshold,
    boundary_scores,
    count_boundaries,
    f_measure,
)


def dots(*places: tuple[int, int], shape: tuple[int, int] = (20, 20)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(np.transpose(places))] = True
    return mask


def fraction(pixels: float, shape: tuple[int, int] = (20, 20)) -> float:
    return pixels / math.hypot(*shape)


def counts(matched_truth, truth, matched_prediction, prediction) -> BoundaryCounts:
    return BoundaryCounts(*map(np.array, (matched_truth, truth, matched_prediction, prediction)))


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
    series = count_boundaries(masks, truths, fraction(2.5, (40, 40)))
    for k, mask in enumerate(masks):
        single = count_boundaries(mask[None], truths, fraction(2.5, (40, 40)))
        assert series.matched_truth[k] == single.matched_truth[0]
        assert series.prediction[k] == single.prediction[0]
        assert abs(series.matched_prediction[k] - single.matched_prediction[0]) <= 3  # ties


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


def test_images_choose_their_own_threshold():
    # the first image is perfect at threshold 0, the second at threshold 1
    images = counts([[10, 0], [0, 20]], [[10, 10], [20, 20]], [[10, 0], [0, 20]], [[10, 0], [30, 20]])
    assert best_per_image(images) == {"recall": 1.0, "precision": 1.0, "F": 1.0}
    scores = boundary_scores(images, np.array([0.1, 0.9]))
    assert scores["OIS"] == 1
    assert scores["ODS"] == pytest.approx(2 * 1 * (20 / 30) / (1 + 20 / 30))


def test_average_precision_counts_only_recalls_that_are_reached():
    # precision 1 at recalls 0.2, 0.21, .. 0.6: 41 of the 101 points, divided by 100
    assert average_precision(counts([6, 2], [10, 10], [6, 2], [6, 2])) == pytest.approx(0.41)
    # and the mean of 0.5 and 1 over them where precision falls linearly
    assert average_precision(counts([6, 2], [10, 10], [6, 2], [12, 2])) == pytest.approx(0.41 * 0.75)
    assert average_precision(counts([6, 6], [10, 10], [6, 6], [6, 6])) == 0
