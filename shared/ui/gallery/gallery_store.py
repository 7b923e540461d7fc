"""Whose pictures a page works on: a visitor's own, those behind a key, or the samples that all see first.

A visitor sees the sample photos until the first change; then a copy of them becomes the visitor's own. What
somebody adds is behind a secret key, which a page keeps in the visitor's session and a program may keep
itself. It is gone an hour after its last use or after the page was closed.

Agents have no session: Gradio's MCP server calls functions through a single client of its own, so what a
session holds would be seen by all of them. Its calls are known by a header, and go by keys alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from shared.core.images import ImageError
from shared.core.models import Lazy
from shared.core.uploads import UploadReader
from shared.gallery.gallery import MAX_COUNT, Gallery
from shared.gallery.snapshot import GalleryFullError
from shared.index.file import IndexFileError
from shared.ui.gallery.session_store import SessionStore

SUFFIX = ".gallery"  # of a saved gallery
AT_ONCE = 50  # pictures that may come along with one question
NO_SUCH = "There is no gallery behind this key, or no longer: please add the pictures again."
OTHER_VERSION = "This gallery was saved by another space or version: please add its pictures again."


class _SessionKey(str):
    """A key for `gr.State`, which copies its first value for every session: each copy is another key."""

    def __deepcopy__(self, memo: Any) -> "_SessionKey":
        return _SessionKey(SessionStore.new_key())


@dataclass(frozen=True)
class VisitorSession:
    """What a page keeps of each visitor.

    Attributes:
        galleries: Those of all visitors.
        session: The session's key, for the methods of `galleries`.
        key: Of the API alone: the key that a program gives, after the session's in those methods.
        version: Changes whenever the visitor's gallery does; an input of what has to be made anew then.
    """

    galleries: "GalleryStore"
    session: gr.State
    key: gr.Textbox
    version: gr.State


class GalleryStore:
    """The galleries of all visitors of a page.

    Args:
        add: Describes pictures and puts them into a gallery: takes an iterable of `(name, source)` and the
            gallery, and returns what has the attributes `ids`, `skipped`, of `(name, reason)`, and `full`, a
            sentence if there was no room for all.
        samples: Gives the sample photos, path by name. They are described when first seen.
    """

    def __init__(
        self,
        add: Callable[[Iterable[tuple[str, Any]], Gallery], Any],
        samples: Callable[[], Mapping[str, Path]],
    ) -> None:
        self._add, self._samples = add, samples
        self._lockers = SessionStore(self._copy, size=lambda gallery: gallery.nbytes)
        self._starter = Lazy(self._describe_samples)

    def visit(self) -> VisitorSession:
        """What a page keeps of each visitor; to be called among its components."""
        key = gr.Textbox("", label="Gallery", visible=False)
        return VisitorSession(self, gr.State(_SessionKey()), key, gr.State(0))

    def seen(self, session: str, key: str = "") -> Gallery:
        """The gallery to look at: the one behind a key, else the visitor's own, else the sample photos.

        It must not be changed.

        Args:
            session: What the session's component holds.
            key: What a caller gives; empty for none.

        Raises:
            ImageError: There is nothing behind the key.
        """
        found = self._lockers.find(key or _own_key(session))
        if key and found is None:
            raise ImageError(NO_SUCH)
        return self._starter() if found is None else found

    def among(self, photos: Sequence[str] | None, session: str, key: str = "") -> Gallery:
        """The gallery to look at in one call: of the photos that came with it, else as `seen` tells."""
        return self.of(photos) if photos else self.seen(session, key)

    def own(self, session: str, key: str = "") -> tuple[str, Gallery]:
        """The gallery to change and its key; a copy of the sample photos where there is none yet.

        Args:
            session: See `seen`.
            key: See `seen`.
        """
        self.seen(session, key)  # says so if there is none, and describes the samples before the lockers wait
        key = key or _own_key(session) or SessionStore.new_key()
        return key, self._lockers.open(key)

    def add(
        self, files: Sequence[str], session: str, key: str = "", progress: gr.Progress | None = None
    ) -> tuple[str, list[int], list[tuple[str, str]]]:
        """Adds pictures from files and ZIP archives. What is none is skipped, and the rest goes on.

        Args:
            files: Paths. A saved gallery among them takes the place of the one that was there.
            session: See `seen`.
            key: See `seen`.
            progress: The event's progress bar.

        Returns:
            The gallery's key, the ids of the new pictures, and name and reason of each file that was skipped.

        Raises:
            ImageError: No file at all, or a saved gallery that cannot be loaded.
        """
        if not files:
            raise ImageError("Please choose one or more pictures first.")
        saved = [path for path in files if Path(path).suffix == SUFFIX]
        key, gallery = self._load(saved[-1], session, key) if saved else self.own(session, key)
        ids = [entry.id for entry in gallery.entries] if saved else []
        uploads = UploadReader([path for path in files if path not in saved])
        added = self._add(uploads if progress is None else _told(uploads, progress), gallery)
        self._lockers.tidy(key)
        skipped = [*uploads.skipped, *added.skipped, *([("All others", added.full)] if added.full else [])]
        return key, [*ids, *added.ids], skipped

    def of(self, files: Sequence[str]) -> Gallery:
        """A gallery for one call only, of the pictures that came with it.

        Args:
            files: Paths of at most `AT_ONCE` pictures, or of ZIP archives with as many.

        Raises:
            ImageError: Too many, or none that can be read.
        """
        uploads = UploadReader(files)
        if len(uploads) > AT_ONCE:
            raise ImageError(f"These are {len(uploads)} pictures; at most {AT_ONCE} go at once.")
        gallery = Gallery()
        skipped = [*self._add(uploads, gallery).skipped, *uploads.skipped]
        if not len(gallery):
            raise ImageError(f"None of these files is a picture that can be used. {skipped[0][1]}")
        return gallery

    def remove(
        self, ids: Iterable[int], session: str, key: str = "", *, everything: bool = False
    ) -> tuple[str, Gallery]:
        """Takes pictures out of the gallery, some or all of them.

        Returns:
            The gallery and its key; see `own` for the rest.

        Raises:
            ImageError: There is no picture under one of the ids.
        """
        key, gallery = self.own(session, key)
        if everything:
            gallery.clear()
            return key, gallery
        try:
            gallery.remove([int(id) for id in ids])
        except (KeyError, TypeError, ValueError) as error:
            raise ImageError(_unknown(gallery)) from error
        return key, gallery

    def entry(self, gallery: Gallery, id: int) -> Any:
        """The entry of a picture; one sentence where there is none."""
        try:
            return gallery.entry(int(id))
        except (KeyError, TypeError, ValueError) as error:
            raise ImageError(_unknown(gallery)) from error

    def restart(self, session: str) -> None:
        """Forgets the visitor's own gallery, so that the sample photos are seen again."""
        self._lockers.drop(_own_key(session))

    def _load(self, path: str, session: str, key: str) -> tuple[str, Gallery]:
        """Puts a saved gallery in place of the visitor's own.

        Raises:
            ImageError: The file is none, is damaged, holds too much, or was made by another version.
        """
        try:
            gallery = Gallery.load(path, max_count=self._starter().max_count)
        except (IndexFileError, GalleryFullError, OSError, ValueError) as error:
            words = str(error).replace(str(path), Path(path).name)
            raise ImageError(f"This gallery cannot be loaded: {words}") from error
        try:
            if len(gallery) and _kinds(gallery) != _kinds(self._starter()):
                raise ValueError
            self._add([], gallery)  # which looks whether its features are those that are made here
        except ValueError as error:
            raise ImageError(OTHER_VERSION) from error
        key, _ = self.own(session, key)
        self._lockers.put(key, gallery)
        return key, gallery

    def _copy(self) -> Gallery:
        return self._starter().copy()

    def _describe_samples(self) -> Gallery:
        samples = self._samples()
        gallery = Gallery(
            MAX_COUNT + len(samples)
        )  # which copies keep: visitors' own pictures have all the room
        self._add([(name, path) for name, path in samples.items()], gallery)
        return gallery


def contents(key: str, gallery: Gallery) -> dict[str, Any]:
    """What a gallery holds, as plain values."""
    pictures = [
        {"id": entry.id, "name": entry.name, "width": entry.size[0], "height": entry.size[1]}
        for entry in gallery.entries
    ]
    return {"gallery": key, "count": len(pictures), "pictures": pictures}


def _own_key(session: str) -> str:
    """The key of the session, or an empty one where several callers share it; see above."""
    request = LocalContext.request.get(None)
    return "" if request is not None and request.headers.get("x-gradio-user") == "mcp" else session


def _told(uploads: UploadReader, progress: gr.Progress) -> Iterable[tuple[str, Any]]:
    return progress.tqdm(uploads, total=len(uploads), desc="Pictures", unit="pictures")


def _unknown(gallery: Gallery) -> str:
    ids = [entry.id for entry in gallery.entries]
    known = f"its ids run from {min(ids)} to {max(ids)}" if ids else "it is empty"
    return f"The gallery has no picture of this id; {known}."


def _kinds(gallery: Gallery) -> dict[str, Any]:
    """Name, type and shape of what is known of each picture."""
    snapshot = gallery.snapshot()
    first = snapshot.ids[0]
    values = {kind: snapshot.feature(kind, first) for kind in snapshot.kinds}
    return {kind: (value.dtype, value.shape) for kind, value in values.items()}
