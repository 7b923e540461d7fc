"""Overlay of heat maps on images, in colors from cold to hot."""

from __future__ import annotations

import numpy as np
from PIL import Image

# Nine colors of Matplotlib's map "inferno", whose lightness rises evenly from cold to hot.
COLORS = ("000004", "210c4a", "57106e", "8a226a", "bc3754", "e45a31", "f98e09", "f9cb35", "fcffa4")


def overlay_heatmap(image: Image.Image, heatmap: np.ndarray, strength: float = 0.6) -> Image.Image:
    """Blend a heat map over an image; cold areas are transparent.

    Args:
        image: Image of mode RGB.
        heatmap: `[H, W]`, 0..1, of the image's size.
        strength: Opacity of the hottest area, 0..1.

    Raises:
        ValueError: `strength` is not in 0..1.

    >>> white = Image.new("RGB", (2, 1), "white")
    >>> overlay_heatmap(white, np.array([[0.0, 1.0]]), strength=1.0).tobytes().hex()
    'fffffffcffa4'
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must be in 0..1, received {strength}")
    colors = Image.fromarray(np.rint(heatmap * 255).astype(np.uint8))
    colors.putpalette(_palette())
    opacity = Image.fromarray(np.rint(heatmap * (255 * strength)).astype(np.uint8))
    return Image.composite(colors.convert("RGB"), image, opacity)


def _palette() -> list[int]:
    """Return the 256 colors from cold to hot as R, G, B, R, G, B, and so on."""
    anchors = np.array([list(bytes.fromhex(color)) for color in COLORS])
    levels, positions = np.linspace(0, 1, 256), np.linspace(0, 1, len(COLORS))
    channels = [np.interp(levels, positions, channel) for channel in anchors.T]
    return np.rint(np.stack(channels, 1)).astype(int).ravel().tolist()
