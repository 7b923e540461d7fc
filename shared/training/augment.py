"""Augmentation for dense networks: random crops of an image and its annotation, and changes of color."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def random_crop_grid(
    shape: tuple[int, int],
    size: int,
    rng: np.random.Generator,
    *,
    zoom: tuple[float, float] = (0.6, 1.5),
    max_angle: float = math.pi,
) -> Tensor:
    """Draw the sampling grid of a random square crop of an image.

    Half of the crops are rotated, the others stay upright; half are mirrored.

    Args:
        shape: Height and width of the image in pixels.
        size: Side of the crop in pixels.
        rng: Source of randomness.
        zoom: Lowest and highest magnification, drawn evenly on a logarithmic scale.
        max_angle: Largest rotation in radians.

    Returns:
        `[1, size, size, 2]`, in the coordinates of `torch.nn.functional.grid_sample`.
    """
    height, width = shape
    factor = float(np.exp(rng.uniform(*np.log(zoom))))
    angle = rng.uniform(-max_angle, max_angle) if rng.random() < 0.5 else 0.0
    flip = -1.0 if rng.random() < 0.5 else 1.0
    reach = size / factor / 2
    center = [rng.uniform(min(reach, n / 2), max(n - reach, n / 2)) for n in (width, height)]
    steps = (torch.arange(size) + 0.5 - size / 2) / factor
    down, across = torch.meshgrid(steps, steps * flip, indexing="ij")
    x = center[0] + math.cos(angle) * across - math.sin(angle) * down
    y = center[1] + math.sin(angle) * across + math.cos(angle) * down
    return torch.stack([x / width * 2 - 1, y / height * 2 - 1], -1)[None]


def sample_grid(maps: Tensor, grid: Tensor, mode: str) -> Tensor:
    """Sample maps at the points of a grid; outside the image its mirror image continues.

    Args:
        maps: `[C, H, W]`.
        grid: `[1, h, w, 2]`, see `random_crop_grid`.
        mode: `"bilinear"` for images and strengths, `"nearest"` for class ids.

    Returns:
        `[C, h, w]`.
    """
    return F.grid_sample(maps[None], grid, mode=mode, padding_mode="reflection", align_corners=False)[0]


def jitter_color(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Change exposure and color a little; one image in ten becomes grey.

    Args:
        image: `[3, H, W]`, RGB in 0..1.
        rng: Source of randomness.

    Returns:
        `[3, H, W]`, RGB in 0..1.
    """
    gain = torch.from_numpy(rng.uniform(0.85, 1.15, (3, 1, 1))).float() * float(rng.uniform(0.8, 1.2))
    image = (image.clamp(0, 1) ** float(rng.uniform(0.75, 1.33)) * gain).clamp(0, 1)
    if rng.random() < 0.1:
        image = image.mean(0, keepdim=True).expand(3, -1, -1)
    return image
