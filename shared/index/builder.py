"""Construction of a storage: trained on a sample, filled, and tuned on its own vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from shared.index.flat import FlatStorage
from shared.index.hnsw import HNSWStorage
from shared.index.ivf import IVFStorage, sample_size
from shared.index.storage import Storage
from shared.index.vectors import ExactNeighbors

#: Vectors whose true neighbours the search is tuned by.
TUNING_QUERIES = 200

#: Iterates over all vectors, always in the same order: float32 `[N, D]` of length 1, and ids, int64 `[N]`.
Batches = Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]


def build_storage(index_type: str, dimension: int, count: int, batches: Batches, recall: float) -> Storage:
    """Build the storage of an index type.

    Args:
        index_type: One of `shared.index.INDEX_TYPES`.
        dimension: Length of a vector.
        count: Number of vectors; at least 256 unless the type is `exact`.
        batches: All vectors.
        recall: Fraction of the true neighbours that a search should visit, 0..1.
    """
    if index_type == "exact":
        flat = FlatStorage(dimension)
        for vectors, ids in batches():
            flat.add(vectors, ids)
        return flat
    size = TUNING_QUERIES if index_type == "hnsw" else sample_size(count)
    sample, sample_ids = _draw_sample(batches, count, size)
    storage: Storage
    if index_type == "hnsw":
        storage = HNSWStorage(dimension, count)
    else:
        storage = IVFStorage.train(sample, count, quantized=index_type == "pq")
    neighbors = ExactNeighbors(sample[:TUNING_QUERIES], sample_ids[:TUNING_QUERIES])
    for vectors, ids in batches():
        storage.add(vectors, ids)
        neighbors.update(vectors, ids)
    storage.tune(neighbors, recall)
    return storage


def _draw_sample(batches: Batches, count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return some of the vectors and their ids, in random order."""
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(count, min(size, count), replace=False))
    parts, first = [], 0
    for vectors, ids in batches():
        begin, end = np.searchsorted(chosen, first), np.searchsorted(chosen, first + len(ids))
        rows = chosen[begin:end] - first
        parts.append((vectors[rows], ids[rows]))
        first += len(ids)
    order = rng.permutation(len(chosen))
    vectors, ids = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return vectors[order], ids[order]
