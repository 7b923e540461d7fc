"""Describer that works on the nodes of a Ray cluster, as pipelines of Ray Data.

The process that calls it walks the folders and is the only one that writes: rows come back to it in batches,
and are merged by path. A batch of a node that dies is computed again on another one, since Ray keeps the
paths on the caller's node; what was written before stays. All nodes need the package, its weights, and the
photos under the same paths.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import ray

from shared.core.images import ImageError
from shared.core.scheduling import READER_POOL, prefetch
from shared.library.describe import BUFFER_SIZE, PhotoDescriber, file_digest
from shared.library.errors import LibraryError
from shared.library.models import ModelSpec

#: Files of a round: their digests are known before the first of them is described. Each round starts the
#: workers anew, which takes them seconds.
ROUND_FILES = 100_000
#: Files that a task reads for their digests, and photos that a worker describes before it returns them.
DIGEST_FILES, BLOCK_PHOTOS = 256, 32

CONNECT_SECONDS = 10

#: Photos that are written together, unless the first of them has waited for some seconds.
WRITE_PHOTOS, WRITE_SECONDS = 4_096, 20

_DIGEST_SCHEMA = pa.schema(
    [("path", pa.string()), ("content", pa.string()), ("problem", pa.string()), ("may_recover", pa.bool_())]
)


@dataclass(frozen=True)
class Workers:
    """Workers of a cluster; each has the models in memory.

    Attributes:
        count: Number of workers; fewer work where the cluster has no room for all.
        cpus: Cores of each; on a CPU, it describes as many photos at a time.
        gpus: GPUs of each, which may be a fraction; 0 for workers on the CPU.
    """

    count: int = 1
    cpus: int = 1
    gpus: float = 0.0


class ClusterDescriber(PhotoDescriber):
    """Describer on a cluster, to which this process is connected.

    Args:
        specs: Models that describe.
        workers: Workers that hold them.
    """

    files_at_once = ROUND_FILES

    def __init__(self, specs: Sequence[ModelSpec], workers: Workers) -> None:
        super().__init__(specs)
        self.workers = workers

    def digests(self, paths: Iterable[str]) -> Iterator[tuple[str, str | ImageError]]:
        dataset = _dataset(list(paths), DIGEST_FILES)
        if dataset is None:
            return
        mapped = dataset.map_batches(digest_batch, batch_size=None, batch_format="pyarrow", num_cpus=1)
        for batch in mapped.iter_batches(batch_size=None, batch_format="pyarrow"):
            for row in batch.to_pylist():
                yield row["path"], row["content"] or _error(row)

    def tables(self, paths: Iterable[str], size: int, progress: Callable[[int], None]) -> Iterator[pa.Table]:
        dataset = _dataset(list(paths), BLOCK_PHOTOS)
        if dataset is None:
            return
        mapped = dataset.map_batches(
            PhotoDescriber,
            fn_constructor_args=(self.specs,),
            batch_size=None,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=self.workers.count),
            num_cpus=self.workers.cpus,
            num_gpus=self.workers.gpus,
        )
        # Large writes: once thousands of rows have no index yet, 32 take as long as 500.
        batches: list[pa.Table] = []
        begin = time.monotonic()
        for batch in mapped.iter_batches(batch_size=None, batch_format="pyarrow"):
            progress(batch.num_rows)
            batches.append(batch.cast(self.schema))
            is_due = time.monotonic() - begin >= WRITE_SECONDS
            if is_due or sum(table.num_rows for table in batches) >= WRITE_PHOTOS:
                yield pa.concat_tables(batches)
                batches, begin = [], time.monotonic()
        if batches:
            yield pa.concat_tables(batches)


def connect(address: str) -> None:
    """Connect to a cluster, unless this process is connected already.

    Args:
        address: `auto` for the cluster of this machine, `local` to start one on it, or `host:port`.

    Raises:
        LibraryError: There is no cluster.
    """
    os.environ.setdefault("RAY_TQDM_PATCH_PRINT", "0")  # Ray would replace `print` for its progress bars
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # and send statistics to its makers
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    for name in ("ray.data", "ray.data.dataset"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if ray.is_initialized():
        return
    try:
        _, _, place = address.rpartition("://")
        host, separator, port = place.rpartition(":")
        if separator:  # Ray itself would try for two minutes, and then end the process
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
        ray.init(address=address, log_to_driver=False)
    except (OSError, RuntimeError, ValueError) as error:
        raise LibraryError(
            f"There is no Ray cluster at {address}: start one with “ray start --head”, or choose “local”."
        ) from error


def digest_batch(files: pa.Table) -> pa.Table:
    """Return the path and digest of each file, or a `problem`, and whether it may be readable again soon."""
    rows = []
    for path, result in prefetch(files["path"].to_pylist(), file_digest, BUFFER_SIZE, READER_POOL):
        row: dict[str, Any] = {"path": path}
        if isinstance(result, ImageError):
            row |= {"problem": str(result), "may_recover": isinstance(result.__cause__, OSError)}
        else:
            row["content"] = result
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=_DIGEST_SCHEMA)


def _dataset(paths: Sequence[str], size: int) -> Any:
    """Return a data set with a block for each of some paths; None without any."""
    blocks = [pa.table({"path": paths[start : start + size]}) for start in range(0, len(paths), size)]
    return ray.data.from_arrow(blocks) if blocks else None


def _error(row: dict[str, Any]) -> ImageError:
    error = ImageError(row["problem"])
    if row["may_recover"]:
        error.__cause__ = OSError()
    return error
