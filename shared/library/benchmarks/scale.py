"""Search among many vectors: the library's tables and indexes, beside the index of galleries and plain faiss.

Vectors are synthetic, made around real descriptors (see `shared.retrieval.data.synthetic`), and stored as the
library stores them: as float16 on the disk. The truth is that of float32, so that the recall of `exact` shows
the loss by float16. Times are by the clock, medians of single queries, with the files in the system's cache.
`memory_MB` is the growth of the process while queries run, and for indexes of galleries their size.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import faiss
import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import IvfHnswSq, IvfPq

from shared.core.image_files import read_images
from shared.evaluation import reports
from shared.index.vector_index import VectorIndex
from shared.library.models import IMAGE, ImageModel, ModelSpec
from shared.library.vector_index import EXACT, LISTS, REFINE, index_config, tuned
from shared.retrieval.benchmarks.memory import PeakMemory
from shared.retrieval.data.synthetic import intrinsic_dimension, reduce_dimension, synthesize

MODULE = "shared.library.benchmark scale"
NEAREST = 10
#: Indexes of LanceDB, as functions of the numbers of vectors and of their elements.
INDEXES: dict[str, Callable[[int, int], Any]] = {
    EXACT: lambda count, length: None,
    "IVF_RQ": lambda count, length: index_config(count),
    "IVF_PQ": lambda count, length: IvfPq(
        distance_type="cosine",
        num_partitions=index_config(count).num_partitions,
        num_sub_vectors=length // 8,
        max_iterations=10,
    ),
    "IVF_HNSW_SQ": lambda count, length: IvfHnswSq(distance_type="cosine"),
}
#: Indexes of galleries that stand beside them.
GALLERY_INDEXES = ("exact", "ivf", "hnsw", "pq")


def fill(folder: str, vectors: np.ndarray) -> Any:
    """Write vectors as float16 to a new table and return it."""
    length = vectors.shape[1]
    schema = pa.schema([pa.field("path", pa.string()), pa.field("vector", pa.list_(pa.float16(), length))])

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(vectors), 8192):
            part = vectors[start : start + 8192].astype(np.float16)
            rows = pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), length)
            paths = pa.array([str(number) for number in range(start, start + len(part))])
            yield pa.record_batch([paths, rows], schema=schema)

    connection = lancedb.connect(folder)
    return connection.create_table("photos", pa.RecordBatchReader.from_batches(schema, batches()))


def measure_library(
    table: Any, folder: str, index: str, queries: np.ndarray, truth: np.ndarray
) -> dict[str, float]:
    """Build an index over the table and measure its searches."""
    before = _disk_bytes(folder)
    started = time.perf_counter()
    length = queries.shape[1]
    config = INDEXES[index](table.count_rows(), length)
    if config is not None:
        table.create_index("vector", config=config, replace=True, wait_timeout=timedelta(hours=2))
    build = time.perf_counter() - started

    def search(query: np.ndarray) -> list[int]:
        builder = table.search(query, vector_column_name="vector").distance_type("cosine")
        rows = tuned(builder, NEAREST).select(["path", "_distance"]).limit(NEAREST).to_arrow()
        return [int(path) for path in rows["path"].to_pylist()]

    metrics = _measure(search, queries, truth)
    disk = before if config is None else _disk_bytes(folder) - before
    if config is not None:
        table.drop_index(table.list_indices()[0].name)
    return {"build_s": build, "disk_MB": disk / 1e6, **metrics}


def measure_gallery(gallery: np.ndarray, index: str, queries: np.ndarray, truth: np.ndarray) -> dict:
    """Measure an index of galleries, in memory, and the same structure with faiss alone."""
    built = VectorIndex(gallery.shape[1], index)
    started = time.perf_counter()
    built.add(gallery)
    metrics = {"build_s": time.perf_counter() - started}
    metrics |= _measure(lambda query: built.search(query[None], NEAREST)[1][0].tolist(), queries, truth)
    plain = built.faiss_index()
    plain_metrics = _measure(lambda query: plain.search(query[None], NEAREST)[1][0].tolist(), queries, truth)
    metrics["memory_MB"] = built.bytes_per_vector * len(gallery) / 1e6
    metrics["plain_ms_per_query"] = plain_metrics["ms_per_query"]
    metrics["plain_recall@10"] = plain_metrics["recall@10"]
    return metrics


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    try:
        real = reduce_dimension(_real_descriptors(options), options.dimension)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    queries = synthesize(real, options.queries, seed=1)
    metrics: dict[str, dict[str, float]] = {}
    for size in options.sizes:
        gallery = synthesize(real, size, seed=0)
        truth = faiss.knn(queries, gallery, NEAREST, metric=faiss.METRIC_INNER_PRODUCT)[1]
        dimension = {"intrinsic_dimension": intrinsic_dimension(queries, gallery)}
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            table = fill(folder, gallery)
            for index in options.indexes:
                row = measure_library(table, folder, index, queries, truth)
                metrics[f"library {index}, {size:,}"] = row | dimension
                print(f"library {index}, {size:,}: {row}", flush=True)
        for index in options.gallery_indexes:
            row = measure_gallery(gallery, index, queries, truth)
            metrics[f"gallery {index}, {size:,}"] = row | dimension
            print(f"gallery {index}, {size:,}: {row}", flush=True)
    report = reports.Report(
        benchmark="library scale",
        data=f"mixtures of {len(real)} real descriptors of {options.dimension} numbers",
        split=options.data.stem,
        items=len(queries),
        weights="library",
        metrics=metrics,
        seconds=time.perf_counter() - started,
        command=reports.command_line(MODULE, arguments),
    )
    return reports.finish(report, options.json)


def _parser() -> argparse.ArgumentParser:
    description = f"Measure searches; indexes visit {LISTS} lists and refine {REFINE} hits for each."
    parser = reports.benchmark_parser(description, MODULE)
    add = parser.add_argument
    add("--sizes", nargs="+", type=reports.positive_int, default=[100_000, 1_000_000])
    add("--dimension", type=reports.positive_int, default=1024, help="(%(default)s)")
    add("--queries", type=reports.positive_int, default=200, help="(%(default)s)")
    add("--indexes", nargs="*", choices=list(INDEXES), default=[EXACT, "IVF_RQ"])
    add("--gallery-indexes", nargs="*", choices=GALLERY_INDEXES, default=["exact", "pq"])
    add("--folder", type=Path, help="folder for the tables, by default that of the system")
    return parser


def _measure(
    search: Callable[[np.ndarray], list[int]], queries: np.ndarray, truth: np.ndarray
) -> dict[str, float]:
    search(queries[0])
    memory = PeakMemory()
    seconds, hits = [], 0
    for query, nearest in zip(queries, truth, strict=True):
        started = time.perf_counter()
        ids = search(query)
        seconds.append(time.perf_counter() - started)
        hits += len(set(ids) & set(nearest.tolist()))
    return {
        "recall@10": hits / truth.size,
        "ms_per_query": 1000 * float(np.median(seconds)),
        "memory_MB": memory.growth() / 1e6,
    }


def _real_descriptors(options: argparse.Namespace) -> np.ndarray:
    """Return descriptors of photos `[R, D]`: a saved array, or of images."""
    if options.data.suffix == ".npy":
        return np.load(options.data, allow_pickle=False)[: options.limit].astype(np.float32)
    model = ModelSpec(IMAGE, "exact", options.weights).load()
    assert isinstance(model, ImageModel)
    images = read_images([options.data])[: options.limit]
    return np.stack([row for _, row in model.extractor.stream(images)])


def _disk_bytes(folder: str) -> int:
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
