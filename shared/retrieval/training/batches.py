"""What networks for retrieval learn from and are scored with: photos, and how else they may look."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.core.images import to_tensor
from shared.retrieval.training.views import sample_view
from shared.training.datasets import ImageFile

#: Longer sides in pixels, and width by height; drawn for a whole batch.
SIZES = (224, 224, 256, 256, 288, 320, 384)
SHAPES = (1.0, 4 / 3, 4 / 3, 3 / 4)
#: The longer side at which the network of the start sees a photo.
TEACHER_SIZE = 256
#: The longer side at which photos kept aside are compared.
ASIDE_SIZE = 320

#: A batch: photos, their copies, and the photos as the network of the start sees them, each `[B, 3, H, W]`.
Batch = tuple[Tensor, Tensor, Tensor]


def sample_batch(
    photos: Sequence[ImageFile],
    *,
    batch: int,
    seed: int,
    kinds: Sequence[Sequence[ImageFile]] = (),
    same: int = 0,
    sizes: Sequence[int] | None = None,
) -> Batch:
    """Parts of photos, and what they look like from another place; sizes and shapes are drawn anew for both.

    Args:
        photos: At least `batch` of them; no photo is drawn twice.
        batch: How many.
        seed: What decides on everything.
        kinds: Photos that show the same, two or more each; see `read_kinds`.
        same: How many of the batch are two photos of a kind, no kind twice; at most as many as there are
            kinds.
        sizes: Longer sides in pixels, by default `SIZES`.
    """
    sizes = sizes or SIZES
    rng = np.random.default_rng(seed)
    shape = rng.choice(SHAPES)
    frames = [frame(int(rng.choice(sizes)), shape), frame(int(rng.choice(sizes)), rng.choice(SHAPES))]
    pairs = [(photos[number],) * 2 for number in rng.choice(len(photos), batch - same, replace=False)]
    for number in rng.choice(len(kinds), same, replace=False) if same else ():
        kind = kinds[number]
        pairs.append(tuple(kind[place] for place in rng.choice(len(kind), 2, replace=False)))
    rows = []
    for first, second in pairs:
        photo = cut(first.image(), shape, rng)
        if first == second:
            other = copy_of_copy(photo, rng, max(frames[1]))
        else:  # two photos differ enough by themselves
            other = sample_view(second.image(), rng, max(frames[1]))
        seen = photo.resize(frame(TEACHER_SIZE, shape))
        rows.append((photo.resize(frames[0]), other.resize(frames[1]), seen))
    return tuple(torch.cat([to_tensor(one) for one in column]) for column in zip(*rows, strict=True))


def read_kinds(photos: Sequence[ImageFile]) -> list[list[ImageFile]]:
    """Photos that show the same: those of one folder, and with them a photo that is called like it.

    Args:
        photos: Such as `train/golden/1.webp`, `train/golden/2.webp` and `iconic/golden.webp`.

    Returns:
        Two photos or more each.
    """
    kinds = defaultdict(list)
    for photo in photos:
        kinds[photo.folder].append(photo)
    for photo in photos:
        if photo.name in kinds and photo.name != photo.folder:
            kinds[photo.folder].remove(photo)
            kinds[photo.name].append(photo)
    return [kind for kind in kinds.values() if len(kind) > 1]


def copy_of_copy(photo: Image.Image, rng: np.random.Generator, longest: int) -> Image.Image:
    """A photo from another place, changed twice over: a single change is found nearly always."""
    return sample_view(sample_view(photo, rng, max(photo.size)), rng, longest)


def frame(longest: int, shape: float) -> tuple[int, int]:
    """Width and height of a picture of a shape (width by height), from its longer side.

    >>> frame(320, 4 / 3), frame(320, 3 / 4)
    ((320, 240), (240, 320))
    """
    return round(longest * min(shape, 1)), round(longest * min(1 / shape, 1))


def cut(photo: Image.Image, shape: float, rng: np.random.Generator) -> Image.Image:
    """The greatest part of a photo that has a shape (width by height), from anywhere along it."""
    width = max(min(photo.width, round(photo.height * shape)), 1)
    height = max(min(photo.height, round(photo.width / shape)), 1)
    left, top = rng.integers(photo.width - width + 1), rng.integers(photo.height - height + 1)
    return photo.crop((left, top, left + width, top + height))


def sample_pairs(photos: Sequence[ImageFile], seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Photos and copies of their copies to score networks with, each `[1, 3, H, W]`."""
    pairs = []
    for number, photo in enumerate(photos):
        rng, picture = np.random.default_rng([seed, number]), photo.image()
        whole = picture.resize(frame(ASIDE_SIZE, picture.width / picture.height))
        pairs.append((to_tensor(whole), to_tensor(copy_of_copy(picture, rng, ASIDE_SIZE))))
    return pairs
