"""Albums of all visitors of a server, each with the galleries of the spaces that describe its images."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.gallery.gallery import Gallery
from shared.ui.gallery.session_store import SessionStore
from shared.ui.gradio_workarounds import request_address

if TYPE_CHECKING:  # needs faiss, for which the first page must not wait
    from shared.gallery.album import AlbumGallery

MAX_ALBUMS, MAX_BYTES = 2000, 2 * 2**30
TTL_SECONDS = 3600
MAX_NOTICES = 10_000  # evicted albums that are remembered, a hundred bytes each
NOTICE_SECONDS = 24 * 3600
#: Ranks of eviction: what holds no image of the visitor goes first, what an upload writes to goes last.
WITHOUT_OWN_IMAGES, OWN_IMAGES, IN_USE = range(3)


class VisitorAlbum:
    """Album of one visitor, and the galleries over it.

    Attributes:
        album: Gallery without features, which the galleries of all spaces share.
        users: Number of calls that change the album at present.

    Args:
        album: See above.
        sample_count: Number of sample images, which have the lowest ids.
    """

    def __init__(self, album: Gallery, sample_count: int) -> None:
        self.album = album
        self.users = 0
        self._sample_count, self._first_version = sample_count, album.version
        self._galleries: dict[object, AlbumGallery] = {}
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of the album and of all galleries over it.

        Galleries share the thumbnails that each of them counts; an index over their features takes as much.
        """
        with self._lock:
            return self.album.nbytes + sum(gallery.nbytes for gallery in self._galleries.values())

    @property
    def is_untouched(self) -> bool:
        """True until the album is changed for the first time."""
        return self.album.version == self._first_version

    @property
    def own_count(self) -> int:
        """Number of images that are no samples."""
        return sum(id >= self._sample_count for id in self.album.snapshot().ids)

    @property
    def rank(self) -> int:
        """Rank of eviction."""
        if self.users:
            return IN_USE
        ids = self.album.snapshot().ids
        return OWN_IMAGES if ids and ids[-1] >= self._sample_count else WITHOUT_OWN_IMAGES

    def gallery(self, space: object) -> AlbumGallery:
        """Return the gallery of a space, at first without features."""
        from shared.gallery.album import AlbumGallery  # deferred, see above

        with self._lock:
            if space not in self._galleries:
                self._galleries[space] = AlbumGallery(self.album)
            return self._galleries[space]


class AlbumStore(SessionStore[VisitorAlbum]):
    """Albums of visitors by key, within limits of memory and time, see `SessionStore`.

    Args:
        max_count: Upper limit of the number of albums.
        max_bytes: Upper limit of the bytes of all albums and of the galleries over them.
    """

    def __init__(self, max_count: int = MAX_ALBUMS, max_bytes: int = MAX_BYTES) -> None:
        super().__init__(
            lambda: VisitorAlbum(Gallery(), 0),
            ttl_seconds=TTL_SECONDS,
            max_count=max_count,
            max_bytes=max_bytes,
            size=lambda album: album.nbytes,
            rank=lambda album: album.rank,
            owner=request_address,
        )
        self._notices: OrderedDict[str, tuple[int, float]] = OrderedDict()

    @contextmanager
    def open(self, key: str, create: Callable[[], VisitorAlbum]) -> Iterator[VisitorAlbum]:
        """Open an album for changes; a new one leaves the store again unless it is changed.

        Args:
            key: Key of the album.
            create: Creates the album if there is none.
        """
        with self._lock:
            album = self.get_or_create(key, create)
            album.users += 1
        try:
            yield album
        finally:
            with self._lock:
                album.users -= 1
                if self._is_superfluous(key, album):
                    self.discard(key)
                self._trim(key)

    def pop_notice(self, key: str) -> int:
        """Return the number of the visitor's images in an evicted album, once; 0 if none was evicted."""
        with self._lock:
            count, evicted_at = self._notices.pop(key, (0, 0.0))
            return count if time.monotonic() - evicted_at < NOTICE_SECONDS else 0

    def _is_superfluous(self, key: str, album: VisitorAlbum) -> bool:
        entry = self._entries.get(key)
        return entry is not None and entry.value is album and album.is_untouched and not album.users

    def _evicted(self, key: str, value: VisitorAlbum) -> None:
        if value.own_count:
            self._notices[key] = value.own_count, time.monotonic()
        while len(self._notices) > MAX_NOTICES:
            self._notices.popitem(last=False)


#: Albums of all visitors, which the galleries of all spaces of this server share.
ALBUMS = AlbumStore()
