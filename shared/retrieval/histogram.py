"""The baseline without a network: which colors a photo has, wherever they are."""

from __future__ import annotations

import numpy as np
from PIL import Image

from shared.core.images import Source, open_image

BINS = (8, 4, 4)  # of hue, saturation and value
#: What each of the 256 levels of a channel adds to the number of a bin, at most 127.
_TABLES = [
    (np.arange(256) * bins // 256 * int(np.prod(BINS[channel + 1 :]))).astype(np.uint8)
    for channel, bins in enumerate(BINS)
]


def color_histogram(image: Source) -> np.ndarray:
    """A histogram of hue, saturation and value, as a descriptor.

    Swain and Ballard, "Color indexing", IJCV 7(1), 1991. The square root makes the cosine of two histograms
    their Bhattacharyya coefficient, so that large plain areas do not drown the rest.

    Args:
        image: anything that `shared.core.images.open_image` takes.

    Returns:
        float32 `[128]` of length 1.

    Raises:
        ImageError: the picture cannot be used.

    >>> color_histogram(Image.new("RGB", (4, 4), "red")).nonzero()[0].tolist()
    [15]
    """
    counts = np.bincount(color_cells(open_image(image)).ravel(), minlength=int(np.prod(BINS)))
    return np.sqrt(counts / counts.sum()).astype(np.float32)


def color_cells(picture: Image.Image) -> np.ndarray:
    """The bin of each pixel of an RGB picture: int64 `[H, W]`, 0..127.

    >>> color_cells(Image.new("RGB", (2, 1), "red")).tolist()
    [[15, 15]]
    """
    levels = np.asarray(picture.convert("HSV"))
    return sum(table[levels[..., channel]] for channel, table in enumerate(_TABLES)).astype(np.int64)
