"""Photo files of folders: all levels, symbolic links without loops, nothing that could block."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from shared.core.file_names import is_system_file
from shared.core.image_files import is_image
from shared.library.errors import LibraryError

#: Called with the path of each file or folder that cannot be used, and a sentence.
SkipCallback = Callable[[str, str], None]

_UNREADABLE_FOLDER = "This folder cannot be read: please check its permissions."
_UNREADABLE_NAME = "The name of this file is not valid Unicode: please rename it."


class PhotoFile(NamedTuple):
    """Photo file on a disk, with what tells whether it has changed.

    Attributes:
        path: Absolute path.
        bytes: Size.
        modified: Time of the last change in microseconds since 1970.
    """

    path: str
    bytes: int
    modified: int

    @classmethod
    def of(cls, path: str, status: os.stat_result) -> PhotoFile:
        """Return the file at a path."""
        return cls(path, status.st_size, status.st_mtime_ns // 1000)


def expand_sources(sources: str | Path | Sequence[str | Path]) -> list[str]:
    """Return the absolute paths of folders, files and glob patterns.

    Raises:
        LibraryError: A source does not exist, or a pattern matches nothing.
    """
    paths: list[str] = []
    for source in [sources] if isinstance(sources, (str, Path)) else sources:
        path = os.path.abspath(os.path.expanduser(source))
        try:
            exists = os.path.lexists(path)
        except ValueError as error:  # a zero byte
            raise LibraryError(f"{source!r} is not the name of a file or folder.") from error
        matches = [path] if exists else sorted(glob.iglob(path, recursive=True))
        if not matches:
            kind = "match any file or folder" if glob.has_magic(path) else "exist"
            raise LibraryError(f"{source} does not {kind}: please check the path.")
        paths += matches
    return list(dict.fromkeys(paths))


def walk(paths: Sequence[str], on_skip: SkipCallback, excluded: Collection[str] = ()) -> Iterator[PhotoFile]:
    """List photo files, each once, folder by folder in alphabetical order.

    Links to folders are followed, each folder is listed once whatever leads to it, and everything but regular
    files is left out, since reading a pipe or a device may block.

    Args:
        paths: Absolute paths of folders and files.
        on_skip: See above.
        excluded: Paths of files and folders that are left out.
    """
    excluded = frozenset(excluded)
    visited: set[tuple[int, int]] = set()
    parents = [path for path in paths if os.path.isdir(path)]
    for source in paths:
        try:
            status = os.stat(source)
        except OSError:
            on_skip(printable(source), "It cannot be found or read: please check the path.")
            continue
        if not stat.S_ISDIR(status.st_mode):
            if not is_below(source, parents):
                yield from _usable(source, status, on_skip)
            continue
        pending = [source]
        while pending:
            folder = pending.pop()
            folders, files = _list_folder(folder, visited, on_skip)
            pending += sorted((path for path in folders if path not in excluded), reverse=True)
            for path, status in sorted(files, key=lambda file: file[0]):
                if path not in excluded:
                    yield from _usable(path, status, on_skip)


def is_below(path: str, folders: Collection[str]) -> bool:
    """Return True if a path is one of some folders, or lies in one of them.

    >>> is_below("/a/b/c.jpg", ["/a/b"]), is_below("/a/bc.jpg", ["/a/b"])
    (True, False)
    """
    return any(path == folder or path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)


def printable(path: str) -> str:
    """Return a path as valid Unicode."""
    return path.encode("utf-8", "replace").decode("utf-8")


def _usable(path: str, status: os.stat_result, on_skip: SkipCallback) -> Iterator[PhotoFile]:
    """Return a file, if it is a regular one with a valid name."""
    if not stat.S_ISREG(status.st_mode):
        on_skip(printable(path), "This is no file, but a pipe or a device.")
    elif printable(path) != path:
        on_skip(printable(path), _UNREADABLE_NAME)
    else:
        yield PhotoFile.of(path, status)


def _list_folder(
    folder: str, visited: set[tuple[int, int]], on_skip: SkipCallback
) -> tuple[list[str], list[tuple[str, os.stat_result]]]:
    """Return the folders and image files in a folder; none if it was listed before or cannot be read."""
    folders: list[str] = []
    files: list[tuple[str, os.stat_result]] = []
    try:
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in visited:
            return [], []
        visited.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_system_file(entry.name):
                    continue
                try:
                    if entry.is_dir():
                        folders.append(entry.path)
                    elif is_image(entry.name):
                        files.append((entry.path, entry.stat()))
                except OSError:  # a link that leads nowhere, or to itself
                    if is_image(entry.name):
                        on_skip(printable(entry.path), "This link leads to no file.")
    except OSError:
        on_skip(printable(folder), _UNREADABLE_FOLDER)
    return folders, files
