"""Interface of the vector storages of an index, and the calls of faiss that they share.

faiss and torch each bring a copy of the OpenMP library. Which of them the process ends up with depends on the
order of the imports and the system; with GNU's both orders work (see the tests). A number of threads set for
faiss may then hold for torch as well, in the same thread, so `few_threads` resets it after every call.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import faiss
import numpy as np
from faiss import swig_ptr

from shared.index.reader import Reader
from shared.index.vectors import FLOAT32, INT64, ExactNeighbors

#: Fewer queries than this are searched on the caller's own thread: waking other threads takes longer than the
#: search, and many callers at a time keep all cores busy anyway.
MIN_QUERIES_FOR_THREADS = 16

#: Plain values and arrays, each in parts, as they are written to a file.
State = tuple[dict[str, Any], Mapping[str, Sequence[np.ndarray]]]


class Storage(ABC):
    """Vectors of length 1 under ids, with a nearest-neighbour search.

    Storages are not thread-safe: `VectorIndex` keeps readers out while one changes.
    """

    #: Vectors that may be added at a time while readers wait.
    max_batch: ClassVar[int]

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def ids(self) -> np.ndarray:
        """Ids of all vectors, int64, in the order of `batches`."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes of vectors, ids and search structures."""

    @abstractmethod
    def add(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        """Add vectors, float32 `[N, D]` of length 1, under new ids, int64 `[N]`."""

    @abstractmethod
    def remove(self, ids: np.ndarray) -> None:
        """Remove vectors by their ids, int64 `[n]`, all of which exist and are distinct."""

    @abstractmethod
    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest vectors.

        Args:
            queries: Float32 `[Q, D]` of length 1.
            k: Number of results, 1 to the number of vectors.

        Returns:
            Scores, float32, falling, and ids, int64, both `[Q, k]`.
        """

    @abstractmethod
    def tune(self, neighbors: ExactNeighbors, recall: float) -> None:
        """Set the search effort by the true neighbours of some stored vectors; an exact storage ignores it.

        Args:
            neighbors: True neighbours.
            recall: Fraction of them that a search must find, 0..1.
        """

    @abstractmethod
    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Return all vectors and their ids in batches."""

    @property
    def needs_rebuild(self) -> bool:
        """True if a storage built anew from the same vectors would search better."""
        return False

    @abstractmethod
    def faiss_index(self) -> faiss.Index:
        """Return an equivalent search by faiss alone, for comparison."""

    @abstractmethod
    def state(self) -> State:
        """Return the values and arrays from which `from_file` restores the storage."""

    @classmethod
    @abstractmethod
    def from_file(cls, dimension: int, reader: Reader) -> Storage:
        """Restore a storage from a file.

        Raises:
            IndexFileError: The file holds no such storage.
        """


def search_faiss(
    index: faiss.Index, queries: np.ndarray, k: int, parameters: faiss.SearchParameters | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Search a faiss index without the checks of `index.search`.

    A single query runs on the caller's thread whatever faiss is set to, and its search may take less time
    than the setting.

    Args:
        index: A trained index.
        queries: Float32 `[Q, D]`, C-contiguous.
        k: Number of results.
        parameters: Search parameters in place of the index's own.

    Returns:
        Scores, float32, and labels, int64, both `[Q, k]`.
    """
    count = len(queries)
    scores, labels = np.empty((count, k), FLOAT32), np.empty((count, k), INT64)
    # Given the Python object, SWIG looks up its pointer `this` by name, which takes half a microsecond.
    search, pointer = type(index).search_c, index.this
    if count == 1:
        search(pointer, 1, swig_ptr(queries), k, swig_ptr(scores), swig_ptr(labels), parameters)
    else:
        with few_threads(count):
            search(pointer, count, swig_ptr(queries), k, swig_ptr(scores), swig_ptr(labels), parameters)
    return scores, labels


@contextmanager
def few_threads(queries: int) -> Iterator[None]:
    """Limit faiss to one thread for a small number of queries."""
    threads = faiss.omp_get_max_threads()
    if queries >= MIN_QUERIES_FOR_THREADS or threads == 1:
        yield
        return
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
