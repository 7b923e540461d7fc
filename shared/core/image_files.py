"""Image files of data sets and galleries: in folders, in ZIP archives, in lists."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import BinaryIO, cast

from PIL import Image

from shared.core.file_names import is_system_file
from shared.core.images import ImageError, open_image, read_file
from shared.core.images.files import decode_file
from shared.core.uploads import UNREADABLE

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
_HEIC_SUFFIXES = (".heic", ".heif")  # read by a library of their own, not by PIL

_thread = threading.local()


@dataclass(frozen=True)
class ImageFile:
    """Image of a data set: a file, or a member of a ZIP archive.

    Attributes:
        path: The file, or the archive.
        member: Name inside the archive; empty for a file.
    """

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """File name without folders and suffix."""
        return PurePath(self.member or self.path).stem

    @property
    def folder(self) -> str:
        """Name of the folder that holds the file: the class, in many data sets."""
        return PurePath(self.member or self.path).parent.name

    def open(self) -> BinaryIO:
        """Open the file for reading."""
        if self.member:
            return cast(BinaryIO, _archive(self.path).open(self.member))
        return self.path.open("rb")

    def image(self) -> Image.Image:
        """Decode the image as RGB, its pixels as stored."""
        source = io.BytesIO(_archive(self.path).read(self.member)) if self.member else self.path
        if PurePath(self.member or self.path).suffix.lower() in _HEIC_SUFFIXES:
            return decode_file(read_file(source)).convert("RGB")
        return Image.open(source).convert("RGB")

    def open_image(self) -> Image.Image:
        """Decode the image as an upload is decoded, see `shared.core.images.open_image`.

        Raises:
            ImageError: The file is no image that can be used.
        """
        try:
            with self.open() as file:
                return open_image(file)
        except ImageError:
            raise
        except UNREADABLE as error:
            raise ImageError(f"The file cannot be read ({error}).") from error


def read_images(sources: Iterable[str | Path]) -> list[ImageFile]:
    """List image files: source by source, and within a folder or an archive sorted by path.

    Args:
        sources: Folders (searched recursively), ZIP archives, images, and text files that list any of
            these, one path per line, relative to the text file's folder. Hidden files are left out.

    Returns:
        The images of all sources.

    Raises:
        FileNotFoundError: A source does not exist, or is no image and contains none (`IMAGE_SUFFIXES`).
    """
    images: list[ImageFile] = []
    for source in map(Path, sources):
        if not source.exists():
            raise FileNotFoundError(f"{source} does not exist")
        files = _list_source(source)
        if not files:
            raise FileNotFoundError(f"{source} holds no photo")
        images += files
    return images


def _list_source(source: Path) -> list[ImageFile]:
    if source.is_dir():
        paths = (path for path in sorted(source.rglob("*")) if is_image(path))
        return [ImageFile(path) for path in paths if not is_system_file(str(path.relative_to(source)))]
    if source.suffix.lower() == ".zip":
        with zipfile.ZipFile(source) as archive:
            names = (name for name in archive.namelist() if is_image(name) and not is_system_file(name))
            return [ImageFile(source, name) for name in sorted(names)]
    if source.suffix.lower() == ".txt":
        lines = source.read_text(encoding="utf-8").split("\n")
        return read_images(source.parent / line for line in filter(None, lines))
    return [ImageFile(source)] if is_image(source) else []


def is_image(path: str | Path) -> bool:
    """Return True if the file name has the suffix of an image and is not hidden."""
    file = PurePath(path)
    return file.suffix.lower() in (*IMAGE_SUFFIXES, *_HEIC_SUFFIXES) and not file.name.startswith(".")


def _archive(path: Path) -> zipfile.ZipFile:
    """Return the archive, opened once per thread: threads that share a `ZipFile` wait for one another."""
    if not hasattr(_thread, "archives"):
        _thread.archives = cache(zipfile.ZipFile)
    archive: zipfile.ZipFile = _thread.archives(path)
    return archive
