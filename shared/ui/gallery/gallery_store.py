"""Galleries of all visitors, and the sample gallery that everybody starts with.

A visitor sees the sample images until the first own ones, which take their place. The images of a visitor
are an album, which all spaces of a server share: each space describes them for its own search, when they are
first needed there. An album is stored behind a secret key (see `shared.ui.gallery.visitor_key`), and is
deleted an hour after its last use.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import gradio as gr

from shared.core.diffusion.monitor import StopRequest
from shared.core.images import ImageError
from shared.core.models import Lazy
from shared.core.uploads import UploadReader
from shared.gallery.gallery import MAX_COUNT, Gallery
from shared.gallery.snapshot import GalleryEntry, GalleryFullError
from shared.index.reader import IndexFileError
from shared.ui.batch import PROGRESS
from shared.ui.gallery.session_store import SessionStore
from shared.ui.gallery.visitor_key import session_key, session_state

if TYPE_CHECKING:  # these need faiss, for which the first page must not wait
    from shared.gallery.album import AlbumGallery
    from shared.gallery.ingest import DescribedImage, ImageInput, SkipCallback
    from shared.gallery.search import GallerySearch

SUFFIX = ".gallery"  # of a saved gallery
MAX_IMAGES_PER_CALL = 50
UNKNOWN_KEY = "There is no gallery behind this key, or no longer: please add the pictures again."

#: Albums of all visitors, which the galleries of all spaces of this server share.
ALBUMS: SessionStore[Gallery] = SessionStore(Gallery, size=lambda album: album.nbytes)


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


@dataclass(frozen=True)
class UploadReport:
    """Outcome of an upload.

    Attributes:
        key: Key of the gallery.
        ids: Ids of the new images.
        skipped: Name and reason of each file that was skipped.
        stopped: True if the visitor stopped the upload before its end.
    """

    key: str
    ids: tuple[int, ...]
    skipped: tuple[tuple[str, str], ...]
    stopped: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON values, without the key."""
        skipped = [{"name": name, "reason": reason} for name, reason in self.skipped]
        return {"added": list(self.ids), "skipped": skipped}


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
        albums: SessionStore[Gallery] | None = None,
    ) -> None:
        self._search, self._samples = search, samples
        self._albums = ALBUMS if albums is None else albums
        self._galleries: SessionStore[AlbumGallery] = SessionStore(
            lambda: _gallery_over(Gallery()), size=lambda gallery: gallery.nbytes
        )
        self._sample_gallery = Lazy(self._describe_samples)

    def create_session(self) -> VisitorSession:
        """Create the components of a visitor's session; to be called inside a page."""
        key = gr.Textbox("", label="Gallery", visible=False)
        return VisitorSession(self, session_state(), key, gr.State(0))

    def get(self, session: str, key: str = "") -> Gallery:
        """Return a gallery to read: of the key, else of the session, else the sample gallery.

        Raises:
            ImageError: The key has no gallery.
        """
        album = self._albums.get(key or session_key(session))
        if key and album is None:
            raise ImageError(UNKNOWN_KEY)
        return (
            self._sample_gallery() if album is None else self._described(key or session_key(session), album)
        )

    def get_or_ingest(self, files: Sequence[str] | None, session: str, key: str = "") -> Gallery:
        """Return a gallery of images that came with a call, see `ingest_files`; without any, see `get`."""
        return self.ingest_files(files) if files else self.get(session, key)

    def get_for_update(self, session: str, key: str = "") -> tuple[str, AlbumGallery]:
        """Return the key and the gallery to change, at first a copy of the sample gallery.

        Raises:
            ImageError: The key has no gallery.
        """
        self.get(session, key)  # checks the key, and describes the samples before the store is locked
        key = key or session_key(session) or SessionStore.new_key()
        return key, self._described(key, self._albums.get_or_create(key, self._copy_samples))

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
        saved = [path for path in files if Path(path).suffix == SUFFIX]
        others = [path for path in files if path not in saved]
        skipped: list[tuple[str, str]] = []
        ids: list[int] = []
        key, gallery = self.get_for_update(session, key)
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
        self._albums.trim(key)
        self._galleries.trim(key)
        skipped += (*uploads.skipped, *report.skipped)
        if report.full_message:
            skipped.append(("All others", report.full_message))
        stopped = stop is not None and stop.is_set()
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
        """Remove images from a gallery, and return its key and the gallery.

        Raises:
            ImageError: An id or the key is unknown; then nothing is removed.
        """
        key, gallery = self.get_for_update(session, key)
        try:
            gallery.remove([_as_id(id) for id in ids])
        except (TypeError, ValueError) as error:
            raise ImageError(_unknown_id(gallery)) from error
        return key, gallery

    def count_own(self, session: str) -> int:
        """Return the number of images in the session's gallery that are not samples."""
        ids = self.get(session).snapshot().ids
        return sum(id >= len(self._samples()) for id in ids)

    def clear(self, session: str) -> None:
        """Remove all images from the session's gallery."""
        _, gallery = self.get_for_update(session)
        gallery.clear()

    def reset(self, session: str) -> None:
        """Delete the session's gallery, which brings back the sample images."""
        self._albums.discard(session_key(session))
        self._galleries.discard(session_key(session))

    def _load(self, path: str, key: str) -> AlbumGallery:
        """Replace a gallery with a saved one and return it.

        Its features are used if they are of this space's search and weights; else its images are described.

        Raises:
            ImageError: The file is no gallery, is damaged, or holds too much.
        """
        first_id = len(self._samples())  # lower ones are the samples'
        try:
            saved = Gallery.load(path, max_count=MAX_COUNT + first_id)
        except (IndexFileError, GalleryFullError, OSError, ValueError) as error:
            reason = str(error).replace(str(path), Path(path).name)
            raise ImageError(f"This gallery cannot be loaded: {reason}") from error
        snapshot, is_usable = saved.snapshot(), self._is_usable(saved)
        gallery = _gallery_over(Gallery(saved.max_count, first_id=first_id))
        for id, entry in snapshot.entries.items():
            moved = replace(entry, id=first_id + id)
            gallery.album.put(moved, {})
            if is_usable:
                gallery.put(moved, snapshot.image_features(id))
        gallery.update(self._describe)
        self._albums.set(key, gallery.album)
        self._galleries.set(key, gallery)
        return gallery

    def _is_usable(self, saved: Gallery) -> bool:
        """Return True if the features of a saved gallery are those of this space's search and weights."""
        if not len(saved) or _feature_types(saved) != _feature_types(self._sample_gallery()):
            return False
        try:
            self._search().add([], saved)  # checks the fingerprint of the weights
        except ValueError:
            return False
        return True

    def _described(self, key: str, album: Gallery) -> AlbumGallery:
        """Return the gallery of this space over an album, up to date."""
        gallery = self._galleries.get_or_create(key, lambda: _gallery_over(album))
        if gallery.album is not album:
            gallery = _gallery_over(album)
            self._galleries.set(key, gallery)
        has_samples = min(album.snapshot().ids, default=MAX_COUNT) < len(self._samples())
        gallery.update(self._describe, self._sample_gallery() if has_samples else None)
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

    def _copy_samples(self) -> Gallery:
        from shared.gallery.album import album_of  # deferred, see above

        return album_of(self._sample_gallery())

    def _describe_samples(self) -> Gallery:
        samples = self._samples()
        gallery = Gallery(MAX_COUNT + len(samples))  # samples do not count towards a visitor's limit
        self._search().add(samples.items(), gallery)
        return gallery


def _gallery_over(album: Gallery) -> AlbumGallery:
    """Return a gallery without features yet over an album."""
    from shared.gallery.album import AlbumGallery  # deferred, see above

    return AlbumGallery(album)


def find_entry(gallery: Gallery, id: Any) -> GalleryEntry:
    """Return the entry of an image.

    Args:
        gallery: Its gallery.
        id: Number of the image, from a page or an API caller.

    Raises:
        ImageError: No image has this id.
    """
    try:
        return gallery.entry(_as_id(id))
    except (TypeError, ValueError) as error:
        raise ImageError(_unknown_id(gallery)) from error


def contents(key: str, gallery: Gallery) -> dict[str, Any]:
    """Return a gallery's key and its images as JSON values."""
    images = [
        {"id": entry.id, "name": entry.name, "width": entry.size[0], "height": entry.size[1]}
        for entry in gallery.entries
    ]
    return {"gallery": key, "count": len(images), "images": images}


def _with_progress(uploads: UploadReader, progress: gr.Progress) -> Iterable[tuple[str, BinaryIO]]:
    return progress.tqdm(uploads, total=len(uploads), desc="Pictures", unit="pictures")


def _as_id(value: Any) -> int:
    """Return a number from a page or a program as an id.

    Raises:
        ValueError: It is no whole number.
    """
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(f"an id must be a whole number, received {value!r}")
    return int(value)


def _unknown_id(gallery: Gallery) -> str:
    ids = [entry.id for entry in gallery.entries]
    available = f"its ids run from {min(ids)} to {max(ids)}" if ids else "it is empty"
    return f"The gallery has no picture with this id; {available}."


def _feature_types(gallery: Gallery) -> dict[str, tuple[Any, tuple[int, ...]]]:
    """Return type and shape of the first image's features by name."""
    snapshot = gallery.snapshot()
    first = snapshot.ids[0]
    features = {name: snapshot.feature(name, first) for name in snapshot.feature_names}
    return {name: (value.dtype, value.shape) for name, value in features.items()}
