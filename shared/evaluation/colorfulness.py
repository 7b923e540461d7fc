"""Colorfulness of an image."""

from __future__ import annotations

import numpy as np


def colorfulness(pixels: np.ndarray) -> float:
    """Compute the colorfulness M of an image.

    Hasler and Süsstrunk, "Measuring Colourfulness in Natural Images", Human Vision and Electronic Imaging
    2003, equation 3: standard deviation plus 0.3 times the mean of the opponent colors R - G and
    (R + G) / 2 - B. The authors call 15 slightly and 45 quite colorful.

    Args:
        pixels: RGB in 0..255, `[H, W, 3]`.

    Returns:
        0 for a grey image.

    >>> round(colorfulness(np.full((4, 4, 3), (200, 100, 100))), 1)
    33.5
    """
    red, green, blue = np.moveaxis(pixels.astype(np.float32), -1, 0)
    opponents = np.stack([red - green, (red + green) / 2 - blue])
    deviation = np.sqrt(opponents.var((1, 2)).sum())
    distance = np.sqrt(np.square(opponents.mean((1, 2))).sum())
    return float(deviation + 0.3 * distance)
