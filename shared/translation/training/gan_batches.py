"""Batches of two sets of images: random crops and mirror images, the same for pairs or drawn apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

JITTER = 286 / 256  # stored size over size of the crops, as in the papers


def to_signed(image: np.ndarray) -> Tensor:
    """Convert uint8 `[H, W, 3]` to float32 `[3, H, W]` in -1..1."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div_(127.5).sub_(1)


def paired_batch(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], *, batch: int, side: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Draw random crops of random pairs, mirrored in half of the cases.

    Args:
        pairs: uint8 `[H, W, 3]`, first and second image of the same size.
        batch: Number of pairs.
        side: Side of the crops in pixels, or the image's if that is smaller.
        seed: Seed, on which alone the batch depends.

    Returns:
        First and second images, `[batch, 3, side, side]` in -1..1.
    """
    generator = np.random.default_rng(seed)
    crops = []
    for _ in range(batch):
        images = pairs[int(generator.integers(len(pairs)))]
        crops.append(_same_crop(images, side, generator))
    firsts, seconds = zip(*crops, strict=True)
    return torch.stack(firsts), torch.stack(seconds)


def unpaired_batch(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], *, batch: int, side: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Draw crops of first and second images of different pairs.

    Returns:
        Both `[batch, 3, side, side]` in -1..1; see `paired_batch` for the arguments.
    """
    firsts, _ = paired_batch(pairs, batch=batch, side=side, seed=2 * seed)
    _, seconds = paired_batch(pairs, batch=batch, side=side, seed=2 * seed + 1)
    return firsts, seconds


def _same_crop(
    images: tuple[np.ndarray, np.ndarray], side: int, generator: np.random.Generator
) -> tuple[Tensor, Tensor]:
    height, width = images[0].shape[:2]
    top = generator.integers(max(height - side, 0) + 1)
    left = generator.integers(max(width - side, 0) + 1)
    flip = generator.random() < 0.5
    crops = [image[top : top + side, left : left + side] for image in images]
    first, second = (to_signed(crop[:, ::-1] if flip else crop) for crop in crops)
    return first, second
