"""Galleries of several searches over the same images, each with features of its own.

    album = Gallery()
    by_image, by_text = AlbumGallery(album), AlbumGallery(album)
    search.add("photos/", by_image)
    by_text.update(text_search.describe_stream)

The album is a gallery without features. It decides which images there are, and under which ids.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import numpy as np
from PIL import Image

from shared.gallery.gallery import MAX_GALLERY_BYTES, Gallery
from shared.gallery.ingest import DescribedImage, ImageInput, SkipCallback
from shared.gallery.snapshot import GalleryEntry, GalleryFullError

#: Describes named images, here given as JPEG files, and calls back for each that cannot be used.
Describe: TypeAlias = Callable[[Iterable[tuple[str, ImageInput]], SkipCallback], Iterator[DescribedImage]]


class AlbumGallery(Gallery):
    """Gallery of one search over the images of an album.

    Changes change the album too. Changes of the album, and of other galleries over it, arrive with `update`.

    Attributes:
        album: Gallery without features, which other galleries share.

    Args:
        album: See above.
        max_bytes: See `Gallery`.
    """

    def __init__(self, album: Gallery, max_bytes: int = MAX_GALLERY_BYTES) -> None:
        super().__init__(album.max_count, max_bytes)
        self.album = album
        self._update_lock = threading.RLock()

    def add(
        self,
        name: str,
        image: Image.Image,
        features: Mapping[str, np.ndarray],
        size: tuple[int, int] | None = None,
    ) -> int:
        """Add an image to the album and to this gallery; see `Gallery.add`."""
        with self._update_lock:  # an update must not see the image in the album alone
            id = self.album.add(name, image, {}, size)
            try:
                self.put(self.album.entry(id), features)
            except (GalleryFullError, ValueError):
                self.album.remove([id])
                raise
        return id

    def remove(self, ids: Iterable[int]) -> None:
        """Remove images from the album and from this gallery; see `Gallery.remove`."""
        ids = tuple(ids)
        with self._update_lock:
            self.album.remove(ids)
            super().remove([id for id in ids if id in self])

    def clear(self) -> None:
        """Remove all images from the album and from this gallery."""
        with self._update_lock:
            self.album.clear()
            super().clear()

    def update(self, describe: Describe, described: Gallery | None = None) -> tuple[int, ...]:
        """Take over the changes of the album; new images are described from their thumbnails.

        Args:
            describe: See `Describe`.
            described: Gallery whose features are taken where it holds the same image under the same id.

        Returns:
            Ids of images that could not be described, or for which there was no room; they stay in the album.
        """
        with self._update_lock:
            album = self.album.snapshot().entries
            super().remove([id for id in self.snapshot().ids if id not in album])
            missing = [entry for entry in album.values() if entry.id not in self]
            if described is not None:
                missing = [entry for entry in missing if not self._take_features(entry, described)]
            names = {str(entry.id): entry for entry in missing}
            stream = describe(
                ((name, entry.thumbnail) for name, entry in names.items()), lambda name, reason: None
            )
            for image in stream:
                try:
                    self.put(names[image.name], image.features)
                except GalleryFullError:
                    break
            return tuple(entry.id for entry in missing if entry.id not in self)

    def _take_features(self, entry: GalleryEntry, described: Gallery) -> bool:
        """Add an image with its features in another gallery, if that holds it."""
        snapshot = described.snapshot()
        other = snapshot.entries.get(entry.id)
        if other is None or other.thumbnail != entry.thumbnail:
            return False
        self.put(entry, snapshot.image_features(entry.id))
        return True


def album_of(gallery: Gallery) -> Gallery:
    """Return a new album with the images of a gallery, under the same ids.

    Args:
        gallery: Any gallery.
    """
    album = Gallery(gallery.max_count, gallery.max_bytes)
    for entry in gallery.entries:
        album.put(entry, {})
    return album
