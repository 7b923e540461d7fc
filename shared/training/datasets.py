"""Readers that several wings need: photos in folders, archives and lists; annotated pixels; classes."""

from __future__ import annotations

import csv
import io
import threading
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import BinaryIO

import numpy as np
from PIL import Image

from shared.core.images import ImageError, open_image
from shared.core.uploads import UNREADABLE

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

    def open(self) -> BinaryIO:
        """The photo's file."""
        return _archive(self.path).open(self.member) if self.member else self.path.open("rb")

    def opened(self) -> Image.Image:
        """The photo as it is taken from outside, see `shared.core.images.open_image`.

        Raises:
            ImageError: It cannot be used.
        """
        try:
            with self.open() as file:
                return open_image(file)
        except ImageError:
            raise
        except UNREADABLE as error:
            raise ImageError(f"The file cannot be read ({error}).") from error


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


@dataclass(frozen=True)
class Labelled:
    """Photos and the number of the class that each shows.

    Attributes:
        photos: The photos.
        targets: int64 `[N]`.
        classes: Names of the classes, by number.
    """

    photos: tuple[Photo, ...]
    targets: np.ndarray
    classes: tuple[str, ...]

    def part(self, indices: Sequence[int]) -> Labelled:
        """Some of the photos, with the same classes."""
        photos = tuple(self.photos[index] for index in indices)
        return Labelled(photos, self.targets[np.asarray(indices, int)], self.classes)


def read_grocery(root: str | Path, split: str) -> Labelled:
    """Lists the Grocery Store data set (Klasson et al., WACV 2019), its 81 fine classes.

    Args:
        root: Folder with `labels.csv` (`file`, `class_id`, `class`, `split`), `classes.csv`, `images-*.zip`.
        split: `"train"`, `"val"`, `"test"` or `"iconic"`.

    Raises:
        FileNotFoundError: `labels.csv` is missing.
        ValueError: There is no such split.
    """
    root = Path(root)
    if not (root / "labels.csv").is_file():
        raise FileNotFoundError(f"{root / 'labels.csv'} is missing; --data must name the data set's folder")
    photos = {photo.member: photo for photo in read_photos(sorted(root.glob("images-*.zip")))}
    with (root / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    if not rows:
        raise ValueError(f"{root} has no split {split!r}")
    with (root / "classes.csv").open(encoding="utf-8", newline="") as file:
        classes = tuple(
            row["class"] for row in sorted(csv.DictReader(file), key=lambda r: int(r["class_id"]))
        )
    targets = np.array([int(row["class_id"]) for row in rows])
    return Labelled(tuple(photos[row["file"]] for row in rows), targets, classes)


def _is_photo(path: str | Path) -> bool:
    path = PurePath(path)
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".")


def _archive(path: Path) -> zipfile.ZipFile:
    """The archive, opened once per thread: threads that share a `ZipFile` wait for one another."""
    if not hasattr(_archives, "open"):
        _archives.open = cache(zipfile.ZipFile)
    return _archives.open(path)
