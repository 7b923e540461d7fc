"""Vector storage in a graph: HNSW.

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
Small World graphs", TPAMI 42(4), 2020. Nodes cannot be deleted from such a graph, since paths lead through
all of them. A removed vector stays as a node without an id, which a search traverses but does not report;
once there are many of them, the storage needs a rebuild.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import faiss
import numpy as np

from shared.index.reader import Reader
from shared.index.storage import State, Storage, search_faiss
from shared.index.vectors import BATCH_SIZE, ExactNeighbors, GrowingArray

_REMOVED = -1


class HNSWStorage(Storage):
    """Vectors as nodes of a graph, linked with near ones.

    Args:
        dimension: Length of a vector.
        planned: Number of vectors that the search is tuned for.
        links: Number of links per node; twice as many on the bottom level.
        effort: Size of the candidate list of a search (`efSearch`); see `tune`.
    """

    max_batch = 256
    LINKS, CONSTRUCTION = 16, 80
    EFFORTS = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)

    def __init__(self, dimension: int, planned: int, links: int = LINKS, effort: int = EFFORTS[-1]) -> None:
        self._index = faiss.IndexHNSWFlat(dimension, links, faiss.METRIC_INNER_PRODUCT)
        self._index.hnsw.efConstruction = self.CONSTRUCTION
        self._vectors = faiss.downcast_index(self._index.storage)
        self._ids = GrowingArray(np.int64)
        self._in_order = True  # the id of every node that is not removed is its number
        self._active = 0
        self._selector: faiss.IDSelectorBitmap | None = None
        self._parameters: dict[int, faiss.SearchParametersHNSW] = {}  # by effort
        self._planned, self._links = planned, links
        self._set_effort(effort)

    def __len__(self) -> int:
        return self._active

    @property
    def ids(self) -> np.ndarray:
        return self._ids.rows[self._ids.rows != _REMOVED]

    @property
    def nbytes(self) -> int:
        hnsw = self._index.hnsw
        per_node = 4 * self._index.d + self._ids.rows.itemsize + 4 + 8  # with its level and offset
        return len(self._ids.rows) * per_node + 4 * hnsw.neighbors.size()

    def add(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        self._index.add(vectors)
        self._append_ids(ids)
        self._active += len(ids)
        self._update_mask()

    def remove(self, ids: np.ndarray) -> None:
        self._ids.rows[np.isin(self._ids.rows, ids)] = _REMOVED
        self._active -= len(ids)
        self._update_mask()

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        parameters = None
        if self._selector is not None or 2 * k > self._effort:
            effort = max(self._effort, 2 * k)
            parameters = self._parameters.get(effort)
            if parameters is None:
                parameters = faiss.SearchParametersHNSW(efSearch=effort, **self._active_only())
                self._parameters = {effort: parameters}
        scores, nodes = search_faiss(self._index, queries, k, parameters)
        # Paths may be missing, above all where much was removed: compare all vectors then.
        if (nodes.item(k - 1) if len(nodes) == 1 else nodes[:, -1].min()) < 0:
            incomplete = nodes[:, -1] < 0
            exhaustive = faiss.SearchParameters(**self._active_only())
            results = search_faiss(self._vectors, queries[incomplete], k, exhaustive)
            scores[incomplete], nodes[incomplete] = results
        return scores, nodes if self._in_order else self._ids.rows[nodes]

    def tune(self, neighbors: ExactNeighbors, recall: float) -> None:
        count = len(neighbors.queries)
        for effort in self.EFFORTS:
            self._set_effort(effort)
            scores, _ = self.search(neighbors.queries, ExactNeighbors.COUNT + 1)  # with the query itself
            correct = (scores >= neighbors.scores[:, -1:] - 1e-5).sum() - count
            if correct >= recall * ExactNeighbors.COUNT * count:
                return

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        vectors = self._rows()
        for start in range(0, len(vectors), BATCH_SIZE):
            ids = self._ids.rows[start : start + BATCH_SIZE]
            active = ids != _REMOVED
            yield vectors[start : start + BATCH_SIZE][active], ids[active]

    @property
    def needs_rebuild(self) -> bool:
        return self._active < 0.75 * len(self._ids.rows) or self._active > 8 * self._planned

    def faiss_index(self) -> faiss.Index:
        return self._index

    def state(self) -> State:
        hnsw = self._index.hnsw
        values = {
            "planned": self._planned,
            "links": self._links,
            "effort": self._effort,
            "entry": hnsw.entry_point,
        }
        arrays = {
            "vectors": [self._rows()],
            "ids": [self._ids.rows],
            "levels": [faiss.vector_to_array(hnsw.levels)],
            "neighbors": [_neighbors(hnsw)],
        }
        return values, arrays

    @classmethod
    def from_file(cls, dimension: int, reader: Reader) -> HNSWStorage:
        storage = cls(
            dimension,
            planned=reader.integer("planned", 1, 2**40),
            links=reader.integer("links", 2, 256),
            effort=reader.integer("effort", 1, 2**20),
        )
        vectors = reader.unit_vectors("vectors", dimension)
        ids = reader.array("ids", np.int64, len(vectors))
        active = ids[ids != _REMOVED]
        reader.check(len(np.unique(active)) == len(active) and bool((active >= 0).all()), "ids are wrong")
        storage._restore_graph(reader, len(vectors))
        storage._vectors.add(vectors)
        storage._index.ntotal = len(vectors)
        storage._append_ids(ids)
        storage._active = len(active)
        storage._update_mask()
        return storage

    def _restore_graph(self, reader: Reader, nodes: int) -> None:
        """Restore the graph of a file after a check that no link leads out of its arrays.

        A node on level 2, say, has three lists of neighbours, for levels 0 to 2, one after another. The
        neighbours in its list of level 2 must have such a list as well, since faiss reads it next.
        """
        hnsw = self._index.hnsw
        starts = faiss.vector_to_array(hnsw.cum_nneighbor_per_level).astype(np.int64)
        levels = reader.array("levels", np.int32, nodes)  # number of lists of each node
        entry = reader.integer("entry", 0, nodes - 1)
        reader.check(levels.min() >= 1 and levels.max() < len(starts), "levels are out of range")
        reader.check(levels[entry] == levels.max(), "its entry is not on top")
        offsets = np.concatenate([[0], np.cumsum(starts[levels])])
        neighbors = reader.array("neighbors", np.int32, int(offsets[-1]))
        reader.check(neighbors.min() >= -1 and neighbors.max() < nodes, "neighbors are out of range")
        for level in range(1, int(levels.max())):
            positions = offsets[:-1][levels > level][:, None] + np.arange(starts[level], starts[level + 1])
            linked = neighbors[positions]
            reader.check(
                bool((levels[linked[linked >= 0]] > level).all()), "a link leads to a level that is missing"
            )
        faiss.copy_array_to_vector(levels, hnsw.levels)
        hnsw.prepare_level_tab(nodes, True)
        _neighbors(hnsw)[:] = neighbors
        hnsw.entry_point, hnsw.max_level = entry, int(levels.max()) - 1

    def _append_ids(self, ids: np.ndarray) -> None:
        numbers = np.arange(len(self._ids.rows), len(self._ids.rows) + len(ids))
        self._in_order &= bool(((ids == numbers) | (ids == _REMOVED)).all())
        self._ids.append(ids)

    def _set_effort(self, effort: int) -> None:
        self._effort = self._index.hnsw.efSearch = effort

    def _update_mask(self) -> None:
        """Update the mask of nodes that a search may report; there is none while no vector is removed."""
        self._parameters = {}
        if self._active == len(self._ids.rows):
            self._selector = None
            return
        self._bits = np.packbits(self._ids.rows != _REMOVED, bitorder="little")  # faiss reads it in place
        self._selector = faiss.IDSelectorBitmap(len(self._ids.rows), faiss.swig_ptr(self._bits))

    def _active_only(self) -> dict[str, Any]:
        return {} if self._selector is None else {"sel": self._selector}

    def _rows(self) -> np.ndarray:
        """Return a view of the vectors in faiss's memory, `[nodes, D]`."""
        nodes, dimension = len(self._ids.rows), self._index.d
        return faiss.rev_swig_ptr(self._vectors.get_xb(), nodes * dimension).reshape(nodes, dimension)


def _neighbors(hnsw: faiss.HNSW) -> np.ndarray:
    """Return a view of the neighbours of all nodes in faiss's memory."""
    return faiss.rev_swig_ptr(hnsw.neighbors.data(), hnsw.neighbors.size())
