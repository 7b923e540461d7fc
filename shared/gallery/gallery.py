"""A gallery: pictures that somebody brought, small enough to keep, with what a program knows of each.

    gallery = Gallery()
    id = gallery.add("beach.jpg", picture, {"descriptor": row})
    ids, rows = gallery.features("descriptor")
    gallery.image(ids[0])

Of a picture itself only a thumbnail stays. Everything lies in memory and within limits that are given at the
start, so that a visitor's gallery costs what it may and no more. To search one, take a `snapshot`: it never
changes, whatever other threads do to the gallery meanwhile.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
from PIL import Image

from shared.core.file_names import display_name
from shared.core.images import ImageError, open_image
from shared.gallery import file
from shared.gallery.snapshot import GalleryEntry, GalleryFullError, GallerySnapshot
from shared.gallery.thumbnails import thumbnail

MAX_COUNT, MAX_BYTES = 2000, 256 * 2**20
#: What a picture costs beside its thumbnail, its name and its features.
OVERHEAD = 512


class ImageNotFoundError(ImageError):
    """Id without an image in the gallery.

    Args:
        id: See above.
    """

    def __init__(self, id: int) -> None:
        super().__init__(f"There is no picture {id} in the gallery: it may have been removed.")


class Gallery:
    """Pictures by id. All methods may be called from many threads at once.

    Attributes:
        max_count: How many pictures it holds at most.
        max_bytes: How many bytes they take at most, see `nbytes`.

    Args:
        max_count: See above; at least 1.
        max_bytes: See above; at least 1.

    Raises:
        ValueError: A limit is below 1.
    """

    def __init__(self, max_count: int = MAX_COUNT, max_bytes: int = MAX_BYTES) -> None:
        if min(max_count, max_bytes) < 1:
            raise ValueError(f"the limits must be at least 1, received {max_count!r} and {max_bytes!r}")
        self.max_count, self.max_bytes = max_count, max_bytes
        self._lock = threading.Lock()
        self._entries: dict[int, GalleryEntry] = {}
        self._features: dict[int, Mapping[str, np.ndarray]] = {}
        self._nbytes = self._version = self._next = 0
        self._snapshot: GallerySnapshot | None = None

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    def __contains__(self, id: int) -> bool:
        with self._lock:
            return id in self._entries

    @property
    def version(self) -> int:
        """A number that rises with each change: as long as it stays, what was derived from them is good."""
        with self._lock:
            return self._version

    @property
    def nbytes(self) -> int:
        """Bytes of all thumbnails, names and features, and what keeping them costs."""
        with self._lock:
            return self._nbytes

    @property
    def entries(self) -> tuple[GalleryEntry, ...]:
        """All pictures in the order in which they came."""
        return tuple(self.snapshot().entries.values())

    def snapshot_with(self, id: int) -> GallerySnapshot:
        """Return a snapshot that contains an image.

        Raises:
            ImageNotFoundError: The gallery has no such image.
        """
        snapshot = self.snapshot()
        if id not in snapshot.entries:
            raise ImageNotFoundError(id)
        return snapshot

    def snapshot(self) -> GallerySnapshot:
        """The gallery as it is now. It shares what it can with the gallery, and costs next to nothing."""
        with self._lock:
            if self._snapshot is None:
                entries = MappingProxyType(dict(self._entries))
                self._snapshot = GallerySnapshot(self._version, entries, dict(self._features))
            return self._snapshot

    def add(
        self,
        name: str,
        picture: Image.Image,
        features: Mapping[str, np.ndarray],
        size: tuple[int, int] | None = None,
    ) -> int:
        """Adds a picture.

        Args:
            name: What to call it.
            picture: Of mode RGB.
            features: By kind; of the same kinds, dtypes and shapes for all pictures of a gallery.
            size: Width and height of the picture as it came, where this is a smaller one already.

        Returns:
            Its id.

        Raises:
            GalleryFull: There is no room for it.
            ValueError: Its features are others than those of the pictures that are here.
        """
        small = thumbnail(picture)
        return self._put(display_name(name), size or picture.size, small, features)

    def remove(self, ids: Iterable[int]) -> None:
        """Takes pictures out: all of them, or none if it fails.

        Raises:
            KeyError: There is no picture under one of the ids.
        """
        with self._lock:
            gone = dict.fromkeys(ids)
            missing = [id for id in gone if id not in self._entries]
            if missing:
                raise KeyError(f"there is no picture under the ids {missing[:5]}")
            for id in gone:
                self._nbytes -= _cost(self._entries.pop(id), self._features.pop(id))
            if gone:
                self._changed()

    def clear(self) -> None:
        """Takes all pictures out. Their ids stay theirs."""
        with self._lock:
            self._entries.clear()
            self._features.clear()
            self._nbytes = 0
            self._changed()

    def entry(self, id: int) -> GalleryEntry:
        """The picture under an id.

        Raises:
            KeyError: There is none, or no longer.
        """
        with self._lock:
            if id not in self._entries:
                raise KeyError(f"there is no picture {id} in the gallery")
            return self._entries[id]

    def image(self, id: int) -> Image.Image:
        """The thumbnail of a picture, RGB; see `entry`."""
        return open_image(self.entry(id).thumbnail)

    def features(self, kind: str) -> tuple[np.ndarray, np.ndarray]:
        """The features of one kind of all pictures; see `GallerySnapshot.features`."""
        return self.snapshot().features(kind)

    def copy(self) -> Gallery:
        """Another gallery with the same pictures under the same ids; from now on each goes its own way."""
        other = Gallery(self.max_count, self.max_bytes)
        with self._lock:
            other._entries, other._features = dict(self._entries), dict(self._features)
            other._nbytes, other._version, other._next = self._nbytes, self._version, self._next
        return other

    def save(self, path: str | os.PathLike) -> None:
        """Writes the gallery to a file, whole or not at all; see `shared.gallery.file`.

        Raises:
            OSError: The file cannot be written; one that was there before is as it was.
        """
        with self._lock:
            next_id = self._next
        file.write(path, self.snapshot(), next_id)

    @classmethod
    def load(
        cls, path: str | os.PathLike, *, max_count: int = MAX_COUNT, max_bytes: int = MAX_BYTES
    ) -> Gallery:
        """Reads a gallery from a file, which may come from anybody.

        Args:
            path: Where it was saved.
            max_count: See `Gallery`; a file with more pictures is refused.
            max_bytes: See `Gallery`; a larger file is refused before it is read.

        Raises:
            IndexFileError: There is no such file, it is not as it was saved, or what is in it is no gallery.
            GalleryFull: It holds more than the limits allow.
        """
        gallery = cls(max_count, max_bytes)
        next_id, rows = file.read(path, max_count, max_bytes)
        for entry, features in rows:
            gallery._put(entry.name, entry.size, entry.thumbnail, features, entry.id)
        gallery._next = next_id
        return gallery

    def _put(
        self,
        name: str,
        size: tuple[int, int],
        small: bytes,
        features: Mapping[str, np.ndarray],
        id: int | None = None,
    ) -> int:
        own = {kind: _kept(kind, value) for kind, value in features.items()}
        with self._lock:
            entry = GalleryEntry(self._next if id is None else id, name, size, small)
            cost = _cost(entry, own)
            if len(self._entries) >= self.max_count:
                raise GalleryFullError(
                    f"The gallery is full with {self.max_count:,} pictures: please remove some of them first."
                )
            if self._nbytes + cost > self.max_bytes:
                most = f"{self.max_bytes / 2**20:,.0f} MB"
                raise GalleryFullError(
                    f"The gallery is full with {most} of pictures: please remove some of them first."
                )
            first = next(iter(self._features.values()), own)
            if _layout(first) != _layout(own):
                raise ValueError(
                    f"the pictures here have the features {_layout(first)}, received {_layout(own)}"
                )
            self._entries[entry.id], self._features[entry.id] = entry, own
            self._nbytes += cost
            self._next = entry.id + 1
            self._changed()
            return entry.id

    def _changed(self) -> None:
        self._version += 1
        self._snapshot = None


def _kept(kind: str, value: np.ndarray) -> np.ndarray:
    """A copy that nobody can change."""
    value = np.array(value, order="C")
    if value.dtype.kind not in "fiu":
        raise ValueError(f"the feature {kind} must be of numbers, received {value.dtype}")
    value.setflags(write=False)
    return value


def _layout(features: Mapping[str, np.ndarray]) -> dict[str, str]:
    return {kind: f"{value.dtype} {list(value.shape)}" for kind, value in sorted(features.items())}


def _cost(entry: GalleryEntry, features: Mapping[str, np.ndarray]) -> int:
    numbers = sum(value.nbytes for value in features.values())
    return len(entry.thumbnail) + len(entry.name.encode(errors="replace")) + numbers + OVERHEAD
