"""CIE Lab for images of any size: lightness of an image, and an image of lightness and chroma.

Conversions work on strips of rows, so that their intermediate values take a few
megabytes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image
from skimage.color import rgb2lab

from shared.core.calls import check_call

STRIP_PIXELS = 500_000
# From linear sRGB to XYZ under D65 (IEC 61966-2-1), as in scikit-image.
XYZ_FROM_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]],
    np.float32,
)
RGB_FROM_XYZ = np.linalg.inv(XYZ_FROM_RGB)
LUMINANCE = XYZ_FROM_RGB[1]
WHITE = np.array([0.95047, 1.0, 1.08883], np.float32)  # XYZ of D65


def lightness_of(image: Image.Image) -> np.ndarray:
    """Return the lightness L of CIE Lab, float32 `[H, W]` in 0..100.

    Args:
        image: Mode RGB.
    """
    lightness = np.empty((image.height, image.width), np.float32)
    for rows in _strips(image.height, image.width):
        part = np.asarray(image.crop((0, rows.start, image.width, rows.stop)), np.float32) / 255
        lightness[rows] = rgb2lab(part)[..., 0]
    return lightness


def image_of(lightness: np.ndarray, chroma: np.ndarray) -> Image.Image:
    """Return the image of a lightness and a chroma; colors outside sRGB lose chroma, not lightness.

    Args:
        lightness: `[H, W]` in 0..100.
        chroma: `[H, W, 2]`, a and b of CIE Lab.

    Returns:
        Mode RGB, of exactly this lightness but for the rounding to 8 bits.
    """
    pixels = np.empty((*lightness.shape, 3), np.uint8)
    for rows in _strips(*lightness.shape):
        lab = np.concatenate([lightness[rows, :, None], chroma[rows]], -1).astype(np.float32)
        pixels[rows] = np.round(_encode(_fit_gamut(_linear_rgb(lab))) * 255)
    return Image.fromarray(pixels)


def _linear_rgb(lab: np.ndarray) -> np.ndarray:
    """Return linear sRGB, unclipped, `[..., 3]`."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], -1)
    # A cube root above (6/29)^3 and a line below, inverted. Z may be negative: such a color is outside sRGB.
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * WHITE
    return xyz @ RGB_FROM_XYZ.T


def _fit_gamut(rgb: np.ndarray) -> np.ndarray:
    """Move colors outside 0..1 towards the grey of the same luminance until they fit.

    Luminance is linear in `rgb`, so it does not change on the way.

    Args:
        rgb: Linear sRGB, `[..., 3]`.
    """
    grey = np.clip(rgb @ LUMINANCE, 0, 1)[..., None]
    offset = rgb - grey
    limit = np.where(offset > 0, 1 - grey, grey)
    reach = limit / np.maximum(np.abs(offset), 1e-6)
    return np.clip(grey + offset * np.minimum(reach.min(-1, keepdims=True), 1), 0, 1)


def _encode(rgb: np.ndarray) -> np.ndarray:
    """Apply the transfer function of sRGB to linear values in 0..1."""
    return np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * np.maximum(rgb, 1e-8) ** (1 / 2.4) - 0.055)


def _strips(height: int, width: int) -> Iterator[slice]:
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        check_call()
        yield slice(top, min(top + rows, height))
