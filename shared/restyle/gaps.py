"""Smooth continuation of colors into areas that have none, and colors on both sides of a soft border."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from shared.restyle.region import strips


def fill_gaps(values: Tensor, weights: Tensor) -> Tensor:
    """Continue values into gaps by a pyramid: a gap takes the mean of the nearest values around it.

    Gortler and others, "The Lumigraph", 1996, section 3.5 (pull and push).

    Args:
        values: `[C, h, w]`; ignored where the weight is 0.
        weights: `[1, h, w]` in 0..1, certainty of each value.

    Returns:
        `[C, h, w]`; zeros if all weights are.
    """
    height, width = values.shape[1:]
    if max(height, width) == 1:
        return values * (weights > 0)
    padding = (0, width % 2, 0, height % 2)
    sums = F.pad(torch.cat([values * weights, weights]), padding)
    sums = F.avg_pool2d(sums[None], 2)[0]
    coarse_values = sums[:-1] / sums[-1:].clamp(min=1e-8)
    # Two pixels of four are enough to be certain; otherwise the weights would fade with every level.
    coarse = fill_gaps(coarse_values, (2 * sums[-1:]).clamp(max=1))
    size = (height + padding[3], width + padding[1])
    smooth = F.interpolate(coarse[None], size, mode="bilinear")[0][:, :height, :width]
    return torch.lerp(smooth, values, weights)


def cell_means(pixels: np.ndarray, weights: np.ndarray, cell: int) -> tuple[Tensor, Tensor]:
    """Compute the weighted mean of the pixels in each cell of a grid, strip by strip.

    Args:
        pixels: uint8 `[H, W, 3]`.
        weights: uint8 or bool `[H, W]`; 255 or True counts fully.
        cell: Side of a cell in pixels.

    Returns:
        Means `[3, h, w]` in 0..1, 0 for empty cells, and covered shares `[1, h, w]` in 0..1.
    """
    height, width = weights.shape
    shape = (-(-height // cell), -(-width // cell))
    means, shares = torch.zeros(3, *shape), torch.zeros(1, *shape)
    scale = 1.0 if weights.dtype == bool else 1 / 255
    rows_per_strip = max(1, next(strips(height, width)).stop // cell)
    for first in range(0, shape[0], rows_per_strip):
        rows = slice(first * cell, min((first + rows_per_strip) * cell, height))
        weight = torch.from_numpy(np.asarray(weights[rows], np.float32)) * scale
        if not weight.any():
            continue
        colors = torch.from_numpy(np.ascontiguousarray(pixels[rows].transpose(2, 0, 1))).float().div_(255)
        sums = torch.cat([colors * weight, weight[None]])
        sums = F.pad(sums, (0, -width % cell, 0, -(rows.stop - rows.start) % cell))
        sums = F.avg_pool2d(sums[None], cell)[0]
        target = slice(first, first + sums.shape[1])
        means[:, target] = sums[:3] / sums[3:].clamp(min=1e-6)
        shares[:, target] = sums[3:]
    return means, shares


def sample_grid(grid: Tensor, rows: np.ndarray, columns: np.ndarray, cell: float) -> Tensor:
    """Interpolate a grid of cells bilinearly at pixels.

    Args:
        grid: `[C, h, w]`, values at the middles of cells.
        rows: Rows of the pixels, `[n]`.
        columns: Columns of the pixels, `[n]`.
        cell: Side of a cell in pixels.

    Returns:
        `[C, n]`.
    """
    height, width = grid.shape[1:]
    y = (torch.from_numpy(rows.astype(np.float32)) + 0.5) / cell - 0.5
    x = (torch.from_numpy(columns.astype(np.float32)) + 0.5) / cell - 0.5
    y, x = y.clamp_(0, height - 1), x.clamp_(0, width - 1)
    top, left = y.long(), x.long()
    bottom, right = (top + 1).clamp_(max=height - 1), (left + 1).clamp_(max=width - 1)
    y, x = y - top, x - left
    upper = torch.lerp(grid[:, top, left], grid[:, top, right], x)
    lower = torch.lerp(grid[:, bottom, left], grid[:, bottom, right], x)
    return torch.lerp(upper, lower, y)


def enlarge_rows(grid: Tensor, rows: slice, shape: tuple[int, int], cell: int) -> Tensor:
    """Enlarge rows of a grid of cells bilinearly to pixels.

    Args:
        grid: `[C, h, w]`, values at the middles of cells.
        rows: Rows of pixels.
        shape: Height and width in pixels.
        cell: Side of a cell in pixels.

    Returns:
        `[C, rows, width]`.
    """
    height, width = grid.shape[1:]
    y = (torch.arange(rows.start, rows.stop) + 0.5) * 2 / (height * cell) - 1
    x = (torch.arange(shape[1]) + 0.5) * 2 / (width * cell) - 1
    points = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)
    return F.grid_sample(grid[None], points[None], padding_mode="border", align_corners=False)[0]
