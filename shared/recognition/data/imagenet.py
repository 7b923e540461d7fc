"""Labelled images for ImageNet classifiers: files that are named by a synset, or by the thing they show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from shared.core.image_files import ImageFile
from shared.recognition.vocabulary.class_names import imagenet_names

#: Class id of an image without a known class.
UNLABELLED = -1
SYNSET = re.compile(r"n\d{8}(?!\d)")


def class_ids(images: Sequence[ImageFile]) -> Tensor:
    """Return the ImageNet classes of images by the synsets in their names, int64 `[N]`.

    Args:
        images: Images; `n02510455_giant_panda.JPEG` and `n02510455/12.jpg` are of the class of that synset.

    Returns:
        Class ids; `UNLABELLED` for an image without one of ImageNet's 1000 synsets.
    """
    ids = {name.synset: class_id for class_id, name in enumerate(imagenet_names().values())}
    matches = ((SYNSET.match(image.name), SYNSET.match(image.folder)) for image in images)
    labels = [
        next((ids[match[0]] for match in pair if match and match[0] in ids), UNLABELLED) for pair in matches
    ]
    return torch.tensor(labels, dtype=torch.int64)


def correct_by_name(images: Sequence[ImageFile]) -> Tensor:
    """Return the mask of the ImageNet classes that the names of images mean, bool `[N, 1000]`.

    Args:
        images: Images that are named by a synset, see `class_ids`, or by a word, such as `school_bus.webp`:
            a name of a class or, where no class has it, a kind of several classes.

    Returns:
        Rows of False for images whose name means no class.
    """
    mask = torch.zeros(len(images), len(imagenet_names()), dtype=torch.bool)
    names, kinds = _ids_by_word()
    for row, image, class_id in zip(mask, images, class_ids(images).tolist(), strict=True):
        word = _normalise(image.name)
        row[(names.get(word) or kinds.get(word) or []) if class_id == UNLABELLED else [class_id]] = True
    return mask


@cache
def _ids_by_word() -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    names: dict[str, list[int]] = {}
    kinds: dict[str, list[int]] = {}
    for class_id, entry in enumerate(imagenet_names().values()):
        for words, table in (((entry.name, *entry.lemmas), names), ((entry.kind, *entry.kinds), kinds)):
            for word in {_normalise(word) for word in words if word}:
                table.setdefault(word, []).append(class_id)
    return names, kinds


def _normalise(word: str) -> str:
    return " ".join(re.sub(r"[-_]", " ", word.casefold()).split())
