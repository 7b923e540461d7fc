"""Memory while very many files are described.

The files are small images, each a part of one of the given images; one in a hundred is no image. They take
the full path of an image, but a stand-in for the networks averages parts of the image: anything that grew
with the number of files would grow all the same, within minutes in place of an hour.

`tenth_MB`, `half_MB` and `peak_MB` are the peak memory beyond that of the start: up to a tenth of the files,
up to half of them, and to the end. No result is kept.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from shared.core.image_files import ImageFile, read_images
from shared.evaluation import reports
from shared.networks.backbones.mobilenet_v1 import MobileNetV1
from shared.retrieval.benchmarks.memory import PeakMemory
from shared.retrieval.describer import Describer
from shared.retrieval.descriptor.extractor import Extractor, MapHead
from shared.retrieval.descriptor.head import DescriptorHead

MODULE = "shared.retrieval.benchmark stream"
SIDE = 64  # longest side of a small image in pixels
BROKEN_EVERY = 100
FILES_PER_FOLDER = 1000
SOURCES = 20  # images that parts are taken from


class ColorExtractor(Extractor):
    """Extractor whose descriptors are the mean colors of the parts of an image; no network runs."""

    def __init__(self) -> None:
        super().__init__("colors", MobileNetV1(), DescriptorHead(["mid-v1"], sizes=[SIDE]))

    def apply_heads(
        self, inputs: Sequence[dict[int, Tensor]], heads: Mapping[str, MapHead]
    ) -> dict[str, np.ndarray]:
        """Return the colors in place of the descriptor, see `Extractor.apply_heads`."""
        colors = [F.adaptive_avg_pool2d(sizes[SIDE], 8).flatten() for sizes in inputs]
        rows = np.stack([np.resize(row.numpy(), self.head.dims) for row in colors])
        return dict.fromkeys(heads, rows)


def measure(describer: Describer, files: Path, count: int) -> dict[str, float]:
    """Describe files and measure the memory.

    Args:
        describer: Describer of the images.
        files: Folder of the files, from `write_files`.
        count: Number of files.
    """
    memory = PeakMemory()
    growth: dict[str, float] = {}
    skipped: list[str] = []
    started, described = time.perf_counter(), 0
    images = ((path.name, ImageFile(path)) for path in _list_files(files))
    stream = describer.describe_stream(images, lambda name, _: skipped.append(name))
    for _ in tqdm(stream, total=count, unit="file"):
        described += 1
        for name, fraction in (("tenth_MB", 10), ("half_MB", 2)):
            if name not in growth and described + len(skipped) >= count // fraction:
                growth[name] = memory.growth() / 1e6
    seconds = time.perf_counter() - started
    metrics = {
        "described": described,
        "skipped": len(skipped),
        "files_per_second": (described + len(skipped)) / seconds,
        **growth,
        "peak_MB": memory.growth() / 1e6,
    }
    return {name: value for name, value in metrics.items() if not np.isnan(value)}


def write_files(images: Sequence[Image.Image], folder: Path, count: int, seed: int = 0) -> None:
    """Write small images, each a random part of one of the given images.

    Args:
        images: At least one image.
        folder: Destination.
        count: Number of files.
        seed: Seed of the parts.
    """
    rng = np.random.default_rng(seed)
    for number in tqdm(range(count), unit="file written", leave=False):
        path = folder / f"{number // FILES_PER_FOLDER:04}" / f"{number:06}.jpg"
        path.parent.mkdir(exist_ok=True)
        if number % BROKEN_EVERY == BROKEN_EVERY - 1:
            path.write_bytes(b"no picture")
            continue
        image = images[number % len(images)]
        sides = np.array(image.size)
        part = np.maximum(sides * rng.uniform(0.3, 0.9, 2), 1)
        left, top = rng.uniform(0, 1, 2) * (sides - part)
        size = int(rng.integers(SIDE // 2, SIDE + 1)), int(rng.integers(SIDE // 2, SIDE + 1))
        image.resize(size, Image.Resampling.BILINEAR, (left, top, left + part[0], top + part[1])).save(path)


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Watch the memory while very many files are described.", MODULE)
    parser.add_argument("--files", type=reports.positive_int, default=50_000, help="(%(default)s)")
    options = parser.parse_args(arguments)
    try:
        files = read_images([options.data])[: options.limit or SOURCES]
    except FileNotFoundError as error:
        parser.error(str(error))
    started = time.perf_counter()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        write_files([file.image() for file in files], Path(folder), options.files)
        metrics = measure(Describer(ColorExtractor()), Path(folder), options.files)
    report = reports.Report(
        benchmark="stream",
        data=f"small parts of photos of {options.data.stem}",
        split="files",
        items=options.files,
        weights="stand-in",
        metrics=metrics,
        seconds=time.perf_counter() - started,
        command=reports.command_line(MODULE, arguments),
    )
    return reports.finish(report, options.json)


def _list_files(folder: Path) -> Iterator[Path]:
    """Yield all files, one subfolder at a time."""
    for subfolder in sorted(folder.iterdir()):
        yield from sorted(subfolder.iterdir())
