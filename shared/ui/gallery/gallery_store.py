"""Galleries of all visitors of a page, and the sample gallery that everybody starts with.

A visitor sees the sample images until the first change; then a copy of them becomes the visitor's gallery. It
is stored behind a secret key, which a page keeps in the visitor's session and a program may keep itself, and
is deleted an hour after its last use.

Agents share one session (see `shared.ui.gradio_workarounds.called_by_agent`), so they use keys alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import gradio as gr

from shared.core.images import ImageError
from shared.core.models import Lazy
from shared.core.uploads import UploadReader
from shared.gallery.gallery import MAX_COUNT, Gallery
from shared.gallery.snapshot import GalleryEntry, GalleryFullError
from shared.index.reader import IndexFileError
from shared.ui.gallery.session_store import SessionStore
from shared.ui.gradio_workarounds import called_by_agent

if TYPE_CHECKING:  # needs faiss, for which the first page must not wait
    from shared.gallery.ingest import IngestReport

SUFFIX = ".gallery"  # of a saved gallery
MAX_IMAGES_PER_CALL = 50
UNKNOWN_KEY = "There is no gallery behind this key, or no longer: please add the pictures again."
OTHER_VERSION = "This gallery was saved by another space or version: please add its pictures again."

#: Adds named images to a gallery.
Ingest: TypeAlias = Callable[[Iterable[tuple[str, Path | BinaryIO]], Gallery], "IngestReport"]


class _SessionKey(str):
    """Secret key for `gr.State`, which copies its first value for every session: each copy is a new key."""

    def __deepcopy__(self, memo: dict[int, Any]) -> _SessionKey:
        return _SessionKey(SessionStore.new_key())


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
    """

    key: str
    ids: tuple[int, ...]
    skipped: tuple[tuple[str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON values, without the key."""
        skipped = [{"name": name, "reason": reason} for name, reason in self.skipped]
        return {"added": list(self.ids), "skipped": skipped}


class GalleryStore:
    """Galleries of all visitors of a page.

    The methods take the key of a session and, in API calls, the key of a gallery, which precedes it.

    Args:
        ingest: Describes images and adds them to a gallery.
        samples: Returns the paths of the sample images by name. They are described when first needed.
    """

    def __init__(self, ingest: Ingest, samples: Callable[[], Mapping[str, Path]]) -> None:
        self._ingest, self._samples = ingest, samples
        self._galleries = SessionStore(self._copy_samples, size=lambda gallery: gallery.nbytes)
        self._sample_gallery = Lazy(self._describe_samples)

    def create_session(self) -> VisitorSession:
        """Create the components of a visitor's session; to be called inside a page."""
        key = gr.Textbox("", label="Gallery", visible=False)
        return VisitorSession(self, gr.State(_SessionKey()), key, gr.State(0))

    def get(self, session: str, key: str = "") -> Gallery:
        """Return a gallery to read: of the key, else of the session, else the sample gallery.

        Raises:
            ImageError: The key has no gallery.
        """
        gallery = self._galleries.get(key or session_key(session))
        if key and gallery is None:
            raise ImageError(UNKNOWN_KEY)
        return self._sample_gallery() if gallery is None else gallery

    def get_or_ingest(self, files: Sequence[str] | None, session: str, key: str = "") -> Gallery:
        """Return a gallery of images that came with a call, see `ingest_files`; without any, see `get`."""
        return self.ingest_files(files) if files else self.get(session, key)

    def get_for_update(self, session: str, key: str = "") -> tuple[str, Gallery]:
        """Return the key and the gallery to change, at first a copy of the sample gallery.

        Raises:
            ImageError: The key has no gallery.
        """
        self.get(session, key)  # checks the key, and describes the samples before the store is locked
        key = key or session_key(session) or SessionStore.new_key()
        return key, self._galleries.get_or_create(key)

    def add(
        self, files: Sequence[str], session: str, key: str = "", progress: gr.Progress | None = None
    ) -> UploadReport:
        """Add images from files and ZIP archives; files that cannot be used are skipped.

        Args:
            files: Paths. A saved gallery among them replaces the gallery.
            session: Key of the session.
            key: Key of the gallery.
            progress: Progress bar of the event.

        Raises:
            ImageError: No file at all, a saved gallery that cannot be loaded, or an unknown key.
        """
        if not files:
            raise ImageError("Please choose one or more pictures first.")
        saved = [path for path in files if Path(path).suffix == SUFFIX]
        key, gallery = self._load(saved[-1], session, key) if saved else self.get_for_update(session, key)
        ids = [entry.id for entry in gallery.entries] if saved else []
        uploads = UploadReader([path for path in files if path not in saved])
        report = self._ingest(uploads if progress is None else _with_progress(uploads, progress), gallery)
        self._galleries.trim(key)
        full = [("All others", report.full_message)] if report.full_message else []
        return UploadReport(key, (*ids, *report.ids), (*uploads.skipped, *report.skipped, *full))

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
        skipped = [*self._ingest(uploads, gallery).skipped, *uploads.skipped]
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
            gallery.remove([int(id) for id in ids])
        except (TypeError, ValueError) as error:
            raise ImageError(_unknown_id(gallery)) from error
        return key, gallery

    def clear(self, session: str) -> None:
        """Remove all images from the session's gallery."""
        _, gallery = self.get_for_update(session)
        gallery.clear()

    def reset(self, session: str) -> None:
        """Delete the session's gallery, which brings back the sample images."""
        self._galleries.discard(session_key(session))

    def _load(self, path: str, session: str, key: str) -> tuple[str, Gallery]:
        """Replace a gallery with a saved one.

        Raises:
            ImageError: The file is no gallery, is damaged, holds too much, or comes from another version.
        """
        try:
            gallery = Gallery.load(path, max_count=self._sample_gallery().max_count)
        except (IndexFileError, GalleryFullError, OSError, ValueError) as error:
            reason = str(error).replace(str(path), Path(path).name)
            raise ImageError(f"This gallery cannot be loaded: {reason}") from error
        try:
            if len(gallery) and _feature_types(gallery) != _feature_types(self._sample_gallery()):
                raise ValueError("the features are of other types")
            self._ingest([], gallery)  # checks the fingerprint of the weights
        except ValueError as error:
            raise ImageError(OTHER_VERSION) from error
        key, _ = self.get_for_update(session, key)
        self._galleries.set(key, gallery)
        return key, gallery

    def _copy_samples(self) -> Gallery:
        return self._sample_gallery().copy()

    def _describe_samples(self) -> Gallery:
        samples = self._samples()
        gallery = Gallery(MAX_COUNT + len(samples))  # samples do not count towards a visitor's limit
        self._ingest(samples.items(), gallery)
        return gallery


def find_entry(gallery: Gallery, id: Any) -> GalleryEntry:
    """Return the entry of an image.

    Args:
        gallery: Its gallery.
        id: Number of the image, from a page or an API caller.

    Raises:
        ImageError: No image has this id.
    """
    try:
        return gallery.entry(int(id))
    except (TypeError, ValueError) as error:
        raise ImageError(_unknown_id(gallery)) from error


def contents(key: str, gallery: Gallery) -> dict[str, Any]:
    """Return a gallery's key and its images as JSON values."""
    images = [
        {"id": entry.id, "name": entry.name, "width": entry.size[0], "height": entry.size[1]}
        for entry in gallery.entries
    ]
    return {"gallery": key, "count": len(images), "images": images}


def session_key(session: str) -> str:
    """Return the key of a session; empty for agents, which share one session."""
    return "" if called_by_agent() else session


def _with_progress(uploads: UploadReader, progress: gr.Progress) -> Iterable[tuple[str, BinaryIO]]:
    return progress.tqdm(uploads, total=len(uploads), desc="Pictures", unit="pictures")


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
