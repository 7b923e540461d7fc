"""Random crops of images and class ids for training segmenters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.evaluation.segmentation import VOID
from shared.training.augment import jitter_color, random_crop_grid, sample_grid

ZOOM = (0.5, 1.6)  # of a crop, times the example's own scale
MAX_ANGLE = 0.2  # in radians


@dataclass(frozen=True)
class SegmentationExample:
    """Image and the classes of its pixels, in memory.

    Attributes:
        image: uint8 `[H, W, 3]`, RGB.
        ids: uint8 `[H, W]`, `VOID` for pixels without a class.
        scale: Mean enlargement of its crops; above 1 for sets of small images.
    """

    image: np.ndarray
    ids: np.ndarray
    scale: float = 1.0


@dataclass(frozen=True)
class ExamplePool:
    """Examples to draw from, and their number in each batch."""

    examples: Sequence[SegmentationExample]
    per_batch: int


def class_frequencies(examples: Sequence[SegmentationExample], classes: int) -> np.ndarray:
    """Return the fraction of each class among all pixels with a class, float64 `[classes]`."""
    counts = np.zeros(classes)
    for example in examples:
        counts += np.bincount(example.ids.ravel(), minlength=VOID + 1)[:classes]
    return counts / counts.sum()


def sample_crops(pools: Sequence[ExamplePool], *, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw a batch of square crops.

    Args:
        pools: Examples to draw from, with replacement.
        size: Side of the crops in pixels.
        seed: Seed of the batch; the same seed gives the same batch.

    Returns:
        Images `[B, 3, size, size]`, RGB in 0..1, and class ids, int64 `[B, size, size]`.
    """
    rng = np.random.default_rng(seed)
    images, ids = [], []
    for pool in pools:
        for index in rng.integers(len(pool.examples), size=pool.per_batch):
            example = pool.examples[index]
            zoom = (ZOOM[0] * example.scale, ZOOM[1] * example.scale)
            height, width = example.ids.shape
            grid = random_crop_grid((height, width), size, rng, zoom=zoom, max_angle=MAX_ANGLE)
            image = torch.from_numpy(example.image).permute(2, 0, 1).float() / 255
            images.append(jitter_color(sample_grid(image, grid, "bilinear"), rng))
            ids.append(sample_grid(torch.from_numpy(example.ids)[None].float(), grid, "nearest")[0].long())
    return torch.stack(images), torch.stack(ids)
