"""Readers that several wings need: photos in folders, archives and lists; photos with annotated pixels."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath

import numpy as np
from PIL import Image

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")

_archives = threading.local()


@dataclass(frozen=True)
class Photo:
    """One photo of a data set: a file, or a member of a ZIP archive.

    Attributes:
        path: the file, or the archive.
        member: the photo's name inside the archive; empty for a file.
    """

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """The file's name without folders and suffix."""
        return PurePath(self.member or self.path).stem

    @property
    def folder(self) -> str:
        """The name of the folder that the photo lies in: the class, in many data sets."""
        return PurePath(self.member or self.path).parent.name

    def image(self) -> Image.Image:
        """The photo, RGB."""
        source = io.BytesIO(_archive(self.path).read(self.member)) if self.member else self.path
        return Image.open(source).convert("RGB")


def read_photos(sources: Iterable[str | Path]) -> list[Photo]:
    """Lists photos: source by source, and within a folder or an archive sorted by path.

    Args:
        sources: folders (searched to the bottom), ZIP archives, photos, and text files that list any of
            these, one path per line, relative to the text file's folder. Hidden files are left out.

    Raises:
        FileNotFoundError: a source does not exist, or neither is nor holds a photo (`PHOTO_SUFFIXES`).
    """
    photos: list[Photo] = []
    for source in map(Path, sources):
        if not source.exists():
            raise FileNotFoundError(f"{source} does not exist")
        if source.is_dir():
            found = [Photo(path) for path in sorted(source.rglob("*")) if _is_photo(path)]
        elif source.suffix.lower() == ".zip":
            with zipfile.ZipFile(source) as archive:
                names = sorted(filter(_is_photo, archive.namelist()))
            found = [Photo(source, name) for name in names]
        elif source.suffix.lower() == ".txt":
            lines = source.read_text(encoding="utf-8").split("\n")
            found = read_photos(source.parent / line for line in filter(None, lines))
        else:
            found = [Photo(source)] if _is_photo(source) else []
        if not found:
            raise FileNotFoundError(f"{source} holds no photo")
        photos += found
    return photos


@dataclass(frozen=True)
class Pair:
    """A photo and the picture that annotates it, pixel by pixel."""

    image_path: Path
    annotation_path: Path

    def image(self) -> Image.Image:
        """The photo, RGB."""
        return Image.open(self.image_path).convert("RGB")

    def annotation(self) -> np.ndarray:
        """The annotation as stored, uint8 `[H, W]`: class ids, or edge strength from 0 to 255."""
        return np.asarray(Image.open(self.annotation_path))


def read_pairs(images: str | Path, annotations: str | Path) -> list[Pair]:
    """Photos and annotations that carry the same file name (ending aside), sorted by name.

    Serves segmentation sets (`labels/ID.png` with class ids, PASCAL VOC's layout) and folders of soft edge
    maps (`maps/ID.png`, 8 bit) alike.

    Raises:
        FileNotFoundError: where no photo has an annotation.
    """
    images, annotations = Path(images), Path(annotations)
    maps = {path.stem: path for path in sorted(annotations.glob("*.png"))}
    photos = sorted(filter(_is_photo, images.glob("*")))
    pairs = [Pair(path, maps[path.stem]) for path in photos if path.stem in maps]
    if not pairs:
        raise FileNotFoundError(f"no photo in {images} has an annotation of the same name in {annotations}")
    return pairs


def _is_photo(path: str | Path) -> bool:
    path = PurePath(path)
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".")


def _archive(path: Path) -> zipfile.ZipFile:
    """The archive, opened once per thread: threads that share a `ZipFile` wait for one another."""
    if not hasattr(_archives, "open"):
        _archives.open = cache(zipfile.ZipFile)
    return _archives.open(path)
