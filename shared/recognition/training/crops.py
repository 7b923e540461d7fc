"""Random crops for training segmenters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.recognition.data.datasets import VOID, Masks
from shared.training.augment import jitter_color, random_crop_grid, sample_grid

# Every crop enlarges its photo by this much, times the example's own scale, and is turned by at most this.
ZOOM = (0.5, 1.6)
TURN = 0.2


@dataclass(frozen=True)
class Example:
    """A photo and the classes of its pixels.

    Attributes:
        image: uint8 `[H, W, 3]`, RGB.
        ids: uint8 `[H, W]`, `VOID` where there is no class.
        scale: zoom at which the photo is seen; sets of small photos need more than 1.
    """

    image: np.ndarray
    ids: np.ndarray
    scale: float = 1.0


@dataclass(frozen=True)
class Source:
    """Examples and how many of them a batch takes."""

    examples: Sequence[Example]
    per_batch: int


def examples(masks: Masks, scale: float) -> list[Example]:
    """Reads a segmentation set into memory."""
    return [Example(np.array(pair.image()), masks.ids(pair), scale) for pair in masks.pairs]


def class_shares(given: Sequence[Example], classes: int) -> np.ndarray:
    """Each class's part of all pixels that have a class, float64 `[classes]`."""
    counts = sum(np.bincount(example.ids.ravel(), minlength=VOID + 1)[:classes] for example in given)
    return counts / counts.sum()


def sample_crops(sources: Sequence[Source], *, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draws one batch; the same seed gives the same batch.

    Args:
        size: side of the square crop in pixels.
        seed: seeds NumPy's generator.

    Returns:
        images `[B, 3, size, size]`, RGB in 0..1, and class ids, int64 `[B, size, size]`.
    """
    rng = np.random.default_rng(seed)
    images, ids = [], []
    for source in sources:
        for index in rng.integers(len(source.examples), size=source.per_batch):
            example = source.examples[index]
            zoom = (ZOOM[0] * example.scale, ZOOM[1] * example.scale)
            grid = random_crop_grid(example.ids.shape, size, rng, zoom=zoom, max_angle=TURN)
            image = torch.from_numpy(example.image).permute(2, 0, 1).float() / 255
            images.append(jitter_color(sample_grid(image, grid, "bilinear"), rng))
            ids.append(sample_grid(torch.from_numpy(example.ids)[None].float(), grid, "nearest")[0].long())
    return torch.stack(images), torch.stack(ids)
