"""Vectors by the million: their lengths, arrays that grow, and true neighbours to compare with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import faiss
import numpy as np

CHUNK = 65_536  # vectors that are worked on at a time, where all could be too many


def matrix(vectors: np.ndarray | Sequence, dimension: int) -> np.ndarray:
    """An array `[N, dimension]` of numbers; one that is an array already is not copied.

    Raises:
        ValueError: it is of another shape, or holds no numbers.
    """
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or vectors.shape[1] != dimension or vectors.dtype.kind not in "fiu":
        raise ValueError(f"expected numbers [N, {dimension}], received {vectors.dtype} {list(vectors.shape)}")
    return vectors


def parts(count: int, step: int) -> Iterator[slice]:
    """Slices of at most `step` that cover `count` rows.

    >>> list(parts(3, 2))
    [slice(0, 2, None), slice(2, 3, None)]
    """
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def lengths(vectors: np.ndarray) -> np.ndarray:
    """Euclidean lengths `[N]`, of numbers `[N, dimension]`.

    Raises:
        ValueError: a vector is zero or holds what is no finite number.
    """
    if vectors.dtype == np.float32 and len(vectors):
        squares = np.einsum("nd,nd->n", vectors, vectors)
        if squares.min() > 1e-20 and squares.max() < 1e20:  # false for NaN
            return np.sqrt(squares)  # the usual case, and fast, since every query comes this way
    with np.errstate(over="ignore"):  # what is too large becomes infinity, and is refused below
        vectors = np.asarray(vectors, np.float32)
    # In float64, in which the square of no float32 is too large or too small.
    found = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    bad = ~((found > 0) & (found < np.inf))
    if bad.any():
        row = int(bad.argmax())
        what = "zero" if found[row] == 0 else "NaN or infinity"
        raise ValueError(f"expected finite vectors that are not zero, received {what} in row {row}")
    return found


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1 in the same directions, float32 `[N, dimension]`; a single one may stay itself.

    Raises:
        ValueError: as `lengths`.

    >>> unit(np.array([[3, 4]]))
    array([[0.6, 0.8]], dtype=float32)
    """
    if len(vectors) == 1 and vectors.dtype.char == "f":  # the usual query
        row = vectors[0]
        square = float(row.dot(row))
        if -1e-6 < square - 1 < 1e-6 and vectors.flags.c_contiguous:
            return vectors
        if 1e-20 < square < 1e20:
            return vectors / math.sqrt(square)
    return np.ascontiguousarray(vectors / lengths(vectors)[:, None], np.float32)


class GrowingArray:
    """An array that grows at its end, with room to spare.

    Args:
        dtype: of its values.
        shape: of one row.
    """

    def __init__(self, dtype: type, *shape: int) -> None:
        self._data = np.empty((0, *shape), dtype)
        self.rows = self._data

    def append(self, rows: np.ndarray) -> None:
        """Adds rows at the end."""
        old, size = len(self.rows), len(self.rows) + len(rows)
        if size > len(self._data):
            room = size if old == 0 else max(size, old * 5 // 4)
            data = np.empty((room, *self._data.shape[1:]), self._data.dtype)
            data[:old] = self.rows
            self._data = data
        self._data[old:size] = rows
        self.rows = self._data[:size]

    def cut(self, size: int) -> None:
        """Takes away all rows from number `size` on, and their room if it is more than half."""
        self.rows = self._data[:size]
        if size < len(self._data) // 2:
            self._data = self.rows.copy()
            self.rows = self._data


class Neighbors:
    """The ten nearest neighbours of some vectors among all others, which come part by part.

    Attributes:
        queries: float32 `[Q, dimension]`, of length 1.
        scores: float32 `[Q, 10]`, falling; -inf where there are fewer neighbours.
        vectors: float32 `[Q, 10, dimension]`.

    Args:
        queries: See above.
        ids: int64 `[Q]`; a vector is no neighbour of its own.
    """

    COUNT = 10

    def __init__(self, queries: np.ndarray, ids: np.ndarray) -> None:
        self.queries = queries
        self._ids = ids
        self.scores = np.full((len(queries), self.COUNT), -np.inf, np.float32)
        self.vectors = np.zeros((len(queries), self.COUNT, queries.shape[1]), np.float32)

    def compare(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        """Takes vectors, float32 `[N, dimension]`, and their ids into account."""
        if not len(ids):
            return
        found = min(self.COUNT + 1, len(ids))
        scores, places = faiss.knn(self.queries, vectors, found, metric=faiss.METRIC_INNER_PRODUCT)
        scores[ids[places] == self._ids[:, None]] = -np.inf
        scores = np.concatenate([self.scores, scores], axis=1)
        near = np.concatenate([self.vectors, vectors[places]], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self.COUNT]
        self.scores = np.take_along_axis(scores, best, axis=1)
        self.vectors = np.take_along_axis(near, best[:, :, None], axis=1)
