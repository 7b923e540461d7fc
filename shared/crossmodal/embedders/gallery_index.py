"""Index of a gallery over the vectors of one engine, with a two-stage search for large galleries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.crossmodal.embedders.embedder import IMAGE_FEATURE, Embedder
from shared.gallery.index import Features, VectorGalleryIndex
from shared.gallery.snapshot import GallerySnapshot
from shared.index.vector_index import VectorIndex
from shared.index.vectors import GrowingArray, batch_slices

#: Images up to which all vectors are compared.
MAX_EXACT = 8192
#: Length of the projected vectors of the first stage, and the smallest number of candidates that it returns.
PROJECTED_DIM, MIN_CANDIDATES = 160, 400


class EmbeddingGalleryIndex(VectorGalleryIndex):
    """Index over the vectors that one engine gives to images.

    Vectors may have more than a thousand elements. A gallery of more than `MAX_EXACT` images is searched in
    two stages: projections to the leading singular directions select candidates, and float16 vectors score
    them.

    Args:
        embedder: Model that embeds the images.
        engine: One of its engines.
    """

    def __init__(self, embedder: Embedder, engine: str) -> None:
        self._embedder, self._engine = embedder, engine
        fingerprint = None if embedder.accepts_any_gallery else embedder.model_fingerprint
        super().__init__("exact", IMAGE_FEATURE, fingerprint)

    @property
    def nbytes(self) -> int:
        """Size of all vectors in bytes."""
        if self._index is None:
            return 0
        full_vectors = 0 if self._two_stage is None else self._two_stage.nbytes
        return full_vectors + round(self._index.bytes_per_vector * len(self._index))

    def _vectors(self, snapshot: GallerySnapshot, ids: Sequence[int]) -> np.ndarray:
        return self._embedder.gallery_vectors(snapshot, ids, self._engine)

    def _clear(self) -> None:
        super()._clear()
        self._two_stage: _TwoStageIndex | None = None

    def _add(self, snapshot: GallerySnapshot, ids: Sequence[int]) -> None:
        if self._two_stage is None:
            if len(self._vector_ids) + len(ids) <= MAX_EXACT:
                super()._add(snapshot, ids)
                return
            ids = [*self._vector_ids, *ids]
            self._clear()
        for batch in batch_slices(len(ids), MAX_EXACT):
            self._add_projected(ids[batch], self._vectors(snapshot, ids[batch]))

    def _add_projected(self, ids: Sequence[int], vectors: np.ndarray) -> None:
        if self._two_stage is None:
            self._two_stage = _TwoStageIndex(vectors)
            self._index = self._two_stage.projections
        vector_ids = self._two_stage.add(vectors)
        self._image_ids = np.concatenate([self._image_ids, np.asarray(ids, np.int64)])
        self._vector_ids.update(zip(ids, vector_ids.tolist(), strict=True))

    def _remove(self, ids: Sequence[int]) -> None:
        super()._remove(ids)
        if self._two_stage is not None and 2 * len(self._vector_ids) < len(self._image_ids):
            self._image_ids = self._image_ids[self._two_stage.compact()]
            self._index = self._two_stage.projections
            self._vector_ids = {id: position for position, id in enumerate(self._image_ids.tolist())}

    def _search(self, query: Features, top_k: int) -> tuple[list[int], list[float]]:
        if self._two_stage is None:
            return super()._search(query, top_k)
        vector_ids, scores = self._two_stage.search(query[IMAGE_FEATURE], top_k)
        return self._image_ids[vector_ids].tolist(), scores.tolist()


class _TwoStageIndex:
    """Projected vectors that select candidates, and float16 vectors that score them.

    Args:
        sample: Vectors `[N, D]` of length 1, whose leading right singular vectors are the projection.

    Attributes:
        projections: Index of the projected vectors.
    """

    def __init__(self, sample: np.ndarray) -> None:
        from sklearn.utils.extmath import randomized_svd  # deferred: 30 MB that few galleries need

        length = min(PROJECTED_DIM, sample.shape[1])
        self._projection = randomized_svd(sample, length, n_iter=2, random_state=0)[2].T.copy()
        self._vectors = GrowingArray(np.float16, sample.shape[1])
        self.projections = VectorIndex(length + 1)

    @property
    def nbytes(self) -> int:
        """Size of the float16 vectors in bytes."""
        return self._vectors.rows.nbytes

    def add(self, vectors: np.ndarray) -> np.ndarray:
        """Add vectors `[N, D]` of length 1 and return their ids, int64 `[N]`."""
        projected = vectors @ self._projection
        # One more element holds the norm of the residual, so that the projected vectors have length 1, too.
        residual = np.sqrt(np.maximum(1 - np.square(projected).sum(1), 0))
        ids = self.projections.add(np.column_stack([projected, residual]).astype(np.float32))
        self._vectors.append(vectors.astype(np.float16))
        return ids

    def search(self, query: np.ndarray, top_k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return ids and scores of the nearest vectors, the best first.

        Args:
            query: float32 `[D]`, of length 1.
            top_k: Largest number of results.
        """
        projected = np.append(query @ self._projection, np.float32(0))
        _, candidates = self.projections.search(projected[None], max(MIN_CANDIDATES, 4 * top_k))
        candidates = candidates[0][candidates[0] >= 0]
        scores = self._vectors.rows[candidates].astype(np.float32) @ query
        order = np.argsort(-scores, kind="stable")[:top_k]
        return candidates[order], scores[order]

    def compact(self) -> np.ndarray:
        """Free the memory of removed vectors and return the previous ids of those that remain."""
        remaining, projected = self.projections.vectors()
        vectors = GrowingArray(np.float16, self._vectors.rows.shape[1])
        vectors.append(self._vectors.rows[remaining])
        self._vectors = vectors
        self.projections = VectorIndex(projected.shape[1])
        self.projections.add(projected)
        return remaining
