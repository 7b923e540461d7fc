"""The index of a gallery: made when it is first searched, and brought up to date when the gallery changes."""

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
from shared.index import VectorIndex
from shared.index.read_write_lock import ReadWriteLock

Features = Mapping[str, np.ndarray]
#: The kind of feature that tells which weights a picture was described with.
FINGERPRINT = "made"


class MismatchError(InputError):
    """A gallery that this engine cannot search; the text is a sentence that tells why and the fix."""


class IndexHits(NamedTuple):
    """What an index found: the gallery as it was then, and ids and scores, the best first."""

    gallery: GallerySnapshot
    ids: list[int]
    scores: list[float]


class GalleryIndex(ABC):
    """The index of one gallery. A search sees the gallery as it was before a change or after it.

    Args:
        needs: The kinds of features that it is made of.
        made: What the feature `made` of all pictures must be; None where any will do.
    """

    def __init__(self, needs: Sequence[str], made: np.ndarray | None) -> None:
        self._needs, self._made = tuple(needs), made
        self._gate = ReadWriteLock()
        self._seen: GallerySnapshot | None = None

    def search(self, gallery: Gallery, query: Features, count: int) -> IndexHits:
        """Finds the pictures that are most like another.

        Args:
            gallery: Always the same one.
            query: The features of what is searched with.
            count: How many at most.

        Raises:
            MismatchError: The gallery was described with other weights.
        """
        self.refresh(gallery)
        with self._gate.reading():
            ids, scores = self._search(query, count) if len(self._seen) else ([], [])
            return IndexHits(self._seen, ids, scores)

    def refresh(self, gallery: Gallery) -> None:
        """Brings the index up to date, as `search` does first."""
        if self._seen is not None and self._seen.version == gallery.version:
            return
        with self._gate.changing():
            now, seen = gallery.snapshot(), self._seen
            if seen is not None and seen.version >= now.version:
                return
            before = () if seen is None else seen.entries
            new = [id for id in now.entries if id not in before]
            gone = [id for id in before if id not in now.entries]
            self._check(now, new)
            with self._gate.alone():
                try:
                    if gone:
                        self._remove(gone)
                    if new:
                        self._add(now, new)
                    self._seen = now
                except BaseException:
                    self._seen = None  # half of a change is none: the next search starts anew
                    self._clear()
                    raise

    def _check(self, now: GallerySnapshot, new: Sequence[int]) -> None:
        if not new:
            return
        if not {*self._needs, FINGERPRINT} <= set(now.kinds):
            raise MismatchError("This gallery lacks what this engine searches: please add its pictures anew.")
        if self._made is not None:
            check_fingerprint(now, new, self._made)

    @abstractmethod
    def _clear(self) -> None:
        """Forgets everything."""

    @abstractmethod
    def _add(self, now: GallerySnapshot, ids: Sequence[int]) -> None:
        """Takes pictures in."""

    @abstractmethod
    def _remove(self, ids: Sequence[int]) -> None:
        """Takes pictures out."""

    @abstractmethod
    def _search(self, query: Features, count: int) -> tuple[list[int], list[float]]:
        """Ids and scores."""


class VectorGalleryIndex(GalleryIndex):
    """Pictures by one vector each, in a `VectorIndex`.

    Args:
        kind: Of the index.
        feature: The kind of feature that is the vector.
        made: See `GalleryIndex`.
    """

    def __init__(self, kind: str, feature: str, made: np.ndarray | None) -> None:
        super().__init__([feature], made)
        self._kind, self._feature = kind, feature
        self._clear()

    @property
    def index(self) -> VectorIndex | None:
        """The index itself; None until there are pictures."""
        return self._index

    def _clear(self) -> None:
        self._index: VectorIndex | None = None
        self._owners = np.zeros(0, np.int64)  # the picture of each vector that was ever added
        self._places: dict[int, int] = {}

    def _vectors(self, now: GallerySnapshot, ids: Sequence[int]) -> np.ndarray:
        """The vectors of pictures, `[N, D]`."""
        return now.features(self._feature, ids)[1]

    def _add(self, now: GallerySnapshot, ids: Sequence[int]) -> None:
        vectors = self._vectors(now, ids)
        if self._index is None or self._index.dimension != vectors.shape[1]:
            self._clear()
            self._index = VectorIndex(vectors.shape[1], self._kind)
        places = self._index.add(vectors)
        self._owners = np.concatenate([self._owners, np.asarray(ids, np.int64)])
        self._places.update(zip(ids, places.tolist(), strict=True))

    def _remove(self, ids: Sequence[int]) -> None:
        self._index.remove([self._places.pop(id) for id in ids])

    def _search(self, query: Features, count: int) -> tuple[list[int], list[float]]:
        scores, places = self._index.search(query[self._feature][None], count)
        there = places[0] >= 0
        return self._owners[places[0][there]].tolist(), scores[0][there].tolist()


class IndexCache:
    """The indexes of galleries, one each, for as long as somebody holds the gallery.

    Args:
        make: Makes an empty one.
    """

    def __init__(self, make: Callable[[], GalleryIndex]) -> None:
        self._make = make
        self._known: weakref.WeakKeyDictionary[Gallery, GalleryIndex] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._known)

    def of(self, gallery: Gallery) -> GalleryIndex:
        """The index of a gallery; it may be of an older version, and `search` brings it up to date."""
        with self._lock:
            index = self._known.get(gallery)
            if index is None:
                index = self._known[gallery] = self._make()
            return index


def check_fingerprint(now: GallerySnapshot, ids: Sequence[int], made: np.ndarray) -> None:
    """Raises `MismatchError` where pictures were described with other weights than those that made this."""
    wanted = made > 0  # a gallery may know more than the engine asks for
    if (now.features(FINGERPRINT, ids)[1][:, wanted] != made[wanted]).any():
        raise MismatchError(
            "This gallery was described with other weights than those in use: please add its pictures anew."
        )
