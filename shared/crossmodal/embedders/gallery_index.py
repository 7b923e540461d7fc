"""The pictures of a gallery as one engine sees them, found quickly however many there are.

An engine's vectors are long: thousands of numbers, of which a large gallery would take gigabytes, and a
search of all of them a tenth of a second. Most of what they say lies in far fewer directions. So a large
gallery is searched in two steps: short vectors name some candidates, and of these the whole vectors, kept as
float16, tell the scores. Up to `LARGE` pictures whole vectors are compared at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.utils.extmath import randomized_svd

from shared.crossmodal.embedders.embedder import PICTURE, Embedder
from shared.gallery.index import VectorGalleryIndex
from shared.gallery.snapshot import GallerySnapshot
from shared.index import VectorIndex
from shared.index.vectors import GrowingArray, parts

LARGE = 8192
#: Length of short vectors, and how many candidates they name at least.
SHORT, CANDIDATES = 160, 400


class EmbeddingGalleryIndex(VectorGalleryIndex):
    """Pictures by the vectors that one engine gives them.

    Args:
        space: What gives vectors to pictures.
        engine: Which of its engines.
    """

    def __init__(self, space: Embedder, engine: str) -> None:
        self._space, self._engine = space, engine
        super().__init__("exact", PICTURE, space.model_fingerprint if space.own_galleries else None)

    @property
    def nbytes(self) -> int:
        """Bytes of all vectors."""
        if self._directions is None:
            return round(self.index.bytes_per_vector * len(self.index)) if self.index else 0
        return self._whole.rows.nbytes + round(self.index.bytes_per_vector * len(self.index))

    def _vectors(self, snapshot: GallerySnapshot, ids: Sequence[int]) -> np.ndarray:
        return self._space.gallery_vectors(snapshot, ids, self._engine)

    def _clear(self) -> None:
        super()._clear()
        self._directions: np.ndarray | None = None  # `[D, SHORT]`, once the gallery is large
        self._whole: GrowingArray | None = None  # the vector of every place of the index

    def _add(self, snapshot: GallerySnapshot, ids: Sequence[int]) -> None:
        if self._directions is None and len(self._vector_ids) + len(ids) <= LARGE:
            super()._add(snapshot, ids)
            return
        if self._directions is None:
            ids = [*self._vector_ids, *ids]
            self._clear()
        for part in parts(len(ids), LARGE):
            self._take(ids[part], self._vectors(snapshot, ids[part]))

    def _take(self, ids: Sequence[int], vectors: np.ndarray) -> None:
        """Takes pictures into a large gallery."""
        if self._directions is None:
            length = min(SHORT, vectors.shape[1])
            self._directions = randomized_svd(vectors, length, n_iter=2, random_state=0)[2].T.copy()
            self._index = VectorIndex(length + 1)
            self._whole = GrowingArray(np.float16, vectors.shape[1])
        places = self._index.add(self._shortened(vectors))
        self._whole.append(vectors.astype(np.float16))
        self._image_ids = np.concatenate([self._image_ids, np.asarray(ids, np.int64)])
        self._vector_ids.update(zip(ids, places.tolist(), strict=True))

    def _remove(self, ids: Sequence[int]) -> None:
        super()._remove(ids)
        if self._directions is not None and 2 * len(self._vector_ids) < len(self._image_ids):
            self._tidy()

    def _tidy(self) -> None:
        """Gives back the room of pictures that are gone."""
        places, short = self._index.vectors()
        whole = GrowingArray(np.float16, self._whole.rows.shape[1])
        whole.append(self._whole.rows[places])
        self._image_ids, self._whole = self._image_ids[places], whole
        self._index = VectorIndex(short.shape[1])
        self._index.add(short)
        self._vector_ids = {id: place for place, id in enumerate(self._image_ids.tolist())}

    def _search(self, query: dict[str, np.ndarray], count: int) -> tuple[list[int], list[float]]:
        if self._directions is None:
            return super()._search(query, count)
        vector = query[PICTURE]
        short = np.append(vector @ self._directions, np.float32(0))
        _, places = self._index.search(short[None], max(CANDIDATES, 4 * count))
        places = places[0][places[0] >= 0]
        scores = self._whole.rows[places].astype(np.float32) @ vector
        order = np.argsort(-scores, kind="stable")[:count]
        return self._image_ids[places[order]].tolist(), scores[order].tolist()

    def _shortened(self, vectors: np.ndarray) -> np.ndarray:
        """Short vectors; what they lack goes into one more number, so that they have length 1 as well."""
        short = vectors @ self._directions
        rest = np.sqrt(np.maximum(1 - np.square(short).sum(1), 0))
        return np.column_stack([short, rest]).astype(np.float32)
