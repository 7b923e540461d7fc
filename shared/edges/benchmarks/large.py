"""Large photos: seconds to the first picture and to the full size, the SVG file, and memory.

    python -m shared.edges.benchmark large --data DIR

Photos are enlarged to rows of 400 pixels and laid side by side until they fill 12 and 48 megapixels, a worst
case: edges everywhere. Each size runs in a process of its own, whose peak memory includes its libraries.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle, pairwise
from multiprocessing import get_context
from pathlib import Path

from PIL import Image

from shared.core.images import encode_image, open_image, shrink
from shared.edges.detector import EdgeDetector
from shared.evaluation import reports
from shared.evaluation.timing import peak_bytes

MODULE = "shared.edges.benchmark large"
SIZES = {"12 megapixels": (4000, 3000), "48 megapixels": (8000, 6000)}
ROW_HEIGHT = 400
QUICK_SIDE = 1024  # longest side of the first picture, as on the page
SUFFIXES = {".jpg", ".jpeg", ".png"}


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Time large photos.", MODULE)
    parser.add_argument("--engine", default="rds", metavar="NAME", help="engine (%(default)s)")
    parser.add_argument(
        "--runs", type=reports.positive_int, default=3, metavar="N", help="the fastest of N (%(default)s)"
    )
    options = parser.parse_args(arguments)
    paths = sorted(path for path in options.data.rglob("*") if path.suffix.lower() in SUFFIXES)
    paths = paths[: options.limit]
    if not paths:
        parser.error(f"{options.data} holds no photos")
    started = time.perf_counter()
    metrics = {}
    for name, size in SIZES.items():
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            metrics[name] = pool.submit(_measure, mosaic(paths, size), options).result()
    return reports.finish(
        reports.Report(
            benchmark="large photos",
            data=options.data.name,
            split="mosaic",
            items=len(SIZES),
            weights=options.weights or options.engine,
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def mosaic(paths: Sequence[Path], size: tuple[int, int]) -> bytes:
    """Return a JPEG file of a size that photos fill row by row, beginning anew where they do not suffice."""
    canvas = Image.new("RGB", size)
    photos = _rows(paths)
    for top in range(0, size[1], ROW_HEIGHT):
        left = 0
        while left < size[0]:
            photo = next(photos)
            canvas.paste(photo, (left, top))
            left += photo.width
    return encode_image(canvas, "JPEG")


def _rows(paths: Sequence[Path]) -> Iterator[Image.Image]:
    for path in cycle(paths):
        photo = open_image(path)
        width = max(1, round(photo.width * ROW_HEIGHT / photo.height))
        yield photo.resize((width, ROW_HEIGHT), Image.Resampling.BICUBIC)


def _measure(content: bytes, options: argparse.Namespace) -> dict[str, float]:
    """Return the figures of a photo; the first calls, which load libraries, do not count."""
    detector = EdgeDetector.load(options.engine, folder=options.weights)
    detector(Image.new("RGB", (320, 240))).svg()
    runs = [_run(detector, content) for _ in range(options.runs)]
    figures = {key: min(run[key] for run in runs) for key in runs[0]}
    return {**figures, "peak_MB": runs[0]["peak_MB"]}


def _run(detector: EdgeDetector, content: bytes) -> dict[str, float]:
    """Return the figures of one run; each duration starts with the previous step."""
    times = [time.perf_counter()]
    image = open_image(content)
    detector(shrink(image, QUICK_SIDE)).png()
    times.append(time.perf_counter())
    edges = detector(image)
    edges.png()
    times.append(time.perf_counter())
    peak = peak_bytes() / 2**20
    svg = edges.svg()
    times.append(time.perf_counter())
    first, full, curves = (end - start for start, end in pairwise(times))
    return {
        "first_seconds": first,
        "full_seconds": full,
        "svg_seconds": curves,
        "svg_MB": len(svg) / 1e6,
        "peak_MB": peak,
    }
