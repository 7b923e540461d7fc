"""Scores of segmentations: IoU from a pooled confusion matrix, and F of boundaries."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

#: Class id of pixels that do not count.
VOID = 255


def confusion_matrix(truth: np.ndarray, prediction: np.ndarray, classes: int) -> np.ndarray:
    """Count pixels by true and predicted class.

    Args:
        truth: uint8 `[H, W]`; pixels of `VOID` do not count.
        prediction: uint8 `[H, W]`, below `classes`.
        classes: Number of classes.

    Returns:
        int64 `[classes, classes]`, rows are the truth.

    Raises:
        ValueError: The maps differ in size.

    >>> confusion_matrix(np.array([[0, 1, 255]]), np.array([[1, 1, 0]]), 2).tolist()
    [[0, 1], [0, 1]]
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"truth and prediction differ in size: {truth.shape} and {prediction.shape}")
    valid = truth != VOID
    pairs = truth[valid].astype(np.int64) * classes + prediction[valid]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def intersection_over_union(matrix: np.ndarray) -> np.ndarray:
    """Compute the IoU of each class from a confusion matrix pooled over all images.

    Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective", IJCV 2015.

    Args:
        matrix: `[classes, classes]`, see `confusion_matrix`.

    Returns:
        `[classes]`, 0..1; NaN where a class never occurs.

    >>> intersection_over_union(np.array([[3, 1], [0, 2]])).round(3).tolist()
    [0.75, 0.667]
    """
    intersection = np.diag(matrix).astype(float)
    union = matrix.sum(0) + matrix.sum(1) - intersection
    return np.divide(intersection, union, out=np.full(len(matrix), np.nan), where=union > 0)


def boundary_f(
    truth: np.ndarray, prediction: np.ndarray, classes: int, tolerance: float = 0.0075
) -> list[float]:
    """Compute F = 2 P R / (P + R) of the boundary of each class in an image.

    Csurka et al., "What is a good evaluation measure for semantic segmentation?", BMVC 2013. A rim of `VOID`
    hides the course of a boundary, so that it is put into the rim's middle.

    Args:
        truth: uint8 `[H, W]`.
        prediction: uint8 `[H, W]`.
        classes: Number of classes.
        tolerance: Largest distance between boundaries that counts as a hit, as a fraction of the diagonal.

    Returns:
        F in 0..1 for every class that has a boundary in the truth, in the order of the classes.
    """
    if (truth == VOID).any():
        if (truth == VOID).all():
            return []
        nearest = ndimage.distance_transform_edt(truth == VOID, return_distances=False, return_indices=True)
        truth = truth[tuple(nearest)]
    reach = tolerance * math.hypot(*truth.shape)
    scores = []
    for class_id in range(classes):
        expected, predicted = _outline(truth == class_id), _outline(prediction == class_id)
        if not expected.any():
            continue
        if not predicted.any():
            scores.append(0.0)
            continue
        recall = (ndimage.distance_transform_edt(~predicted)[expected] <= reach).mean()
        precision = (ndimage.distance_transform_edt(~expected)[predicted] <= reach).mean()
        scores.append(float(2 * precision * recall / max(precision + recall, 1e-12)))
    return scores


def _outline(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask that touch a pixel outside it; the image border is no outline."""
    outline: np.ndarray = mask & ~ndimage.binary_erosion(mask, border_value=1)
    return outline
