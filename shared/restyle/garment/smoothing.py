"""Removal of the noise of dark cloth, which would show on a lighter one."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from shared.restyle.gaps import enlarge_rows
from shared.restyle.region import strips

NOISE = 1.6 / 255  # usual noise of a photo's lightness, compression included
CELLS = 300  # along the longer side of an image: windows of two cells hold the noise, not the folds


def denoise(lightness: np.ndarray, strength: float) -> None:
    """Smooth a lightness where it varies no more than noise does, in place.

    A guided filter of the lightness by itself (He and others, "Guided Image Filtering", 2013), whose means
    and variances come from every pixel but are kept on a grid.

    Args:
        lightness: float32 `[h, w]` in 0..1.
        strength: Standard deviation of what is smoothed, in units of the usual noise.
    """
    height, width = lightness.shape
    cell = max(2, round(max(height, width) / CELLS))
    mean, square = _moments(lightness, cell)
    variance = (square - mean * mean).clamp_(min=0)
    slope = variance / (variance + (strength * NOISE) ** 2)
    slope, offset = _blur(torch.cat([slope, mean * (1 - slope)]))
    for rows in strips(height, width):
        part = torch.from_numpy(lightness[rows])
        a, b = enlarge_rows(torch.stack([slope, offset]), rows, (height, width), cell)
        part.mul_(a).add_(b)


def _moments(values: np.ndarray, cell: int) -> tuple[Tensor, Tensor]:
    """Return means of values and of their squares in windows of two cells, `[1, h, w]` each."""
    plane = torch.from_numpy(values)[None]
    plane = F.pad(plane, (0, -values.shape[1] % cell, 0, -values.shape[0] % cell), mode="replicate")
    moments = [_blur(F.avg_pool2d(part, cell)) for part in (plane, plane * plane)]
    return moments[0], moments[1]


def _blur(grid: Tensor) -> Tensor:
    """Return means over 3 x 3 cells, the middle one counting most."""
    kernel = torch.tensor([1.0, 2.0, 1.0])
    weights = (kernel[:, None] * kernel / 16)[None, None]
    padded = F.pad(grid[:, None], (1, 1, 1, 1), mode="replicate")
    return F.conv2d(padded, weights)[:, 0]
