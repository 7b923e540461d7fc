"""Scores of segmentations: IoU from a pooled confusion matrix, and how well boundaries are met."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

VOID = 255


def confusion_matrix(truth: np.ndarray, prediction: np.ndarray, classes: int) -> np.ndarray:
    """Counts pixels by true and predicted class.

    Args:
        truth: uint8 `[H, W]`; pixels of `VOID` do not count.
        prediction: uint8 `[H, W]`, below `classes`.
        classes: how many classes.

    Returns:
        int64 `[classes, classes]`, rows are the truth.

    >>> confusion_matrix(np.array([[0, 1, 255]]), np.array([[1, 1, 0]]), 2).tolist()
    [[0, 1], [0, 1]]
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"truth and prediction differ in size: {truth.shape} and {prediction.shape}")
    counts = truth != VOID
    pairs = truth[counts].astype(np.int64) * classes + prediction[counts]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def intersection_over_union(matrix: np.ndarray) -> np.ndarray:
    """IoU of each class from a confusion matrix pooled over all pictures; NaN where a class never occurs.

    Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective", IJCV 2015.

    >>> intersection_over_union(np.array([[3, 1], [0, 2]])).round(3).tolist()
    [0.75, 0.667]
    """
    right = np.diag(matrix).astype(float)
    union = matrix.sum(0) + matrix.sum(1) - right
    return np.divide(right, union, out=np.full(len(matrix), np.nan), where=union > 0)


def boundary_f(
    truth: np.ndarray, prediction: np.ndarray, classes: int, tolerance: float = 0.0075
) -> list[float]:
    """How well the boundary of each class in a picture is met: F of precision and recall.

    Csurka et al., "What is a good evaluation measure for semantic segmentation?", BMVC 2013. A rim of `VOID`
    hides where a boundary runs, so that it is put into the rim's middle.

    Args:
        truth: uint8 `[H, W]`.
        prediction: uint8 `[H, W]`.
        classes: how many classes.
        tolerance: the greatest distance between boundaries that counts as a hit, as a part of the diagonal.

    Returns:
        F in 0..1 for every class that the truth shows with a boundary, in the order of the classes.
    """
    if (truth == VOID).any():
        if (truth == VOID).all():
            return []
        nearest = ndimage.distance_transform_edt(truth == VOID, return_distances=False, return_indices=True)
        truth = truth[tuple(nearest)]
    reach = tolerance * math.hypot(*truth.shape)
    scores = []
    for number in range(classes):
        real, found = _outline(truth == number), _outline(prediction == number)
        if not real.any():
            continue
        if not found.any():
            scores.append(0.0)
            continue
        recall = (ndimage.distance_transform_edt(~found)[real] <= reach).mean()
        precision = (ndimage.distance_transform_edt(~real)[found] <= reach).mean()
        scores.append(float(2 * precision * recall / max(precision + recall, 1e-12)))
    return scores


def _outline(mask: np.ndarray) -> np.ndarray:
    """The pixels of a mask that touch a pixel outside it; the picture's own border is no outline."""
    return mask & ~ndimage.binary_erosion(mask, border_value=1)
