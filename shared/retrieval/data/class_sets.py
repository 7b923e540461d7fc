"""Data sets of classes, for lifelong retrieval: train and test images, and the groups in which classes come.

* `grocery`: Grocery Store (Klasson et al., WACV 2019), 81 fine classes, with its own split.
* `flowers`: Oxford Flowers-17 (Nilsback and Zisserman, CVPR 2006), a folder for each class.
* `caltech`: Caltech-101 (Fei-Fei et al., CVPR Workshops 2004), a folder for each class.
* `cub`: CUB-200-2011 (Wah et al., 2011), `images.txt` and `image_class_labels.txt`.
* `dogs`: Stanford Dogs (Khosla et al., CVPR Workshops 2011), `train_list.mat` and `test_list.mat`.

Sets without a split of their own, and CUB-200-2011, whose own split is not the one of the incremental
protocol, are split 60 to 40 inside each class, by file name. `train.txt` and `test.txt` with lines `PATH
CLASS`, where they lie in the folder of CUB-200-2011 or Stanford Dogs, come first: the lists that the authors
of the protocol published have this form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from shared.core.image_files import ImageFile, read_images
from shared.training.datasets import LabelledImages, read_grocery

TRAIN_SHARE = 0.6
MAX_IMAGES = 60  # of a class of Caltech-101, whose classes have 31 to 800
NO_CLASSES = ("BACKGROUND_Google",)  # folders of Caltech-101 that show nothing in particular

Split: TypeAlias = tuple[LabelledImages, LabelledImages]


@dataclass(frozen=True)
class ClassSet:
    """Data set of a lifelong protocol.

    Attributes:
        title: Name for people.
        read: Returns train and test images of a folder.
        one_step: Number of classes of the first lesson and of the one after it.
        steps: Number of classes of the first lesson and of each one after it.
        fixed_order: True if the classes come in their own order, as the published lists have it; else a seed
            shuffles them.
    """

    title: str
    read: Callable[[Path], Split]
    one_step: tuple[int, ...]
    steps: tuple[int, ...]
    fixed_order: bool = False


class _Entry(NamedTuple):
    file: ImageFile
    target: int


def read_grocery_split(root: Path) -> Split:
    """Read the Grocery Store set, with its val split among the training images."""
    train, val, test = (read_grocery(root, split) for split in ("train", "val", "test"))
    images, targets = (*train.images, *val.images), np.concatenate([train.targets, val.targets])
    return LabelledImages(images, targets, train.classes), test


def read_folders(root: Path, limit: int | None = None) -> Split:
    """Read a set with a folder for each class.

    Args:
        root: Folder that holds the folders, or a folder above it.
        limit: Largest number of images of a class.

    Raises:
        FileNotFoundError: There are no images.
    """
    members: dict[str, list[ImageFile]] = {}
    for file in read_images([root]):
        if file.folder not in NO_CLASSES:
            members.setdefault(file.folder, []).append(file)
    classes = tuple(sorted(members))
    entries = [_Entry(file, target) for target, name in enumerate(classes) for file in members[name][:limit]]
    return _split_within_classes(entries, classes)


def read_cub(root: Path) -> Split:
    """Read CUB-200-2011.

    Raises:
        FileNotFoundError: A list is missing.
    """
    if (root / "train.txt").is_file():
        return _read_list(root, "train.txt"), _read_list(root, "test.txt")
    paths = [line.split()[1] for line in _lines(root / "images.txt")]
    targets = [int(line.split()[1]) - 1 for line in _lines(root / "image_class_labels.txt")]
    entries = [
        _Entry(ImageFile(root / "images" / path), target) for path, target in zip(paths, targets, strict=True)
    ]
    return _split_within_classes(entries, _names_by_target(entries))


def read_dogs(root: Path) -> Split:
    """Read Stanford Dogs.

    Raises:
        FileNotFoundError: A list is missing.
    """
    if (root / "train.txt").is_file():
        return _read_list(root, "train.txt"), _read_list(root, "test.txt")
    from scipy.io import loadmat

    parts = []
    for name in ("train_list.mat", "test_list.mat"):
        if not (root / name).is_file():
            raise FileNotFoundError(f"{root / name} is missing; --data must name the data set's folder")
        table = loadmat(root / name)
        paths = [str(row[0][0]) for row in table["file_list"]]
        targets = table["labels"].ravel().astype(int) - 1
        entries = [
            _Entry(ImageFile(root / "Images" / path), int(target))
            for path, target in zip(paths, targets, strict=True)
        ]
        parts.append(_labelled(entries, _names_by_target(entries)))
    return parts[0], parts[1]


def _read_list(root: Path, name: str) -> LabelledImages:
    entries = []
    for line in _lines(root / name):
        path, target = line.rsplit(maxsplit=1)
        entries.append(_Entry(ImageFile(root / path), int(target)))
    return _labelled(entries, _names_by_target(entries))


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; --data must name the data set's folder")
    return path.read_text(encoding="utf-8").splitlines()


def _names_by_target(entries: Sequence[_Entry]) -> tuple[str, ...]:
    names = {entry.target: entry.file.folder for entry in entries}
    return tuple(names[target] for target in sorted(names))


def _labelled(entries: Sequence[_Entry], classes: tuple[str, ...]) -> LabelledImages:
    return LabelledImages(
        tuple(entry.file for entry in entries), np.array([entry.target for entry in entries]), classes
    )


def _split_within_classes(entries: Sequence[_Entry], classes: tuple[str, ...]) -> Split:
    """Split the images of each class 60 to 40."""
    train, test = [], []
    for target in range(len(classes)):
        rows = sorted((entry for entry in entries if entry.target == target), key=lambda row: row.file.name)
        count = round(TRAIN_SHARE * len(rows))
        train += rows[:count]
        test += rows[count:]
    if not train or not test:
        raise FileNotFoundError("no images; --data must name the data set's folder")
    return _labelled(train, classes), _labelled(test, classes)


CLASS_SETS = {
    "grocery": ClassSet("Grocery Store", read_grocery_split, (40, 41), (41, 10, 10, 10, 10)),
    "flowers": ClassSet("Flowers-17", read_folders, (9, 8), (9, 2, 2, 2, 2)),
    "caltech": ClassSet(
        "Caltech-101", lambda root: read_folders(root, MAX_IMAGES), (51, 50), (51, 13, 12, 13, 12)
    ),
    "cub": ClassSet("CUB-200-2011", read_cub, (100, 100), (100, 25, 25, 25, 25), fixed_order=True),
    "dogs": ClassSet("Stanford Dogs", read_dogs, (60, 60), (60, 15, 15, 15, 15), fixed_order=True),
}
