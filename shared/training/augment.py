"""Random crops for training dense networks: photo and annotation turned, scaled and mirrored together."""

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
    turn: float = math.pi,
) -> Tensor:
    """Where each pixel of a random square crop looks in a photo.

    Half of the crops are turned, the others stay upright; half are mirrored.

    Args:
        shape: height and width of the photo in pixels.
        size: side of the crop in pixels.
        zoom: least and greatest enlargement, drawn evenly on a logarithmic scale.
        turn: greatest angle in radians.

    Returns:
        `[1, size, size, 2]`, in `grid_sample`'s coordinates.
    """
    height, width = shape
    factor = float(np.exp(rng.uniform(*np.log(zoom))))
    angle = rng.uniform(-turn, turn) if rng.random() < 0.5 else 0.0
    flip = -1.0 if rng.random() < 0.5 else 1.0
    reach = size / factor / 2
    center = [rng.uniform(min(reach, n / 2), max(n - reach, n / 2)) for n in (width, height)]
    steps = (torch.arange(size) + 0.5 - size / 2) / factor
    down, across = torch.meshgrid(steps, steps * flip, indexing="ij")
    x = center[0] + math.cos(angle) * across - math.sin(angle) * down
    y = center[1] + math.sin(angle) * across + math.cos(angle) * down
    return torch.stack([x / width * 2 - 1, y / height * 2 - 1], -1)[None]


def sample_grid(layers: Tensor, grid: Tensor, mode: str) -> Tensor:
    """Reads maps `[C, H, W]` at the places of a grid; outside the photo its mirror image goes on.

    Args:
        mode: `"bilinear"` for photos and strengths, `"nearest"` for class ids.
    """
    return F.grid_sample(layers[None], grid, mode=mode, padding_mode="reflection", align_corners=False)[0]


def jitter_color(image: Tensor, rng: np.random.Generator) -> Tensor:
    """A mild change of exposure and color; one photo in ten becomes grey.

    Args:
        image: `[3, H, W]`, RGB in 0..1.
    """
    gain = torch.from_numpy(rng.uniform(0.85, 1.15, (3, 1, 1))).float() * float(rng.uniform(0.8, 1.2))
    image = (image.clamp(0, 1) ** float(rng.uniform(0.75, 1.33)) * gain).clamp(0, 1)
    if rng.random() < 0.1:
        image = image.mean(0, keepdim=True).expand(3, -1, -1)
    return image
