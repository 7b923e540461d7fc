"""Galleries of all visitors, and the sample gallery that everybody starts with.

A visitor sees the sample images until the first own ones, which take their place. The images of a visitor
are an album, which all spaces of a server share: each space describes them for its own search, when they are
first needed there. An album is stored behind a secret key (see `shared.ui.gallery.visitor_key`) from its
first change on, and is deleted an hour after its last use.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import gradio as gr

from shared.core.diffusion.monitor import StopRequest
from shared.core.images import ImageError
from shared.core.models import Lazy
from shared.core.uploads import UploadReader
from shared.gallery.gallery import MAX_COUNT, Gallery
from shared.ui.batch import PROGRESS
from shared.ui.gallery.album_store import ALBUMS, AlbumStore, VisitorAlbum
from shared.ui.gallery.entries import find_ids
from shared.ui.gallery.saved_galleries import has_features_of, load_saved, split_saved
from shared.ui.gallery.upload_report import UploadReport
from shared.ui.gallery.visitor_key import session_key, session_state

if TYPE_CHECKING:  # these need faiss, for which the first page must not wait
    from shared.gallery.album import AlbumGallery
    from shared.gallery.ingest import DescribedImage, ImageInput, SkipCallback
    from shared.gallery.search import GallerySearch

MAX_IMAGES_PER_CALL = 50
UNKNOWN_KEY = "There is no gallery behind this key, or no longer: please add the pictures again."


@dataclass(frozen=True)
class VisitorSession:
    """Components that hold a visitor's session on a page.

    Attributes:
        store: Galleries of all visitors.
        session: Key of the session, for the methods of `store`.
        key: Gallery key of an API call, which precedes the session's; empty on the page.
        version: Number that changes with the visitor's gallery.
    """

    store: GalleryStore
    session: gr.State
    key: gr.Textbox
    version: gr.State


class GalleryStore:
    """Galleries of all visitors of a space.

    The methods take the key of a session and, in API calls, the key of a gallery, which precedes it.

    Args:
        search: Returns the search that describes images.
        samples: Returns the paths of the sample images by name, which are the same in all spaces of a server.
            They are described when first needed.
        albums: Images of all visitors; by default those that all spaces of this server share.
    """

    def __init__(
        self,
        search: Callable[[], GallerySearch],
        samples: Callable[[], Mapping[str, Path]],
        albums: AlbumStore | None = None,
    ) -> None:
        self._search, self._samples = search, samples
        self._albums = ALBUMS if albums is None else albums
        self._sample_gallery = Lazy(self._describe_samples, at_start=False)

    def create_session(self) -> VisitorSession:
        """Create the components of a visitor's session; to be called inside a page."""
        key = gr.Textbox("", label="Gallery", visible=False)
        return VisitorSession(self, session_state(), key, gr.State(0))

    def get(self, session: str, key: str = "") -> Gallery:
        """Return a gallery to read: of the key, else of the session, else the sample gallery.

        A visitor whose images were evicted is told so, once.

        Raises:
            ImageError: The key has no gallery.
        """
        name = key or session_key(session)
        album = self._albums.get(name)
        if album is not None:
            return self._described(name, album)
        evicted = self._albums.pop_notice(name)
        if key:
            raise ImageError(_eviction(evicted) if evicted else UNKNOWN_KEY)
        if evicted:
            gr.Warning(_eviction(evicted), duration=None, title="Your gallery")
        return self._sample_gallery()

    def get_or_ingest(self, files: Sequence[str] | None, session: str, key: str = "") -> Gallery:
        """Return a gallery of images that came with a call, see `ingest_files`; without any, see `get`."""
        return self.ingest_files(files) if files else self.get(session, key)

    @contextmanager
    def change(self, session: str, key: str = "") -> Iterator[tuple[str, AlbumGallery]]:
        """Open a gallery for changes, at first a copy of the sample gallery, which is kept if it is changed.

        Yields:
            The key and the gallery.

        Raises:
            ImageError: The key has no gallery.
        """
        self.get(session, key)  # checks the key, and describes the samples before the store is locked
        key = key or session_key(session) or AlbumStore.new_key()
        with self._albums.open(key, self._copy_samples) as album:
            yield key, self._described(key, album)

    def add(
        self,
        files: Sequence[str],
        session: str,
        key: str = "",
        progress: gr.Progress | None = None,
        stop: StopRequest | None = None,
    ) -> UploadReport:
        """Add images from files and ZIP archives; files that cannot be used are skipped.

        The first ones take the place of the sample images.

        Args:
            files: Paths. A saved gallery among them, the last that can be loaded, replaces the gallery.
            session: Key of the session.
            key: Key of the gallery.
            progress: Progress bar of the event.
            stop: Read before each image; the images before a stop stay.

        Raises:
            ImageError: No file at all, an unknown key, or a single saved gallery that cannot be loaded.
        """
        if not files:
            raise ImageError("Please choose one or more pictures first.")
        saved, others = split_saved(files)
        skipped: list[tuple[str, str]] = []
        ids: list[int] = []
        with self.change(session, key) as (key, gallery):
            for path in saved:
                try:
                    gallery = self._load(path, key)
                    ids = [entry.id for entry in gallery.entries]
                except ImageError as error:
                    if len(files) == 1:
                        raise
                    skipped.append((Path(path).name, str(error)))
            uploads = UploadReader(others)
            named: Iterable[tuple[str, BinaryIO]] = uploads
            if progress is not None:
                named = _with_progress(uploads, progress)
            if stop is not None:
                named = itertools.takewhile(lambda _: not stop.is_set(), named)
            report = self._search().add(named, gallery)
            if report.ids:
                gallery.remove([id for id in gallery.snapshot().ids if id < len(self._samples())])
        skipped += (*uploads.skipped, *report.skipped)
        if report.full_message:
            skipped.append(("All others", report.full_message))
        stopped = stop is not None and stop.is_set()
        key = key if key in self._albums else ""
        return UploadReport(key, (*ids, *report.ids), tuple(skipped), stopped)

    def ingest_files(self, files: Sequence[str]) -> Gallery:
        """Return a gallery for one call, of images that came with it.

        Args:
            files: Paths of at most `MAX_IMAGES_PER_CALL` images, or of ZIP archives with as many.

        Raises:
            ImageError: Too many images, or none that can be read.
        """
        uploads = UploadReader(files)
        if len(uploads) > MAX_IMAGES_PER_CALL:
            raise ImageError(
                f"These are {len(uploads)} pictures; up to {MAX_IMAGES_PER_CALL} can come with one call."
            )
        gallery = Gallery()
        skipped = [*self._search().add(uploads, gallery).skipped, *uploads.skipped]
        if not len(gallery):
            reason = skipped[0][1] if skipped else ""
            raise ImageError(f"None of these files is a picture that can be used. {reason}")
        return gallery

    def remove(self, ids: Iterable[Any], session: str, key: str = "") -> tuple[str, Gallery]:
        """Remove images from a gallery, and return its key, if it is kept, and the gallery.

        Raises:
            ImageError: An id or the key is unknown; then nothing is removed.
        """
        gallery = self.get(session, key)
        numbers = find_ids(gallery, ids)
        if not numbers:
            key = key or session_key(session)
            return key if key in self._albums else "", gallery
        with self.change(session, key) as (key, changed):
            changed.remove(numbers)
        return key, changed

    def count_own(self, session: str) -> int:
        """Return the number of images in the session's gallery that are not samples."""
        album = self._albums.get(session_key(session))
        return 0 if album is None else album.own_count

    def clear(self, session: str) -> None:
        """Remove all images from the session's gallery."""
        if len(self.get(session)):
            with self.change(session) as (_, gallery):
                gallery.clear()

    def reset(self, session: str) -> None:
        """Delete the session's gallery, which brings back the sample images."""
        self._albums.discard(session_key(session))

    def _load(self, path: str, key: str) -> AlbumGallery:
        """Replace a gallery with a saved one and return it.

        Its features are used if they are of this space's search and weights; else its images are described.

        Raises:
            ImageError: The file is no gallery, is damaged, or holds too much.
        """
        first_id = len(self._samples())
        images, saved = load_saved(path, first_id)
        album = VisitorAlbum(images, first_id)
        gallery = album.gallery(self)
        if has_features_of(saved, self._search(), self._sample_gallery()):
            snapshot = saved.snapshot()
            for id, entry in snapshot.entries.items():
                gallery.put(replace(entry, id=first_id + id), snapshot.image_features(id))
        gallery.update(self._describe)
        self._albums.set(key, album)
        return gallery

    def _described(self, key: str, album: VisitorAlbum) -> AlbumGallery:
        """Return the gallery of this space over an album, up to date."""
        gallery = album.gallery(self)
        version = gallery.version
        has_samples = min(album.album.snapshot().ids, default=MAX_COUNT) < len(self._samples())
        gallery.update(self._describe, self._sample_gallery() if has_samples else None)
        if gallery.version != version:
            self._albums.trim(key)
        return gallery

    def _describe(
        self, images: Iterable[tuple[str, ImageInput]], on_skip: SkipCallback
    ) -> Iterator[DescribedImage]:
        """Describe images, with a progress bar on the page where there are any."""
        named = list(images)
        if not named:
            return iter(())
        described = self._search().describe_stream(named, on_skip)
        return iter(PROGRESS.tqdm(described, total=len(named), desc="Your pictures", unit="pictures"))

    def _copy_samples(self) -> VisitorAlbum:
        from shared.gallery.album import album_of  # deferred, see above

        return VisitorAlbum(album_of(self._sample_gallery()), len(self._samples()))

    def _describe_samples(self) -> Gallery:
        samples = self._samples()
        gallery = Gallery(MAX_COUNT + len(samples))  # samples do not count towards a visitor's limit
        self._search().add(samples.items(), gallery)
        return gallery


def _eviction(count: int) -> str:
    """Return the sentence for a visitor whose images were evicted."""
    images, pronoun = ("picture", "it") if count == 1 else (f"{count:,} pictures", "them")
    return f"The server was full, so your {images} had to go: please add {pronoun} again."


def _with_progress(uploads: UploadReader, progress: gr.Progress) -> Iterable[tuple[str, BinaryIO]]:
    return progress.tqdm(uploads, total=len(uploads), desc="Pictures", unit="pictures")
