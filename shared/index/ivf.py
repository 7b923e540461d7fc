"""Vector storages in inverted lists: of vectors (IVF), or of product-quantised codes (PQ).

Sivic and Zisserman, "Video Google", ICCV 2003; Jegou, Douze and Schmid, "Product quantization for nearest
neighbor search", TPAMI 33(1), 2011. A search compares a query with the vectors in the lists whose centroids
are nearest to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import faiss
import numpy as np
from faiss import swig_ptr

from shared.index.product_quantizer import ProductQuantizer
from shared.index.reader import Reader
from shared.index.storage import State, Storage, search_faiss
from shared.index.vectors import BATCH_SIZE, ExactNeighbors, l2_normalize

_ONES = np.ones(1024, np.float32)  # see `_distances_to_cosines`


class IVFStorage(Storage):
    """Vectors or their codes in inverted lists.

    Args:
        centroids: Float32 `[lists, D]` of length 1; rotated if there is a quantizer.
        quantizer: Encoder of vectors; None stores them as they are.
        planned: Number of vectors that the lists were trained for.
        probes: Number of lists that a search visits; see `tune`.
    """

    max_batch = 1024

    def __init__(
        self, centroids: np.ndarray, quantizer: ProductQuantizer | None, planned: int, probes: int = 1
    ) -> None:
        self._quantizer, self._planned = quantizer, planned
        lists, dimension = centroids.shape
        self._lists, self._numbers = lists, range(lists)
        self._centroids = faiss.IndexFlatIP(dimension)
        self._centroids.add(centroids)
        if quantizer is None:
            self._index = faiss.IndexIVFFlat(self._centroids, dimension, lists, faiss.METRIC_INNER_PRODUCT)
        else:
            # Not by inner product: a decoded vector has a length other than 1, which would count as nearness.
            # Between vectors of length 1 the squared distance is 2 - 2 * cosine, and needs no length.
            self._index = faiss.IndexIVFPQ(
                self._centroids, dimension, lists, quantizer.count, 8, faiss.METRIC_L2
            )
            self._index.use_precomputed_table = -1  # it would be larger than all codes of a million vectors
            faiss.copy_array_to_vector(quantizer.centroids.ravel(), self._index.pq.centroids)
        self._index.is_trained = True
        self._count = 0
        self._set_probes(probes)

    @classmethod
    def train(cls, sample: np.ndarray, planned: int, *, quantized: bool) -> IVFStorage:
        """Fit empty lists, and a quantizer on demand, to a sample.

        Args:
            sample: Float32 `[N, D]` of length 1; best as many as `sample_size` says.
            planned: Expected number of vectors.
            quantized: True for lists of codes.
        """
        count = min(list_count(planned), len(sample) // 4)
        kmeans = faiss.Kmeans(
            sample.shape[1],
            count,
            niter=10,
            spherical=True,
            min_points_per_centroid=1,
            max_points_per_centroid=64,
        )
        kmeans.train(sample)
        if not quantized:
            return cls(kmeans.centroids, None, planned)
        nearest = faiss.knn(sample, kmeans.centroids, 1, metric=faiss.METRIC_INNER_PRODUCT)[1][:, 0]
        quantizer = ProductQuantizer.train(sample - kmeans.centroids[nearest])
        return cls(quantizer.rotate(kmeans.centroids), quantizer, planned)

    def __len__(self) -> int:
        return self._count

    @property
    def ids(self) -> np.ndarray:
        return np.concatenate([self._list(number)[0] for number in self._numbers])

    @property
    def nbytes(self) -> int:
        codebooks = 0 if self._quantizer is None else self._quantizer.nbytes
        return len(self) * (self._index.code_size + 8) + 4 * self._index.nlist * self._index.d + codebooks

    def add(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        try:
            self._index.add_with_ids(self._rotated(vectors), ids)
        finally:
            self._count = self._index.ntotal

    def remove(self, ids: np.ndarray) -> None:
        try:
            self._index.remove_ids(ids)
        finally:
            self._count = self._index.ntotal

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        if self._quantizer is not None:
            queries = self._quantizer.rotate(queries)
        parameters, lists = None, self._lists
        # Visit at least four times as many vectors as are asked for, where lists are of even length.
        if self._probes * self._count < 4 * k * lists:
            parameters = faiss.SearchParametersIVF(nprobe=min(-(-4 * k * lists // self._count), lists))
        scores, ids = search_faiss(self._index, queries, k, parameters)
        if (ids.item(k - 1) if len(ids) == 1 else ids[:, -1].min()) < 0:
            incomplete = ids[:, -1] < 0
            exhaustive = faiss.SearchParametersIVF(nprobe=lists)
            results = search_faiss(self._index, queries[incomplete], k, exhaustive)
            scores[incomplete], ids[incomplete] = results
        if self._quantizer is not None:
            _distances_to_cosines(scores)
        return scores, ids

    def tune(self, neighbors: ExactNeighbors, recall: float) -> None:
        """Set the number of visited lists so that enough of the true neighbours lie in them.

        Args:
            neighbors: True neighbours of some stored vectors.
            recall: Fraction of them that a search must visit, 0..1. Codes lose some, too, so with a quantizer
                only an eighth as many may lie elsewhere.
        """
        lists = self._index.nlist
        if self._quantizer is not None:
            recall = 1 - (1 - recall) / 8
        queries = self._rotated(neighbors.queries)
        order = self._centroids.search(queries, lists)[1]
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(lists)[None], axis=1)
        assigned = self._centroids.assign(
            self._rotated(neighbors.vectors.reshape(-1, neighbors.queries.shape[1])), 1
        )
        needed = np.take_along_axis(rank, assigned.reshape(len(queries), -1), axis=1) + 1
        needed = np.sort(needed, axis=None)
        self._set_probes(int(needed[int(np.ceil(recall * len(needed))) - 1]))

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        numbers: list[int] = []
        rows = 0
        for number in self._numbers:
            numbers.append(number)
            rows += self._index.get_list_size(number)
            if rows >= BATCH_SIZE or number == self._numbers[-1]:
                yield self._decode(numbers), np.concatenate([self._list(number)[0] for number in numbers])
                numbers, rows = [], 0

    @property
    def needs_rebuild(self) -> bool:
        return len(self) > 8 * self._planned

    def faiss_index(self) -> faiss.Index:
        if self._quantizer is None:
            return self._index
        return faiss.IndexPreTransform(self._quantizer.transform(), self._index)

    def state(self) -> State:
        lists = [self._list(number) for number in self._numbers]
        centroids = faiss.rev_swig_ptr(self._centroids.get_xb(), self._index.nlist * self._index.d)
        centroids = centroids.reshape(self._index.nlist, -1)
        values = {"planned": self._planned, "probes": self._probes}
        arrays = {
            "sizes": [np.array([len(ids) for ids, _ in lists], np.int64)],
            "ids": [ids for ids, _ in lists],
            "rows": [rows for _, rows in lists],
        }
        codebooks = {} if self._quantizer is None else self._quantizer.arrays()
        return values, {"centroids": [centroids], **arrays, **codebooks}

    @classmethod
    def from_file(cls, dimension: int, reader: Reader) -> IVFStorage:
        sizes = reader.array("sizes", np.int64, None)
        lists = len(sizes)
        quantizer = ProductQuantizer.from_file(dimension, reader) if "words" in reader.arrays else None
        if quantizer is None:
            centroids = reader.numbers("centroids", lists, dimension)
            rows = reader.unit_vectors("rows", dimension)
        else:
            centroids = reader.numbers("centroids", lists, quantizer.width)
            rows = reader.array("rows", np.uint8, None, quantizer.count)
        ids = reader.ids("ids", len(rows))
        reader.check(lists > 0 and sizes.min() >= 0 and sizes.max() <= len(ids), "sizes are out of range")
        reader.check(int(sizes.sum()) == len(ids), "sizes do not add up")
        planned, probes = reader.integer("planned", 1, 2**40), reader.integer("probes", 1, lists)
        storage = cls(centroids, quantizer, planned, probes)
        end = 0
        for number, size in enumerate(sizes.tolist()):
            part, end = slice(end, end + size), end + size
            storage._index.invlists.add_entries(
                number, size, faiss.swig_ptr(ids[part]), faiss.swig_ptr(rows[part].view(np.uint8))
            )
        storage._index.ntotal = storage._count = len(ids)
        return storage

    def _set_probes(self, probes: int) -> None:
        self._probes = self._index.nprobe = probes

    def _rotated(self, vectors: np.ndarray) -> np.ndarray:
        return vectors if self._quantizer is None else self._quantizer.rotate(vectors)

    def _list(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return views of ids and rows of a list in faiss's memory."""
        lists, size = self._index.invlists, self._index.get_list_size(number)
        width = self._index.code_size
        if not size:
            ids, rows = np.empty(0, np.int64), np.empty((0, width), np.uint8)
        else:
            ids = faiss.rev_swig_ptr(lists.get_ids(number), size)
            rows = faiss.rev_swig_ptr(lists.get_codes(number), size * width).reshape(size, width)
        return ids, rows if self._quantizer is not None else rows.view(np.float32)

    def _decode(self, numbers: Sequence[int]) -> np.ndarray:
        """Return the vectors of some lists, float32 `[N, D]` of length 1."""
        rows = np.concatenate([self._list(number)[1] for number in numbers])
        if self._quantizer is None:
            return rows
        sizes = [self._index.get_list_size(number) for number in numbers]
        assigned = np.repeat(np.array(numbers, np.int64), sizes)
        rotated = np.empty((len(rows), self._index.d), np.float32)
        # A pointer keeps no array alive: each has a name until the call is over.
        pointers = (faiss.swig_ptr(array) for array in (rows, assigned, rotated))
        self._index.decode_vectors(len(rows), *pointers)
        return l2_normalize(self._quantizer.rotate_back(rotated))


def _distances_to_cosines(distances: np.ndarray) -> None:
    """Replace squared distances between vectors of length 1, float32 in C order, by their cosines."""
    count = distances.size
    if count > len(_ONES):
        distances *= -0.5
        distances += 1
        return
    # For the results of a single query, numpy takes 3 % of a search.
    pointer = swig_ptr(distances)
    faiss.fvec_madd(count, swig_ptr(_ONES), -0.5, pointer, pointer)


def list_count(vectors: int) -> int:
    """Return the number of lists for a number of vectors: twice its square root.

    >>> [list_count(count) for count in (10_000, 100_000, 1_000_000)]
    [200, 632, 2000]
    """
    return round(2 * vectors**0.5)


def sample_size(vectors: int) -> int:
    """Return the number of training vectors for an index: forty per list, at least 10,000."""
    return min(vectors, max(40 * list_count(vectors), 10_000))
