"""Index of the garments of a gallery: a vector index for each kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.gallery.index import Features, GalleryIndex
from shared.gallery.snapshot import GallerySnapshot
from shared.index.vector_index import VectorIndex
from shared.restyle.similar.descriptor import DESCRIPTOR_DIM
from shared.restyle.similar.features import CODES, DESCRIPTORS, GarmentFeatures

Person = tuple[int, int]  # id of an image, and number of a person in it


class GarmentIndex(GalleryIndex):
    """Index of one gallery; a query holds a descriptor for each kind that must be worn by the same person.

    Args:
        fingerprint: See `GalleryIndex`.
    """

    def __init__(self, fingerprint: np.ndarray) -> None:
        super().__init__([DESCRIPTORS, CODES], fingerprint)
        self._clear()

    def _clear(self) -> None:
        self._indexes: dict[str, VectorIndex] = {}
        self._people: dict[str, list[Person]] = {}  # by vector id, those of removed images included
        self._vector_ids: dict[int, list[tuple[str, int]]] = {}  # by image id

    def _add(self, snapshot: GallerySnapshot, ids: Sequence[int]) -> None:
        vectors: dict[str, list[np.ndarray]] = {}
        people: dict[str, list[Person]] = {}
        for id in ids:
            for number, kind, vector in GarmentFeatures.from_snapshot(snapshot, id).garments():
                vectors.setdefault(kind, []).append(vector)
                people.setdefault(kind, []).append((id, number))
        for kind, rows in vectors.items():
            index = self._indexes.setdefault(kind, VectorIndex(DESCRIPTOR_DIM))
            vector_ids = index.add(np.stack(rows)).tolist()
            self._people.setdefault(kind, []).extend(people[kind])
            for (id, _), vector_id in zip(people[kind], vector_ids, strict=True):
                self._vector_ids.setdefault(id, []).append((kind, vector_id))

    def _remove(self, ids: Sequence[int]) -> None:
        vector_ids: dict[str, list[int]] = {}
        for id in ids:
            for kind, vector_id in self._vector_ids.pop(id, []):
                vector_ids.setdefault(kind, []).append(vector_id)
        for kind, rows in vector_ids.items():
            self._indexes[kind].remove(rows)

    def _search(self, query: Features, top_k: int) -> tuple[list[int], list[float]]:
        scores: dict[Person, list[float]] = {}
        for kind, vector in query.items():
            index = self._indexes.get(kind)
            if index is None or not len(index):
                return [], []
            values, vector_ids = index.search(vector[None], len(index))
            for value, vector_id in zip(values[0].tolist(), vector_ids[0].tolist(), strict=True):
                scores.setdefault(self._people[kind][vector_id], []).append(value)
        best: dict[int, float] = {}
        for (id, _), parts in scores.items():
            if len(parts) == len(query):
                best[id] = max(best.get(id, -1.0), sum(parts) / len(parts))
        ranking = sorted(best.items(), key=lambda entry: (-entry[1], entry[0]))[:top_k]
        return [id for id, _ in ranking], [score for _, score in ranking]
