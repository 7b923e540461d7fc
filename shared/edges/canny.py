"""Canny's detector at five scales, with soft maps.

J. Canny, "A Computational Approach to Edge Detection", TPAMI 8(6), 1986: smooth with a Gaussian, compute the
gradient, keep its maxima along its own direction. The last step, hysteresis with two thresholds, would make a
binary map; here every kept pixel carries its contrast instead, so that the threshold can be chosen later, as
with a network.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from skimage import feature
from torch import Tensor

from shared.edges.backend import EdgeBackend

#: Standard deviations of the Gaussian in pixels, one per side output, fine to coarse.
SIGMAS = (1.0, 1.5, 2.0, 3.0, 4.0)
#: Strength from which a pixel belongs to a line: that of the ODS, 0.587, on the 100 images of BSDS500 val
#: (`python -m shared.edges.benchmark --data DIR --engine canny --split val`).
THRESHOLD = 0.251


class CannyBackend(EdgeBackend):
    """Canny's detector as a backend."""

    threshold = THRESHOLD

    def edge_maps(self, image: Image.Image) -> Tensor:
        return canny_maps(image)


def canny_maps(image: Image.Image) -> Tensor:
    """Compute the soft edges of an image at each of `SIGMAS` and their combination.

    The combination lies on the ridges of the middle scale, which would be Canny's detector, and has the mean
    strength of all five: outlines keep theirs from scale to scale, texture does not.

    Args:
        image: Any mode; only the luminance counts.

    Returns:
        `[6, H, W]`, float32 in 0..1: five side outputs, then the edges.
    """
    gray = np.asarray(image.convert("L"), np.float32) / 255
    strengths = np.stack([edge_strength(gray, sigma) for sigma in SIGMAS])
    ridges = np.stack([gradient_ridges(gray, sigma) for sigma in SIGMAS])
    edges = strengths.mean(axis=0) * ridges[len(SIGMAS) // 2]
    return torch.from_numpy(np.concatenate([strengths * ridges, edges[None]]))


def gradient_ridges(gray: np.ndarray, sigma: float) -> np.ndarray:
    """Return the maxima of the gradient along its direction: Canny's detector before its thresholds.

    Args:
        gray: `[H, W]` in 0..1.
        sigma: Standard deviation of the Gaussian in pixels.

    Returns:
        bool `[H, W]`.
    """
    return feature.canny(gray, sigma, low_threshold=0, high_threshold=0, mode="nearest")


def edge_strength(gray: np.ndarray, sigma: float) -> np.ndarray:
    """Compute the contrast of the step edge that has the gradient of each pixel.

    Args:
        gray: `[H, W]`, float32 in 0..1.
        sigma: Standard deviation of the Gaussian in pixels.

    Returns:
        `[H, W]`, float32 in 0..1: twice the height of the step, since few steps in photos are higher than
        half the range.
    """
    gradient = ndimage.gaussian_gradient_magnitude(gray, sigma, mode="nearest")
    unit_step_gradient = 1 / (sigma * math.sqrt(2 * math.pi))  # of a smoothed step of height 1, at its center
    return np.minimum(gradient * (2 / unit_step_gradient), 1)
