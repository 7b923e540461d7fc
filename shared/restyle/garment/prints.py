"""Prints on cloth: the areas of a garment around colors that the cloth does not have."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from shared.restyle.gaps import cell_means, sample_grid
from shared.restyle.garment.cloth import Cloth, smooth_step
from shared.restyle.oklab import oklab_from_pixels
from shared.restyle.region import Region

CELLS = 500  # along the longer side of the garment
MIN_SHARE = 0.003  # of the garment, below which different colors are specks and no print
REACH = 3  # cells around a print that hold its blurred edge


class PrintMap:
    """Areas around the prints of a garment.

    Args:
        region: The garment.
        cloth: Its main color.
    """

    def __init__(self, region: Region, cloth: Cloth) -> None:
        self._cloth = cloth
        self._width = region.mask.shape[1]
        self._cell = max(1, round(max(region.mask.shape) / CELLS))
        self._grid = self._find(region)

    def __call__(self, lab: Tensor, indices: np.ndarray) -> Tensor:
        """Return the certainty that pixels belong to a print, `[n]` in 0..1.

        Args:
            lab: OKLab, `[3, n]`.
            indices: Flat indices of the pixels in the region, `[n]`.
        """
        if self._grid is None:
            return torch.zeros(lab.shape[1])
        rows, columns = np.divmod(indices, self._width)
        return sample_grid(self._grid, rows, columns, self._cell)[0] * self._cloth.unlike(lab)

    def _find(self, region: Region) -> Tensor | None:
        """Return closeness to a print on the grid of cells, `[1, h, w]` in 0..1; None without a print."""
        means, shares = cell_means(region.pixels, region.solid, self._cell)
        levels = (means.flatten(1).T * 255).round().to(torch.uint8).numpy()
        certain = self._cloth.print_share(oklab_from_pixels(levels)).view_as(shares) * (shares > 0.5)
        # Single cells are noise; a print fills several of the nine around its cells.
        certain = certain * smooth_step((F.avg_pool2d(certain, 3, 1, 1) - 0.2) / 0.25)
        if float(certain.sum()) < MIN_SHARE * float(shares.sum()):
            return None
        near = F.max_pool2d(certain, 2 * REACH + 1, 1, REACH)
        return F.avg_pool2d(near, 3, 1, 1, count_include_pad=False)
