"""Gallery: a visitor's images as thumbnails with features, in memory and within limits.

    gallery = Gallery()
    id = gallery.add("beach.jpg", image, {"descriptor": vector})
    ids, vectors = gallery.features("descriptor")
    gallery.image(ids[0])

A search works on a `snapshot`, which never changes, whatever other threads do to the gallery meanwhile.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
from PIL import Image

from shared.core.file_names import display_name
from shared.core.images import open_image
from shared.gallery import file
from shared.gallery.snapshot import GalleryEntry, GalleryFullError, GallerySnapshot, ImageNotFoundError
from shared.gallery.thumbnails import thumbnail

MAX_COUNT, MAX_GALLERY_BYTES = 2000, 256 * 2**20
#: Bytes that an image counts in addition to its thumbnail, its name and its features.
BYTES_PER_ENTRY = 512


class Gallery:
    """Images by id. All methods may be called from many threads at once.

    Attributes:
        max_count: Largest number of images.
        max_bytes: Largest number of bytes, see `nbytes`.

    Args:
        max_count: See above; at least 1.
        max_bytes: See above; at least 1.
        first_id: Id of the first image that is added.

    Raises:
        ValueError: A limit is below 1.
    """

    def __init__(
        self, max_count: int = MAX_COUNT, max_bytes: int = MAX_GALLERY_BYTES, first_id: int = 0
    ) -> None:
        if min(max_count, max_bytes) < 1:
            raise ValueError(f"the limits must be at least 1, received {max_count!r} and {max_bytes!r}")
        self.max_count, self.max_bytes = max_count, max_bytes
        self._lock = threading.Lock()
        self._entries: dict[int, GalleryEntry] = {}
        self._features: dict[int, Mapping[str, np.ndarray]] = {}
        self._nbytes = self._version = 0
        self._next_id = first_id
        self._snapshot: GallerySnapshot | None = None

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    def __contains__(self, id: int) -> bool:
        with self._lock:
            return id in self._entries

    @property
    def version(self) -> int:
        """Number that grows with each change; what is derived from the gallery is valid while it is equal."""
        with self._lock:
            return self._version

    @property
    def nbytes(self) -> int:
        """Bytes of all thumbnails, names and features, with `BYTES_PER_ENTRY` for each image."""
        with self._lock:
            return self._nbytes

    @property
    def entries(self) -> tuple[GalleryEntry, ...]:
        """All images in the order of their ids, which is that of their addition."""
        return tuple(self.snapshot().entries.values())

    def snapshot(self) -> GallerySnapshot:
        """Return the present state, which shares its data with the gallery."""
        with self._lock:
            if self._snapshot is None:
                entries = MappingProxyType(dict(sorted(self._entries.items())))
                self._snapshot = GallerySnapshot(self._version, entries, dict(self._features))
            return self._snapshot

    def snapshot_with(self, id: int) -> GallerySnapshot:
        """Return a snapshot that contains an image.

        Raises:
            ImageNotFoundError: The gallery has no such image.
        """
        snapshot = self.snapshot()
        if id not in snapshot.entries:
            raise ImageNotFoundError(id)
        return snapshot

    def add(
        self,
        name: str,
        image: Image.Image,
        features: Mapping[str, np.ndarray],
        size: tuple[int, int] | None = None,
    ) -> int:
        """Add an image.

        Args:
            name: Name of the image, which is cleaned for display.
            image: Image of mode RGB.
            features: Features by name; with the same names, dtypes and shapes for all images of a gallery.
            size: Width and height of the original, if `image` has been shrunk.

        Returns:
            Id of the image.

        Raises:
            GalleryFullError: The image exceeds the limits of the gallery.
            ValueError: Its features do not match those of the other images.
        """
        jpeg = thumbnail(image)
        with self._lock:
            entry = GalleryEntry(self._next_id, display_name(name), size or image.size, jpeg)
            return self._put(entry, features)

    def put(self, entry: GalleryEntry, features: Mapping[str, np.ndarray]) -> int:
        """Add an image under the id of its entry, or replace the one that has this id.

        Args:
            entry: The image.
            features: See `add`.

        Returns:
            Id of the image.

        Raises:
            GalleryFullError: See `add`.
            ValueError: See `add`.
        """
        with self._lock:
            return self._put(entry, features)

    def remove(self, ids: Iterable[int]) -> None:
        """Remove images: all of them, or none if it fails.

        Raises:
            ImageNotFoundError: The gallery has no image of an id.
        """
        with self._lock:
            distinct = dict.fromkeys(ids)
            for id in distinct:
                if id not in self._entries:
                    raise ImageNotFoundError(id)
            for id in distinct:
                self._nbytes -= _cost(self._entries.pop(id), self._features.pop(id))
            if distinct:
                self._mark_changed()

    def clear(self) -> None:
        """Remove all images; their ids are not used again."""
        with self._lock:
            self._entries.clear()
            self._features.clear()
            self._nbytes = 0
            self._mark_changed()

    def entry(self, id: int) -> GalleryEntry:
        """Return the entry of an image.

        Raises:
            ImageNotFoundError: The gallery has no such image.
        """
        with self._lock:
            if id not in self._entries:
                raise ImageNotFoundError(id)
            return self._entries[id]

    def image(self, id: int) -> Image.Image:
        """Return the thumbnail of an image, of mode RGB.

        Raises:
            ImageNotFoundError: The gallery has no such image.
        """
        return open_image(self.entry(id).thumbnail)

    def features(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return one feature of all images; see `GallerySnapshot.features`."""
        return self.snapshot().features(name)

    def copy(self) -> Gallery:
        """Return an independent gallery with the same images under the same ids."""
        copy = Gallery(self.max_count, self.max_bytes)
        with self._lock:
            copy._entries, copy._features = dict(self._entries), dict(self._features)
            copy._nbytes, copy._version, copy._next_id = self._nbytes, self._version, self._next_id
        return copy

    def save(self, path: str | os.PathLike) -> None:
        """Write the gallery to a file, whole or not at all; see `shared.gallery.file`.

        Raises:
            OSError: The file cannot be written; an older one remains as it was.
        """
        with self._lock:
            next_id = self._next_id
        file.write(path, self.snapshot(), next_id)

    @classmethod
    def load(
        cls, path: str | os.PathLike, *, max_count: int = MAX_COUNT, max_bytes: int = MAX_GALLERY_BYTES
    ) -> Gallery:
        """Read a gallery from a file, which need not be trusted.

        Args:
            path: Path of the file.
            max_count: Limit of the gallery, which the file must keep.
            max_bytes: Limit of the gallery, which the file must keep; a larger file is not read.

        Raises:
            IndexFileError: The file is missing, damaged, or holds no gallery.
            GalleryFullError: It exceeds the limits.
        """
        gallery = cls(max_count, max_bytes)
        next_id, images = file.read(path, max_count, max_bytes)
        for entry, features in images:
            gallery.put(entry, features)
        gallery._next_id = next_id
        return gallery

    def _put(self, entry: GalleryEntry, features: Mapping[str, np.ndarray]) -> int:
        """Add or replace an image, while the lock is held."""
        features = {key: _read_only_copy(key, value) for key, value in features.items()}
        cost = _cost(entry, features)
        if entry.id in self._entries:
            cost -= _cost(self._entries[entry.id], self._features[entry.id])
        elif len(self._entries) >= self.max_count:
            raise GalleryFullError(
                f"The gallery is full with {self.max_count:,} pictures: please remove some of them first."
            )
        if self._nbytes + cost > self.max_bytes:
            limit = f"{self.max_bytes / 2**20:,.0f} MB"
            raise GalleryFullError(
                f"The gallery is full with {limit} of pictures: please remove some of them first."
            )
        expected = _layout(next(iter(self._features.values()), features))
        if expected != _layout(features):
            raise ValueError(f"the pictures here have the features {expected}, received {_layout(features)}")
        self._entries[entry.id], self._features[entry.id] = entry, features
        self._nbytes += cost
        self._next_id = max(self._next_id, entry.id + 1)
        self._mark_changed()
        return entry.id

    def _mark_changed(self) -> None:
        self._version += 1
        self._snapshot = None


def _read_only_copy(name: str, feature: np.ndarray) -> np.ndarray:
    if feature.flags.writeable or feature.base is not None or not feature.flags.c_contiguous:
        feature = np.array(feature, order="C")  # else it is the copy of another gallery
    if feature.dtype.kind not in "fiu":
        raise ValueError(f"the feature {name} must be of numbers, received {feature.dtype}")
    feature.setflags(write=False)
    return feature


def _layout(features: Mapping[str, np.ndarray]) -> dict[str, str]:
    return {name: f"{value.dtype} {list(value.shape)}" for name, value in sorted(features.items())}


def _cost(entry: GalleryEntry, features: Mapping[str, np.ndarray]) -> int:
    """Return the number of bytes that an image adds to `Gallery.nbytes`."""
    numbers = sum(value.nbytes for value in features.values())
    return len(entry.thumbnail) + len(entry.name.encode(errors="replace")) + numbers + BYTES_PER_ENTRY
