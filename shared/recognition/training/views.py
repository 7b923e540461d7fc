"""Views of photos for training classifiers: one part of a photo, clean for a teacher, spoiled for a pupil."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageFilter
from torch import Tensor

from shared.core.images import to_tensor
from shared.training.datasets import ImageFile


def random_part(size: tuple[int, int], rng: np.random.Generator, *, least: float) -> tuple[float, ...]:
    """A random box in a picture: a square or up to 4 : 3 either way, with `least` to all of its area.

    Where such a box reaches beyond a long picture it is cut, and is then smaller and longer.

    Args:
        size: width and height in pixels.
        least: smallest share of the area, 0..1.

    Returns:
        Left, top, right, bottom.
    """
    width, height = size
    area = width * height * rng.uniform(least, 1)
    shape = math.exp(rng.uniform(-1, 1) * math.log(4 / 3))
    across, down = min(math.sqrt(area * shape), width), min(math.sqrt(area / shape), height)
    left, top = rng.uniform(0, width - across), rng.uniform(0, height - down)
    return left, top, left + across, top + down


def spoil(view: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Changes brightness, contrast and color, and sometimes blurs, compresses or takes color away."""
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        if rng.random() < 0.6:
            view = enhance(view).enhance(rng.uniform(0.7, 1.35))
    if rng.random() < 0.05:
        view = view.convert("L").convert("RGB")
    if rng.random() < 0.2:
        view = view.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5)))
    if rng.random() < 0.25:
        buffer = io.BytesIO()
        view.save(buffer, "JPEG", quality=int(rng.integers(25, 90)))
        view = Image.open(buffer).convert("RGB")
    return view


def sample_views(
    photos: Sequence[ImageFile],
    *,
    batch: int,
    sizes: Sequence[int],
    teacher_size: int,
    seed: int,
    clean_share: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Draws one batch; the same seed gives the same batch.

    Args:
        batch: how many views.
        sizes: sides in pixels of which one is drawn for the pupil's views.
        teacher_size: side of the teacher's views.
        clean_share: chance that a pupil's view is not spoiled, 0..1.

    Returns:
        The pupil's views `[B, 3, size, size]` and the teacher's `[B, 3, teacher_size, teacher_size]`, RGB in
        0..1, of the same parts of the same photos.
    """
    rng = np.random.default_rng(seed)
    size = int(rng.choice(sizes))
    pupil, teacher = [], []
    for index in rng.integers(len(photos), size=batch):
        photo = photos[index].image()
        box = random_part(photo.size, rng, least=0.3)
        if rng.random() < 0.5:
            photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        clean = photo.resize((teacher_size,) * 2, Image.Resampling.BICUBIC, box)
        view = clean if size == teacher_size else photo.resize((size,) * 2, Image.Resampling.BICUBIC, box)
        pupil.append(to_tensor(view if rng.random() < clean_share else spoil(view, rng)))
        teacher.append(to_tensor(clean))
    return torch.cat(pupil), torch.cat(teacher)
