"""Vector index on many images: recall, time and memory, against faiss alone.

The gallery is synthetic, see `shared.retrieval.data.synthetic`; so are the queries, which are not in it.

Each row also has faiss alone, on the same trained structure with the same parameters, so that it finds the
same; `ratio` is its time per query over ours. Times of single calls are processor time of the calling thread,
which other processes do not affect; `ms_32_callers` is by the clock, per query.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np

from shared.core.image_files import read_images
from shared.evaluation import reports
from shared.index.vector_index import INDEX_TYPES, VectorIndex
from shared.retrieval.benchmarks.memory import PeakMemory
from shared.retrieval.data.synthetic import (
    NEIGHBORS,
    NOISE,
    intrinsic_dimension,
    reduce_dimension,
    synthesize,
)
from shared.retrieval.descriptor.backbones import EXTRACTORS, extractor_levels
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead

MODULE = "shared.retrieval.benchmark scale"
NEAREST, CALLERS, CHANGES = 10, 32, 1000


@dataclass(frozen=True, eq=False)
class Workload:
    """Vectors of one measurement.

    Attributes:
        gallery: float32 `[N, dimension]` of unit length.
        queries: float32 `[Q, dimension]` of unit length.
        additions: Vectors to add and remove again.
        truth: True nearest vectors of each query, `[Q, 10]`.
    """

    gallery: np.ndarray
    queries: np.ndarray
    additions: np.ndarray
    truth: np.ndarray


def measure(index_type: str, workload: Workload) -> dict[str, float]:
    """Build and measure one index.

    Args:
        index_type: One of `shared.index.vector_index.INDEX_TYPES`.
        workload: Vectors of the measurement.
    """
    index = VectorIndex(workload.gallery.shape[1], index_type)
    memory = PeakMemory()
    started = time.perf_counter()
    index.add(workload.gallery)
    metrics = {"build_s": time.perf_counter() - started, "build_peak_MB": memory.growth() / 1e6}
    metrics["bytes_per_image"] = index.bytes_per_vector
    plain_search = index.faiss_index().search
    ids = index.search(workload.queries, NEAREST)[1]
    metrics["recall@10"] = _recall(ids, workload.truth)
    metrics["1-recall@10"] = _recall(ids, workload.truth[:, :1])
    metrics["plain_recall@10"] = _recall(plain_search(workload.queries, NEAREST)[1], workload.truth)

    def search(query: np.ndarray) -> object:
        return index.search(query, NEAREST)

    def search_plain(query: np.ndarray) -> object:
        return plain_search(query, NEAREST)

    ms, plain_ms = _alternate([search, search_plain], workload.queries)
    metrics |= {"ms_per_query": ms, "plain_ms_per_query": plain_ms, "ratio": plain_ms / ms}
    queries = np.split(workload.queries, len(workload.queries))
    with ThreadPoolExecutor(CALLERS) as pool:
        started = time.perf_counter()
        list(pool.map(search, queries))
        metrics[f"ms_{CALLERS}_callers"] = 1000 * (time.perf_counter() - started) / len(queries)
    started = time.perf_counter()
    ids = index.add(workload.additions)
    metrics["adds_per_s"] = len(ids) / (time.perf_counter() - started)
    started = time.perf_counter()
    index.remove(ids)
    metrics["removes_per_s"] = len(ids) / (time.perf_counter() - started)
    return metrics


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    options, parser = _parse(arguments)
    started = time.perf_counter()
    try:
        real = reduce_dimension(_real_descriptors(options), options.dimension)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    mixture = {"neighbors": options.neighbors, "noise": options.noise}
    queries = synthesize(real, options.queries, seed=1, **mixture)
    additions = synthesize(real, CHANGES, seed=2, **mixture)
    metrics = {"real descriptors": {"intrinsic_dimension": intrinsic_dimension(real, real)}}
    for size in options.sizes:
        gallery = synthesize(real, size, seed=0, **mixture)
        dimension = intrinsic_dimension(queries, gallery)
        truth = faiss.knn(queries, gallery, NEAREST, metric=faiss.METRIC_INNER_PRODUCT)[1]
        workload = Workload(gallery, queries, additions, truth)
        for index_type in options.index_types:
            metrics[f"{index_type}, {size:,}"] = {
                **measure(index_type, workload),
                "intrinsic_dimension": dimension,
            }
    mixed = f"{options.neighbors} neighbours, spread {options.noise}"
    report = reports.Report(
        benchmark="scale",
        data=f"mixtures of {len(real)} real descriptors, {mixed}",
        split=options.data.stem,
        items=len(queries),
        weights="index",
        metrics={name: _without_nan(row) for name, row in metrics.items()},
        seconds=time.perf_counter() - started,
        command=reports.command_line(MODULE, arguments),
    )
    return reports.finish(report, options.json)


def _parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, argparse.ArgumentParser]:
    parser = reports.benchmark_parser("Measure the vector index on many images.", MODULE)
    parser.add_argument("--sizes", nargs="+", type=reports.positive_int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--index-types", nargs="+", choices=list(INDEX_TYPES), default=list(INDEX_TYPES))
    parser.add_argument("--dimension", type=reports.positive_int, default=256, help="(%(default)s)")
    parser.add_argument("--queries", type=reports.positive_int, default=500, help="(%(default)s)")
    parser.add_argument(
        "--neighbors", type=int, default=NEIGHBORS, help="descriptors in a mixture (%(default)s)"
    )
    parser.add_argument("--noise", type=float, default=NOISE, help="scale of the noise (%(default)s)")
    parser.add_argument("--engine", choices=list(EXTRACTORS), default="both", help="backbones (%(default)s)")
    parser.add_argument("--head", metavar="FOLDER", help="trained descriptor of photos")
    parser.add_argument("--untrained", action="store_true", help="describe photos without a trained one")
    return parser.parse_args(arguments), parser


def _real_descriptors(options: argparse.Namespace) -> np.ndarray:
    """Return real descriptors `[R, D]`: of a saved array, or of images."""
    path: Path = options.data
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False)[: options.limit].astype(np.float32)
    head = DescriptorHead(extractor_levels(options.engine)) if options.untrained else options.head
    extractor = Extractor.load(options.engine, folder=options.weights, head=head)
    return np.stack([row for _, row in extractor.stream(read_images([path])[: options.limit])])


def _recall(ids: np.ndarray, truth: np.ndarray) -> float:
    pairs = zip(ids.tolist(), truth.tolist(), strict=True)
    return float(np.mean([len(set(row) & set(true_row)) / len(true_row) for row, true_row in pairs]))


def _without_nan(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if not np.isnan(value)}


def _alternate(calls: Sequence[Callable[[np.ndarray], object]], queries: np.ndarray) -> list[float]:
    """Return the median milliseconds of functions that take turns on single queries."""
    seconds = np.empty((len(queries), len(calls)))
    for row, query in enumerate(np.split(queries, len(queries))):
        for offset in range(len(calls)):
            column = (offset - row) % len(calls)
            started = time.thread_time()
            calls[column](query)
            seconds[row, column] = time.thread_time() - started
    medians: list[float] = (1000 * np.median(seconds, axis=0)).tolist()
    return medians
