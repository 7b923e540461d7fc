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

# Widths of the Gaussian, in pixels, of the Canny detectors of side outputs 1 to 5: the finer, the more fires.
CANNY_SIGMAS = (1.0, 1.5, 2.0, 3.0, 4.0)
# Thresholds of a soft detector for side outputs 1 to 5, in multiples of the mean of its map.
SOFT_LEVELS = (0.5, 1.0, 1.5, 2.0, 2.5)


def dilate(mask: np.ndarray, radius: int = 1) -> np.ndarray:
    """Grows a bool mask `[H, W]` by a square of `2 * radius + 1` pixels."""
    return ndimage.maximum_filter(mask, 2 * radius + 1) if radius else mask


def consensus(boundaries: np.ndarray, *, votes: int = 3, radius: int = 1) -> np.ndarray:
    """Ground truth from several annotators who never hit the same pixel exactly.

    Each annotator's lines are widened by `radius`; a pixel inside the lines of at least `votes` of them is
    an edge (of all of them where there are fewer annotators than votes). A pixel that somebody marked
    without finding enough company is relaxed: the benchmark counts it as right when a detector fires there,
    so it is no non-edge.

    Args:
        boundaries: bool `[annotators, H, W]`.

    >>> lines = np.zeros((3, 3, 7), bool)
    >>> lines[:, :, 1] = True
    >>> lines[0, :, 5] = True
    >>> consensus(lines, radius=0)[0]
    array([0, 1, 0, 0, 0, 2, 0], dtype=uint8)
    """
    if boundaries.ndim != 3:
        raise ValueError(f"boundaries must be [annotators, H, W], got shape {boundaries.shape}")
    count = sum(dilate(one, radius).astype(np.uint8) for one in boundaries)
    labels = np.where(count >= min(votes, len(boundaries)), EDGE, NO_EDGE)
    labels[(boundaries.any(0)) & (labels == NO_EDGE)] = RELAXED
    return labels


def relax(labels: np.ndarray, fired: np.ndarray) -> np.ndarray:
    """Turns the non-edges on which a simple detector fires into relaxed pixels.

    >>> relax(np.array([[1, 0, 0]], np.uint8), np.array([[True, True, False]]))
    array([[1, 2, 0]], dtype=uint8)
    """
    return np.where((labels == NO_EDGE) & fired, RELAXED, labels)


def plain_labels(labels: np.ndarray, sides: int = 5) -> np.ndarray:
    """The same labels for every side output and the fusion: plain deep supervision, `[sides + 1, H, W]`."""
    return np.repeat(labels[None], sides + 1, 0)


def canny_relaxed(
    labels: np.ndarray, image: np.ndarray, sigmas: Sequence[float] = CANNY_SIGMAS
) -> np.ndarray:
    """Labels per output, relaxed by Canny detectors from fine (output 1) to coarse (output 5).

    Args:
        labels: uint8 `[H, W]`.
        image: uint8 `[H, W, 3]`, RGB.
        sigmas: width of the Gaussian in pixels, one per side output.

    Returns:
        uint8 `[len(sigmas) + 1, H, W]`; the last map, for the fusion, is `labels` itself.
    """
    gray = rgb2gray(image)
    sides = [relax(labels, dilate(canny(gray, sigma))) for sigma in sigmas]
    return np.stack([*sides, labels])


def soft_relaxed(labels: np.ndarray, soft: np.ndarray, levels: Sequence[float] = SOFT_LEVELS) -> np.ndarray:
    """Labels per output, relaxed by a soft detector cut at multiples of its mean, from low (1) to high (5).

    Args:
        labels: uint8 `[H, W]`.
        soft: float `[H, W]` in 0..1, the response of the detector (the paper takes structured edges).
        levels: multiples of the mean of `soft`, one per side output.

    Returns:
        uint8 `[len(levels) + 1, H, W]`; the last map, for the fusion, is `labels` itself.
    """
    if soft.shape != labels.shape:
        raise ValueError(f"soft must have the shape of labels, got {soft.shape} and {labels.shape}")
    mean = max(float(soft.mean()), 1e-6)
    sides = [relax(labels, dilate(soft >= level * mean)) for level in levels]
    return np.stack([*sides, labels])


def region_borders(classes: np.ndarray, *, void: int = 255, radius: int = 1) -> np.ndarray:
    """Coarse edge labels: the borders between the regions of a segmentation.

    Args:
        classes: uint8 `[H, W]`, class ids. A rim of `void` belongs to no class; it lies around objects and
            hides where exactly the border runs, so the border is put in its middle.
        radius: how far a border line is widened.

    Returns:
        uint8 `[H, W]` with 1 on borders; a rim of void beside them is relaxed.

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
