"""Training examples: photos whose pixels each have a set of classes that they may belong to.

A folder has `NAME.jpg` and `NAME.png`, 16 bits a pixel: bit c stands for class c. A label that somebody drew
is a set of one class, a pixel of a person is the set of all classes but the background, and a pixel that
nobody knows is the set of all classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from shared.core.images import shrink
from shared.restyle.parsing.classes import NAMES, class_index

MAX_SIDE = 600  # of a stored photo, in pixels
QUALITY = 93  # of its JPEG file


def class_set(names: Iterable[str]) -> int:
    """Return the set of classes as bits.

    >>> class_set(["background", "hair"])
    5
    """
    return sum(1 << class_index(name) for name in set(names))


BACKGROUND = class_set(["background"])
ANYTHING = class_set(NAMES)
PERSON = ANYTHING - BACKGROUND


@dataclass(frozen=True)
class ParsingExample:
    """Photo and the possible classes of its pixels, in memory.

    Attributes:
        name: Name of its files.
        image: uint8 `[H, W, 3]`, RGB.
        sets: uint16 `[H, W]`, see `class_set`.
    """

    name: str
    image: np.ndarray
    sets: np.ndarray


def store_example(folder: Path, name: str, image: Image.Image, sets: np.ndarray) -> None:
    """Store a photo with the possible classes of its pixels.

    Args:
        folder: Folder of the examples.
        name: Name of the files.
        image: Mode RGB; shrunk to `MAX_SIDE`.
        sets: uint16 `[H, W]`, of any size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    small = shrink(image, MAX_SIDE)
    resized = Image.fromarray(sets.astype(np.int32), "I").resize(small.size, Image.Resampling.NEAREST)
    Image.fromarray(np.asarray(resized).astype(np.uint16)).save(folder / f"{name}.png")
    partial = folder / f"{name}.partial"
    small.save(partial, "JPEG", quality=QUALITY)
    partial.replace(folder / f"{name}.jpg")  # last, so that a photo without labels is never listed


def example_names(folder: Path) -> list[str]:
    """Return the names of the examples of a folder, sorted.

    Raises:
        FileNotFoundError: There are none.
    """
    names = sorted(path.stem for path in folder.glob("*.jpg"))
    if not names:
        raise FileNotFoundError(f"{folder} holds no examples")
    return names


def read_example(folder: Path, name: str) -> ParsingExample:
    """Read an example into memory."""
    image = np.array(Image.open(folder / f"{name}.jpg").convert("RGB"))
    sets = np.asarray(Image.open(folder / f"{name}.png")).astype(np.uint16)
    return ParsingExample(name, image, sets)


def read_examples(folder: Path) -> list[ParsingExample]:
    """Read all examples of a folder into memory.

    Raises:
        FileNotFoundError: There are none.
    """
    return [read_example(folder, name) for name in example_names(folder)]
