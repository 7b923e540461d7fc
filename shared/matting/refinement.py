"""Alpha at full resolution: a local linear model of alpha in the colors, near the border of the subject.

The guided filter (He, Sun and Tang, "Guided Image Filtering", TPAMI 2013) with colors, whose regression
weighs a pixel by how sure the network is of it: hair in a zone of which the network knows little is told from
the background by the colors on both sides. Statistics are computed at moderate size on a grid of cells, and
the coefficients are interpolated to the pixels (He and Sun, "Fast Guided Filter", 2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from shared.core.images import to_tensor
from shared.core.scheduling import prefetch
from shared.matting.tiles import AHEAD, Grid, Tile, tiles

GUIDE_SIDE = 1024  # longest side in pixels of the image that gives the statistics
CELL = 4  # side in pixels of a cell of the grid
RADIUS = 4  # of the window of the regression, in cells
BORDER_RADIUS = 3  # of the border zone, in cells; it is wider where the network is unsure
EPSILON = 2e-4  # variance of the colors that counts as noise
LEVELS = (0.06, 0.94)  # alpha below and above which a pixel becomes background and subject
TOUCHED = 0.02  # strength from which a tile is computed at full resolution


@dataclass(frozen=True)
class BorderModel:
    """Linear model of alpha in the colors on a grid of cells.

    Attributes:
        slopes: float32 `[3, h, w]`, for RGB in 0..1.
        offset: float32 `[h, w]`.
        strength: float32 `[h, w]`, share of the model in alpha, 0..1: 0 far from the border, and where the
            colors do not tell subject and background apart.
    """

    slopes: np.ndarray
    offset: np.ndarray
    strength: np.ndarray


def guide_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the width and height, multiples of `CELL`, at which statistics are computed.

    >>> guide_size((4000, 3000)), guide_size((101, 5)), guide_size((1, 1))
    ((1024, 768), (100, 4), (4, 4))
    """
    scale = min(GUIDE_SIDE / max(size), 1.0)
    width, height = (max(round(side * scale / CELL) * CELL, CELL) for side in size)
    return width, height


@torch.inference_mode()
def fit_border(image: Image.Image, probability: np.ndarray) -> BorderModel:
    """Fit the model of an image.

    Args:
        image: Mode RGB, any size.
        probability: float32 `[h, w]` in 0..1, of the subject, stretched to the image.
    """
    width, height = guide_size(image.size)
    guide = to_tensor(image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0))[0]
    coarse = torch.from_numpy(np.array(probability, np.float32))[None, None]
    p = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)[0].clamp(0, 1)
    weight = (2 * p - 1).square() + 1e-3
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    products = torch.stack([guide[i] * guide[j] for i, j in pairs])
    planes = torch.cat([torch.ones_like(p), p, p * p, guide, guide * p, products]) * weight
    means = box_mean(F.avg_pool2d(planes[None], CELL)[0], RADIUS)
    means = means[1:] / means[:1]
    mean_p, mean_pp, colors, joint, squares = means.split([1, 1, 3, 3, 6])
    covariance = joint - colors * mean_p
    variance = squares - torch.stack([colors[i] * colors[j] for i, j in pairs])
    slopes = solve_symmetric(variance, covariance, EPSILON)
    offset = mean_p - (slopes * colors).sum(0, keepdim=True)
    spread = (mean_pp - mean_p.square()).clamp(min=0)
    explained = ((slopes * covariance).sum(0, keepdim=True) / (spread + 2e-3)).clamp(0, 1)
    # Windows that explain alpha well speak for their neighbours, as the mean over windows of the filter.
    smooth = box_mean(torch.cat([slopes, offset, explained]) * (explained + 1e-3), 1)
    share = box_mean(explained + 1e-3, 1)
    slopes, offset, explained = (smooth / share).split([3, 1, 1])
    undecided = 1 - (2 * box_mean(F.avg_pool2d(p[None], CELL)[0], BORDER_RADIUS) - 1).abs()
    strength = explained * ((undecided - 0.02) / 0.1).clamp(0, 1)
    return BorderModel(slopes.numpy(), offset[0].numpy(), strength[0].numpy())


def refine_alpha(image: Image.Image, probability: np.ndarray) -> Image.Image:
    """Compute alpha at the size of an image.

    Args:
        image: Mode RGB.
        probability: float32 `[h, w]` in 0..1, of the subject, stretched to the image.

    Returns:
        Mode L, 0 background to 255 subject.
    """
    model = fit_border(image, probability)
    levels = np.rint(stretch(probability) * 255).astype(np.uint8)
    alpha = Image.fromarray(levels).resize(image.size, Image.Resampling.BILINEAR)
    grids = Grid([probability], image.size), Grid([*model.slopes, model.offset, model.strength], image.size)
    border = [tile for tile in tiles(image.size) if _is_touched(model.strength, tile, image.size)]
    for tile, part in prefetch(border, partial(_refined, image, grids), AHEAD):
        alpha.paste(part, tile[:2])
    return alpha


def _is_touched(strength: np.ndarray, tile: Tile, size: tuple[int, int]) -> bool:
    """Return True if the model has a share in a tile of an image of width and height `size`."""
    rows, columns = strength.shape
    left, right = (int(edge * columns / size[0]) for edge in (tile.left, tile.right))
    top, bottom = (int(edge * rows / size[1]) for edge in (tile.top, tile.bottom))
    part = strength[max(top - 1, 0) : bottom + 2, max(left - 1, 0) : right + 2]
    return bool(part.max(initial=0) >= TOUCHED)


def _refined(image: Image.Image, grids: tuple[Grid, Grid], tile: Tile) -> Image.Image:
    """Return alpha in a tile, mode L, from the probability and the model."""
    (p,) = grids[0].at(tile)
    red, green, blue, offset, strength = grids[1].at(tile)
    value = offset * np.float32(255)
    for slope, channel in zip((red, green, blue), image.crop(tile).split(), strict=True):
        value += slope * np.asarray(channel)
    refined = stretch(p + strength * ((value / np.float32(255)).clip(0, 1) - p))
    return Image.fromarray(np.rint(refined * 255).astype(np.uint8))


def stretch(alpha: np.ndarray) -> np.ndarray:
    """Map `LEVELS` of an alpha 0..1 to 0 and 1, which clears haze of the background and subject's pores."""
    low, high = LEVELS
    return np.asarray(((alpha - low) / (high - low)).clip(0, 1), np.float32)


def box_mean(maps: Tensor, radius: int) -> Tensor:
    """Average maps over a square window; at the border over its part inside.

    Args:
        maps: `[C, H, W]`.
        radius: Cells on each side of the center.

    Returns:
        `[C, H, W]`.
    """
    side = 2 * radius + 1
    for kernel, padding in (((side, 1), (radius, 0)), ((1, side), (0, radius))):
        maps = F.avg_pool2d(maps[None], kernel, 1, padding, count_include_pad=False)[0]
    return maps


def solve_symmetric(matrix: Tensor, vector: Tensor, ridge: float) -> Tensor:
    """Solve a symmetric system of three equations at every position, by Cramer's rule.

    Args:
        matrix: `[6, H, W]`: the elements 00, 01, 02, 11, 12, 22.
        vector: `[3, H, W]`.
        ridge: Added to the diagonal.

    Returns:
        `[3, H, W]`.

    >>> diagonal = torch.tensor([2.0, 0, 0, 4, 0, 5])[:, None, None]
    >>> solve_symmetric(diagonal, torch.tensor([2.0, 4, 10])[:, None, None], 0).flatten()
    tensor([1., 1., 2.])
    """
    a, b, c, d, e, f = matrix
    a, d, f = a + ridge, d + ridge, f + ridge
    cofactors = torch.stack([d * f - e * e, c * e - b * f, b * e - c * d])
    determinant = a * cofactors[0] + b * cofactors[1] + c * cofactors[2]
    rows = [
        cofactors,
        torch.stack([cofactors[1], a * f - c * c, b * c - a * e]),
        torch.stack([cofactors[2], b * c - a * e, a * d - b * b]),
    ]
    return torch.stack([(row * vector).sum(0) for row in rows]) / determinant
