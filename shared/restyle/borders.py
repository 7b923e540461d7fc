"""Colors of the subject at its soft border, where every pixel mixes subject and background."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from shared.restyle.gaps import cell_means, fill_gaps, sample_grid
from shared.restyle.region import SOLID

CLEAR = 5  # level of a mask up to which a pixel holds nothing of the subject
CELLS = 500  # along the longer side of the box: cells are a few pixels wide


class BorderColors:
    """Colors of subject and background around the border of a mask.

    Pure colors on both sides are continued over the border. At a border pixel I with mask m, subject F and
    background B then solve I = m F + (1 - m) B near those colors, as in Forte, "Approximate Fast Foreground
    Colour Estimation", 2021.

    Args:
        pixels: uint8 `[h, w, 3]`.
        mask: uint8 `[h, w]`.
    """

    def __init__(self, pixels: np.ndarray, mask: np.ndarray) -> None:
        self._pixels = pixels
        self._mask = mask
        self._cell = max(2, round(max(mask.shape) / CELLS))
        solid = mask >= min(SOLID, int(mask.max()))
        clear = mask <= max(CLEAR, int(mask.min()))
        self._subject = fill_gaps(*cell_means(pixels, solid, self._cell))
        self._background = fill_gaps(*cell_means(pixels, clear, self._cell))

    def subject_at(self, indices: np.ndarray) -> Tensor:
        """Return colors of the subject, `[3, n]`, sRGB in 0..1.

        Args:
            indices: Flat indices of pixels in the mask, `[n]`.
        """
        rows, columns = np.divmod(indices, self._mask.shape[1])
        subject = sample_grid(self._subject, rows, columns, self._cell)
        background = sample_grid(self._background, rows, columns, self._cell)
        share = torch.from_numpy(self._mask.reshape(-1)[indices].astype(np.float32)) / 255
        colors = torch.from_numpy(self._pixels.reshape(-1, 3)[indices].T.astype(np.float32)) / 255
        error = colors - torch.lerp(background, subject, share)
        # At a share of 0 the pixel says nothing of the subject; the error then counts nothing.
        return (subject + share * error).clamp_(0, 1)
