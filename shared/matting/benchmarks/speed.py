"""Time of a mask and of a cut-out, and peak memory, by the size of the photo.

    python -m shared.matting.benchmark speed --data PHOTO_OR_FOLDER

`seconds` is the wall time of the median call and `cpu_seconds` the processor time, summed over cores, which
hardly depends on what else the machine does. The peak memory is that of the process up to this size.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PIL import Image

from shared.core.image_files import read_images
from shared.evaluation import reports
from shared.evaluation.timing import median_time, peak_bytes
from shared.matting.subject import SubjectMatting

MODULE = "shared.matting.benchmark speed"
SIZES = {"1024x768": (1024, 768), "2000x1500": (2000, 1500), "12MP": (4000, 3000)}


def cut_out(matting: SubjectMatting, image: Image.Image) -> Image.Image:
    """Return the subject of an image, from the mask on."""
    return matting(image).cutout()


def measure(matting: SubjectMatting, image: Image.Image) -> dict[str, dict[str, float]]:
    """Return the figures of a photo at each size.

    Args:
        matting: Predictor.
        image: Any photo with a subject; it is resized.
    """
    metrics = {}
    for name, size in SIZES.items():
        resized = image.resize(size, Image.Resampling.BICUBIC)
        mask = median_time(partial(matting, resized))
        whole = median_time(partial(cut_out, matting, resized))
        metrics[name] = {
            "mask_seconds": mask[0],
            "mask_cpu_seconds": mask[1],
            "cutout_seconds": whole[0],
            "cutout_cpu_seconds": whole[1],
            "peak_memory_GB": peak_bytes() / 2**30,
        }
    return metrics


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser(
        "Measure time and memory of mattes.", MODULE, weights=SubjectMatting.WEIGHTS
    )
    parser.add_argument("--name", default="photo", help="name of the data in the report (%(default)s)")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    image = read_images([options.data])[0].open_image()
    folder = Path(options.weights) if Path(options.weights).is_dir() else None
    matting = SubjectMatting.load(
        options.weights if folder is None else SubjectMatting.WEIGHTS, folder=folder, device="cpu"
    )
    return reports.finish(
        reports.Report(
            benchmark="matting speed",
            data=options.name,
            split="any",
            items=1,
            weights=Path(options.weights).name,
            metrics=measure(matting, image),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
