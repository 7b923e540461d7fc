"""How fast photos from files get into an index, and whether memory stays flat while they do.

Photos are decoded, described for all engines and put into an exact index, one after another, as a program
does that indexes more photos than a gallery holds. `photos_per_second` is by the clock and `cpu_ms` processor
time for each; `peak_MB` is the most memory beyond that of the start, `half_MB` the same up to half of the
photos, and `index_MB` what the index itself holds at the end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.core.weights import WeightsError
from shared.evaluation import reports
from shared.index.vector_index import VectorIndex
from shared.retrieval.benchmarks.memory import PeakMemory
from shared.retrieval.describer import DESCRIPTOR, Describer
from shared.training.datasets import ImageFile, read_images

MODULE = "shared.retrieval.benchmark indexing"
TOGETHER = 256  # photos that are added to the index in one call
FIRST = 10  # photos that are described before anything is measured: they pay for set-up


def measure(describer: Describer, photos: Sequence[ImageFile], repeat: int = 1) -> dict[str, float]:
    """The figures of one run.

    Args:
        describer: What describes them.
        photos: At least one that can be used.
        repeat: How many times they are gone through.

    Raises:
        ValueError: None of them can be used.
    """
    for _ in describer.describe_stream(_named(photos[:FIRST], 1), on_skip=_skip):
        pass
    index = VectorIndex(describer.extractor.head.dims)
    memory, half = PeakMemory(), float("nan")
    total = len(photos) * repeat
    started, spent = time.perf_counter(), time.process_time()
    rows: list[np.ndarray] = []
    names: list[dict[str, str]] = []
    done = 0
    for one in tqdm(
        describer.describe_stream(_named(photos, repeat), on_skip=_skip), total=total, unit="photo"
    ):
        rows.append(one.features[DESCRIPTOR])
        names.append({"name": one.name})
        done += 1
        if done == total // 2:
            half = memory.growth()
        if len(rows) == TOGETHER:
            index.add(np.stack(rows), names)
            rows, names = [], []
    if rows:
        index.add(np.stack(rows), names)
    if not done:
        raise ValueError("none of the photos can be used")
    seconds, spent = time.perf_counter() - started, time.process_time() - spent
    figures = {
        "photos": done,
        "photos_per_second": done / seconds,
        "cpu_ms": 1000 * spent / done,
        "half_MB": half / 1e6,
        "peak_MB": memory.growth() / 1e6,
        "index_MB": index.bytes_per_vector * len(index) / 1e6,
    }
    return {name: value for name, value in figures.items() if not np.isnan(value)}


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Measure how fast photos get into an index.", MODULE)
    parser.add_argument("--words", metavar="FOLDER", help="words of DeepIndex, if not its own")
    parser.add_argument("--network", nargs="+", metavar="FOLDER", help="weights of each network")
    parser.add_argument(
        "--repeat", type=reports.positive_int, default=1, help="times to go through the photos"
    )
    options = parser.parse_args(arguments)
    try:
        photos = read_images(sorted(options.data.glob("*.zip")) or [options.data])
        describer = Describer.load(head=options.weights, words=options.words, network=options.network)
    except (OSError, ValueError, WeightsError) as error:
        parser.error(str(error))
    available, photos = len(photos), photos[: options.limit]
    started = time.perf_counter()
    try:
        metrics = measure(describer, photos, options.repeat)
    except ValueError as error:
        parser.error(str(error))
    return reports.finish(
        reports.Report(
            benchmark="indexing",
            data=options.data.stem,
            split="photos",
            items=len(photos),
            weights=Path(options.weights or "retrieval-descriptor").name,
            metrics=metrics,
            available=available,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def _named(photos: Sequence[ImageFile], repeat: int) -> Iterator[tuple[str, ImageFile]]:
    for _ in range(repeat):
        yield from ((photo.name, photo) for photo in photos)


def _skip(name: str, reason: str) -> None:
    tqdm.write(f"Skipped {name}: {reason}")
