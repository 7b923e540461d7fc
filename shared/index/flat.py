"""Flat vector storage with an exact, exhaustive search."""

from __future__ import annotations

from collections.abc import Iterator

import faiss
import numpy as np

from shared.index.reader import Reader
from shared.index.storage import State, Storage, few_threads
from shared.index.vectors import BATCH_SIZE, ExactNeighbors, GrowingArray, batch_slices


class FlatStorage(Storage):
    """Contiguous vectors that are all compared: exact, in time that grows with their number.

    Args:
        dimension: Length of a vector.
    """

    max_batch = BATCH_SIZE

    def __init__(self, dimension: int) -> None:
        self._vectors = GrowingArray(np.float32, dimension)
        self._ids = GrowingArray(np.int64)

    def __len__(self) -> int:
        return len(self._ids.rows)

    @property
    def ids(self) -> np.ndarray:
        return self._ids.rows

    @property
    def nbytes(self) -> int:
        return self._vectors.rows.nbytes + self._ids.rows.nbytes

    def add(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        self._vectors.append(vectors)
        self._ids.append(ids)

    def remove(self, ids: np.ndarray) -> None:
        holes = np.flatnonzero(np.isin(self._ids.rows, ids))
        size = len(self) - len(holes)
        # The last vectors fill the holes, so that the others need not move.
        sources = np.setdiff1d(np.arange(size, len(self)), holes, assume_unique=True)
        targets = holes[holes < size]
        for array in (self._vectors, self._ids):
            array.rows[targets] = array.rows[sources]
            array.truncate(size)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        with few_threads(len(queries)):
            scores, rows = faiss.knn(queries, self._vectors.rows, k, metric=faiss.METRIC_INNER_PRODUCT)
        return scores, self._ids.rows[rows]

    def tune(self, neighbors: ExactNeighbors, recall: float) -> None:
        pass

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for batch in batch_slices(len(self), BATCH_SIZE):
            yield self._vectors.rows[batch], self._ids.rows[batch]

    def faiss_index(self) -> faiss.Index:
        index = faiss.IndexFlatIP(self._vectors.rows.shape[1])
        index.add(self._vectors.rows)
        return index

    def state(self) -> State:
        return {}, {"vectors": [self._vectors.rows], "ids": [self._ids.rows]}

    @classmethod
    def from_file(cls, dimension: int, reader: Reader) -> FlatStorage:
        storage = cls(dimension)
        vectors = reader.unit_vectors("vectors", dimension)
        storage.add(vectors, reader.ids("ids", len(vectors)))
        return storage
