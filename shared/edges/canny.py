"""Canny's detector at five scales, with soft maps.

J. Canny, "A Computational Approach to Edge Detection", TPAMI 8(6), 1986: smooth with a Gaussian, take the
gradient, keep the pixels where its length is greatest along its own direction. The last step, two thresholds,
makes a binary map; here every kept pixel carries its contrast instead, so that the threshold can be chosen
later, as with a network.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from skimage import feature
from torch import Tensor

#: Standard deviations of the Gaussian in pixels, one for each side map, fine to coarse.
SIGMAS = (1.0, 1.5, 2.0, 3.0, 4.0)
#: The value of the last map from which a pixel counts as a line: that of the ODS, 0.587, on the 100 images of
#: BSDS500 val (`python -m shared.edges.benchmark --data DIR --engine canny --split val`).
THRESHOLD = 0.251


def maps(picture: Image.Image) -> Tensor:
    """The maps of a picture: five sides, one for each of `SIGMAS`, and the edges.

    The edges lie on the ridges of the middle scale, which alone would be Canny's detector, and have the mean
    strength of all five: outlines keep theirs from scale to scale, texture does not.

    Args:
        picture: Any mode; only its luminance counts.

    Returns:
        `[6, H, W]` float32 in 0..1.
    """
    gray = np.asarray(picture.convert("L"), np.float32) / 255
    strengths = np.stack([strength(gray, sigma) for sigma in SIGMAS])
    crests = np.stack([ridges(gray, sigma) for sigma in SIGMAS])
    edges = strengths.mean(axis=0) * crests[len(SIGMAS) // 2]
    return torch.from_numpy(np.concatenate([strengths * crests, edges[None]]))


def ridges(gray: np.ndarray, sigma: float) -> np.ndarray:
    """Canny's detector before its thresholds, by scikit-image: `[H, W]` bool of `gray` `[H, W]` in 0..1."""
    return feature.canny(gray, sigma, low_threshold=0, high_threshold=0, mode="nearest")


def strength(gray: np.ndarray, sigma: float) -> np.ndarray:
    """How strong an edge at a scale would be.

    Args:
        gray: `[H, W]` float32, 0..1.
        sigma: Standard deviation of the Gaussian, pixels.

    Returns:
        `[H, W]` float32 in 0..1: twice the height of a step from dark to bright with this gradient, for few
        steps in a photo are higher than half the range.
    """
    gradient = ndimage.gaussian_gradient_magnitude(gray, sigma, mode="nearest")
    # A step of height 1, smoothed, has this slope in its middle.
    slope = 1 / (sigma * math.sqrt(2 * math.pi))
    return np.minimum(gradient * (2 / slope), 1)
