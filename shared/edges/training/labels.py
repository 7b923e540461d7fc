"""Label maps for training edge networks.

A label map is uint8 `[H, W]` with 1 edge, 0 no edge and 2 relaxed: a pixel that the loss leaves out (Liu and
Lew, "Learning Relaxed Deep Supervision for Better Edge Detection", CVPR 2016, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from skimage.color import rgb2gray
from skimage.feature import canny

EDGE, NO_EDGE, RELAXED = np.uint8(1), np.uint8(0), np.uint8(2)

# Standard deviations of the Gaussian, in pixels, of the Canny detectors of side outputs 1 to 5.
CANNY_SIGMAS = (1.0, 1.5, 2.0, 3.0, 4.0)
# Thresholds of a soft detector for side outputs 1 to 5, in multiples of the mean of its map.
SOFT_LEVELS = (0.5, 1.0, 1.5, 2.0, 2.5)


def dilate(mask: np.ndarray, radius: int = 1) -> np.ndarray:
    """Dilate a bool mask `[H, W]` by a square of `2 * radius + 1` pixels."""
    return ndimage.maximum_filter(mask, 2 * radius + 1) if radius else mask


def consensus(boundaries: np.ndarray, *, votes: int = 3, radius: int = 1) -> np.ndarray:
    """Merge the boundary maps of several annotators, whose lines differ by a pixel or two.

    Each annotator's lines are dilated by `radius`; a pixel inside the lines of at least `votes` of them (of
    all, if there are fewer annotators than votes) is an edge. Other pixels that an annotator marked are
    relaxed: the benchmark accepts detections there, so they are no non-edges.

    Args:
        boundaries: bool `[annotators, H, W]`.
        votes: Number of annotators that make an edge.
        radius: Pixels.

    Returns:
        Label map `[H, W]`.

    Raises:
        ValueError: The boundaries are not three-dimensional.

    >>> lines = np.zeros((3, 3, 7), bool)
    >>> lines[:, :, 1] = True
    >>> lines[0, :, 5] = True
    >>> consensus(lines, radius=0)[0]
    array([0, 1, 0, 0, 0, 2, 0], dtype=uint8)
    """
    if boundaries.ndim != 3:
        raise ValueError(f"boundaries must be [annotators, H, W], got shape {boundaries.shape}")
    count = np.sum([dilate(lines, radius) for lines in boundaries], axis=0)
    labels = np.where(count >= min(votes, len(boundaries)), EDGE, NO_EDGE)
    labels[(boundaries.any(0)) & (labels == NO_EDGE)] = RELAXED
    return labels


def relax(labels: np.ndarray, detections: np.ndarray) -> np.ndarray:
    """Turn non-edges that a simple detector marks into relaxed pixels.

    Args:
        labels: Label map `[H, W]`.
        detections: bool `[H, W]`.

    Returns:
        Label map `[H, W]`.

    >>> relax(np.array([[1, 0, 0]], np.uint8), np.array([[True, True, False]]))
    array([[1, 2, 0]], dtype=uint8)
    """
    return np.where((labels == NO_EDGE) & detections, RELAXED, labels)


def canny_relaxed(
    labels: np.ndarray, image: np.ndarray, sigmas: Sequence[float] = CANNY_SIGMAS
) -> np.ndarray:
    """Relax labels for each output by Canny detectors, from fine (output 1) to coarse (output 5).

    Args:
        labels: Label map `[H, W]`.
        image: uint8 `[H, W, 3]`, RGB.
        sigmas: Standard deviation of the Gaussian in pixels, one per side output.

    Returns:
        uint8 `[len(sigmas) + 1, H, W]`; the last map, for the fusion, is `labels` itself.
    """
    gray = rgb2gray(image)
    sides = [relax(labels, dilate(canny(gray, sigma))) for sigma in sigmas]
    return np.stack([*sides, labels])


def soft_relaxed(labels: np.ndarray, soft: np.ndarray, levels: Sequence[float] = SOFT_LEVELS) -> np.ndarray:
    """Relax labels for each output by a soft detector with a rising threshold, low (1) to high (5).

    Args:
        labels: Label map `[H, W]`.
        soft: float `[H, W]` in 0..1, the map of the detector (the paper takes structured edges).
        levels: Thresholds in multiples of the mean of `soft`, one per side output.

    Returns:
        uint8 `[len(levels) + 1, H, W]`; the last map, for the fusion, is `labels` itself.

    Raises:
        ValueError: The shapes differ.
    """
    if soft.shape != labels.shape:
        raise ValueError(f"soft must have the shape of labels, got {soft.shape} and {labels.shape}")
    mean = max(float(soft.mean()), 1e-6)
    sides = [relax(labels, dilate(soft >= level * mean)) for level in levels]
    return np.stack([*sides, labels])


def region_borders(classes: np.ndarray, *, void: int = 255, radius: int = 1) -> np.ndarray:
    """Label the borders between the regions of a segmentation as edges.

    Args:
        classes: uint8 `[H, W]`, class ids. A rim of `void` surrounds objects and hides the exact border,
            which is placed in its middle.
        void: Class id of pixels without a class.
        radius: Dilation of the borders in pixels.

    Returns:
        Label map `[H, W]`: 1 on borders; other pixels of the rim are relaxed.

    >>> region_borders(np.array([[0, 0, 0, 7, 7, 7]], np.uint8), radius=0)
    array([[0, 0, 1, 0, 0, 0]], dtype=uint8)
    """
    unknown = classes == void
    if unknown.all():
        return np.full(classes.shape, RELAXED)
    nearest = ndimage.distance_transform_edt(unknown, return_distances=False, return_indices=True)
    filled = classes[tuple(nearest)]
    border = np.zeros(classes.shape, bool)
    border[:, :-1] |= filled[:, :-1] != filled[:, 1:]
    border[:-1] |= filled[:-1] != filled[1:]
    border = dilate(border, radius)
    return np.where(border, EDGE, np.where(unknown, RELAXED, NO_EDGE))
