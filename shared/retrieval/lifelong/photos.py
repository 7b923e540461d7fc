"""Photos of a lesson: which can be learned from, and which are held out to measure recall."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from PIL import Image

from shared.core.errors import InputError

MIN_PHOTOS = 4  # different photos of a class
MAX_PHOTOS = 400  # of a lesson
MAX_CLASSES = 20  # of a lesson
MAX_NAME = 60  # characters
MAX_SIDE = 384  # of a photo that a lesson works on, in pixels; its views have 128
HELD_OUT = 4  # every fourth photo of a class
MIN_DEVIATION = 3.0  # of the grey levels, in 0..255; below it a photo shows nothing
COPY_SIDE = 16  # of the small copies that must differ, in pixels
MAX_COPY_DISTANCE = 2.0  # mean difference of their levels below which two photos are the same


def check_labels(labels: Sequence[str], classes: Collection[str]) -> list[str]:
    """Return the names of the classes of a lesson's photos, without needless spaces and invisible signs.

    Args:
        labels: Name of the class of each photo.
        classes: Names of the classes that the network knows.

    Raises:
        InputError: Too few or too many photos, a name that is known, empty or too long.
    """
    labels = ["".join(filter(str.isprintable, " ".join(label.split()))) for label in labels]
    names = list(dict.fromkeys(labels))
    if not labels:
        raise InputError(f"Add photos to learn from: at least {MIN_PHOTOS} of each new thing, better ten.")
    _check_names(names, classes)
    if len(labels) > MAX_PHOTOS or len(names) > MAX_CLASSES:
        raise InputError(f"A lesson takes at most {MAX_PHOTOS} photos of {MAX_CLASSES} things.")
    return labels


def distinct_photos(images: Sequence[Image.Image], labels: Sequence[str]) -> list[int]:
    """Return the indices of the photos that a lesson can use: those that are no copies.

    Args:
        images: Photos of mode RGB.
        labels: Name of the class of each photo, from `check_labels`.

    Raises:
        InputError: Too few different photos of a class, or photos that show nothing.
    """
    copies = [_small_copy(image) for image in images]
    if all(copy.std() < MIN_DEVIATION for copy in copies):
        raise InputError("These photos show nothing: each of them is of one color.")
    distinct: list[int] = []
    for index, copy in enumerate(copies):
        earlier = (row for row in distinct if labels[row] == labels[index])
        if all(np.abs(copy - copies[row]).mean() > MAX_COPY_DISTANCE for row in earlier):
            distinct.append(index)
    counts = Counter(labels[index] for index in distinct)
    for name in dict.fromkeys(labels):
        if counts[name] < MIN_PHOTOS:
            photos = "different photo" if counts[name] == 1 else "different photos"
            raise InputError(
                f"{counts[name]} {photos} of {name!r} cannot teach it: add at least {MIN_PHOTOS}, better ten."
            )
    return distinct


def hold_out(labels: Sequence[str]) -> list[bool]:
    """Return True for every fourth photo of each class, with which recall is measured.

    >>> hold_out(["a"] * 5)
    [False, False, False, True, False]
    """
    counts: Counter[str] = Counter()
    queries = []
    for label in labels:
        counts[label] += 1
        queries.append(counts[label] % HELD_OUT == 0)
    return queries


def _check_names(names: Sequence[str], classes: Collection[str]) -> None:
    """Check the names of new classes.

    Raises:
        InputError: One is empty, too long or known.
    """
    lower = {name.lower(): name for name in classes}
    for name in names:
        if not name:
            raise InputError("Give the new thing a name.")
        if len(name) > MAX_NAME:
            raise InputError(f"The name is too long: at most {MAX_NAME} characters.")
        if name.lower() in lower:
            raise InputError(f"It already knows {lower[name.lower()]!r}: choose another name.")


def _small_copy(image: Image.Image) -> np.ndarray:
    size = (COPY_SIDE, COPY_SIDE)
    return np.asarray(image.convert("L").resize(size, Image.Resampling.BOX), np.float32)
