"""Data set readers that several capabilities share: annotated images and labelled images."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from shared.core.image_files import ImageFile, is_image, read_images


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
    """List images and annotations of the same file name (except for the suffix), sorted by name.

    Serves both segmentation sets (`labels/ID.png` with class ids, PASCAL VOC's layout) and folders of soft
    edge maps (`maps/ID.png`, 8 bit).

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
    paths = sorted(filter(is_image, images.glob("*")))
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
