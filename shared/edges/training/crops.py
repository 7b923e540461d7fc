"""Random crops for training edge networks: photo and labels turned, scaled and mirrored together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.training.augment import jitter_color, random_crop_grid, sample_grid

# Every crop enlarges its photo by this much, times the example's own scale.
ZOOM = (0.6, 1.5)


@dataclass(frozen=True)
class Example:
    """A photo and what its outputs should be.

    Attributes:
        image: uint8 `[H, W, 3]`, RGB.
        target: uint8 `[6, H, W]` or `[1, H, W]` (the same for all six outputs). Labels 0, 1, 2 or, if `soft`,
            edge strength from 0 to 255.
        soft: which of the two `target` holds.
        scale: zoom at which the photo is seen; sets of small photos need more than 1.
    """

    image: np.ndarray
    target: np.ndarray
    soft: bool = False
    scale: float = 1.0


@dataclass(frozen=True)
class Source:
    """Examples and how many of them a batch takes."""

    examples: Sequence[Example]
    per_batch: int


def sample_batch(sources: Sequence[Source], *, size: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Draws one batch; the same seed gives the same batch.

    Half of the crops are turned by any angle, the others stay upright; all are scaled by 0.6 to 1.5 and
    mirrored by chance, with a mild change of exposure and color. Outside the photo its mirror image goes on.

    Args:
        size: side of the square crop in pixels.
        seed: seeds NumPy's generator.

    Returns:
        images `[B, 3, size, size]`, RGB in 0..1; targets `[B, 6, size, size]`, labels 0, 1, 2 or strengths
        in 0..1; and bool `[B]`, true where the target is a strength.
    """
    rng = np.random.default_rng(seed)
    images, targets, soft = [], [], []
    for source in sources:
        for index in rng.integers(len(source.examples), size=source.per_batch):
            example = source.examples[index]
            low, high = ZOOM
            zoom = (low * example.scale, high * example.scale)
            grid = random_crop_grid(example.image.shape[:2], size, rng, zoom=zoom)
            image = torch.from_numpy(example.image).permute(2, 0, 1).float() / 255
            images.append(jitter_color(sample_grid(image, grid, "bilinear"), rng))
            target = torch.from_numpy(example.target).float()
            target = (
                sample_grid(target / 255, grid, "bilinear")
                if example.soft
                else sample_grid(target, grid, "nearest")
            )
            targets.append(target.expand(6, -1, -1))
            soft.append(example.soft)
    return torch.stack(images), torch.stack(targets), torch.tensor(soft)
