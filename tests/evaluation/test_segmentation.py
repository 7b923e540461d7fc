"""Scores of segmentations on hand-made cases."""

import numpy as np
import pytest

from shared.evaluation.segmentation import VOID, boundary_f, confusion_matrix, intersection_over_union


def square(left: int, size: int = 60) -> np.ndarray:
    ids = np.zeros((size, size), np.uint8)
    ids[15:45, left : left + 30] = 1
    return ids


def test_iou_pools_the_pixels_of_all_images():
    pairs = [
        (np.array([[0, 0, 1, VOID]]), np.array([[0, 1, 1, 1]])),
        (np.array([[1, 1]]), np.array([[1, 1]])),
    ]
    matrix = sum(confusion_matrix(truth, prediction, 3) for truth, prediction in pairs)
    assert matrix.tolist() == [[1, 1, 0], [0, 3, 0], [0, 0, 0]]
    iou = intersection_over_union(matrix)
    assert iou[:2].tolist() == [1 / 2, 3 / 4]
    assert np.isnan(iou[2])


def test_sizes_must_agree():
    with pytest.raises(ValueError, match="differ in size"):
        confusion_matrix(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), 2)


def test_boundaries_within_the_tolerance_are_hits():
    truth = square(15)
    assert boundary_f(truth, truth, 2) == [1.0, 1.0]
    assert boundary_f(truth, square(16), 2, tolerance=2 / 84) == [1.0, 1.0]
    half = boundary_f(truth, square(25), 2, tolerance=1 / 84)  # two of four sides still coincide in part
    assert all(0.3 < value < 0.8 for value in half)
    assert boundary_f(truth, np.zeros_like(truth), 2) == [0.0, 0.0]


def test_a_rim_of_void_hides_where_the_boundary_runs():
    truth = square(15)
    rimmed = truth.copy()
    rimmed[13:47, 13:47] = VOID
    rimmed[17:43, 17:43] = 1
    assert boundary_f(rimmed, truth, 2, tolerance=1 / 84) == [1.0, 1.0]
    assert boundary_f(np.full((4, 4), VOID, np.uint8), np.zeros((4, 4), np.uint8), 2) == []
