"""OKLab for pixels in any number: conversions from and to 8-bit sRGB, with colors fitted into sRGB.

OKLab (Ottosson, "A perceptual color space for image processing", 2020) is perceptual: equal distances look
alike. And light of another strength on a surface scales all three of its values by the same factor, so hue
and the ratio of chroma to lightness are those of the surface, in the sun as in a fold.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

# From linear sRGB to the responses of the cones, and from their cube roots to OKLab.
LMS_FROM_RGB = torch.tensor(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
LAB_FROM_LMS = torch.tensor(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
RGB_FROM_LMS = torch.linalg.inv(LMS_FROM_RGB)
LMS_FROM_LAB = torch.linalg.inv(LAB_FROM_LMS)

GAMUT_STEPS = 6  # of the search for the largest chroma inside sRGB: an error of 1/64 of the chroma


def _linear_levels() -> Tensor:
    levels = torch.arange(256, dtype=torch.float64) / 255
    linear = torch.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return linear.float()


#: Linear light in 0..1 of each 8-bit level of sRGB.
LINEAR_LEVELS = _linear_levels()


def linear_from_pixels(pixels: np.ndarray) -> Tensor:
    """Return linear sRGB, float32 `[3, n]` in 0..1.

    Args:
        pixels: uint8 `[n, 3]`.
    """
    planes = np.ascontiguousarray(pixels.T)
    return torch.from_numpy(np.take(LINEAR_LEVELS.numpy(), planes))


def oklab_from_linear(rgb: Tensor) -> Tensor:
    """Return OKLab, `[3, n]`: lightness in 0..1, and a and b within about 0.3 of 0.

    Args:
        rgb: Linear sRGB, `[3, n]`, at least 0.
    """
    return LAB_FROM_LMS @ (LMS_FROM_RGB @ rgb).clamp_(min=0).pow_(1 / 3)


def oklab_from_pixels(pixels: np.ndarray) -> Tensor:
    """Return OKLab, float32 `[3, n]`.

    Args:
        pixels: uint8 `[n, 3]`.

    >>> oklab_from_pixels(np.array([[255, 255, 255]], np.uint8)).round(decimals=3).abs().flatten().tolist()
    [1.0, 0.0, 0.0]
    """
    return oklab_from_linear(linear_from_pixels(pixels))


def linear_from_oklab(lab: Tensor) -> Tensor:
    """Return linear sRGB, `[3, n]`, outside 0..1 for colors that sRGB does not have."""
    lms = LMS_FROM_LAB @ lab
    return RGB_FROM_LMS @ (lms * lms * lms)


def fit_gamut(lab: Tensor) -> Tensor:
    """Return linear sRGB in 0..1 of colors that keep lightness and hue, and lose chroma until they fit.

    Args:
        lab: OKLab, `[3, n]`, lightness in 0..1.
    """
    rgb = linear_from_oklab(lab)
    outside = ((rgb.amax(0) > 1.001) | (rgb.amin(0) < -0.001)).nonzero()[:, 0]
    if len(outside):
        colors = lab[:, outside]
        low, high = torch.zeros(len(outside)), torch.ones(len(outside))
        for _ in range(GAMUT_STEPS):
            middle = (low + high) / 2
            trial = linear_from_oklab(torch.cat([colors[:1], colors[1:] * middle]))
            fits = (trial.amax(0) <= 1.001) & (trial.amin(0) >= -0.001)
            low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
        rgb[:, outside] = linear_from_oklab(torch.cat([colors[:1], colors[1:] * low]))
    return rgb.clamp_(0, 1)


def pixels_from_linear(rgb: Tensor) -> np.ndarray:
    """Return uint8 `[n, 3]` of linear sRGB `[3, n]`, which is clipped to 0..1."""
    rgb = rgb.clamp(0, 1)
    encoded = torch.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb.clamp(min=1e-8).pow(1 / 2.4) - 0.055)
    levels: np.ndarray = encoded.mul_(255).round_().to(torch.uint8).numpy()
    return levels.T


def pixels_from_oklab(lab: Tensor) -> np.ndarray:
    """Return uint8 `[n, 3]` of OKLab `[3, n]`; colors outside sRGB lose chroma.

    >>> pixels = np.array([[0, 0, 0], [200, 30, 90], [255, 255, 255]], np.uint8)
    >>> bool((pixels_from_oklab(oklab_from_pixels(pixels)) == pixels).all())
    True
    """
    return pixels_from_linear(fit_gamut(lab))
