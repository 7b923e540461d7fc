"""The baseline without a network: which colors a photo has, wherever they are."""

from __future__ import annotations

import numpy as np

from shared.core.images import Source, open_image

BINS = (8, 4, 4)  # of hue, saturation and value


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

    >>> from PIL import Image
    >>> color_histogram(Image.new("RGB", (4, 4), "red")).nonzero()[0].tolist()
    [15]
    """
    levels = np.asarray(open_image(image).convert("HSV")).reshape(-1, 3).astype(np.int64)
    hue, saturation, value = (levels * BINS // 256).T
    cells = (hue * BINS[1] + saturation) * BINS[2] + value
    counts = np.bincount(cells, minlength=int(np.prod(BINS)))
    return np.sqrt(counts / counts.sum()).astype(np.float32)
