"""Colored drawings of photos beside the photos: PSNR, chroma error and colorfulness.

The sketcher draws photos that nobody trained on, and the drawings are colored. Beside this stand the drawing
itself and the mean color of all photos.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image
from skimage.color import rgb2lab
from skimage.metrics import peak_signal_noise_ratio
from tqdm import tqdm

from shared.core.image_files import ImageFile, read_images
from shared.core.images import shrink
from shared.evaluation import reports
from shared.evaluation.colorfulness import colorfulness
from shared.translation.drawing.coloring import SketchColorizer
from shared.translation.drawing.sketcher import Sketcher

MODULE = "shared.translation.benchmark coloring"
MAX_SIDE = 512  # of the photos in the comparison, in pixels
STYLES = ("pencil", "ink")

#: Maps a photo to the images that stand for it, by name.
Representations: TypeAlias = Callable[[Image.Image], dict[str, Image.Image]]


def compare(photo: Image.Image, result: Image.Image) -> dict[str, float]:
    """Compare a result with the photo.

    Returns:
        `PSNR` in dB; `chroma_error`, the mean distance in the ab plane of CIE Lab; `colorfulness`, of the
        result.
    """
    truth, pixels = np.asarray(photo), np.asarray(result.convert("RGB"))
    difference = rgb2lab(pixels)[..., 1:] - rgb2lab(truth)[..., 1:]
    return {
        "PSNR": float(peak_signal_noise_ratio(truth, pixels)),
        "chroma_error": float(np.hypot(difference[..., 0], difference[..., 1]).mean()),
        "colorfulness": colorfulness(pixels),
    }


def score(files: Sequence[ImageFile], represent: Representations) -> dict[str, dict[str, float]]:
    """Return the mean figures of each representation; `colorfulness` is relative to that of the photos.

    Args:
        files: Photos.
        represent: Maps a photo to the images that stand for it, by name.
    """
    rows: dict[str, list[dict[str, float]]] = {}
    photo_colorfulness = []
    for file in tqdm(files, unit="photo"):
        photo = _photo(file)
        photo_colorfulness.append(colorfulness(np.asarray(photo)))
        for name, image in represent(photo).items():
            rows.setdefault(name, []).append(compare(photo, image))
    metrics = {
        name: {key: float(np.mean([row[key] for row in figures])) for key in figures[0]}
        for name, figures in rows.items()
    }
    for figures in metrics.values():
        figures["colorfulness"] /= float(np.mean(photo_colorfulness))
    return metrics


def mean_color(files: Sequence[ImageFile]) -> tuple[int, int, int]:
    """Return the mean color of images, all of equal weight."""
    means = [np.asarray(_photo(file)).mean((0, 1)) for file in files]
    red, green, blue = np.rint(np.mean(means, 0)).astype(int).tolist()
    return red, green, blue


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser(
        "Compare colored drawings of photos with the photos.", MODULE, weights="translation-coloring"
    )
    parser.add_argument("--name", default="COCO val2017", help="name of the data in the report (%(default)s)")
    parser.add_argument("--split", default="test", help="name of the split in the report (%(default)s)")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    available = read_images([options.data])
    files = available[: options.limit]
    sketcher = Sketcher.load()
    folder = options.weights if Path(options.weights).is_dir() else None
    colorizer = SketchColorizer.load(folder=folder)
    average = mean_color(files)

    def represent(photo: Image.Image) -> dict[str, Image.Image]:
        images = {"mean color": Image.new("RGB", photo.size, average)}
        for style in STYLES:
            drawing = sketcher(photo, style).image
            images |= {f"{style} drawing": drawing, f"{style} colored": colorizer(drawing).image}
        return images

    return reports.finish(
        reports.Report(
            benchmark="colored drawings",
            data=options.name,
            split=options.split,
            items=len(files),
            weights=Path(options.weights).name,
            metrics=score(files, represent),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
            available=len(available),
        ),
        options.json,
    )


def _photo(file: ImageFile) -> Image.Image:
    return shrink(file.open_image(), MAX_SIDE)
