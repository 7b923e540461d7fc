"""Time of an outfit and of a pose, and peak memory, by the size of the photo.

    python -m shared.restyle.benchmark speed --data PHOTO_OR_FOLDER --pose restyle-pose

`seconds` is the wall time of the median call and `cpu_seconds` the processor time, summed over cores, which
hardly depends on what else the machine does. `network` is the parsing network alone. The peak memory is that
of the process up to this size.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from PIL import Image

from shared.core.image_files import read_images
from shared.evaluation import reports
from shared.evaluation.timing import median_time, peak_bytes
from shared.matting.benchmarks.speed import SIZES
from shared.restyle.parsing.parser import OutfitParser
from shared.restyle.pose.estimator import PoseEstimator

MODULE = "shared.restyle.benchmark speed"


def measure(
    calls: Mapping[str, Callable[[Image.Image], object]], image: Image.Image
) -> dict[str, dict[str, float]]:
    """Return the figures of a photo at each size.

    Args:
        calls: Functions of an image, by name.
        image: Any photo; it is resized.
    """
    metrics = {}
    for name, size in SIZES.items():
        resized = image.resize(size, Image.Resampling.BICUBIC)
        row = {}
        for key, call in calls.items():
            row[f"{key}_seconds"], row[f"{key}_cpu_seconds"] = median_time(partial(call, resized))
        row["peak_memory_GB"] = peak_bytes() / 2**30
        metrics[name] = row
    return metrics


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser(
        "Time and memory of outfits and poses.", MODULE, weights=OutfitParser.WEIGHTS
    )
    parser.add_argument(
        "--pose", default=PoseEstimator.WEIGHTS, metavar="NAME", help="weights, by name or folder"
    )
    parser.add_argument("--name", default="photo", help="name of the data in the report (%(default)s)")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    image = read_images([options.data])[0].open_image()
    outfits = OutfitParser.load(OutfitParser.WEIGHTS, folder=_folder(options.weights), device="cpu")
    poses = PoseEstimator.load(PoseEstimator.WEIGHTS, folder=_folder(options.pose), device="cpu")
    return reports.finish(
        reports.Report(
            benchmark="speed of outfits and poses",
            data=options.name,
            split="any",
            items=1,
            weights=Path(options.weights).name,
            metrics=measure({"network": outfits.probabilities, "outfit": outfits, "pose": poses}, image),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def _folder(text: str) -> Path | None:
    return Path(text) if Path(text).is_dir() else None
