"""Application of a change of color to the pixels under a mask, in bounded memory and without a halo."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from shared.restyle.borders import BorderColors
from shared.restyle.garment.smoothing import denoise
from shared.restyle.oklab import oklab_from_pixels, pixels_from_oklab
from shared.restyle.region import Region

MAX_GAIN = 1.2  # of differences of lightness, above which noise is removed


class Change(Protocol):
    """Function of colors to new colors."""

    @property
    def gain(self) -> float:
        """Factor by which small differences of lightness grow."""

    def __call__(self, lab: Tensor, lightness: Tensor, indices: np.ndarray) -> Tensor:
        """Return new colors, OKLab `[3, n]`.

        Args:
            lab: OKLab, `[3, n]`.
            lightness: Lightness without noise, `[n]`.
            indices: Flat indices of the pixels in the region, `[n]`.
        """


@torch.inference_mode()
def apply_change(region: Region, change: Change) -> None:
    """Change the pixels of a region under its mask, in place and strip by strip.

    At the border of the mask, where pixels mix garment and background, the change of the garment's own color
    there is added in proportion, so that the background in the mixture stays.
    """
    smooth = smooth_lightness(region, change.gain)
    border = (region.mask > 0) & (region.mask < 255)
    colors = BorderColors(region.pixels, region.mask) if border.any() else None
    width = region.mask.shape[1]
    for rows in region.strips():
        pixels, mask = region.pixels[rows].reshape(-1, 3), region.mask[rows].reshape(-1)
        edge, inner = np.flatnonzero(border[rows]), np.flatnonzero(mask == 255)
        if len(edge) and colors is not None:
            subject = colors.subject_at(edge + rows.start * width)
            levels = (subject * 255).round_().to(torch.uint8).numpy().T
            lab = oklab_from_pixels(levels)
            new = pixels_from_oklab(change(lab, lab[0], edge + rows.start * width))
            difference = (new.astype(np.float32) - levels) * (mask[edge, None] / np.float32(255))
            pixels[edge] = np.rint(pixels[edge] + difference).clip(0, 255).astype(np.uint8)
        if len(inner):
            lab = oklab_from_pixels(pixels[inner])
            lightness = lab[0] if smooth is None else torch.from_numpy(smooth[rows].reshape(-1)[inner])
            pixels[inner] = pixels_from_oklab(change(lab, lightness, inner + rows.start * width))
        region.pixels[rows] = pixels.reshape(-1, width, 3)


def smooth_lightness(region: Region, gain: float) -> np.ndarray | None:
    """Return the lightness of a region without the noise that a gain would show, float32 `[h, w]`.

    None if the gain would show none.
    """
    if gain <= MAX_GAIN:
        return None
    width = region.mask.shape[1]
    lightness = np.empty(region.mask.shape, np.float32)
    for rows in region.strips():
        part = oklab_from_pixels(region.pixels[rows].reshape(-1, 3))[0]
        lightness[rows] = part.numpy().reshape(-1, width)
    denoise(lightness, gain)
    return lightness
