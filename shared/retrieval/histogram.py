"""Color histogram of an image, the baseline without a network."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops

BINS = (8, 4, 4)  # of hue, saturation and value
COUNT = int(np.prod(BINS))
#: Contribution of each of the 256 levels of each channel to the number of a bin; the sum is at most 127.
_BIN_TABLE = [
    level * bins // 256 * int(np.prod(BINS[channel + 1 :]))
    for channel, bins in enumerate(BINS)
    for level in range(256)
]


def color_histogram(image: Image.Image) -> np.ndarray:
    """Compute the histogram of hue, saturation and value as a descriptor.

    Swain and Ballard, "Color indexing", IJCV 7(1), 1991. The square root makes the cosine of two histograms
    their Bhattacharyya coefficient, so that large plain areas do not dominate.

    Returns:
        float32 `[128]` of unit length.

    >>> color_histogram(Image.new("RGB", (4, 4), "red")).nonzero()[0].tolist()
    [15]
    """
    counts = np.array(_bin_image(image).histogram()[:COUNT])
    return np.sqrt(counts / counts.sum()).astype(np.float32)


def color_bins(image: Image.Image) -> np.ndarray:
    """Return the histogram bin of each pixel, uint8 `[H, W]`, 0..127.

    >>> color_bins(Image.new("RGB", (2, 1), "red")).tolist()
    [[15, 15]]
    """
    return np.asarray(_bin_image(image))


def _bin_image(image: Image.Image) -> Image.Image:
    hue, saturation, value = image.convert("HSV").point(_BIN_TABLE).split()
    return ImageChops.add(ImageChops.add(hue, saturation), value)
