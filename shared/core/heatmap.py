"""Heat maps: where in a picture something lies, laid over the picture in colors from cold to hot."""

from __future__ import annotations

import numpy as np
from PIL import Image

# Nine colors of Matplotlib's map "inferno", whose lightness rises evenly from cold to hot.
COLORS = ("000004", "210c4a", "57106e", "8a226a", "bc3754", "e45a31", "f98e09", "f9cb35", "fcffa4")


def overlay_heatmap(image: Image.Image, heat: np.ndarray, strength: float = 0.6) -> Image.Image:
    """Lays heat over a picture; cold parts let it through.

    Args:
        image: Of mode RGB.
        heat: `[H, W]`, 0..1, of the picture's size.
        strength: How opaque the hottest place is, 0..1.

    Raises:
        ValueError: `strength` is not in 0..1.

    >>> lay_over(Image.new("RGB", (2, 1), "white"), np.array([[0.0, 1.0]]), strength=1.0).tobytes().hex()
    'fffffffcffa4'
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must be in 0..1, received {strength}")
    hot = Image.fromarray(np.rint(heat * 255).astype(np.uint8))
    hot.putpalette(_palette())
    opacity = Image.fromarray(np.rint(heat * (255 * strength)).astype(np.uint8))
    return Image.composite(hot.convert("RGB"), image, opacity)


def _palette() -> list[int]:
    """The 256 colors from cold to hot, as R, G, B, R, G, B, and so on."""
    anchors = np.array([list(bytes.fromhex(color)) for color in COLORS])
    steps, at = np.linspace(0, 1, 256), np.linspace(0, 1, len(COLORS))
    channels = [np.interp(steps, at, channel) for channel in anchors.T]
    return np.rint(np.stack(channels, 1)).astype(int).ravel().tolist()
