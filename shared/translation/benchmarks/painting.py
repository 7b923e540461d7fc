"""Content and style distances of paintings, time and memory, beside the teacher of the style network.

Distances are those of maps of a fixed network, EfficientNet-Lite2 with the weights `retrieval-lite`, which no
training here has used: `content_distance` between painting and photo at strides 8 and 16, `style_distance`
between Gram matrices at strides 2 to 16. A named style has no image; its reference is the mean of the Gram
matrices of the teacher's paintings of other photos.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from shared.core.image_files import ImageFile, read_images
from shared.core.images import to_tensor
from shared.core.models import load_on_device
from shared.evaluation import reports
from shared.evaluation.timing import peak_bytes
from shared.networks.backbones.efficientnet_lite import EfficientNetLite
from shared.training.feature_losses import content_distance, gram, style_distance
from shared.translation.painting.styles import STYLES
from shared.translation.painting.stylizer import Stylizer
from shared.translation.training.painting.teacher import PaintingTeacher

MODULE = "shared.translation.benchmark painting"
SIDE = 256  # of photos and style images, in pixels
REFERENCE_PHOTOS = 8  # photos behind the reference of a named style
CONTENT_LEVELS, STYLE_LEVELS = slice(2, 4), slice(0, 4)
SIZES = ((256, 256), (1024, 768))
LARGE = (4000, 3000)
ROUNDS = 9


class Painter(Protocol):
    """Painter that is measured."""

    def named(self, image: Image.Image, style: int) -> Image.Image:
        """Repaint an image in a named style, by its place in `STYLES`."""

    def free(self, image: Image.Image, style: Image.Image) -> Image.Image:
        """Repaint an image in the style of another one."""


class StylizerPainter:
    """Painter of this package.

    Args:
        stylizer: Predictor to measure.
    """

    def __init__(self, stylizer: Stylizer) -> None:
        self._stylizer = stylizer
        self._names = list(STYLES)

    def named(self, image: Image.Image, style: int) -> Image.Image:
        return self._stylizer(image, self._names[style]).image

    def free(self, image: Image.Image, style: Image.Image) -> Image.Image:
        return self._stylizer(image, style).image


class TeacherPainter:
    """Painter that the style network learned from.

    Args:
        threads: Threads of a call.
    """

    def __init__(self, threads: int) -> None:
        self._teacher = PaintingTeacher(threads)

    def named(self, image: Image.Image, style: int) -> Image.Image:
        return Image.fromarray(self._teacher.paint(np.asarray(image), style))

    def free(self, image: Image.Image, style: Image.Image) -> Image.Image:
        vector = self._teacher.style_vector(np.asarray(style))
        return Image.fromarray(self._teacher.paint_as(np.asarray(image), vector))


class Distances:
    """Content and style distances by the fixed network."""

    def __init__(self) -> None:
        network, _ = load_on_device(EfficientNetLite, "retrieval-lite", device="cpu")
        self._backbone = network.base

    @torch.inference_mode()
    def maps(self, image: Image.Image) -> list[Tensor]:
        """Return the maps of strides 2 to 32."""
        return self._backbone(2 * to_tensor(image) - 1)

    def grams(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Return the Gram matrices `[B, C, C]` of the style's levels from the maps of all levels."""
        return [gram(level) for level in maps[STYLE_LEVELS]]

    def compare(
        self, painting: Image.Image, photo: Image.Image, references: Sequence[Tensor]
    ) -> tuple[float, float]:
        """Return the content distance to a photo and the style distance to Gram matrices."""
        maps = self.maps(painting)
        content = content_distance(maps[CONTENT_LEVELS], self.maps(photo)[CONTENT_LEVELS])
        return float(content), float(style_distance(self.grams(maps), references))


def named_distances(
    painters: Mapping[str, Painter], teacher: Painter, photos: Sequence[Image.Image]
) -> dict[str, dict[str, float]]:
    """Measure all painters in all named styles.

    Args:
        painters: Painters by name.
        teacher: Painter whose results define the styles.
        photos: Photos, of which the first `REFERENCE_PHOTOS` serve the references only.

    Returns:
        `{painter: {"named_content_distance": ..., "named_style_distance": ...}}`.
    """
    distances = Distances()
    values: dict[str, list[tuple[float, float]]] = {name: [] for name in painters}
    for style in tqdm(range(len(STYLES)), unit="style"):
        grams = [
            distances.grams(distances.maps(teacher.named(photo, style)))
            for photo in photos[:REFERENCE_PHOTOS]
        ]
        references = [torch.stack(level).mean(0) for level in zip(*grams, strict=True)]
        for photo in photos[REFERENCE_PHOTOS:]:
            for name, painter in painters.items():
                values[name].append(distances.compare(painter.named(photo, style), photo, references))
    return _summaries(values, "named")


def free_distances(
    painters: Mapping[str, Painter], photos: Sequence[Image.Image], styles: Sequence[Image.Image]
) -> dict[str, dict[str, float]]:
    """Measure all painters in the styles of images, one for each photo.

    Args:
        painters: Painters by name.
        photos: Photos.
        styles: As many images of styles.

    Returns:
        `{painter: {"free_content_distance": ..., "free_style_distance": ...}}`.
    """
    distances = Distances()
    values: dict[str, list[tuple[float, float]]] = {name: [] for name in ["photo itself", *painters]}
    for photo, style in tqdm(list(zip(photos, styles, strict=True)), unit="pair"):
        references = distances.grams(distances.maps(style))
        values["photo itself"].append(distances.compare(photo, photo, references))
        for name, painter in painters.items():
            values[name].append(distances.compare(painter.free(photo, style), photo, references))
    return _summaries(values, "free")


def times(painters: Mapping[str, Painter], photo: Image.Image) -> dict[str, dict[str, float]]:
    """Measure the painters in turns, so that a busy machine slows all of them alike.

    Returns:
        `{painter: {"ms_256x256": ..., "ms_1024x768": ...}}`, medians in milliseconds.
    """
    figures: dict[str, dict[str, float]] = {name: {} for name in painters}
    for width, height in SIZES:
        image = photo.resize((width, height))
        seconds: dict[str, list[float]] = {name: [] for name in painters}
        for turn in range(ROUNDS + 1):
            for name, painter in painters.items():
                started = time.perf_counter()
                painter.named(image, turn % len(STYLES))
                seconds[name].append(time.perf_counter() - started)
        for name, values in seconds.items():
            figures[name][f"ms_{width}x{height}"] = 1000 * float(np.median(values[1:]))
    return figures


def peak_memory(folder: str | None) -> float:
    """Return the peak memory in MB of a new process that paints 12 megapixels."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_paint_large, folder).result()


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Measure paintings.", MODULE)
    parser.add_argument("--styles", type=Path, required=True, help="images of styles: folder, archive, list")
    parser.add_argument("--teacher", action="store_true", help="measure the teacher, and the named styles")
    parser.add_argument("--threads", type=reports.positive_int, default=2, help="(%(default)s)")
    parser.add_argument("--split", default="test", help="name of the part, for the report (%(default)s)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    started = time.perf_counter()
    available = read_images([options.data])
    photos = [_square(file) for file in available[: options.limit]]
    styles = [_square(file) for file in read_images([options.styles])[: len(photos)]]
    painters: dict[str, Painter] = {"styles": StylizerPainter(Stylizer.load(folder=options.weights))}
    if options.teacher:
        painters["teacher"] = TeacherPainter(options.threads)
    parts = [free_distances(painters, photos[: len(styles)], styles)]
    if options.teacher:
        parts.append(named_distances(painters, painters["teacher"], photos[: 2 * REFERENCE_PHOTOS]))
    parts.append(times(painters, photos[0]))
    parts.append({"styles": {"MB_12_megapixels": peak_memory(options.weights)}})
    metrics: dict[str, dict[str, float]] = {}
    for part in parts:
        for name, figures in part.items():
            metrics.setdefault(name, {}).update(figures)
    return reports.finish(
        reports.Report(
            benchmark="painting",
            data=Path(options.data).stem,
            split=options.split,
            items=len(photos),
            weights=Path(options.weights or "translation-styles").name,
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
            available=len(available),
        ),
        options.json,
    )


def _summaries(values: Mapping[str, Sequence[tuple[float, float]]], kind: str) -> dict[str, dict[str, float]]:
    return {
        name: dict(
            zip(
                (f"{kind}_content_distance", f"{kind}_style_distance"),
                map(float, np.mean(pairs, 0)),
                strict=True,
            )
        )
        for name, pairs in values.items()
    }


def _square(file: ImageFile) -> Image.Image:
    """Return the largest square from the middle of an image, `SIDE` pixels wide."""
    return ImageOps.fit(file.image(), (SIDE, SIDE), Image.Resampling.BICUBIC)


def _paint_large(folder: str | None) -> float:
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
    Stylizer.load(folder=folder)(small.resize(LARGE))
    return peak_bytes() / 2**20


if __name__ == "__main__":
    main()
