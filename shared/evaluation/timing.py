"""Speed of a predictor, whole calls from PIL image to result one after another, and memory of a process."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

WARM_UP = 3
REPEATS = 3


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


def median_time(call: Callable[[], object]) -> tuple[float, float]:
    """Measure a call after one that is not counted.

    Returns:
        Wall time and processor time in seconds, each the median of `REPEATS` calls.
    """
    call()
    times = []
    for _ in range(REPEATS):
        wall, processor = time.perf_counter(), time.process_time()
        call()
        times.append((time.perf_counter() - wall, time.process_time() - processor))
    return float(np.median([pair[0] for pair in times])), float(np.median([pair[1] for pair in times]))


def peak_bytes() -> int:
    """Return the largest memory of this process so far, in bytes."""
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
