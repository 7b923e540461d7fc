"""The store of a vector index that is a graph: HNSW.

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
Small World graphs", TPAMI 42(4), 2020. Nothing can be taken out of such a graph, since ways lead through
every node. What is removed stays as a node without an id, which a search passes but does not report; once
there are many of them, the store says that it is worn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import faiss
import numpy as np

from shared.index.file import Reader
from shared.index.flat import nearest
from shared.index.vectors import CHUNK, GrowingArray, Neighbors

_GONE = -1


class HNSWStorage:
    """Vectors as nodes that are linked with near ones; see `Flat` for the methods.

    Args:
        dimension: length of a vector.
        planned: for how many vectors the search is tuned.
        links: how many ways lead from a node; twice as many on the ground.
        effort: how many nodes a search keeps in sight; see `tune`.
    """

    step = 256
    LINKS, CONSTRUCTION = 16, 80
    EFFORTS = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)

    def __init__(self, dimension: int, planned: int, links: int = LINKS, effort: int = EFFORTS[-1]) -> None:
        self._index = faiss.IndexHNSWFlat(dimension, links, faiss.METRIC_INNER_PRODUCT)
        self._index.hnsw.efConstruction = self.CONSTRUCTION
        self._vectors = faiss.downcast_index(self._index.storage)
        self._ids = GrowingArray(np.int64)
        self._alive = 0
        self._selector: faiss.IDSelectorBitmap | None = None
        self._settings: dict[int, faiss.SearchParametersHNSW] = {}  # by how many nodes are kept in sight
        self._planned, self._links, self._effort = planned, links, effort

    def __len__(self) -> int:
        return self._alive

    @property
    def ids(self) -> np.ndarray:
        return self._ids.rows[self._ids.rows != _GONE]

    @property
    def nbytes(self) -> int:
        hnsw = self._index.hnsw
        per_node = 4 * self._index.d + self._ids.rows.itemsize + 4 + 8  # and its level and place
        return len(self._ids.rows) * per_node + 4 * hnsw.neighbors.size()

    def add(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        self._index.add(vectors)
        self._ids.append(ids)
        self._alive += len(ids)
        self._mask()

    def remove(self, ids: np.ndarray) -> None:
        self._ids.rows[np.isin(self._ids.rows, ids)] = _GONE
        self._alive -= len(ids)
        self._mask()

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        effort = max(self._effort, 2 * k)
        settings = self._settings.get(effort)
        if settings is None:
            settings = faiss.SearchParametersHNSW(efSearch=effort, **self._only_alive())
            self._settings = {effort: settings}
        scores, places = nearest(self._index, queries, k, settings)
        # Ways may be missing, above all where much was removed: compare all.
        if (places.item(k - 1) if len(places) == 1 else places[:, -1].min()) < 0:
            short = places[:, -1] < 0
            settings = faiss.SearchParameters(**self._only_alive())
            scores[short], places[short] = nearest(self._vectors, queries[short], k, settings)
        return scores, self._ids.rows[places]

    def tune(self, neighbors: Neighbors, recall: float) -> None:
        """Chooses the effort with which a search finds enough of the true neighbours.

        Args:
            neighbors: true neighbours of some vectors of the store.
            recall: share of them that must be found, 0..1.
        """
        count = len(neighbors.queries)
        for effort in self.EFFORTS:
            self._effort = effort
            scores, _ = self.search(neighbors.queries, Neighbors.COUNT + 1)  # with the query itself
            found = (scores >= neighbors.scores[:, -1:] - 1e-5).sum() - count
            if found >= recall * Neighbors.COUNT * count:
                return

    def chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        vectors = self._rows()
        for start in range(0, len(vectors), CHUNK):
            ids = self._ids.rows[start : start + CHUNK]
            alive = ids != _GONE
            yield vectors[start : start + CHUNK][alive], ids[alive]

    @property
    def worn(self) -> bool:
        nodes = len(self._ids.rows)
        return self._alive < 0.75 * nodes or self._alive > 8 * self._planned

    def plain(self) -> faiss.Index:
        self._index.hnsw.efSearch = self._effort
        return self._index

    def state(self) -> tuple[dict[str, Any], dict[str, Sequence[np.ndarray]]]:
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
    def restored(cls, dimension: int, reader: Reader) -> HNSWStorage:
        store = cls(
            dimension,
            planned=reader.integer("planned", 1, 2**40),
            links=reader.integer("links", 2, 256),
            effort=reader.integer("effort", 1, 2**20),
        )
        vectors = reader.unit_vectors("vectors", dimension)
        ids = reader.array("ids", np.int64, len(vectors))
        alive = ids[ids != _GONE]
        reader.check(len(np.unique(alive)) == len(alive) and (alive >= 0).all(), "ids are wrong")
        store._link(reader, len(vectors))
        store._vectors.add(vectors)
        store._index.ntotal = len(vectors)
        store._ids.append(ids)
        store._alive = len(alive)
        store._mask()
        return store

    def _link(self, reader: Reader, nodes: int) -> None:
        """Takes over the graph of a file, once no way in it leads out of its arrays.

        A node on level 2, say, has three lists of neighbours, for levels 0 to 2, one behind the other. The
        neighbours in its list of level 2 must have such a list as well: faiss goes on to read it there.
        """
        hnsw = self._index.hnsw
        starts = faiss.vector_to_array(hnsw.cum_nneighbor_per_level).astype(np.int64)
        levels = reader.array("levels", np.int32, nodes)  # how many lists a node has
        entry = reader.integer("entry", 0, nodes - 1)
        reader.check(levels.min() >= 1 and levels.max() < len(starts), "levels are out of range")
        reader.check(levels[entry] == levels.max(), "its entry is not on top")
        offsets = np.concatenate([[0], np.cumsum(starts[levels])])
        neighbors = reader.array("neighbors", np.int32, int(offsets[-1]))
        reader.check(neighbors.min() >= -1 and neighbors.max() < nodes, "neighbors are out of range")
        for level in range(1, int(levels.max())):
            places = offsets[:-1][levels > level][:, None] + np.arange(starts[level], starts[level + 1])
            found = neighbors[places]
            reader.check(
                bool((levels[found[found >= 0]] > level).all()), "a way leads to a level that is not there"
            )
        faiss.copy_array_to_vector(levels, hnsw.levels)
        hnsw.prepare_level_tab(nodes, True)
        _neighbors(hnsw)[:] = neighbors
        hnsw.entry_point, hnsw.max_level = entry, int(levels.max()) - 1

    def _mask(self) -> None:
        """Makes the list of nodes that a search may report, if there are any others."""
        self._settings = {}
        if self._alive == len(self._ids.rows):
            self._selector = None
            return
        self._bits = np.packbits(self._ids.rows != _GONE, bitorder="little")  # faiss reads it in place
        self._selector = faiss.IDSelectorBitmap(len(self._ids.rows), faiss.swig_ptr(self._bits))

    def _only_alive(self) -> dict[str, Any]:
        return {} if self._selector is None else {"sel": self._selector}

    def _rows(self) -> np.ndarray:
        """The vectors in faiss's own memory, `[nodes, dimension]`."""
        nodes, dimension = len(self._ids.rows), self._index.d
        return faiss.rev_swig_ptr(self._vectors.get_xb(), nodes * dimension).reshape(nodes, dimension)


def _neighbors(hnsw: faiss.HNSW) -> np.ndarray:
    """The neighbours of all nodes in faiss's own memory."""
    return faiss.rev_swig_ptr(hnsw.neighbors.data(), hnsw.neighbors.size())
