"""Folds of a person's own garment, without its print, and cloth with folds."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from shared.restyle.gaps import enlarge_rows
from shared.restyle.garment.cloth import Cloth, find_cloth, smooth_step
from shared.restyle.garment.prints import PrintMap
from shared.restyle.garment.shading import Shading
from shared.restyle.garment.tone import FOLDS, apply_shade, shade, tone_from_lightness
from shared.restyle.oklab import oklab_from_pixels, pixels_from_oklab
from shared.restyle.region import Region

OWN_FOLDS = 0.8  # share of the folds of the person's own garment that are laid over plain fabric
PRINTED = 0.12  # share of a garment that differs from its cloth, from which it is a print and not a fold


def own_folds(photo: np.ndarray, mask: np.ndarray, deviation: float) -> np.ndarray:
    """Return folds of a garment that are finer than the shading that the network sees.

    Args:
        photo: The person in the frame, uint8 `[H, W, 3]`.
        mask: The garment, boolean `[H, W]`.
        deviation: Deviation in pixels of the low-pass filter whose result the network has seen.

    Returns:
        Offsets of tone in usual spreads, float32 `[H, W]`; 0 where nothing is known of the garment.
    """
    result = np.zeros(mask.shape, np.float32)
    if not mask.any():
        return result
    region = Region.around(Image.fromarray(photo), mask)
    samples = region.samples()
    cloth = find_cloth(samples)
    shading = Shading(region, cloth, PrintMap(region, cloth))
    grid = shading.broad[0].numpy()
    smooth = gaussian_filter(grid, deviation / shading.cell, mode="nearest")
    share = OWN_FOLDS * (1 - float(smooth_step(torch.tensor(printed_share(cloth, samples) / PRINTED))))
    folds = torch.from_numpy(share * (grid - smooth))[None]
    height, width = region.mask.shape
    part = (slice(region.top, region.top + height), slice(region.left, region.left + width))
    result[part] = enlarge_rows(folds, slice(0, height), (height, width), shading.cell)[0].numpy()
    return result


def printed_share(cloth: Cloth, samples: np.ndarray) -> float:
    """Return the share of pixels that are no folds of a cloth, 0..1.

    Args:
        cloth: Main color of the garment.
        samples: Pixels of it, uint8 `[n, 3]`.
    """
    lab = oklab_from_pixels(samples)
    offset = shade(tone_from_lightness(lab[0]), cloth.lightness).abs()
    return float(torch.maximum(cloth.print_share(lab), (offset > FOLDS).float()).mean())


def fold(cloth: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return cloth `[h, w, 3]` in 0..1 with folds, offsets of tone `[h, w]`."""
    lab = oklab_from_pixels(np.rint(cloth * 255).astype(np.uint8).reshape(-1, 3))
    shaded = apply_shade(lab[0], torch.from_numpy(np.ascontiguousarray(folds).reshape(-1)))
    colors = lab[1:] * (shaded / lab[0].clamp(min=0.05))
    return pixels_from_oklab(torch.cat([shaded[None], colors])).reshape(cloth.shape) / np.float32(255)
