"""Library that all visitors of a server search: read-only, opened when it is first used."""

from __future__ import annotations

import logging
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from PIL import Image

from shared.core.errors import InputError
from shared.core.images import ImageError, crop, open_image, read_file
from shared.core.models import Lazy
from shared.library.errors import LibraryError, require_packages
from shared.library.filters import one_of
from shared.library.library import Library
from shared.library.results import LibraryHit, LibraryHits, LibraryPhoto
from shared.library.tabs.visitor_filter import VisitorFilter
from shared.ui.components.box import parse_box
from shared.ui.events import INFERENCE

UNAVAILABLE = "The photo library cannot be opened just now: the log of this server says why."
EMPTY = "The photo library is empty: its owner has not added photos yet."
UNKNOWN_PHOTO = "This photo is not in the library, or no longer: please search again."
CHANGED = "The file of this photo has been changed, moved or deleted since it was added to the library."
MAX_GROUPS = 100  # groups of duplicates that are listed
DUPLICATES_SECONDS = 600  # age at which the list of duplicates is made anew

#: Function with the arguments of `Library.search`: image, text, number of hits, condition.
Search: TypeAlias = Callable[[Image.Image | None, str, int, str | None], LibraryHits]

log = logging.getLogger("image_spaces")


@dataclass(frozen=True)
class LibraryQuery:
    """Query of a visitor.

    Attributes:
        image: Path of the query image; None without one.
        box: Part of the image, see `shared.ui.components.box.parse_box`.
        text: Words; may be empty.
        filter: Filter by date and folder.
        top_k: Largest number of hits.
        min_score: Lowest score that is shown, see `shown_score`; 0 keeps all.
        exclude: Digest of a photo that is left out; empty for none.
    """

    image: str | None
    box: str
    text: str
    filter: VisitorFilter
    top_k: int
    min_score: float
    exclude: str = ""

    @property
    def is_empty(self) -> bool:
        """True without words and an image."""
        return not self.image and not self.text.strip()


@dataclass(frozen=True)
class DuplicateGroups:
    """Photos that are the same or nearly so.

    Attributes:
        groups: Photos of each group, the largest groups first, at most `MAX_GROUPS`.
        total: Number of all groups.
    """

    groups: list[list[LibraryPhoto]]
    total: int


class SharedLibrary:
    """Library of a server. Calls may come from many threads at once, and nothing is ever written.

    All methods raise a `LibraryError` with one sentence for visitors if the library cannot be used; the next
    call tries again.

    Attributes:
        uri: Folder or address.
        remote_search: Search in other processes, see `shared.library.serve`; None searches in this one.
        concurrency: Number of searches that may run at the same time; pages that are made later keep to it.

    Args:
        uri: See above.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.remote_search: Search | None = None
        self.concurrency = INFERENCE
        self._library = Lazy(self._open, at_start=False)
        self._lock = threading.Lock()
        self._duplicates: tuple[float, DuplicateGroups] | None = None

    def search(self, query: LibraryQuery) -> LibraryHits:
        """Return the hits of a query, which has an image or words.

        Raises:
            LibraryError: See above; or a filter cannot be used.
            ImageError: The image cannot be used.
            QueryError: The words cannot be used.
        """
        library = self._filled()
        image = None
        if query.image:
            image = open_image(query.image)
            image = crop(image, parse_box(query.box, image.size))
        search = self.remote_search or library.search
        condition = query.filter.condition(library.sources())
        hits = search(image, query.text, query.top_k + bool(query.exclude), condition)
        good = [
            hit
            for hit in hits
            if hit.content != query.exclude and (not query.min_score or shown_score(hit) >= query.min_score)
        ]
        values = {**vars(hits), "hits": tuple(good[: query.top_k])}
        return LibraryHits(**values)

    def browse(self, photo_filter: VisitorFilter, limit: int) -> list[LibraryPhoto]:
        """Return some photos that pass a filter."""
        library = self._filled()
        return library.photos(photo_filter.condition(library.sources()), limit)

    def count(self) -> int:
        """Return the number of photos."""
        return self._filled().count()

    def sources(self) -> list[str]:
        """Return the folders of the library."""
        return self._library().sources()

    def photo(self, digest: str) -> LibraryPhoto:
        """Return a photo.

        Args:
            digest: Digest of its content.

        Raises:
            LibraryError: It is not in the library.
        """
        if re.fullmatch(r"[0-9a-f]{32}", digest):
            photos = self._filled().photos(one_of("content", [digest]))
            if photos:
                return next((photo for photo in photos if os.path.isfile(photo.path)), photos[0])
        raise LibraryError(UNKNOWN_PHOTO)

    def original(self, photo: LibraryPhoto) -> bytes:
        """Return the content of a photo's file.

        Only content that was added to the library ever leaves it: whatever lies at a path by now, such as a
        link to another file, must have the digest that the library holds.

        Raises:
            LibraryError: The file is another one by now, or cannot be read.
        """
        from shared.library.describe import content_digest  # deferred: it needs torch

        try:
            if stat.S_ISREG(os.stat(photo.path).st_mode):  # a pipe would block
                content = read_file(photo.path)
                if content_digest(content) == photo.content:
                    return content
        except (OSError, ImageError) as error:
            raise LibraryError(CHANGED) from error
        raise LibraryError(CHANGED)

    def duplicates(self) -> DuplicateGroups:
        """Return the groups of identical and nearly identical photos, as of the last ten minutes."""
        with self._lock:
            if self._duplicates is None or time.monotonic() - self._duplicates[0] > DUPLICATES_SECONDS:
                self._duplicates = time.monotonic(), self._find_duplicates()
            return self._duplicates[1]

    def _find_duplicates(self) -> DuplicateGroups:
        library = self._filled()
        paths = library.duplicates()
        listed = paths[:MAX_GROUPS]
        photos = _by_path(library, [path for group in listed for path in group])
        groups = [[photos[path] for path in group if path in photos] for group in listed]
        return DuplicateGroups([group for group in groups if len(group) > 1], len(paths))

    def _filled(self) -> Library:
        """Return the library.

        Raises:
            LibraryError: It cannot be used, or has no photos.
        """
        library = self._library()
        if not library.count():
            raise LibraryError(EMPTY)
        return library

    def _open(self) -> Library:
        require_packages()
        try:
            return Library.open(self.uri, create=False)
        except InputError as error:  # its sentence names folders of the server
            log.warning("The photo library cannot be opened: %s", error)
            raise LibraryError(UNAVAILABLE) from error


#: The library of an address, the same for all pages of a process.
shared_library = cache(SharedLibrary)


def shown_score(hit: LibraryHit) -> float:
    """Return the score of a hit that visitors see: its probability, or else its similarity, 0..1."""
    return max(hit.score, 0.0) if hit.probability is None else hit.probability


def _by_path(library: Library, paths: Sequence[str]) -> dict[str, LibraryPhoto]:
    photos: dict[str, LibraryPhoto] = {}
    for start in range(0, len(paths), 100):
        photos |= {photo.path: photo for photo in library.photos(one_of("path", paths[start : start + 100]))}
    return photos
