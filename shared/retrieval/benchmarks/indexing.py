"""Throughput and memory of indexing image files.

Images are decoded, described for all engines and added to an exact index, as in a program that indexes more
images than a gallery holds. `photos_per_second` is by the clock, `cpu_ms` the processor time per image;
`peak_MB` is the peak memory beyond that of the start, `half_MB` the same up to half of the images, and
`index_MB` the memory of the index at the end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.core.image_files import ImageFile, read_images
from shared.core.weights import WeightsError
from shared.evaluation import reports
from shared.index.vector_index import VectorIndex
from shared.retrieval.benchmarks.memory import PeakMemory
from shared.retrieval.describer import DESCRIPTOR, Describer, DescriberWeights

MODULE = "shared.retrieval.benchmark indexing"
BATCH = 256  # images that are added to the index in one call
WARM_UP = 10  # images that are described before the measurement: they pay for the setup


def measure(describer: Describer, files: Sequence[ImageFile], repeat: int = 1) -> dict[str, float]:
    """Measure one run.

    Args:
        describer: Describer of the images.
        files: Images, at least one of which can be used.
        repeat: Number of passes over the images.

    Raises:
        ValueError: None of them can be used.
    """
    for _ in describer.describe_stream(_with_names(files[:WARM_UP], 1), on_skip=_print_skipped):
        pass
    index = VectorIndex(describer.extractor.head.dims)
    memory, half = PeakMemory(), float("nan")
    total = len(files) * repeat
    started, cpu_started = time.perf_counter(), time.process_time()
    rows: list[np.ndarray] = []
    metadata: list[dict[str, str]] = []
    count = 0
    stream = describer.describe_stream(_with_names(files, repeat), on_skip=_print_skipped)
    for described in tqdm(stream, total=total, unit="photo"):
        rows.append(described.features[DESCRIPTOR])
        metadata.append({"name": described.name})
        count += 1
        if count == total // 2:
            half = memory.growth()
        if len(rows) == BATCH:
            index.add(np.stack(rows), metadata)
            rows, metadata = [], []
    if rows:
        index.add(np.stack(rows), metadata)
    if not count:
        raise ValueError("none of the photos can be used")
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    metrics = {
        "photos": count,
        "photos_per_second": count / seconds,
        "cpu_ms": 1000 * cpu_seconds / count,
        "half_MB": half / 1e6,
        "peak_MB": memory.growth() / 1e6,
        "index_MB": index.bytes_per_vector * len(index) / 1e6,
    }
    return {name: value for name, value in metrics.items() if not np.isnan(value)}


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Measure how fast photos get into an index.", MODULE)
    parser.add_argument("--words", metavar="FOLDER", help="vocabulary of DeepIndex, if not the default")
    parser.add_argument("--network", nargs="+", metavar="FOLDER", help="weights of each backbone")
    parser.add_argument("--repeat", type=reports.positive_int, default=1, help="passes over the photos")
    options = parser.parse_args(arguments)
    sources = DescriberWeights(
        head=options.weights, vocabulary=options.words, backbone_folders=options.network
    )
    try:
        files = read_images(sorted(options.data.glob("*.zip")) or [options.data])
        describer = Describer.load(sources)
    except (OSError, ValueError, WeightsError) as error:
        parser.error(str(error))
    available, files = len(files), files[: options.limit]
    started = time.perf_counter()
    try:
        metrics = measure(describer, files, options.repeat)
    except ValueError as error:
        parser.error(str(error))
    report = reports.Report(
        benchmark="indexing",
        data=options.data.stem,
        split="photos",
        items=len(files),
        weights=Path(options.weights or "retrieval-descriptor").name,
        metrics=metrics,
        available=available,
        seconds=time.perf_counter() - started,
        command=reports.command_line(MODULE, arguments),
    )
    return reports.finish(report, options.json)


def _with_names(files: Sequence[ImageFile], repeat: int) -> Iterator[tuple[str, ImageFile]]:
    for _ in range(repeat):
        yield from ((file.name, file) for file in files)


def _print_skipped(name: str, reason: str) -> None:
    tqdm.write(f"Skipped {name}: {reason}")
