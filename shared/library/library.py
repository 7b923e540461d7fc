"""Photo library: photos of any number on a disk, described once and searched in place.

library = Library.open("my-library")
library.add("photos/")
for hit in library.search(text="two dogs on a beach"):
    print(hit.path, round(hit.score, 3))
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from shared.core.images import Source
from shared.library.errors import LibraryError, require_packages
from shared.library.results import LibraryHits, LibraryReport, LibraryStats, Progress


class Library:
    """Photo library; `Library.open` returns one. It is a context manager, which closes it."""

    @classmethod
    def open(
        cls,
        uri: str | os.PathLike,
        create: bool = True,
        *,
        storage_options: Mapping[str, str] | None = None,
    ) -> Library:
        """Open a library.

        Args:
            uri: Folder, or address in object storage (`s3://bucket/folder`).
            create: True makes a new library where there is none.
            storage_options: Options of the object storage, such as a region; see LanceDB.

        Raises:
            LibraryError: There is no library, it cannot be read, or packages are missing.
        """
        require_packages()
        raise LibraryError("The library cannot be opened yet.")

    def add(
        self, sources: str | Path | Sequence[str | Path], progress: Progress | None = None
    ) -> LibraryReport:
        """Add photos: folders (with all folders in them), glob patterns, files.

        Raises:
            LibraryError: A source does not exist, or another program is writing.
        """
        raise LibraryError("Photos cannot be added yet.")

    def update(self, progress: Progress | None = None) -> LibraryReport:
        """Walk the added folders again: new, changed, moved and deleted photos.

        Raises:
            LibraryError: Another program is writing.
        """
        raise LibraryError("The library cannot be updated yet.")

    def remove(self, paths: str | Path | Sequence[str | Path]) -> int:
        """Remove files, or all photos of folders, from the library and return their number.

        The files themselves stay.

        Raises:
            LibraryError: Another program is writing.
        """
        raise LibraryError("Photos cannot be removed yet.")

    def search(
        self,
        image: Source | None = None,
        text: str | None = None,
        top_k: int = 20,
        where: str | None = None,
    ) -> LibraryHits:
        """Find photos that resemble an image, match a text, or both.

        Raises:
            LibraryError: `where` cannot be read.
            QueryError: The text cannot be used, or there is neither image nor text.
            ImageError: The image cannot be used.
            ValueError: `top_k` is out of range.
        """
        raise LibraryError("The library cannot be searched yet.")

    def duplicates(self, *, max_bits: int = 8, min_cosine: float = 0.85) -> list[list[str]]:
        """Return groups of the paths of identical and nearly identical photos."""
        raise LibraryError("Duplicates cannot be listed yet.")

    def stats(self) -> LibraryStats:
        """Return statistics of the library."""
        raise LibraryError("There are no statistics yet.")

    def close(self) -> None:
        """Close the library."""

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
