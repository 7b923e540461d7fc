"""Measurement of one task in a process of its own, whose start, memory and cores are part of the result.

    python -m shared.speed.measure TASK FOLDER

prints the figures as JSON. The environment sets the runtime, and the parent process the cores.
"""

from __future__ import annotations

import sys
import time

_STARTED = time.perf_counter()

import json  # noqa: E402
import os  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402
from itertools import cycle, islice  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from shared.core.image_files import ImageFile  # noqa: E402
from shared.speed.tasks import TASKS, Call, StreamTask, Task  # noqa: E402

WARM_UP, CALLS = 5, 40
CALLERS = (4, 16)


def main() -> None:
    """Measure the task of the command line."""
    task, folder = TASKS[sys.argv[1]], Path(sys.argv[2])
    files = [ImageFile(path) for path in sorted(folder.glob("*.jpg"))]
    figures = measure_stream(task, files) if isinstance(task, StreamTask) else measure_calls(task, files)
    print(json.dumps(figures | {"peak_mb": peak_megabytes()}))


def measure_calls(task: Task, files: list[ImageFile]) -> dict[str, float]:
    """Return the seconds to the first answer, the median milliseconds of a call, and photos per second.

    Args:
        task: The task.
        files: Photos of the task's size.
    """
    images = [file.image() for file in files]
    call = task.load()
    call(images[0])
    first = time.perf_counter() - _STARTED
    seconds = [_time(call, image) for image in islice(cycle(images), WARM_UP + CALLS)]
    median = float(np.median(seconds[WARM_UP:]))
    rates = {f"callers_{count}": _rate(call, images, count) for count in CALLERS}
    return {"first_seconds": first, "ms": 1000 * median, "per_second": 1 / median, **rates}


def measure_stream(task: StreamTask, files: list[ImageFile]) -> dict[str, float]:
    """Return the seconds to the first answer, and the photos per second of three passes, the fastest.

    Args:
        task: The task.
        files: Photos of the task's size.
    """
    describe = task.load()
    next(iter(describe(files)))
    first = time.perf_counter() - _STARTED
    rates = []
    for _ in range(3):
        started = time.perf_counter()
        count = sum(1 for _ in describe(files))
        rates.append(count / (time.perf_counter() - started))
    return {"first_seconds": first, "ms": 1000 / max(rates), "per_second": max(rates)}


def peak_megabytes() -> float:
    """Return the largest memory of this process so far."""
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _time(call: Call, image: Image.Image) -> float:
    started = time.perf_counter()
    call(image)
    return time.perf_counter() - started


def _rate(call: Call, images: list[Image.Image], callers: int) -> float:
    """Return the photos per second of several callers at a time."""
    with ThreadPoolExecutor(callers) as executor:
        started = time.perf_counter()
        list(executor.map(call, islice(cycle(images), CALLS)))
        return CALLS / (time.perf_counter() - started)


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
