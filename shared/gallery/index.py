"""Index of a gallery, built when it is first searched and updated when the gallery changes."""

from __future__ import annotations

import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from shared.core.errors import InputError
from shared.gallery.gallery import Gallery
from shared.gallery.snapshot import GallerySnapshot
from shared.index.read_write_lock import ReadWriteLock
from shared.index.vector_index import VectorIndex

Features = Mapping[str, np.ndarray]
#: Name of the feature that holds the fingerprint of the weights that described an image, uint64. An element
#: of 0 in a required fingerprint turns the check of this element off. The name is part of saved galleries.
FINGERPRINT = "made"


class MismatchError(InputError):
    """Gallery that this engine cannot search; the text is a sentence with the reason and the fix."""


class IndexHits(NamedTuple):
    """Result of an index: the searched snapshot, and ids and scores of images, the best first."""

    snapshot: GallerySnapshot
    ids: list[int]
    scores: list[float]


class GalleryIndex(ABC):
    """Index of one gallery. A search sees the gallery either before or after a change, never between.

    Args:
        feature_names: Names of the features that are indexed.
        fingerprint: Required value of the feature `FINGERPRINT` of all images; None accepts any.
    """

    def __init__(self, feature_names: Sequence[str], fingerprint: np.ndarray | None) -> None:
        self._feature_names, self._fingerprint = tuple(feature_names), fingerprint
        self._lock = ReadWriteLock()
        self._snapshot: GallerySnapshot | None = None

    def search(self, gallery: Gallery, query: Features, top_k: int) -> IndexHits:
        """Return the nearest images of the gallery, after an update of the index.

        Args:
            gallery: The gallery that this index belongs to.
            query: Features of the query by name.
            top_k: Largest number of hits.

        Raises:
            MismatchError: The gallery was described with other weights.
        """
        self.refresh(gallery)
        with self._lock.read():
            assert self._snapshot is not None
            ids, scores = self._search(query, top_k) if len(self._snapshot) else ([], [])
            return IndexHits(self._snapshot, ids, scores)

    def refresh(self, gallery: Gallery) -> None:
        """Update the index to the present state of the gallery."""
        if self._snapshot is not None and self._snapshot.version == gallery.version:
            return
        with self._lock.exclusive_writer():
            new, old = gallery.snapshot(), self._snapshot
            if old is not None and old.version >= new.version:
                return
            indexed = () if old is None else old.entries
            added = [id for id in new.entries if id not in indexed]
            removed = [id for id in indexed if id not in new.entries]
            self._check(new, added)
            with self._lock.write():
                try:
                    if removed:
                        self._remove(removed)
                    if added:
                        self._add(new, added)
                    self._snapshot = new
                except BaseException:
                    self._snapshot = None  # half a change is useless: the next search starts afresh
                    self._clear()
                    raise

    def _check(self, snapshot: GallerySnapshot, ids: Sequence[int]) -> None:
        if not ids:
            return
        if not {*self._feature_names, FINGERPRINT} <= set(snapshot.feature_names):
            raise MismatchError("This gallery lacks what this engine searches: please add its pictures anew.")
        if self._fingerprint is not None:
            check_fingerprint(snapshot, ids, self._fingerprint)

    @abstractmethod
    def _clear(self) -> None:
        """Remove all images."""

    @abstractmethod
    def _add(self, snapshot: GallerySnapshot, ids: Sequence[int]) -> None:
        """Add images of a snapshot."""

    @abstractmethod
    def _remove(self, ids: Sequence[int]) -> None:
        """Remove images."""

    @abstractmethod
    def _search(self, query: Features, top_k: int) -> tuple[list[int], list[float]]:
        """Return ids and scores of the nearest images, the best first."""


class VectorGalleryIndex(GalleryIndex):
    """Index over one vector per image, in a `VectorIndex`.

    Args:
        index_type: One of `shared.index.INDEX_TYPES`.
        feature_name: Name of the feature that holds the vector.
        fingerprint: See `GalleryIndex`.
    """

    def __init__(self, index_type: str, feature_name: str, fingerprint: np.ndarray | None) -> None:
        super().__init__([feature_name], fingerprint)
        self._index_type, self._feature_name = index_type, feature_name
        self._clear()

    @property
    def index(self) -> VectorIndex | None:
        """Underlying vector index; None until an image is indexed."""
        return self._index

    def _clear(self) -> None:
        self._index: VectorIndex | None = None
        self._image_ids = np.zeros(0, np.int64)  # by vector id, removed ones included
        self._vector_ids: dict[int, int] = {}  # by image id

    def _vectors(self, snapshot: GallerySnapshot, ids: Sequence[int]) -> np.ndarray:
        """Return the vectors of images, `[N, D]`."""
        return snapshot.features(self._feature_name, ids)[1]

    def _add(self, snapshot: GallerySnapshot, ids: Sequence[int]) -> None:
        vectors = self._vectors(snapshot, ids)
        if not vectors.any(axis=1).all():
            raise MismatchError("This gallery lacks what this engine compares: please add its pictures anew.")
        index = self._index
        if index is None or index.dimension != vectors.shape[1]:
            self._clear()
            index = self._index = VectorIndex(vectors.shape[1], self._index_type)
        vector_ids = index.add(vectors)
        self._image_ids = np.concatenate([self._image_ids, np.asarray(ids, np.int64)])
        self._vector_ids.update(zip(ids, vector_ids.tolist(), strict=True))

    def _remove(self, ids: Sequence[int]) -> None:
        assert self._index is not None
        self._index.remove([self._vector_ids.pop(id) for id in ids])

    def _search(self, query: Features, top_k: int) -> tuple[list[int], list[float]]:
        assert self._index is not None
        scores, vector_ids = self._index.search(query[self._feature_name][None], top_k)
        valid = vector_ids[0] >= 0
        return self._image_ids[vector_ids[0][valid]].tolist(), scores[0][valid].tolist()


class IndexCache:
    """Indexes by gallery, each kept as long as its gallery exists.

    Args:
        new_index: Returns an empty index.
    """

    def __init__(self, new_index: Callable[[], GalleryIndex]) -> None:
        self._new_index = new_index
        self._indexes: weakref.WeakKeyDictionary[Gallery, GalleryIndex] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._indexes)

    def get(self, gallery: Gallery) -> GalleryIndex:
        """Return the index of a gallery; it may be out of date until it is searched."""
        with self._lock:
            index = self._indexes.get(gallery)
            if index is None:
                index = self._indexes[gallery] = self._new_index()
            return index


def check_fingerprint(snapshot: GallerySnapshot, ids: Sequence[int], fingerprint: np.ndarray) -> None:
    """Check that images were described with the present weights.

    Args:
        snapshot: Snapshot with the images.
        ids: Ids of the images.
        fingerprint: Required fingerprint, uint64; an element of 0 turns off the check of that element.

    Raises:
        MismatchError: They were described with other weights.
    """
    required = fingerprint > 0  # a gallery may hold features that the engine does not need
    if (snapshot.features(FINGERPRINT, ids)[1][:, required] != fingerprint[required]).any():
        raise MismatchError(
            "This gallery was described with other weights than those in use: please add its pictures anew."
        )
