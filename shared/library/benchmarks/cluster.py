"""Description on a Ray cluster with different numbers of workers of one core: photos per second, bytes.

The rate leaves out the start of the workers, which load the models: it counts from the first batch that each
of them has returned on, and up to the last one.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from shared.evaluation import reports
from shared.library.benchmarks.report import finish, photo_files
from shared.library.cluster.describer import BLOCK_PHOTOS, ClusterDescriber, Workers, connect
from shared.library.library import Library

MODULE = "shared.library.benchmark cluster"


def run(sources: Sequence[str], workers: Workers, folder: str) -> reports.Metrics:
    """Describe photos into a new library and return the measurements.

    Args:
        sources: Files.
        workers: Workers of the cluster.
        folder: Folder for the library.
    """
    samples: list[tuple[float, int]] = []

    def note(done: int, total: int, seconds_left: float | None) -> None:
        samples.append((time.monotonic(), done))

    with Library.open(folder) as library:
        create = partial(ClusterDescriber, workers=workers)
        report = library.add(sources, note, describer=create)
        disk_bytes = library.stats().disk_bytes or 0
        begin = time.monotonic()
        unchanged = library.add(sources, describer=create).unchanged
    first = next(sample for sample in samples if sample[1] >= workers.count * BLOCK_PHOTOS)
    last = samples[-1]
    return {
        "photos": report.added,
        "photos_per_s": (last[1] - first[1]) / max(last[0] - first[0], 1e-9),
        "s": report.seconds,
        "disk_bytes_per_photo": disk_bytes / max(report.added, 1),
        "unchanged": unchanged,
        "nothing_to_do_s": time.monotonic() - begin,
    }


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    files = photo_files(parser, options)
    sources = [str(image.path) for image in files]
    connect(options.address)
    metrics: dict[str, reports.Metrics] = {}
    for count in options.counts:
        with tempfile.TemporaryDirectory() as folder:
            workers = Workers(count, options.cpus, options.gpus)
            metrics[f"{count} workers"] = run(sources, workers, str(Path(folder) / "library"))
    return finish(MODULE, arguments, options, metrics, len(files), started)


def _parser() -> argparse.ArgumentParser:
    parser = reports.benchmark_parser("Measure the description of photos on a Ray cluster.", MODULE)
    parser.add_argument("--address", default="local", help="cluster: local (default), auto, or host:port")
    parser.add_argument("--counts", type=reports.positive_int, nargs="+", default=[1, 2], help="workers")
    parser.add_argument("--cpus", type=reports.positive_int, default=1, help="cores of each worker")
    parser.add_argument("--gpus", type=float, default=0, help="GPUs of each worker")
    return parser


if __name__ == "__main__":
    main()
