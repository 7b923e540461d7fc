"""Similarity search: vectors with ids and metadata, and the nearest of them, on faiss.

    index = VectorIndex(256)
    index.add(descriptors, [{"file": path.name} for path in paths])
    scores, ids = index.search(queries, k=10)
    index.metadata(ids[0, 0])["file"]

Scores are cosines: vectors and queries are scaled to length 1. The index types differ in cost:

| type | a search compares a query with | bytes per vector, and accuracy |
| --- | --- | --- |
| `exact` | all vectors | 4 per element; exact |
| `ivf` | the vectors in the lists nearest to it | the same; nearly exact |
| `hnsw` | the vectors on a path through a graph | the same, and 150; nearly exact; slow to build |
| `pq` | the codes in the lists nearest to it | 88, and the id; good enough to find, not to measure |

All but the first are exact as well until there are enough vectors to train on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from shared.index import file
from shared.index.builder import build_storage
from shared.index.flat import FlatStorage
from shared.index.hnsw import HNSWStorage
from shared.index.ivf import IVFStorage
from shared.index.metadata import MetadataTable, encode, encode_mapping
from shared.index.read_write_lock import ReadWriteLock
from shared.index.storage import Storage
from shared.index.vectors import BATCH_SIZE, as_matrix, batch_slices, l2_norms, unit_queries, unit_vectors

#: Number of vectors from which on each index type is trained.
INDEX_TYPES = {"exact": 2**62, "ivf": 10_000, "hnsw": 2_000, "pq": 20_000}
#: Storages by their names in files.
STORAGES: dict[str, type[Storage]] = {"flat": FlatStorage, "lists": IVFStorage, "graph": HNSWStorage}
MAX_DIMENSION = 16_384
MIN_TRAINING_VECTORS = 256


class VectorIndex:
    """Index of vectors with ids and metadata.

    All methods may be called from many threads at once. A search sees every vector either before or after a
    change. Changes wait for one another, and searches wait for a change only while it touches what they read,
    not while it trains.

    Attributes:
        dimension: Length of a vector.
        index_type: One of `INDEX_TYPES`.
        recall: Fraction of the ten true nearest neighbours that a search should visit, 0..1; the effort for
            it is measured on the index's own vectors, each time it is trained.
        exact_below: Number of vectors below which a search compares all.

    Args:
        dimension: See above; 1..16,384.
        index_type: See above.
        recall: See above; above 0 and up to 1.
        exact_below: See above; at least 256, by default the value of `INDEX_TYPES`.

    Raises:
        ValueError: A value is out of range.

    >>> index = VectorIndex(2)
    >>> index.add([[1, 0], [0, 2], [3, 3]], [{"name": name} for name in ("x", "y", "xy")])
    array([0, 1, 2])
    >>> scores, ids = index.search([[0, 5]], k=2)
    >>> scores.round(3), [index.metadata(i)["name"] for i in ids[0]]
    (array([[1.   , 0.707]], dtype=float32), ['y', 'xy'])
    """

    def __init__(
        self,
        dimension: int,
        index_type: str = "exact",
        *,
        recall: float = 0.98,
        exact_below: int | None = None,
    ) -> None:
        if not 1 <= dimension <= MAX_DIMENSION:
            raise ValueError(f"the dimension must be in 1..{MAX_DIMENSION}, received {dimension!r}")
        if index_type not in INDEX_TYPES:
            raise ValueError(
                f"the index type must be one of {', '.join(INDEX_TYPES)}, received {index_type!r}"
            )
        if not 0 < recall <= 1:
            raise ValueError(f"the recall must be above 0 and up to 1, received {recall!r}")
        exact_below = INDEX_TYPES[index_type] if exact_below is None else exact_below
        if exact_below < MIN_TRAINING_VECTORS:
            raise ValueError(
                f"an index needs {MIN_TRAINING_VECTORS} vectors to train on, received {exact_below=!r}"
            )
        self.dimension, self.index_type = dimension, index_type
        self.recall, self.exact_below = recall, exact_below
        self._lock = ReadWriteLock()  # for storage and table
        self._storage: Storage = FlatStorage(dimension)
        self._table = MetadataTable()
        self._next_id = 0

    def __len__(self) -> int:
        with self._lock.read():
            return len(self._table)

    def __contains__(self, id: int) -> bool:
        with self._lock.read():
            return self._table.find([id]) is not None

    @property
    def ids(self) -> np.ndarray:
        """All ids, int64, rising, which is the order of their addition."""
        with self._lock.read():
            return self._table.ids

    @property
    def trained(self) -> bool:
        """True once a search no longer compares all vectors."""
        return not isinstance(self._storage, FlatStorage)

    @property
    def bytes_per_vector(self) -> float:
        """Memory of vectors or codes, ids and search structures, without the metadata."""
        with self._lock.read():
            return (self._storage.nbytes + self._table.nbytes) / max(len(self._table), 1)

    def add(self, vectors: npt.ArrayLike, metadata: Sequence[Mapping[str, Any]] | None = None) -> np.ndarray:
        """Add vectors: all of them, or none if it fails.

        A large gallery is best added in one call: then the index is trained once, and for its size.

        Args:
            vectors: Numbers `[N, dimension]`.
            metadata: Mapping of each vector that JSON can hold, of at most 64 KB; by default empty.

        Returns:
            New ids, int64 `[N]`, rising. An id is never used again.

        Raises:
            ValueError: A vector is zero, not finite or of the wrong length, or the metadata are invalid.
        """
        matrix = as_matrix(vectors, self.dimension)
        texts = encode(metadata, len(matrix))
        for batch in batch_slices(len(matrix), BATCH_SIZE):
            l2_norms(matrix[batch])  # fails before anything has changed
        with self._lock.exclusive_writer():
            ids = np.arange(self._next_id, self._next_id + len(matrix))
            self._next_id += len(matrix)
            try:
                if not self.trained and len(self._storage) + len(matrix) >= self.exact_below:
                    self._rebuild(matrix, ids, texts)
                    return ids
                for batch in batch_slices(len(matrix), self._storage.max_batch):
                    units = unit_vectors(matrix[batch])
                    with self._lock.write():
                        self._table.append(ids[batch], texts and texts[batch])
                        self._storage.add(units, ids[batch])
                if self._storage.needs_rebuild:
                    self._rebuild()
            except BaseException:
                self._undo_add(ids)
                raise
        return ids

    def remove(self, ids: Iterable[int]) -> None:
        """Remove vectors and their metadata: all of them, or none if it fails.

        Raises:
            KeyError: An id does not exist.
        """
        distinct = np.unique(np.fromiter(ids, np.int64))
        with self._lock.exclusive_writer():
            positions = self._positions(distinct)
            with self._lock.write():
                self._storage.remove(distinct)
                self._table.delete(positions)
            if self._storage.needs_rebuild:
                self._rebuild()

    def replace(self, id: int, vector: npt.ArrayLike, metadata: Mapping[str, Any] | None = None) -> None:
        """Replace the vector, and on demand the metadata, of an id.

        Args:
            id: An existing id.
            vector: Numbers `[dimension]`.
            metadata: New mapping; None keeps the present one.

        Raises:
            KeyError: The id does not exist.
            ValueError: See `add`.
        """
        unit = unit_vectors(as_matrix(np.asarray(vector)[None], self.dimension))
        text = None if metadata is None else encode_mapping(metadata)
        with self._lock.exclusive_writer():
            position = int(self._positions([id])[0])
            with self._lock.write():
                self._storage.remove(np.array([id], np.int64))
                self._storage.add(unit, np.array([id], np.int64))
                if text is not None:
                    self._table.replace(position, text)
            if self._storage.needs_rebuild:
                self._rebuild()

    def search(
        self, queries: npt.ArrayLike, k: int, min_score: float | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest vectors.

        Args:
            queries: Numbers `[Q, dimension]`.
            k: Number of results per query; at least 1.
            min_score: Leaves out results with a lower score.

        Returns:
            Scores, float32 `[Q, k]`, falling, and ids, int64 `[Q, k]`. Missing results have score -inf and
            id -1. Scores are cosines, of type `pq` estimates of them.

        Raises:
            ValueError: `k` is below 1, or a query is zero, not finite or of the wrong length.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, received {k!r}")
        units = unit_queries(queries, self.dimension)
        self._lock.begin_read()
        try:
            size = len(self._storage)
            count = k if k < size else size
            if count and len(units):
                scores, ids = self._storage.search(units, count)
            else:
                shape = len(units), count
                scores, ids = np.empty(shape, np.float32), np.empty(shape, np.int64)
        finally:
            self._lock.end_read()
        if count < k:
            padding = (0, 0), (0, k - count)
            scores = np.pad(scores, padding, constant_values=-np.inf)
            ids = np.pad(ids, padding, constant_values=-1)
        if min_score is not None:
            low = scores < min_score
            scores[low], ids[low] = -np.inf, -1
        return scores, ids

    def metadata(self, id: int) -> dict[str, Any]:
        """Return the metadata of a vector as a new dictionary.

        Raises:
            KeyError: The id does not exist.
        """
        with self._lock.read():
            text = self._table.text(self._positions([id])[0])
        return json.loads(text)

    def vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """Return all vectors.

        Returns:
            Ids, int64 `[N]`, rising, and vectors of length 1, float32 `[N, dimension]`; of a trained index of
            type `pq` they are decoded.
        """
        with self._lock.read():
            batches = list(self._storage.batches())
            ids = np.concatenate([part for _, part in batches] or [np.empty(0, np.int64)])
            vectors = np.empty((len(ids), self.dimension), np.float32)
            if batches:
                np.concatenate([part for part, _ in batches], out=vectors)
        order = np.argsort(ids)
        return ids[order], vectors[order]

    def faiss_index(self) -> faiss.Index:
        """Return the same search by faiss alone, without checks and locks, for benchmarks.

        It must not be changed. Its ids are those of this index as long as nothing has been removed. Of type
        `pq` its scores are squared distances.
        """
        return self._storage.faiss_index()

    def save(self, path: str | os.PathLike) -> None:
        """Write the index to a file, whole or not at all, while searches continue; see `shared.index.file`.

        Raises:
            OSError: The file cannot be written; an older one remains as it was.
        """
        with self._lock.exclusive_writer():
            values, arrays = self._storage.state()
            storage = next(name for name, storage in STORAGES.items() if isinstance(self._storage, storage))
            settings = {"kind": self.index_type, "recall": self.recall, "exact_below": self.exact_below}
            settings |= {"dimension": self.dimension, "next_id": self._next_id, "store": storage}
            file.write(path, {**values, **settings}, {**arrays, **self._table.arrays()})

    @classmethod
    def load(cls, path: str | os.PathLike, *, max_bytes: int = file.MAX_BYTES) -> VectorIndex:
        """Read an index from a file, which need not be trusted.

        Args:
            path: Path of the file.
            max_bytes: Largest accepted size. In memory the index takes up to twice as much.

        Raises:
            IndexFileError: The file is missing, damaged, or holds no index.
        """
        reader = file.read(path, max_bytes)
        index = cls(
            reader.integer("dimension", 1, MAX_DIMENSION),
            reader.choice("kind", list(INDEX_TYPES)),
            recall=reader.fraction("recall"),
            exact_below=reader.integer("exact_below", MIN_TRAINING_VECTORS, 2**62),
        )
        storage = STORAGES[reader.choice("store", list(STORAGES))]
        index._storage = storage.from_file(index.dimension, reader)
        index._table = MetadataTable.from_file(reader)
        index._next_id = reader.integer("next_id", int(index._table.ids.max(initial=-1)) + 1, 2**62)
        same = np.array_equal(np.sort(index._storage.ids), index._table.ids)
        reader.check(same, "vectors and items have different ids")
        return index

    def _rebuild(
        self,
        vectors: np.ndarray | None = None,
        ids: np.ndarray | None = None,
        texts: list[str] | None = None,
    ) -> None:
        """Build a new storage from the present vectors and new ones; readers use the old one meanwhile."""
        vectors = np.empty((0, self.dimension), np.float32) if vectors is None else vectors
        new_ids = np.empty(0, np.int64) if ids is None else ids
        count = len(self._storage) + len(vectors)

        def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            yield from self._storage.batches()
            for batch in batch_slices(len(vectors), BATCH_SIZE):
                yield unit_vectors(vectors[batch]), new_ids[batch]

        index_type = self.index_type if count >= self.exact_below else "exact"
        storage = build_storage(index_type, self.dimension, count, batches, self.recall)
        with self._lock.write():
            self._storage = storage
            if len(vectors):
                self._table.append(new_ids, texts)

    def _undo_add(self, ids: np.ndarray) -> None:
        """Remove what a failed `add` has added."""
        with self._lock.write():
            self._storage.remove(np.intersect1d(ids, self._storage.ids))
            self._table.delete(self._positions(np.intersect1d(ids, self._table.ids)))

    def _positions(self, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the positions of ids in the table."""
        positions = self._table.find(ids)
        if positions is None:
            missing = [int(id) for id in ids if self._table.find([id]) is None]
            raise KeyError(f"there is nothing under the ids {missing[:5]}")
        return positions
