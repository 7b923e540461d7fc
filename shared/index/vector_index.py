"""The door for similarity search: vectors with ids and metadata, and the nearest of them, on faiss.

    index = VectorIndex(256)
    ids = index.add(descriptors, [{"file": path.name} for path in paths])
    scores, found = index.search(queries, k=10)
    index.item(found[0, 0])["file"]

Scores are cosines: vectors and queries get length 1 on their way in. The kinds differ in what they cost:

| kind | a search compares a query with | bytes per vector, and how near |
| --- | --- | --- |
| `exact` | all vectors | 4 per number; exact |
| `ivf` | the vectors in the lists nearest to it | the same; nearly exact |
| `hnsw` | the vectors on a way through a graph | the same, and 150; nearly exact; slow to build |
| `pq` | the codes in the lists nearest to it | 88, and the id; good enough to find, not to measure |

All but the first keep their vectors side by side, and are exact, until there are enough to train on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import faiss
import numpy as np

from shared.index import file
from shared.index.flat import FlatStorage
from shared.index.hnsw import HNSWStorage
from shared.index.ivf import IVFStorage
from shared.index.metadata import MetadataTable, encode
from shared.index.read_write_lock import ReadWriteLock
from shared.index.training import built
from shared.index.vectors import CHUNK, lengths, matrix, parts, unit

#: The kinds of an index, and from how many vectors on each is trained.
INDEX_TYPES = {"exact": 2**62, "ivf": 10_000, "hnsw": 2_000, "pq": 20_000}
STORES = {"flat": FlatStorage, "lists": IVFStorage, "graph": HNSWStorage}
MAX_DIMENSION = 16_384


class VectorIndex:
    """Vectors with ids and metadata, of which the nearest can be found.

    All methods may be called from many threads at once. A search sees every vector whole: as it was before a
    change or as it is after. Changes wait for one another, and searches wait for a change only while it
    touches what they read, not while it trains.

    Attributes:
        dimension: Length of a vector.
        kind: One of `INDEX_TYPES`.
        recall: The share of the true ten nearest that a search should find among what it compares; how far
            it must look for that is measured on the index's own vectors, each time it is trained.
        exact_below: With fewer vectors than this, the index compares all.

    Args:
        dimension: See above; 1..16,384.
        kind: See above.
        recall: See above; above 0 and up to 1.
        exact_below: See above; at least 256, by default what `INDEX_TYPES` says.

    Raises:
        ValueError: A value is out of its range.

    >>> index = VectorIndex(2)
    >>> index.add([[1, 0], [0, 2], [3, 3]], [{"name": name} for name in ("x", "y", "xy")])
    array([0, 1, 2])
    >>> scores, ids = index.search([[0, 5]], k=2)
    >>> scores.round(3), [index.item(i)["name"] for i in ids[0]]
    (array([[1.   , 0.707]], dtype=float32), ['y', 'xy'])
    """

    def __init__(
        self, dimension: int, kind: str = "exact", *, recall: float = 0.98, exact_below: int | None = None
    ) -> None:
        if not 1 <= dimension <= MAX_DIMENSION:
            raise ValueError(f"the dimension must be in 1..{MAX_DIMENSION}, received {dimension!r}")
        if kind not in INDEX_TYPES:
            raise ValueError(f"the kind must be one of {', '.join(INDEX_TYPES)}, received {kind!r}")
        if not 0 < recall <= 1:
            raise ValueError(f"the recall must be above 0 and up to 1, received {recall!r}")
        exact_below = INDEX_TYPES[kind] if exact_below is None else exact_below
        if exact_below < 256:
            raise ValueError(f"an index needs 256 vectors to train on, received exact_below={exact_below!r}")
        self.dimension, self.kind, self.recall, self.exact_below = dimension, kind, recall, exact_below
        self._lock = ReadWriteLock()  # for the store and the items
        self._store: FlatStorage | IVFStorage | HNSWStorage = FlatStorage(dimension)
        self._items = MetadataTable()
        self._next = 0

    def __len__(self) -> int:
        with self._lock.read():
            return len(self._items)

    def __contains__(self, id: int) -> bool:
        with self._lock.read():
            return self._items.find([id]) is not None

    @property
    def ids(self) -> np.ndarray:
        """All ids, int64, rising: in the order in which they came."""
        with self._lock.read():
            return self._items.ids

    @property
    def trained(self) -> bool:
        """Whether a search no longer compares all vectors."""
        return not isinstance(self._store, FlatStorage)

    @property
    def bytes_per_vector(self) -> float:
        """Memory of vectors or codes, ids and all that a search needs beside them; not of the metadata."""
        with self._lock.read():
            return (self._store.nbytes + self._items.nbytes) / max(len(self._items), 1)

    def add(
        self, vectors: np.ndarray | Sequence, items: Sequence[Mapping[str, Any]] | None = None
    ) -> np.ndarray:
        """Adds vectors: all of them, or none if it fails.

        A large gallery is best added in one call: the index then is trained once, and for its size.

        Args:
            vectors: Numbers `[N, dimension]`.
            items: The metadata of each: a mapping that JSON can hold, of at most 64 KB; by default empty.

        Returns:
            The new ids, int64 `[N]`, rising. An id stays the same for good, and never comes twice.

        Raises:
            ValueError: A vector is zero, not finite or of another length, or an item is no such mapping.
        """
        vectors = matrix(vectors, self.dimension)
        texts = encode(items, len(vectors))
        for part in parts(len(vectors), CHUNK):
            lengths(vectors[part])  # fails before anything has changed
        with self._lock.exclusive_writer():
            ids = np.arange(self._next, self._next + len(vectors))
            self._next += len(vectors)
            try:
                if not self.trained and len(self._store) + len(vectors) >= self.exact_below:
                    self._train(vectors, ids, texts)
                    return ids
                for part in parts(len(vectors), self._store.step):
                    fresh = unit(vectors[part])
                    with self._lock.write():
                        self._items.append(ids[part], texts and texts[part])
                        self._store.add(fresh, ids[part])
                if self._store.worn:
                    self._train()
            except BaseException:
                self._take_back(ids)
                raise
        return ids

    def remove(self, ids: Iterable[int]) -> None:
        """Removes vectors and their metadata: all of them, or none if it fails.

        Raises:
            KeyError: There is nothing under one of the ids.
        """
        ids = np.unique(np.fromiter(ids, np.int64))
        with self._lock.exclusive_writer():
            places = self._places(ids)
            with self._lock.write():
                self._store.remove(ids)
                self._items.delete(places)
            if self._store.worn:
                self._train()

    def replace(self, id: int, vector: np.ndarray | Sequence, item: Mapping[str, Any] | None = None) -> None:
        """Puts another vector, and other metadata if they are given, under an id.

        Args:
            id: Of a vector that is here.
            vector: Numbers `[dimension]`.
            item: As for `add`; None keeps what is there.

        Raises:
            KeyError: There is nothing under the id.
            ValueError: As for `add`.
        """
        fresh = unit(matrix([vector], self.dimension))
        texts = None if item is None else encode([item], 1) or ["{}"]
        with self._lock.exclusive_writer():
            place = self._places([id])
            with self._lock.write():
                self._store.remove(np.array([id], np.int64))
                self._store.add(fresh, np.array([id], np.int64))
                if item is not None:
                    self._items.set(place[0], texts[0])
            if self._store.worn:
                self._train()

    def search(
        self, queries: np.ndarray | Sequence, k: int, least: float | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Finds the nearest vectors.

        Args:
            queries: Numbers `[Q, dimension]`.
            k: How many; at least 1.
            least: Leave out what has a lower score.

        Returns:
            Scores, float32 `[Q, k]`, falling, and ids, int64 `[Q, k]`. Where there are fewer than k, all of
            them come, and the rest of the row has score -inf and id -1. Scores are cosines, of kind `pq`
            estimates of them.

        Raises:
            ValueError: `k` is no such number, or a query is zero, not finite or of another length.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, received {k!r}")
        queries = unit(matrix(queries, self.dimension))
        with self._lock.read():
            found = min(k, len(self._store)) if len(queries) else 0
            if found:
                scores, ids = self._store.search(queries, found)
        if found < k:
            padded = np.full((len(queries), k), -np.inf, np.float32), np.full((len(queries), k), -1)
            if found:
                padded[0][:, :found], padded[1][:, :found] = scores, ids
            scores, ids = padded
        if least is not None:
            low = scores < least
            scores[low], ids[low] = -np.inf, -1
        return scores, ids

    def item(self, id: int) -> dict[str, Any]:
        """The metadata of a vector: a new dictionary each time.

        Raises:
            KeyError: There is nothing under the id, or no longer.
        """
        with self._lock.read():
            text = self._items.text(self._places([id])[0])
        return json.loads(text)

    def vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """All that is stored: ids, int64 `[N]`, rising, and vectors of length 1, float32 `[N, dimension]`.

        Of kind `pq`, once it is trained, the vectors are what their codes say.
        """
        with self._lock.read():
            chunks = list(self._store.chunks())
            ids = np.concatenate([part for _, part in chunks] or [np.empty(0, np.int64)])
            vectors = np.empty((len(ids), self.dimension), np.float32)
            if chunks:
                np.concatenate([part for part, _ in chunks], out=vectors)
        order = np.argsort(ids)
        return ids[order], vectors[order]

    def plain(self) -> faiss.Index:
        """The index as faiss alone has it, without checks and locks, for benchmarks; only to be searched.

        The ids that it gives are those of this index as long as nothing has been removed. Of kind `pq` its
        scores are squared distances.
        """
        return self._store.plain()

    def save(self, path: str | os.PathLike) -> None:
        """Writes the index to a file, whole or not at all; see `shared.index.file`. Searches go on.

        Raises:
            OSError: The file cannot be written; one that was there before is as it was.
        """
        with self._lock.exclusive_writer():
            values, arrays = self._store.state()
            store = next(name for name, known in STORES.items() if isinstance(self._store, known))
            own = {"kind": self.kind, "recall": self.recall, "exact_below": self.exact_below}
            own |= {"dimension": self.dimension, "next_id": self._next, "store": store}
            file.write(path, {**values, **own}, {**arrays, **self._items.arrays()})

    @classmethod
    def load(cls, path: str | os.PathLike, *, max_bytes: int = file.MAX_BYTES) -> VectorIndex:
        """Reads an index from a file, which may come from anybody.

        Args:
            path: Where it was saved.
            max_bytes: Size above which the file is refused. In memory it takes up to twice as much.

        Raises:
            IndexFileError: There is no such file, it is not as it was saved, or what is in it makes no index.
        """
        reader = file.read(path, max_bytes)
        index = cls(
            reader.integer("dimension", 1, MAX_DIMENSION),
            reader.choice("kind", list(INDEX_TYPES)),
            recall=reader.fraction("recall"),
            exact_below=reader.integer("exact_below", 256, 2**62),
        )
        store = STORES[reader.choice("store", list(STORES))]
        index._store = store.restored(index.dimension, reader)
        index._items = MetadataTable.restored(reader)
        index._next = reader.integer("next_id", int(index._items.ids.max(initial=-1)) + 1, 2**62)
        same = np.array_equal(np.sort(index._store.ids), index._items.ids)
        reader.check(same, "vectors and items have different ids")
        return index

    def _train(
        self, vectors: np.ndarray | None = None, ids: np.ndarray | None = None, texts: list | None = None
    ) -> None:
        """Builds a store from what is there and what comes; readers use the old one until it is done."""
        vectors = np.empty((0, self.dimension), np.float32) if vectors is None else vectors
        count = len(self._store) + len(vectors)

        def chunks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            yield from self._store.chunks()
            for part in parts(len(vectors), CHUNK):
                yield unit(vectors[part]), ids[part]

        kind = self.kind if count >= self.exact_below else "exact"
        store = built(kind, self.dimension, count, chunks, self.recall)
        with self._lock.write():
            self._store = store
            if len(vectors):
                self._items.append(ids, texts)

    def _take_back(self, ids: np.ndarray) -> None:
        """Removes what a failed `add` has left."""
        with self._lock.write():
            self._store.remove(np.intersect1d(ids, self._store.ids))
            self._items.delete(self._items.find(np.intersect1d(ids, self._items.ids)))

    def _places(self, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        places = self._items.find(ids)
        if places is None:
            missing = [int(id) for id in ids if self._items.find([id]) is None]
            raise KeyError(f"there is nothing under the ids {missing[:5]}")
        return places
