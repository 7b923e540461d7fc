"""The vector index on many pictures: how near it comes to a full search, how fast, in how much memory.

The gallery is made of real descriptors, see `shared.retrieval.data.synthetic`. Queries are made in the same way,
and are not in the gallery.

Beside each row stands faiss alone, on the same trained structure with the same parameters, so that it finds
the same; `ratio` is its time per query over ours. Times of single calls are processor time of the calling
thread, which other work on the machine does not change; `ms_32_callers` is by the clock, per query.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np

from shared.evaluation import reports
from shared.index.vector_index import INDEX_TYPES, VectorIndex
from shared.retrieval.benchmarks.memory import PeakMemory
from shared.retrieval.data.synthetic import MIXED, SPREAD, intrinsic_dimension, reduce, synthesize
from shared.retrieval.descriptor.backbones import EXTRACTORS
from shared.training.datasets import read_images

MODULE = "shared.retrieval.benchmark scale"
NEAREST, CALLERS, CHANGES = 10, 32, 1000


def measure(
    kind: str, gallery: np.ndarray, queries: np.ndarray, truth: np.ndarray, new: np.ndarray
) -> dict[str, float]:
    """Builds one index and measures it.

    Args:
        kind: one of `shared.index.INDEX_TYPES`.
        gallery: float32 `[N, dimension]`.
        queries: float32 `[Q, dimension]`, of length 1.
        truth: the true nearest of each query, `[Q, 10]`.
        new: vectors to add and remove again.
    """
    index = VectorIndex(gallery.shape[1], kind)
    memory = PeakMemory()
    started = time.perf_counter()
    index.add(gallery)
    figures = {"build_s": time.perf_counter() - started, "build_peak_MB": memory.growth() / 1e6}
    figures["bytes_per_image"] = index.bytes_per_vector
    plain = index.faiss_index().search
    found = index.search(queries, NEAREST)[1]
    figures["recall@10"] = _recall(found, truth)
    figures["1-recall@10"] = _recall(found, truth[:, :1])
    figures["plain_recall@10"] = _recall(plain(queries, NEAREST)[1], truth)

    def ours(one: np.ndarray) -> object:
        return index.search(one, NEAREST)

    ours_ms, plain_ms = _in_turn([ours, lambda one: plain(one, NEAREST)], queries)
    figures |= {"ms_per_query": ours_ms, "plain_ms_per_query": plain_ms, "ratio": plain_ms / ours_ms}
    with ThreadPoolExecutor(CALLERS) as pool:
        started = time.perf_counter()
        list(pool.map(ours, np.split(queries, len(queries))))
        figures[f"ms_{CALLERS}_callers"] = 1000 * (time.perf_counter() - started) / len(queries)
    started = time.perf_counter()
    ids = index.add(new)
    figures["adds_per_s"] = len(new) / (time.perf_counter() - started)
    started = time.perf_counter()
    index.remove(ids)
    figures["removes_per_s"] = len(new) / (time.perf_counter() - started)
    return figures


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Measure the vector index on many pictures.", MODULE)
    parser.add_argument("--sizes", nargs="+", type=reports.positive_int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--kinds", nargs="+", choices=list(INDEX_TYPES), default=list(INDEX_TYPES))
    parser.add_argument("--dimension", type=reports.positive_int, default=256, help="(%(default)s)")
    parser.add_argument("--queries", type=reports.positive_int, default=500, help="(%(default)s)")
    parser.add_argument("--mixed", type=int, default=MIXED, help="neighbours in a mixture (%(default)s)")
    parser.add_argument("--spread", type=float, default=SPREAD, help="width of the noise (%(default)s)")
    parser.add_argument("--engine", choices=list(EXTRACTORS), default="both", help="networks (%(default)s)")
    parser.add_argument("--head", metavar="FOLDER", help="trained descriptor of photos")
    parser.add_argument("--untrained", action="store_true", help="describe photos without a trained one")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    try:
        real = reduce(_real(options), options.dimension)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    mixture = {"mixed": options.mixed, "spread": options.spread}
    queries, new = (
        synthesize(real, count, seed=seed, **mixture) for seed, count in ((1, options.queries), (2, CHANGES))
    )
    metrics = {"real descriptors": {"intrinsic_dimension": intrinsic_dimension(real, real)}}
    for size in options.sizes:
        gallery = synthesize(real, size, seed=0, **mixture)
        own = {"intrinsic_dimension": intrinsic_dimension(queries, gallery)}
        truth = faiss.knn(queries, gallery, NEAREST, metric=faiss.METRIC_INNER_PRODUCT)[1]
        for kind in options.kinds:
            metrics[f"{kind}, {size:,}"] = measure(kind, gallery, queries, truth, new) | own
    return reports.finish(
        reports.Report(
            benchmark="scale",
            data=f"mixtures of {len(real)} real descriptors, {options.mixed} neighbours, spread {options.spread}",
            split=options.data.stem,
            items=len(queries),
            weights="index",
            metrics={name: _known(figures) for name, figures in metrics.items()},
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def _real(options: argparse.Namespace) -> np.ndarray:
    """Real descriptors `[R, D]`: from an array that was saved, or of photos."""
    path: Path = options.data
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False)[: options.limit].astype(np.float32)
    # Not at the top: they bring torch, which descriptors from a file do not need.
    from shared.retrieval.descriptor.backbones import extractor_levels
    from shared.retrieval.descriptor.extractor import Extractor
    from shared.retrieval.descriptor.head import DescriptorHead

    head = DescriptorHead(extractor_levels(options.engine)) if options.untrained else options.head
    extractor = Extractor.load(options.engine, folder=options.weights, head=head)
    return np.stack([row for _, row in extractor.stream(read_images([path])[: options.limit])])


def _recall(found: np.ndarray, truth: np.ndarray) -> float:
    pairs = zip(found.tolist(), truth.tolist(), strict=True)
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in pairs]))


def _known(figures: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if not np.isnan(value)}


def _in_turn(calls: Sequence[Callable[[np.ndarray], object]], queries: np.ndarray) -> list[float]:
    """Milliseconds of the median call with one query, of several functions that take turns."""
    seconds = np.empty((len(queries), len(calls)))
    for row, query in enumerate(np.split(queries, len(queries))):
        for column in np.roll(np.arange(len(calls)), row):
            started = time.thread_time()
            calls[column](query)
            seconds[row, column] = time.thread_time() - started
    return (1000 * np.median(seconds, axis=0)).tolist()
