"""Readers of the public data sets of recognition, in their usual layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from shared.training.datasets import (
    AnnotatedImage,
    ImageFile,
    LabelledImages,
    read_annotated_images,
    read_images,
)

VOID = 255

VOC_CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("dining table", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train"),
    "tv monitor",
)
CAMVID_CLASSES = (
    *("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian"),
    "bicyclist",
)


@dataclass(frozen=True)
class Masks:
    """A set of photos with class ids for every pixel.

    Attributes:
        pairs: The photos and their annotations.
        classes: Names of the classes, by number.
        void: The id of pixels that belong to no class.
    """

    pairs: tuple[AnnotatedImage, ...]
    classes: tuple[str, ...]
    void: int

    def ids(self, pair: AnnotatedImage) -> np.ndarray:
        """Class ids of a photo, uint8 `[H, W]`, `VOID` where there is none."""
        ids = pair.annotation()
        return np.where(ids == self.void, VOID, ids).astype(np.uint8)


def read_masks(root: str | Path, split: str) -> Masks:
    """Lists a segmentation set.

    Args:
        root: PASCAL VOC's classes in `images/SPLIT` and `labels/SPLIT` (or `images` and `labels`, for a set
            without splits), or CamVid in the layout of the SegNet tutorial: `SPLIT` and `SPLITannot`.
        split: Such as `"train"`, `"val"` or `"test"`.

    Raises:
        FileNotFoundError: The folder has neither layout.
    """
    root = Path(root)
    if (root / f"{split}annot").is_dir():
        pairs = read_annotated_images(root / split, root / f"{split}annot")
        return Masks(tuple(pairs), CAMVID_CLASSES, void=len(CAMVID_CLASSES))
    for below in (split, ""):
        if (root / "labels" / below).is_dir() and (root / "images" / below).is_dir():
            pairs = read_annotated_images(root / "images" / below, root / "labels" / below)
            return Masks(tuple(pairs), VOC_CLASSES, void=VOID)
    raise FileNotFoundError(f"{root} has neither labels/{split} nor {split}annot")


def read_class_folders(root: str | Path, *, skip: Sequence[str] = ()) -> LabelledImages:
    """Lists a set with one folder per class: Caltech-101, Flowers-17, Scene-15, CIFAR-10 as pictures.

    Args:
        root: The folder that holds the classes' folders.
        skip: Names of folders to leave out, such as Caltech-101's `"BACKGROUND_Google"`.

    Raises:
        FileNotFoundError: The folder holds no photo in a class's folder.
    """
    photos = [photo for photo in read_images([root]) if photo.folder not in skip]
    photos = [photo for photo in photos if photo.path.parent.parent == Path(root)]
    if not photos:
        raise FileNotFoundError(f"{root} holds no folder with photos for each class")
    classes = tuple(sorted({photo.folder for photo in photos}))
    numbers = {name: number for number, name in enumerate(classes)}
    return LabelledImages(tuple(photos), np.array([numbers[photo.folder] for photo in photos]), classes)


def read_cifar(root: str | Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Reads CIFAR-10 or CIFAR-100 (Krizhevsky 2009).

    Args:
        root: The binary version as its author publishes it (`data_batch_*.bin` and `test_batch.bin`, or
            CIFAR-100's `train.bin` and `test.bin`), or pictures in `train/CLASS` and `test/CLASS`.
        split: `"train"` or `"test"`.

    Returns:
        uint8 `[N, 3, 32, 32]`, RGB, and int64 `[N]`, the (fine) classes.

    Raises:
        FileNotFoundError: The folder has none of these layouts.
    """
    root = Path(root)
    tens = sorted(root.glob("data_batch_*.bin" if split == "train" else "test_batch.bin"))
    hundred = root / f"{split}.bin"
    if tens or hundred.is_file():
        labels = 1 if tens else 2  # CIFAR-100 has a coarse label before the fine one
        files = tens or [hundred]
        rows = np.concatenate([np.fromfile(file, np.uint8) for file in files]).reshape(-1, labels + 3072)
        return rows[:, labels:].reshape(-1, 3, 32, 32), rows[:, labels - 1].astype(np.int64)
    folders = read_class_folders(root / split)
    pictures = np.stack([np.asarray(_small(photo)) for photo in folders.images])
    return pictures.transpose(0, 3, 1, 2), folders.targets


def _small(photo: ImageFile) -> Image.Image:
    picture = photo.image()
    return picture if picture.size == (32, 32) else picture.resize((32, 32), Image.Resampling.BICUBIC)
