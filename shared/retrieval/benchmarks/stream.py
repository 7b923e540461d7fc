"""Whether memory stays flat while very many files are described.

The files are small pictures, each a part of one of the photos given; one in a hundred is no picture. All that
happens to a picture happens to them, but in place of the networks a stand-in averages parts of the picture:
what grows with the number of files would grow all the same, within minutes in place of an hour.

`tenth_MB`, `half_MB` and `peak_MB` are the most memory beyond that of the start: up to a tenth of the files,
up to half of them, and to the end. Nothing is kept of what comes out.
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

from shared.evaluation import reports
from shared.networks.backbones.mobilenet_v1 import MobileNetV1
from shared.retrieval.benchmarks.memory import PeakMemory
from shared.retrieval.descriptor.describer import Describer
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.training.datasets import ImageFile, read_images

MODULE = "shared.retrieval.benchmark stream"
SIDE = 64  # pixels of a small picture
BROKEN = 100  # one of so many is no picture
FOLDER = 1000  # files in one folder


class StandIn(Extractor):
    """An extractor whose descriptors are the colors of the parts of a picture: no network runs."""

    def __init__(self) -> None:
        super().__init__("stand-in", MobileNetV1(), DescriptorHead(["mid-v1"], sizes=[SIDE]))

    def describe(
        self, views: Sequence[dict[int, Tensor]], heads: Mapping[str, DescriptorHead]
    ) -> dict[str, np.ndarray]:
        """See `Extractor.describe`."""
        colors = [F.adaptive_avg_pool2d(view[SIDE], 8).flatten() for view in views]
        return {
            name: np.stack([np.resize(row.numpy(), head.dims) for row in colors])
            for name, head in heads.items()
        }


def measure(describer: Describer, files: Path, count: int) -> dict[str, float]:
    """Describes files and watches the memory.

    Args:
        describer: What describes them.
        files: The folder that they are in.
        count: How many they are.
    """
    memory, grown = PeakMemory(), {}
    skipped: list[str] = []
    started, done = time.perf_counter(), 0
    photos = ((path.name, ImageFile(path)) for path in _walk(files))
    for _ in tqdm(
        describer.describe_stream(photos, lambda name, _: skipped.append(name)), total=count, unit="file"
    ):
        done += 1
        for name, share in (("tenth_MB", 10), ("half_MB", 2)):
            if name not in grown and done + len(skipped) >= count // share:
                grown[name] = memory.growth() / 1e6
    seconds = time.perf_counter() - started
    figures = {
        "described": done,
        "skipped": len(skipped),
        "files_per_second": (done + len(skipped)) / seconds,
        **grown,
        "peak_MB": memory.growth() / 1e6,
    }
    return {name: value for name, value in figures.items() if not np.isnan(value)}


def write_files(photos: Sequence[ImageFile], folder: Path, count: int, seed: int = 0) -> None:
    """Writes small pictures, each a part of one of the photos at random.

    Args:
        photos: At least one.
        folder: Where to.
        count: How many.
        seed: Of the parts.
    """
    rng = np.random.default_rng(seed)
    pictures = [photo.image() for photo in photos]
    for number in tqdm(range(count), unit="file written", leave=False):
        path = folder / f"{number // FOLDER:04}" / f"{number:06}.jpg"
        path.parent.mkdir(exist_ok=True)
        if number % BROKEN == BROKEN - 1:
            path.write_bytes(b"no picture")
            continue
        whole = pictures[number % len(pictures)]
        sides = np.array(whole.size)
        part = np.maximum(sides * rng.uniform(0.3, 0.9, 2), 1)
        left, top = rng.uniform(0, 1, 2) * (sides - part)
        size = int(rng.integers(SIDE // 2, SIDE + 1)), int(rng.integers(SIDE // 2, SIDE + 1))
        whole.resize(size, Image.Resampling.BILINEAR, (left, top, left + part[0], top + part[1])).save(path)


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Watch the memory while very many files are described.", MODULE)
    parser.add_argument("--files", type=reports.positive_int, default=50_000, help="(%(default)s)")
    options = parser.parse_args(arguments)
    try:
        photos = read_images([options.data])
    except FileNotFoundError as error:
        parser.error(str(error))
    started = time.perf_counter()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        write_files(photos[: options.limit or 20], Path(folder), options.files)
        metrics = measure(Describer(StandIn()), Path(folder), options.files)
    return reports.finish(
        reports.Report(
            benchmark="stream",
            data=f"small parts of photos of {options.data.stem}",
            split="files",
            items=options.files,
            weights="stand-in",
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def _walk(folder: Path) -> Iterator[Path]:
    """All files, a folder at a time."""
    for part in sorted(folder.iterdir()):
        yield from sorted(part.iterdir())
