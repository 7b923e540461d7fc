"""Colors of a garment as a histogram in OKLab."""

from __future__ import annotations

import numpy as np

from shared.restyle.oklab import oklab_from_pixels

BINS = (5, 9, 9)  # of lightness, a and b
COLOR_DIM = BINS[0] * BINS[1] * BINS[2]
MAX_CHROMA = 0.3  # of a and b; sRGB reaches no further


def color_histogram(pixels: np.ndarray) -> np.ndarray:
    """Compute the histogram of lightness, a and b.

    Each pixel is shared between the eight nearest bins, so that a slightly other light changes little. Bins
    of a and b are narrow near grey, where most clothes are. The square root makes the dot product of two
    histograms their Bhattacharyya coefficient (Swain and Ballard, "Color indexing", IJCV 7(1), 1991).

    Args:
        pixels: uint8 `[n, 3]`, sRGB; n at least 1.

    Returns:
        float32 `[COLOR_DIM]` of unit length.

    >>> int((color_histogram(np.array([[255, 255, 255]], np.uint8)) > 0.1).sum())
    1
    """
    lightness, *chroma = oklab_from_pixels(pixels).double().numpy()
    axes = [lightness, *(0.5 + 0.5 * np.sign(c) * np.sqrt(np.abs(c) / MAX_CHROMA) for c in chroma)]
    counts = np.zeros(COLOR_DIM)
    corners = [_nearest_bins(values, bins) for values, bins in zip(axes, BINS, strict=True)]
    for low_or_high in np.ndindex(2, 2, 2):
        picked = [corner[side] for corner, side in zip(corners, low_or_high, strict=True)]
        indices = np.ravel_multi_index([index for index, _ in picked], BINS)
        shares = picked[0][1] * picked[1][1] * picked[2][1]
        counts += np.bincount(indices, shares, COLOR_DIM)
    return np.sqrt(counts / counts.sum()).astype(np.float32)


def _nearest_bins(values: np.ndarray, bins: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Return the bins below and above values in 0..1, and the share of each."""
    places = values.clip(0, 1) * (bins - 1)
    low = np.minimum(places.astype(np.int64), bins - 2)
    high_share = places - low
    return (low, 1 - high_share), (low + 1, high_share)
