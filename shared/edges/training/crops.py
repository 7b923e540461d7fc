"""Random crops for training edge networks: images and labels are rotated, scaled and mirrored together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.networks.rds import SIDES
from shared.training.augment import jitter_color, random_crop_grid, sample_grid

# Range of the random scale, relative to the example's own scale.
ZOOM = (0.6, 1.5)


@dataclass(frozen=True)
class Example:
    """Image with the target of each output.

    Attributes:
        image: uint8 `[H, W, 3]`, RGB.
        target: uint8 `[6, H, W]` or `[1, H, W]` (the same for all six outputs): labels 0, 1, 2 or, if `soft`,
            edge strengths 0 to 255.
        soft: True if `target` holds strengths.
        scale: Factor on the image's size; sets of small images need more than 1.
    """

    image: np.ndarray
    target: np.ndarray
    soft: bool = False
    scale: float = 1.0


@dataclass(frozen=True)
class ExampleSource:
    """Examples, and the number of them in a batch."""

    examples: Sequence[Example]
    per_batch: int


def sample_batch(sources: Sequence[ExampleSource], *, size: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Draw a batch of crops; the same seed gives the same batch.

    Half of the crops are rotated by any angle, the others stay upright; all are scaled by 0.6 to 1.5 and
    mirrored at random, with a mild change of exposure and color. Beyond its border an image is mirrored.

    Args:
        sources: Examples to draw from.
        size: Side of the square crops in pixels.
        seed: Seed of NumPy's generator.

    Returns:
        Images `[B, 3, size, size]`, RGB in 0..1; targets `[B, 6, size, size]`, labels 0, 1, 2 or strengths in
        0..1; and bool `[B]`, True for strengths.
    """
    rng = np.random.default_rng(seed)
    images, targets, soft = [], [], []
    for source in sources:
        for index in rng.integers(len(source.examples), size=source.per_batch):
            example = source.examples[index]
            zoom = (ZOOM[0] * example.scale, ZOOM[1] * example.scale)
            height, width = example.image.shape[:2]
            grid = random_crop_grid((height, width), size, rng, zoom=zoom)
            image = torch.from_numpy(example.image).permute(2, 0, 1).float() / 255
            images.append(jitter_color(sample_grid(image, grid, "bilinear"), rng))
            target = torch.from_numpy(example.target).float()
            if example.soft:
                target = sample_grid(target / 255, grid, "bilinear")
            else:
                target = sample_grid(target, grid, "nearest")
            targets.append(target.expand(SIDES + 1, -1, -1))
            soft.append(example.soft)
    return torch.stack(images), torch.stack(targets), torch.tensor(soft)
