"""Measures of swapped garments: distances of colors and of patterns."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_erosion, gaussian_filter
from skimage.metrics import structural_similarity

from shared.restyle.oklab import oklab_from_pixels

QUANTILES = 64  # of a channel
SCALES = (0.7, 1.4, 2.8)  # deviations of the filters of a pattern in pixels
MIN_INNER = 30  # pixels of a garment in which patterns are measured


def lab_image(image: np.ndarray) -> np.ndarray:
    """Convert uint8 `[H, W, 3]` to OKLab, float32 `[3, H, W]`."""
    lab: np.ndarray = oklab_from_pixels(image.reshape(-1, 3)).numpy()
    return lab.reshape(3, *image.shape[:2])


def color_distance(
    image: np.ndarray, mask: np.ndarray, reference: np.ndarray, reference_mask: np.ndarray
) -> float:
    """Return the distance of the color histograms of two garments.

    The mean over the channels of OKLab of the earth mover's distance of their histograms; light and dark
    folds count as well.

    Args:
        image: uint8 `[H, W, 3]`.
        mask: Boolean `[H, W]` with at least one pixel.
        reference: Image of the garment that is compared.
        reference_mask: Its mask.

    >>> red, blue = (np.full((4, 4, 3), color, np.uint8) for color in ((200, 0, 0), (0, 0, 200)))
    >>> mask = np.ones((4, 4), bool)
    >>> color_distance(red, mask, red, mask), color_distance(red, mask, blue, mask) > 0.1
    (0.0, True)
    """
    shares = (np.arange(QUANTILES) + 0.5) / QUANTILES
    first, second = (
        np.quantile(lab_image(values)[:, inside], shares, axis=1)
        for values, inside in ((image, mask), (reference, reference_mask))
    )
    return float(np.abs(first - second).mean())


def pattern_descriptor(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the strength of edges in a garment by channel, scale and direction.

    The mean over the garment, without its rim, of the absolute slopes across, down and along both diagonals
    of lightness, a and b of OKLab, at three scales. Stripes, checks, dots and plain cloth differ in it.

    Args:
        image: uint8 `[H, W, 3]`.
        mask: Boolean `[H, W]` with at least one pixel.

    Returns:
        float32 `[36]`, 0 for a plain garment.
    """
    inner = binary_erosion(mask, iterations=2)
    inner = inner if inner.sum() >= MIN_INNER else mask
    values = []
    for channel in lab_image(image):
        # Beyond the garment its mean continues, so that its border is no pattern.
        filled = np.where(mask, channel, channel[mask].mean())
        for scale in SCALES:
            slopes = [
                gaussian_filter(filled, scale, order=order)[inner] * scale for order in ((0, 1), (1, 0))
            ]
            across, down = slopes
            diagonals = [(across + down) / 2**0.5, (across - down) / 2**0.5]
            values += [np.abs(slope).mean() for slope in (across, down, *diagonals)]
    return np.array(values, np.float32)


def pattern_distance(
    image: np.ndarray, mask: np.ndarray, reference: np.ndarray, reference_mask: np.ndarray
) -> float:
    """Return the distance of the patterns of two garments, 0 for the same up to 1.

    `|p - q| / |p + q|` of their descriptors, in the sum of absolute values.

    Args:
        image: uint8 `[H, W, 3]`.
        mask: Boolean `[H, W]` with at least one pixel.
        reference: Image of the garment that is compared.
        reference_mask: Its mask.
    """
    p, q = pattern_descriptor(image, mask), pattern_descriptor(reference, reference_mask)
    return float(np.abs(p - q).sum() / max(float(np.abs(p + q).sum()), 1e-6))


def masked_similarity(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Return the structural similarity (SSIM) of two images, mean over the pixels of a mask.

    Args:
        image: uint8 `[H, W, 3]`.
        truth: uint8 `[H, W, 3]`.
        mask: Boolean `[H, W]` with at least one pixel.
    """
    _, values = structural_similarity(image, truth, channel_axis=2, full=True)
    return float(values.mean(2)[mask].mean())


def outside_difference(image: np.ndarray, reference: np.ndarray, mask: np.ndarray) -> float:
    """Return the mean absolute difference of two uint8 images `[H, W, 3]` outside a mask `[H, W]`, 0..255."""
    return float(np.abs(image.astype(np.float32) - reference)[~mask].mean())
