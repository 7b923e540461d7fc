"""How the store of a vector index is built: trained on a sample, filled, and tuned on its own vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from shared.index.flat import FlatStorage
from shared.index.hnsw import HNSWStorage
from shared.index.ivf import IVFStorage, sample_size
from shared.index.vectors import Neighbors

#: Vectors whose true neighbours are looked for, to tune the search.
QUERIES = 200

Chunks = Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]


def built(kind: str, dimension: int, count: int, chunks: Chunks, recall: float) -> FlatStorage | IVFStorage | HNSWStorage:
    """Builds the store of one kind.

    Args:
        kind: one of `shared.index.INDEX_TYPES`.
        dimension: length of a vector.
        count: how many vectors there are; at least 256 but for kind `exact`.
        chunks: goes through them all, always in the same order: float32 `[n, dimension]` of length 1, and
            their ids, int64 `[n]`.
        recall: share of the true neighbours that a search should look at, 0..1.
    """
    if kind == "exact":
        store = FlatStorage(dimension)
        for vectors, ids in chunks():
            store.add(vectors, ids)
        return store
    sample, sample_ids = _sample(chunks, count, QUERIES if kind == "hnsw" else sample_size(count))
    graph = kind == "hnsw"
    store = HNSWStorage(dimension, count) if graph else IVFStorage.trained(sample, count, coded=kind == "pq")
    neighbors = Neighbors(sample[:QUERIES], sample_ids[:QUERIES])
    for vectors, ids in chunks():
        store.add(vectors, ids)
        neighbors.compare(vectors, ids)
    store.tune(neighbors, recall)
    return store


def _sample(chunks: Chunks, count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Some of the vectors and their ids, in random order."""
    rng = np.random.default_rng(0)
    places = np.sort(rng.choice(count, min(size, count), replace=False))
    parts, first = [], 0
    for vectors, ids in chunks():
        wanted = places[np.searchsorted(places, first) : np.searchsorted(places, first + len(ids))] - first
        parts.append((vectors[wanted], ids[wanted]))
        first += len(ids)
    order = rng.permutation(len(places))
    vectors, ids = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return vectors[order], ids[order]
