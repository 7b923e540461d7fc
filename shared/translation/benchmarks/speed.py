"""Time and peak memory of translators by image size: `python -m shared.translation.benchmark speed`.

Images of 256 x 256, 1024 x 768 and 4000 x 3000 pixels pass the network at their full size. `peak_MB` is the
peak memory of a process that loads the engine and translates the largest image.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence

import numpy as np
from PIL import Image

from shared.core.images import open_image
from shared.evaluation import reports
from shared.evaluation.timing import peak_bytes, time_calls
from shared.translation.translator import Translator

MODULE = "shared.translation.benchmark speed"
SIZES = {"256x256": (256, 256), "1024x768": (1024, 768), "12MP": (4000, 3000)}
REPEATS = 3


def enlarged(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return an image at another size."""
    return image.resize(size, Image.Resampling.BICUBIC)


def measure(name: str, image: Image.Image) -> dict[str, float]:
    """Return milliseconds by size, and the peak memory in MB, of an engine."""
    translator = Translator.load(name)
    figures = {}
    for label, size in SIZES.items():
        resized = enlarged(image, size)
        repeats = REPEATS if size[0] < 2000 else 1

        def call(image: Image.Image) -> object:
            return translator(image, "forward", side=min(image.size))

        if repeats == 1:
            started = time.perf_counter()
            call(resized)
            figures[f"{label}_ms"] = 1000 * (time.perf_counter() - started)
        else:
            figures[f"{label}_ms"] = time_calls(call, [resized] * repeats)["ms_per_image"]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        figures["12MP_peak_MB"] = pool.apply(_peak_memory, (name, np.asarray(image)))
    return figures


def _peak_memory(name: str, pixels: np.ndarray) -> float:
    """Return the peak memory of this process in MB after a translation at 12 megapixels."""
    image = enlarged(Image.fromarray(pixels), SIZES["12MP"])
    Translator.load(name)(image, "forward", side=min(image.size))
    return peak_bytes() / 1e6


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Measure time and peak memory of translators.", MODULE)
    parser.add_argument("--engine", nargs="+", required=True, metavar="NAME", help="such as facades-pix2pix")
    options = parser.parse_args(arguments)
    if not options.data.is_file():
        parser.error(f"--data must be an image, received {options.data}")
    image = open_image(options.data)
    started = time.perf_counter()
    metrics = {name: measure(name, image) for name in options.engine}
    return reports.finish(
        reports.Report(
            benchmark="speed of translators",
            data=options.data.name,
            split="image",
            items=len(SIZES),
            weights=", ".join(options.engine),
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
