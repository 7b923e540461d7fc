"""Speed of a predictor: whole calls, from PIL image to result, one after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

WARM_UP = 3


def time_calls(call: Callable[[Image.Image], object], images: Sequence[Image.Image]) -> dict[str, float]:
    """Measure a call on images that are decoded already.

    Args:
        call: The call of a visitor's request.
        images: At least one. The first `WARM_UP` are passed once more at the start, and these calls are not
            counted, since they also pay for set-up.

    Returns:
        `images_per_second` and `ms_per_image`, both of the median call.
    """
    seconds = []
    for image in [*images[:WARM_UP], *images]:
        started = time.perf_counter()
        call(image)
        seconds.append(time.perf_counter() - started)
    median = float(np.median(seconds[-len(images) :]))
    return {"images_per_second": 1 / median, "ms_per_image": 1000 * median}
