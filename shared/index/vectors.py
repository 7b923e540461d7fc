"""Arrays of vectors: normalisation, growing arrays, exact nearest neighbours."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
from faiss import swig_ptr

#: Vectors that are processed at a time where all might not fit into memory.
BATCH_SIZE = 65_536
EPSILON = 1e-12
FLOAT32, INT64 = np.dtype(np.float32), np.dtype(np.int64)


def l2_normalize(x: np.ndarray) -> np.ndarray:
    """Scale vectors along the last axis to length 1; zero vectors stay zero.

    Args:
        x: Floats `[..., D]`.

    >>> l2_normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), EPSILON)


def as_matrix(vectors: npt.ArrayLike, dimension: int) -> np.ndarray:
    """Return numbers as an array `[N, dimension]`, without a copy if they are one already.

    Raises:
        ValueError: The shape differs, or they are no numbers.
    """
    matrix = np.asarray(vectors)
    if matrix.ndim != 2 or matrix.shape[1] != dimension or matrix.dtype.kind not in "fiu":
        raise ValueError(f"expected numbers [N, {dimension}], received {matrix.dtype} {list(matrix.shape)}")
    return matrix


def batch_slices(count: int, size: int) -> Iterator[slice]:
    """Split a number of rows into slices of at most `size`.

    >>> list(batch_slices(3, 2))
    [slice(0, 2, None), slice(2, 3, None)]
    """
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def l2_norms(vectors: np.ndarray) -> np.ndarray:
    """Compute Euclidean lengths.

    Args:
        vectors: Numbers `[N, D]`.

    Returns:
        Lengths `[N]`, all finite and above 0.

    Raises:
        ValueError: A vector is zero or not finite.
    """
    if vectors.dtype == np.float32 and len(vectors):
        squares = np.einsum("nd,nd->n", vectors, vectors)
        if squares.min() > 1e-20 and squares.max() < 1e20:  # false for NaN
            return np.sqrt(squares)  # the usual case, and fast, since every query passes here
    with np.errstate(over="ignore"):  # too large a number becomes infinity, and is rejected below
        vectors = np.asarray(vectors, np.float32)
    # In float64, in which the square of no float32 overflows or vanishes.
    norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    invalid = ~((norms > 0) & (norms < np.inf))
    if invalid.any():
        row = int(invalid.argmax())
        defect = "zero" if norms[row] == 0 else "NaN or infinity"
        raise ValueError(f"expected finite vectors that are not zero, received {defect} in row {row}")
    return norms


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors to length 1.

    Args:
        vectors: Numbers `[N, D]`.

    Returns:
        Float32 `[N, D]`, C-contiguous.

    Raises:
        ValueError: A vector is zero or not finite.

    >>> unit_vectors(np.array([[3, 4]]))
    array([[0.6, 0.8]], dtype=float32)
    """
    return np.ascontiguousarray(vectors / l2_norms(vectors)[:, None], np.float32)


def unit_queries(queries: npt.ArrayLike, dimension: int) -> np.ndarray:
    """Check queries and scale them to length 1; a single one that has it already is returned as it is.

    The usual query, a single one of float32, takes a short way. The general one takes four microseconds,
    where a search may take twenty.

    Args:
        queries: Numbers `[Q, dimension]`.
        dimension: Length of a vector.

    Returns:
        Float32 `[Q, dimension]`, C-contiguous.

    Raises:
        ValueError: A query is zero, not finite or of the wrong length.
    """
    if (
        type(queries) is np.ndarray
        and queries.shape == (1, dimension)
        and queries.dtype == FLOAT32
        and queries.flags.c_contiguous
    ):
        square = faiss.fvec_norm_L2sqr(swig_ptr(queries), dimension)
        if -1e-6 < square - 1 < 1e-6:
            return queries
        if 1e-20 < square < 1e20:  # false for NaN
            return queries / math.sqrt(square)
    return unit_vectors(as_matrix(queries, dimension))


class GrowingArray:
    """Array with amortised appends.

    Attributes:
        rows: View of the rows in use.

    Args:
        dtype: Type of an element.
        shape: Shape of one row.
    """

    def __init__(self, dtype: npt.DTypeLike, *shape: int) -> None:
        self._buffer: np.ndarray = np.empty((0, *shape), dtype)
        self.rows = self._buffer

    def append(self, rows: np.ndarray | Sequence[Any]) -> None:
        """Append rows."""
        used, size = len(self.rows), len(self.rows) + len(rows)
        if size > len(self._buffer):
            capacity = size if used == 0 else max(size, used * 5 // 4)
            buffer = np.empty((capacity, *self._buffer.shape[1:]), self._buffer.dtype)
            buffer[:used] = self.rows
            self._buffer = buffer
        self._buffer[used:size] = rows
        self.rows = self._buffer[:size]

    def truncate(self, size: int) -> None:
        """Remove all rows from index `size` on, and free their memory if more than half is unused."""
        self.rows = self._buffer[:size]
        if size < len(self._buffer) // 2:
            self._buffer = self.rows.copy()
            self.rows = self._buffer

    def keep(self, mask: np.ndarray) -> None:
        """Remove the rows for which `mask`, bool `[N]`, is False."""
        size = int(mask.sum())
        self.rows[:size] = self.rows[mask]
        self.truncate(size)


class ExactNeighbors:
    """Ten nearest neighbours of some vectors among all others, which are passed in batches.

    Attributes:
        queries: Float32 `[Q, D]` of length 1.
        scores: Float32 `[Q, 10]`, falling; -inf where there are fewer neighbours.
        vectors: Neighbours, float32 `[Q, 10, D]`.

    Args:
        queries: See above.
        ids: Ids of the queries, int64 `[Q]`; a vector is not its own neighbour.
    """

    COUNT = 10

    def __init__(self, queries: np.ndarray, ids: np.ndarray) -> None:
        self.queries = queries
        self._ids = ids
        self.scores = np.full((len(queries), self.COUNT), -np.inf, np.float32)
        self.vectors = np.zeros((len(queries), self.COUNT, queries.shape[1]), np.float32)

    def update(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        """Merge a batch of vectors, float32 `[N, D]`, with ids int64 `[N]`."""
        if not len(ids):
            return
        count = min(self.COUNT + 1, len(ids))
        scores, rows = faiss.knn(self.queries, vectors, count, metric=faiss.METRIC_INNER_PRODUCT)
        scores[ids[rows] == self._ids[:, None]] = -np.inf
        scores = np.concatenate([self.scores, scores], axis=1)
        candidates = np.concatenate([self.vectors, vectors[rows]], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self.COUNT]
        self.scores = np.take_along_axis(scores, best, axis=1)
        self.vectors = np.take_along_axis(candidates, best[:, :, None], axis=1)
