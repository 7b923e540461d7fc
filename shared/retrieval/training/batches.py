"""Training and validation batches of backbones: images, and views of the same scene."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.core.image_files import ImageFile
from shared.core.images import to_tensor
from shared.retrieval.training.augmentation import sample_view

#: Longer sides in pixels, and aspect ratios (width by height), of which each batch draws one.
SIZES = (224, 224, 256, 256, 288, 320, 384)
ASPECT_RATIOS = (1.0, 4 / 3, 4 / 3, 3 / 4)
#: Longer side of the teacher's images, and of validation images.
TEACHER_SIZE, VALIDATION_SIZE = 256, 320

#: Images, their views, and the teacher's images, each `[B, 3, H, W]`.
Batch: TypeAlias = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class BatchSettings:
    """Composition of a batch.

    Attributes:
        size: Number of pairs.
        same_class: Number of them that are two images of one class, in place of an image and its view.
        sizes: Longer sides in pixels to draw from.
    """

    size: int
    same_class: int = 0
    sizes: Sequence[int] | None = None


def sample_batch(
    images: Sequence[ImageFile],
    settings: BatchSettings,
    seed: int,
    classes: Sequence[Sequence[ImageFile]] = (),
) -> Batch:
    """Sample crops of images and views of them; sizes and aspect ratios are drawn for each of the two.

    Args:
        images: At least as many as the batch has pairs; none is drawn twice.
        settings: Composition of the batch.
        seed: Seed of everything.
        classes: Images of one class each, at least two, see `group_by_class`; none is drawn twice.
    """
    sizes = settings.sizes or SIZES
    rng = np.random.default_rng(seed)
    aspect_ratio = rng.choice(ASPECT_RATIOS)
    frames = [
        frame_size(int(rng.choice(sizes)), aspect_ratio),
        frame_size(int(rng.choice(sizes)), rng.choice(ASPECT_RATIOS)),
    ]
    single = rng.choice(len(images), settings.size - settings.same_class, replace=False)
    pairs = [(images[index], images[index]) for index in single]
    for number in rng.choice(len(classes), settings.same_class, replace=False) if settings.same_class else ():
        members = classes[number]
        first, second = rng.choice(len(members), 2, replace=False)
        pairs.append((members[first], members[second]))
    rows = []
    for first_file, second_file in pairs:
        image = random_crop(first_file.image(), aspect_ratio, rng)
        if first_file == second_file:
            view = sample_hard_view(image, rng, max(frames[1]))
        else:  # two images of a class differ enough by themselves
            view = sample_view(second_file.image(), rng, max(frames[1]))
        teacher_image = image.resize(frame_size(TEACHER_SIZE, aspect_ratio))
        rows.append((image.resize(frames[0]), view.resize(frames[1]), teacher_image))
    first_images, views, teacher_images = (
        torch.cat([to_tensor(image) for image in column]) for column in zip(*rows, strict=True)
    )
    return first_images, views, teacher_images


def group_by_class(images: Sequence[ImageFile]) -> list[list[ImageFile]]:
    """Group images by folder; an image with the name of a folder joins that folder.

    Args:
        images: Images such as `train/golden/1.webp`, `train/golden/2.webp` and `iconic/golden.webp`.

    Returns:
        Groups of at least two.
    """
    classes = defaultdict(list)
    for image in images:
        classes[image.folder].append(image)
    for image in images:
        if image.name in classes and image.name != image.folder:
            classes[image.folder].remove(image)
            classes[image.name].append(image)
    return [members for members in classes.values() if len(members) > 1]


def sample_hard_view(image: Image.Image, rng: np.random.Generator, longest: int) -> Image.Image:
    """Sample a view of a view: a single one is recognised nearly always."""
    return sample_view(sample_view(image, rng, max(image.size)), rng, longest)


def frame_size(longest: int, aspect_ratio: float) -> tuple[int, int]:
    """Return width and height from the longer side and the aspect ratio (width by height).

    >>> frame_size(320, 4 / 3), frame_size(320, 3 / 4)
    ((320, 240), (240, 320))
    """
    return round(longest * min(aspect_ratio, 1)), round(longest * min(1 / aspect_ratio, 1))


def random_crop(image: Image.Image, aspect_ratio: float, rng: np.random.Generator) -> Image.Image:
    """Crop the largest part of an aspect ratio (width by height), at a random position."""
    width = max(min(image.width, round(image.height * aspect_ratio)), 1)
    height = max(min(image.height, round(image.width / aspect_ratio)), 1)
    left, top = int(rng.integers(image.width - width + 1)), int(rng.integers(image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def sample_pairs(images: Sequence[ImageFile], seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Sample pairs of an image and a hard view for validation, each `[1, 3, H, W]`."""
    pairs = []
    for number, file in enumerate(images):
        rng, image = np.random.default_rng([seed, number]), file.image()
        whole = image.resize(frame_size(VALIDATION_SIZE, image.width / image.height))
        pairs.append((to_tensor(whole), to_tensor(sample_hard_view(image, rng, VALIDATION_SIZE))))
    return pairs
