"""What the stores of a vector index share, and the simplest of them: vectors side by side.

A store keeps vectors of length 1 under numbers that the index gives, and finds the nearest. It has no lock of
its own: `VectorIndex` sees to it that nobody reads while it changes. All stores have the methods of `FlatStorage`.

faiss and torch each bring a copy of the OpenMP library. Which of them both end up with depends on the order
of the imports and the system; with GNU's both orders work (see the tests). A number of threads that is set
for faiss may then hold for torch as well, in the same thread: so `threads` sets it back after every call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import faiss
import numpy as np
from faiss import swig_ptr

from shared.index.file import Reader
from shared.index.vectors import CHUNK, GrowingArray

#: Fewer queries than this are searched for on the caller's own thread: to wake others takes longer than the
#: search, and many callers at once keep all cores busy anyway.
QUERIES_FOR_THREADS = 16


class FlatStorage:
    """Vectors side by side, all of which are compared: exact, and in time that grows with their number.

    Args:
        dimension: length of a vector.
    """

    #: How many vectors may be added while readers wait.
    step = CHUNK

    def __init__(self, dimension: int) -> None:
        self._vectors = GrowingArray(np.float32, dimension)
        self._ids = GrowingArray(np.int64)

    def __len__(self) -> int:
        return len(self._ids.rows)

    @property
    def ids(self) -> np.ndarray:
        """The ids of all vectors, int64, in the order of `chunks`."""
        return self._ids.rows

    @property
    def nbytes(self) -> int:
        """Bytes of vectors, ids and all structures beside them."""
        return self._vectors.rows.nbytes + self._ids.rows.nbytes

    def add(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        """Adds float32 `[N, dimension]` of length 1 under new ids, int64 `[N]`."""
        self._vectors.append(vectors)
        self._ids.append(ids)

    def remove(self, ids: np.ndarray) -> None:
        """Removes vectors by their ids, all of which are here and none twice."""
        holes = np.flatnonzero(np.isin(self._ids.rows, ids))
        left = len(self) - len(holes)
        # The last vectors move into the holes, so that the others can stay where they are.
        movers = np.setdiff1d(np.arange(left, len(self)), holes, assume_unique=True)
        targets = holes[holes < left]
        for column in (self._vectors, self._ids):
            column.rows[targets] = column.rows[movers]
            column.cut(left)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Finds the nearest vectors.

        Args:
            queries: float32 `[Q, dimension]` of length 1.
            k: how many; 1 to the number of vectors.

        Returns:
            Scores, float32, falling, and ids, int64, both `[Q, k]`.
        """
        with threads(len(queries)):
            scores, places = faiss.knn(queries, self._vectors.rows, k, metric=faiss.METRIC_INNER_PRODUCT)
        return scores, self._ids.rows[places]

    def chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All vectors and their ids, a part at a time."""
        for start in range(0, len(self), CHUNK):
            yield self._vectors.rows[start : start + CHUNK], self._ids.rows[start : start + CHUNK]

    @property
    def worn(self) -> bool:
        """Whether the store would be better if it were built anew from its own vectors."""
        return False

    def plain(self) -> faiss.Index:
        """The same search by faiss alone, to compare with."""
        index = faiss.IndexFlatIP(self._vectors.rows.shape[1])
        index.add(self._vectors.rows)
        return index

    def state(self) -> tuple[dict[str, Any], dict[str, Sequence[np.ndarray]]]:
        """Plain values and arrays, each in parts, from which `restored` makes the store again."""
        return {}, {"vectors": [self._vectors.rows], "ids": [self._ids.rows]}

    @classmethod
    def restored(cls, dimension: int, reader: Reader) -> FlatStorage:
        """The store from what a file holds.

        Raises:
            IndexFileError: what it holds makes no store.
        """
        store = cls(dimension)
        vectors = reader.unit_vectors("vectors", dimension)
        store.add(vectors, reader.ids("ids", len(vectors)))
        return store


def nearest(
    index: faiss.Index, queries: np.ndarray, k: int, settings: faiss.SearchParameters | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """What `index.search` gives, without its checks: scores and places `[Q, k]`.

    A single query goes on the caller's thread whatever faiss is told, and its search may take less time than
    to tell it.

    Args:
        index: A trained index.
        queries: float32 `[Q, dimension]`, C-contiguous.
        k: How many.
        settings: Of the search, where they are not the index's own.
    """
    count = len(queries)
    scores, places = np.empty((count, k), np.float32), np.empty((count, k), np.int64)
    given = count, swig_ptr(queries), k, swig_ptr(scores), swig_ptr(places)
    given = given if settings is None else (*given, settings)
    if count == 1:
        index.search_c(*given)
    else:
        with threads(count):
            index.search_c(*given)
    return scores, places


@contextmanager
def threads(queries: int) -> Iterator[None]:
    """Has faiss use one thread for a few queries, and as many as OpenMP allows for more."""
    before = faiss.omp_get_max_threads()
    if queries >= QUERIES_FOR_THREADS or before == 1:
        yield
        return
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
