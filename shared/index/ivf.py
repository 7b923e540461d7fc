"""The stores of a vector index that keep near vectors together in lists: as they are (IVF), or as codes (PQ).

Sivic and Zisserman, "Video Google", ICCV 2003; Jegou, Douze and Schmid, "Product quantization for nearest
neighbor search", TPAMI 33(1), 2011. A search compares a query with the vectors in the lists whose centroids
are nearest to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import faiss
import numpy as np

from shared.index.file import Reader
from shared.index.flat import nearest
from shared.index.product_quantizer import ProductQuantizer
from shared.index.vectors import CHUNK, Neighbors


class IVFStorage:
    """Vectors or their codes in lists; see `Flat` for the methods.

    Args:
        centroids: float32 `[lists, dimension]`, of length 1; with codebooks as they turn them.
        codebooks: how vectors become codes; None keeps them as they are.
        planned: for how many vectors the lists were made.
        probes: how many lists a search looks into; see `tune`.
    """

    step = 1024

    def __init__(
        self, centroids: np.ndarray, codebooks: ProductQuantizer | None, planned: int, probes: int = 1
    ) -> None:
        self._codebooks, self._planned = codebooks, planned
        lists, dimension = centroids.shape
        self._lists, self._numbers = lists, range(lists)
        self._centroids = faiss.IndexFlatIP(dimension)
        self._centroids.add(centroids)
        if codebooks is None:
            self._index = faiss.IndexIVFFlat(self._centroids, dimension, lists, faiss.METRIC_INNER_PRODUCT)
        else:
            # Not by inner product: what a code says has another length than 1, which would count as nearness.
            # Between vectors of length 1 the squared distance is 2 - 2 * cosine, and does without the length.
            self._index = faiss.IndexIVFPQ(
                self._centroids, dimension, lists, codebooks.count, 8, faiss.METRIC_L2
            )
            self._index.use_precomputed_table = -1  # it would be larger than all codes of a million vectors
            faiss.copy_array_to_vector(codebooks.words.ravel(), self._index.pq.centroids)
        self._index.is_trained = True
        self._count = 0
        self._look_into(probes)

    @classmethod
    def trained(cls, sample: np.ndarray, planned: int, *, coded: bool) -> IVFStorage:
        """Empty lists, and codebooks if wanted, that suit a sample.

        Args:
            sample: float32 `[N, dimension]`, of length 1; best as many as `sample_size` says.
            planned: how many vectors there will be.
            coded: whether the lists hold codes.
        """
        count = min(list_count(planned), len(sample) // 4)
        means = faiss.Kmeans(
            sample.shape[1],
            count,
            niter=10,
            spherical=True,
            min_points_per_centroid=1,
            max_points_per_centroid=64,
        )
        means.train(sample)
        if not coded:
            return cls(means.centroids, None, planned)
        coarse = faiss.knn(sample, means.centroids, 1, metric=faiss.METRIC_INNER_PRODUCT)[1][:, 0]
        codebooks = ProductQuantizer.trained(sample - means.centroids[coarse])
        return cls(codebooks.turned(means.centroids), codebooks, planned)

    def __len__(self) -> int:
        return self._count

    @property
    def ids(self) -> np.ndarray:
        return np.concatenate([self._list(number)[0] for number in self._numbers])

    @property
    def nbytes(self) -> int:
        books = 0 if self._codebooks is None else self._codebooks.nbytes
        return len(self) * (self._index.code_size + 8) + 4 * self._index.nlist * self._index.d + books

    def add(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        try:
            self._index.add_with_ids(self._turned(vectors), ids)
        finally:
            self._count = self._index.ntotal

    def remove(self, ids: np.ndarray) -> None:
        try:
            self._index.remove_ids(ids)
        finally:
            self._count = self._index.ntotal

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        queries = self._turned(queries)
        settings, lists = None, self._lists
        # At least four times as many vectors as are asked for, where lists are of even length.
        if self._probes * self._count < 4 * k * lists:
            settings = faiss.SearchParametersIVF(nprobe=min(-(-4 * k * lists // self._count), lists))
        scores, ids = nearest(self._index, queries, k, settings)
        if (ids.item(k - 1) if len(ids) == 1 else ids[:, -1].min()) < 0:
            short = ids[:, -1] < 0
            settings = faiss.SearchParametersIVF(nprobe=lists)
            scores[short], ids[short] = nearest(self._index, queries[short], k, settings)
        return (scores if self._codebooks is None else 1 - scores / 2), ids

    def tune(self, neighbors: Neighbors, recall: float) -> None:
        """Chooses how many lists a search looks into: so many that enough of the true neighbours lie in them.

        Args:
            neighbors: true neighbours of some vectors of the store.
            recall: share of them, 0..1; where codes lose some, too, an eighth as many may lie elsewhere.
        """
        lists = self._index.nlist
        if self._codebooks is not None:
            recall = 1 - (1 - recall) / 8
        queries = self._turned(neighbors.queries)
        order = self._centroids.search(queries, lists)[1]
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(lists)[None], axis=1)
        homes = self._centroids.assign(
            self._turned(neighbors.vectors.reshape(-1, neighbors.queries.shape[1])), 1
        )
        needed = np.sort(np.take_along_axis(rank, homes.reshape(len(queries), -1), axis=1), axis=None) + 1
        self._look_into(int(needed[int(np.ceil(recall * len(needed))) - 1]))

    def chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        numbers: list[int] = []
        rows = 0
        for number in self._numbers:
            numbers.append(number)
            rows += self._index.get_list_size(number)
            if rows >= CHUNK or number == self._numbers[-1]:
                yield self._decoded(numbers), np.concatenate([self._list(number)[0] for number in numbers])
                numbers, rows = [], 0

    @property
    def worn(self) -> bool:
        return len(self) > 8 * self._planned

    def plain(self) -> faiss.Index:
        if self._codebooks is None:
            return self._index
        return faiss.IndexPreTransform(self._codebooks.transform(), self._index)

    def state(self) -> tuple[dict[str, Any], dict[str, Sequence[np.ndarray]]]:
        lists = [self._list(number) for number in self._numbers]
        centroids = faiss.rev_swig_ptr(self._centroids.get_xb(), self._index.nlist * self._index.d)
        centroids = centroids.reshape(self._index.nlist, -1)
        values = {"planned": self._planned, "probes": self._probes}
        arrays = {
            "sizes": [np.array([len(ids) for ids, _ in lists], np.int64)],
            "ids": [ids for ids, _ in lists],
            "rows": [rows for _, rows in lists],
        }
        books = {} if self._codebooks is None else self._codebooks.arrays()
        return values, {"centroids": [centroids], **arrays, **books}

    @classmethod
    def restored(cls, dimension: int, reader: Reader) -> IVFStorage:
        sizes = reader.array("sizes", np.int64, None)
        lists = len(sizes)
        codebooks = ProductQuantizer.restored(dimension, reader) if "words" in reader.arrays else None
        if codebooks is None:
            centroids = reader.numbers("centroids", lists, dimension)
            rows = reader.unit_vectors("rows", dimension)
        else:
            centroids = reader.numbers("centroids", lists, codebooks.width)
            rows = reader.array("rows", np.uint8, None, codebooks.count)
        ids = reader.ids("ids", len(rows))
        reader.check(lists > 0 and sizes.min() >= 0 and sizes.max() <= len(ids), "sizes are out of range")
        reader.check(int(sizes.sum()) == len(ids), "sizes do not add up")
        planned, probes = reader.integer("planned", 1, 2**40), reader.integer("probes", 1, lists)
        store = cls(centroids, codebooks, planned, probes)
        end = 0
        for number, size in enumerate(sizes.tolist()):
            part, end = slice(end, end + size), end + size
            store._index.invlists.add_entries(
                number, size, faiss.swig_ptr(ids[part]), faiss.swig_ptr(rows[part].view(np.uint8))
            )
        store._index.ntotal = store._count = len(ids)
        return store

    def _look_into(self, probes: int) -> None:
        self._probes = self._index.nprobe = probes

    def _turned(self, vectors: np.ndarray) -> np.ndarray:
        return vectors if self._codebooks is None else self._codebooks.turned(vectors)

    def _list(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Ids and rows of a list in faiss's own memory."""
        lists, size = self._index.invlists, self._index.get_list_size(number)
        width = self._index.code_size
        if not size:
            ids, rows = np.empty(0, np.int64), np.empty((0, width), np.uint8)
        else:
            ids = faiss.rev_swig_ptr(lists.get_ids(number), size)
            rows = faiss.rev_swig_ptr(lists.get_codes(number), size * width).reshape(size, width)
        return ids, rows if self._codebooks is not None else rows.view(np.float32)

    def _decoded(self, numbers: Sequence[int]) -> np.ndarray:
        rows = np.concatenate([self._list(number)[1] for number in numbers])
        if self._codebooks is None:
            return rows
        sizes = [self._index.get_list_size(number) for number in numbers]
        homes = np.repeat(np.array(numbers, np.int64), sizes)
        turned = np.empty((len(rows), self._index.d), np.float32)
        # A pointer keeps no array alive: each has a name until the call is over.
        pointers = (faiss.swig_ptr(array) for array in (rows, homes, turned))
        self._index.decode_vectors(len(rows), *pointers)
        vectors = self._codebooks.turned_back(turned)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def list_count(vectors: int) -> int:
    """How many lists suit a number of vectors: twice its square root.

    >>> [list_count(count) for count in (10_000, 100_000, 1_000_000)]
    [200, 632, 2000]
    """
    return round(2 * vectors**0.5)


def sample_size(vectors: int) -> int:
    """How many vectors are enough to place the lists of an index: forty for each list, at least 10,000."""
    return min(vectors, max(40 * list_count(vectors), 10_000))
