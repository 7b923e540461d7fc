"""Paired images of the tasks `facades`, `faces` and `streets`, from the folders in which they are published.

* facades: `train/1.webp`, ..., `val`, `test`; the photo on the left, the label drawing on the right.
* faces: `photos/train/ID.jpg` and `sketches/train/ID.jpg`, ..., `test`.
* streets: `trainA/1.jpg`, ... (label drawings) and `trainB/1.jpg`, ... (photos of the same number), `testA`,
  `testB`.

Faces and streets have no validation images; some of the training images are held out for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from shared.translation.tasks import Task

IMAGES = (".webp", ".jpg", ".jpeg", ".png")
#: Validation images of faces: every 11th of 88; of streets: the last 100, which show other streets.
FACE_VALIDATION_STEP = 11
STREET_VALIDATION_IMAGES = 100
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Pair:
    """Two images of the same scene.

    Attributes:
        name: File name without extension.
        first: Image of the first set, RGB.
        second: Image of the second set, RGB, of the same size.
    """

    name: str
    first: Image.Image
    second: Image.Image


#: Function that opens a pair.
PairSource: TypeAlias = Callable[[], Pair]


def read_pairs(task: Task, root: Path, split: str) -> list[PairSource]:
    """Return the pairs of a task, which are opened when called.

    Args:
        task: One of `shared.translation.tasks.TASKS`.
        root: Folder of its data set.
        split: `"train"`, `"val"` or `"test"`.

    Raises:
        ValueError: There is no such split, or the task has no reader.
        FileNotFoundError: The folder holds no such images.
    """
    if split not in SPLITS:
        raise ValueError(f"the split must be one of {', '.join(SPLITS)}, received {split!r}")
    if task.name not in _READERS:
        raise ValueError(f"no pairs are known for the task {task.name!r}")
    return _READERS[task.name](Path(root), split)


def resize_image(image: Image.Image, side: int, *, labels: bool) -> Image.Image:
    """Resize an image to a shorter side; label drawings keep their colors, without mixtures.

    Args:
        image: RGB image.
        side: Shorter side of the result in pixels.
        labels: True for label drawings.
    """
    scale = side / min(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    if size == image.size:
        return image
    return image.resize(size, Image.Resampling.NEAREST if labels else Image.Resampling.BICUBIC)


def resized_arrays(task: Task, pairs: Sequence[PairSource], side: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Open pairs and return them as uint8 `[H, W, 3]` of a shorter side, first and second image."""
    arrays = []
    for source in pairs:
        pair = source()
        first = resize_image(pair.first, side, labels=task.first_palette is not None)
        second = resize_image(pair.second, side, labels=False)
        arrays.append((np.asarray(first), np.asarray(second)))
    return arrays


def _read_facades(root: Path, split: str) -> list[PairSource]:
    def source(path: Path) -> PairSource:
        def load() -> Pair:
            image = Image.open(path).convert("RGB")
            middle = image.width // 2
            photo = image.crop((0, 0, middle, image.height))
            return Pair(path.stem, image.crop((middle, 0, image.width, image.height)), photo)

        return load

    return [source(path) for path in _images(root / split)]


def _read_faces(root: Path, split: str) -> list[PairSource]:
    folder = "test" if split == "test" else "train"
    paths = _images(root / "photos" / folder)
    if split != "test":
        held_out = set(paths[::FACE_VALIDATION_STEP])
        paths = [path for path in paths if (path in held_out) == (split == "val")]
    return [_two_files(path, root / "sketches" / folder / path.name) for path in paths]


def _read_streets(root: Path, split: str) -> list[PairSource]:
    folder = "test" if split == "test" else "train"
    # The copy lacks a label drawing of the test set.
    paths = [path for path in _images(root / f"{folder}A") if (root / f"{folder}B" / path.name).is_file()]
    if split != "test":
        count = min(STREET_VALIDATION_IMAGES, len(paths) // 2)
        paths = paths[-count:] if split == "val" else paths[:-count]
    return [_two_files(path, root / f"{folder}B" / path.name) for path in paths]


_READERS: dict[str, Callable[[Path, str], list[PairSource]]] = {
    "facades": _read_facades,
    "faces": _read_faces,
    "streets": _read_streets,
}


def _two_files(first: Path, second: Path) -> PairSource:
    def load() -> Pair:
        return Pair(first.stem, Image.open(first).convert("RGB"), Image.open(second).convert("RGB"))

    return load


def _images(folder: Path) -> list[Path]:
    """Return the images of a folder, numbers in numeric order.

    Raises:
        FileNotFoundError: There are none.
    """
    paths = [path for path in folder.iterdir() if path.suffix.lower() in IMAGES] if folder.is_dir() else []
    if not paths:
        raise FileNotFoundError(f"{folder} holds no images ({', '.join(IMAGES)})")
    return sorted(paths, key=lambda path: (int(path.stem) if path.stem.isdecimal() else 0, path.stem))
