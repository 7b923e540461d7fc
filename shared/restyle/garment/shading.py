"""Shading of a garment without its print: folds and light as offsets of tone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from shared.restyle.gaps import fill_gaps
from shared.restyle.garment.cloth import Cloth
from shared.restyle.garment.prints import PrintMap
from shared.restyle.garment.tone import FOLDS, ToneCurve, shade, tone_from_lightness
from shared.restyle.oklab import oklab_from_pixels
from shared.restyle.region import Region

CELLS = 90  # along the longer side of the garment: broad folds are a few cells wide
MAX_OFFSET = 3.0  # in usual spreads, of light and shadow on cloth


class Shading:
    """Offsets of tone from the main color of a garment, in usual spreads of tone.

    Broad light and folds come from means over cells, in which prints do not count. Detail comes from single
    pixels, except on prints.

    Args:
        region: The garment.
        cloth: Its main color.
        prints: Areas of its prints.

    Attributes:
        broad: Offsets on the grid of cells, `[1, h, w]`.
        cell: Side of a cell in pixels.
    """

    def __init__(self, region: Region, cloth: Cloth, prints: PrintMap) -> None:
        self._cloth = cloth
        self._prints = prints
        self.cell = max(1, round(max(region.mask.shape) / CELLS))
        self.broad = fill_gaps(*self._means(region))

    def gain(self, lightness: float) -> float:
        """Return the factor by which small differences grow on new cloth of a lightness in 0..1."""
        return ToneCurve(self._cloth.lightness, lightness, self._cloth.spread).gain

    def offsets(self, lab: Tensor, lightness: Tensor, indices: np.ndarray, broad: Tensor) -> Tensor:
        """Return offsets of pixels, `[n]` within `MAX_OFFSET`.

        Args:
            lab: OKLab, `[3, n]`.
            lightness: Lightness without noise, `[n]`.
            indices: Flat indices of the pixels in the region, `[n]`.
            broad: Offsets of the grid at the pixels, `[n]`.
        """
        offset = shade(tone_from_lightness(lightness), self._cloth.lightness, self._cloth.spread)
        offset = torch.lerp(offset, broad, self._print_share(lab, offset, indices))
        return MAX_OFFSET * torch.tanh(offset / MAX_OFFSET)

    def _print_share(self, lab: Tensor, offset: Tensor, indices: np.ndarray) -> Tensor:
        beyond_folds = ((offset.abs() - FOLDS - 0.5) / 1.5).clamp(0, 1)
        return torch.maximum(self._prints(lab, indices), beyond_folds)

    def _means(self, region: Region) -> tuple[Tensor, Tensor]:
        """Return mean offsets in cells and their weights, `[1, h, w]` each."""
        height, width = region.mask.shape
        shape = -(-height // self.cell), -(-width // self.cell)
        sums, weights = torch.zeros(shape).flatten(), torch.zeros(shape).flatten()
        solid = region.solid
        for rows in region.strips():
            indices = np.flatnonzero(solid[rows]) + rows.start * width
            if len(indices) == 0:
                continue
            lab = oklab_from_pixels(region.pixels.reshape(-1, 3)[indices])
            offset = shade(tone_from_lightness(lab[0]), self._cloth.lightness, self._cloth.spread)
            weight = 1 - self._print_share(lab, offset, indices)
            y, x = np.divmod(indices, width)
            cells = torch.from_numpy(y // self.cell * shape[1] + x // self.cell)
            sums.index_add_(0, cells, weight * offset.clamp(-MAX_OFFSET, MAX_OFFSET))
            weights.index_add_(0, cells, weight)
        means = (sums / weights.clamp(min=1e-6)).view(1, *shape)
        return means, (2 * weights / self.cell**2).clamp(max=1).view(1, *shape)


def slopes(grid: Tensor) -> Tensor:
    """Return the slope of a grid per cell, `[2, h, w]`: to the right and down.

    Args:
        grid: `[1, h, w]`, smoothed over 3 x 3 cells first.
    """
    smooth = F.avg_pool2d(F.pad(grid[None], (1, 1, 1, 1), mode="replicate"), 3, 1)
    padded = F.pad(smooth, (1, 1, 1, 1), mode="replicate")[0, 0]
    right = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    down = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
    return torch.stack([right, down])
