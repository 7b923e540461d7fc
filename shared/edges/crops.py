"""Random crops for training edge networks: photo and labels turned, scaled and mirrored together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


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
            grid = _grid(example, size, rng)
            image = torch.from_numpy(example.image).permute(2, 0, 1).float() / 255
            images.append(_recolor(_sample(image, grid, "bilinear"), rng))
            target = torch.from_numpy(example.target).float()
            target = (
                _sample(target / 255, grid, "bilinear") if example.soft else _sample(target, grid, "nearest")
            )
            targets.append(target.expand(6, -1, -1))
            soft.append(example.soft)
    return torch.stack(images), torch.stack(targets), torch.tensor(soft)


def _grid(example: Example, size: int, rng: np.random.Generator) -> Tensor:
    """Where each pixel of the crop looks in the photo, in grid_sample's coordinates, `[1, size, size, 2]`."""
    height, width = example.image.shape[:2]
    zoom = example.scale * float(np.exp(rng.uniform(math.log(0.6), math.log(1.5))))
    angle = rng.uniform(-math.pi, math.pi) if rng.random() < 0.5 else 0.0
    flip = -1.0 if rng.random() < 0.5 else 1.0
    reach = size / zoom / 2
    center = [rng.uniform(min(reach, n / 2), max(n - reach, n / 2)) for n in (width, height)]
    steps = (torch.arange(size) + 0.5 - size / 2) / zoom
    down, across = torch.meshgrid(steps, steps * flip, indexing="ij")
    x = center[0] + math.cos(angle) * across - math.sin(angle) * down
    y = center[1] + math.sin(angle) * across + math.cos(angle) * down
    return torch.stack([x / width * 2 - 1, y / height * 2 - 1], -1)[None]


def _sample(layers: Tensor, grid: Tensor, mode: str) -> Tensor:
    return F.grid_sample(layers[None], grid, mode=mode, padding_mode="reflection", align_corners=False)[0]


def _recolor(image: Tensor, rng: np.random.Generator) -> Tensor:
    gain = torch.from_numpy(rng.uniform(0.85, 1.15, (3, 1, 1))).float() * float(rng.uniform(0.8, 1.2))
    image = (image.clamp(0, 1) ** float(rng.uniform(0.75, 1.33)) * gain).clamp(0, 1)
    if rng.random() < 0.1:
        image = image.mean(0, keepdim=True).expand(3, -1, -1)
    return image
