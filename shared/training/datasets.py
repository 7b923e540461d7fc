"""Data set readers that several capabilities share: image files, annotated images, labelled images."""

from __future__ import annotations

import csv
import io
import threading
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import BinaryIO, cast

import numpy as np
from PIL import Image

from shared.core.images import ImageError, open_image
from shared.core.uploads import UNREADABLE

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")

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
        FileNotFoundError: A source does not exist, or neither is nor holds an image (`IMAGE_SUFFIXES`).
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


@dataclass(frozen=True)
class AnnotatedImage:
    """Image and the map that annotates each of its pixels."""

    image_path: Path
    annotation_path: Path

    def image(self) -> Image.Image:
        """Decode the image as RGB."""
        return Image.open(self.image_path).convert("RGB")

    def annotation(self) -> np.ndarray:
        """Read the annotation as stored, uint8 `[H, W]`: class ids, or edge strength from 0 to 255."""
        return np.asarray(Image.open(self.annotation_path))


def read_annotated_images(images: str | Path, annotations: str | Path) -> list[AnnotatedImage]:
    """List images and annotations of the same file name (suffix aside), sorted by name.

    Serves segmentation sets (`labels/ID.png` with class ids, PASCAL VOC's layout) and folders of soft edge
    maps (`maps/ID.png`, 8 bit) alike.

    Args:
        images: Folder of images.
        annotations: Folder of PNG files.

    Returns:
        The images that have an annotation.

    Raises:
        FileNotFoundError: No image has an annotation.
    """
    images, annotations = Path(images), Path(annotations)
    maps = {path.stem: path for path in sorted(annotations.glob("*.png"))}
    paths = sorted(filter(_is_image, images.glob("*")))
    annotated = [AnnotatedImage(path, maps[path.stem]) for path in paths if path.stem in maps]
    if not annotated:
        raise FileNotFoundError(f"no photo in {images} has an annotation of the same name in {annotations}")
    return annotated


@dataclass(frozen=True)
class LabelledImages:
    """Images with a class each.

    Attributes:
        images: N image files.
        targets: Class numbers, int64 `[N]`.
        classes: Class names, by number.
    """

    images: tuple[ImageFile, ...]
    targets: np.ndarray
    classes: tuple[str, ...]

    def part(self, indices: Sequence[int]) -> LabelledImages:
        """Return the images at `indices`, with the same classes."""
        images = tuple(self.images[index] for index in indices)
        return LabelledImages(images, self.targets[np.asarray(indices, int)], self.classes)


def read_grocery(root: str | Path, split: str) -> LabelledImages:
    """List the Grocery Store data set (Klasson et al., WACV 2019), its 81 fine classes.

    Args:
        root: Folder with `labels.csv` (`file`, `class_id`, `class`, `split`), `classes.csv`, `images-*.zip`.
        split: `"train"`, `"val"`, `"test"` or `"iconic"`.

    Returns:
        The images of the split.

    Raises:
        FileNotFoundError: `labels.csv` is missing.
        ValueError: There is no such split.
    """
    root = Path(root)
    if not (root / "labels.csv").is_file():
        raise FileNotFoundError(f"{root / 'labels.csv'} is missing; --data must name the data set's folder")
    images = {image.member: image for image in read_images(sorted(root.glob("images-*.zip")))}
    with (root / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    if not rows:
        raise ValueError(f"{root} has no split {split!r}")
    with (root / "classes.csv").open(encoding="utf-8", newline="") as file:
        classes = tuple(
            row["class"] for row in sorted(csv.DictReader(file), key=lambda row: int(row["class_id"]))
        )
    targets = np.array([int(row["class_id"]) for row in rows])
    return LabelledImages(tuple(images[row["file"]] for row in rows), targets, classes)


def _list_source(source: Path) -> list[ImageFile]:
    if source.is_dir():
        return [ImageFile(path) for path in sorted(source.rglob("*")) if _is_image(path)]
    if source.suffix.lower() == ".zip":
        with zipfile.ZipFile(source) as archive:
            return [ImageFile(source, name) for name in sorted(filter(_is_image, archive.namelist()))]
    if source.suffix.lower() == ".txt":
        lines = source.read_text(encoding="utf-8").split("\n")
        return read_images(source.parent / line for line in filter(None, lines))
    return [ImageFile(source)] if _is_image(source) else []


def _is_image(path: str | Path) -> bool:
    file = PurePath(path)
    return file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")


def _archive(path: Path) -> zipfile.ZipFile:
    """Return the archive, opened once per thread: threads that share a `ZipFile` wait for one another."""
    if not hasattr(_thread, "archives"):
        _thread.archives = cache(zipfile.ZipFile)
    archive: zipfile.ZipFile = _thread.archives(path)
    return archive
