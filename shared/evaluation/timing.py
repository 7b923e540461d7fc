"""How fast a doer is: whole calls, from PIL image to result, one after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image


def time_calls(call: Callable[[Image.Image], object], photos: Sequence[Image.Image]) -> dict[str, float]:
    """Times a call on photos that are decoded already.

    Args:
        call: What a visitor's request would call.
        photos: At least one. The first three are shown once more at the start, and these calls are not
            counted, since they also pay for set-up.

    Returns:
        `images_per_second` and `ms_per_image`, both of the median call.
    """
    seconds = []
    for photo in [*photos[:3], *photos]:
        started = time.perf_counter()
        call(photo)
        seconds.append(time.perf_counter() - started)
    median = float(np.median(seconds[-len(photos) :]))
    return {"images_per_second": 1 / median, "ms_per_image": 1000 * median}
