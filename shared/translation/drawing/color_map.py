"""Colors of a drawing at working size, by two networks."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from skimage.color import rgb2lab

from shared.core.cpu_runtime import compiled
from shared.core.images import shrink
from shared.networks.drawing import ColoringNetwork
from shared.translation.colorization.backend import ColorizationBackend
from shared.translation.colorization.lab import image_of

#: Longest side in pixels at which the network sees a drawing; it learned from crops of 128 pixels.
WORKING_SIDE = 384
MIN_SIDE = 32  # of the network's input; a narrow drawing is continued by its mirror image
GUIDE_LINES = 0.25  # share of the drawn lines in the tones that the colorization model sees
PALE_SHARE = 0.3  # of the first network's own colors in the result


@dataclass(frozen=True)
class ColorMap:
    """Colors of a drawing at working size.

    Attributes:
        colors: Mode RGB.
        drawing: float32 `[h, w]`, lightness of the drawing at the same size, with white paper.
    """

    colors: Image.Image
    drawing: np.ndarray


class ColoringMapper:
    """Networks that color drawings, as a function of PIL images. Safe to call from many threads.

    The first network finds the tones of a photo that the drawing shows, and pale colors; the second, which
    knows grey photos, finds the colors of these tones.

    Args:
        network: The network on its device, in eval mode.
        colorization: Colorization model.
    """

    def __init__(self, network: ColoringNetwork, colorization: ColorizationBackend) -> None:
        self.network = network
        self._compiled = compiled(network)
        self.colorization = colorization
        self._device = next(network.parameters()).device
        self._lock = threading.Lock()  # parallel calls would compete for the same cores

    def __call__(self, drawing: Image.Image) -> ColorMap:
        """Color a drawing at working size.

        Args:
            drawing: Mode L, with white paper.
        """
        small = shrink(drawing, WORKING_SIDE)
        gray = np.asarray(small, np.float32) / 255
        planes = [
            Image.fromarray(plane).resize(small.size, Image.Resampling.BICUBIC)
            for plane in self._colors(gray)
        ]
        pale = np.stack([np.asarray(plane) for plane in planes], 2).clip(0, 1)
        lab = rgb2lab(pale).astype(np.float32)
        lines = gray - np.asarray(halve_detail(gray))
        guide = (lab[..., 0] + 100 * GUIDE_LINES * lines).clip(0, 100)
        chroma = self.colorization.chroma(guide) + PALE_SHARE * lab[..., 1:]
        return ColorMap(image_of(lab[..., 0], chroma), gray)

    @torch.inference_mode()
    def _colors(self, gray: np.ndarray) -> np.ndarray:
        """Return the colors of the first network, `[3, ceil(h / 2), ceil(w / 2)]`, RGB in 0..1."""
        height, width = gray.shape
        padding = [(0, max(MIN_SIDE - side, 0)) for side in (height, width)]
        x = torch.from_numpy(np.pad(gray, padding, "symmetric"))[None, None]
        with self._lock:
            colors = self._compiled(x.to(self._device, memory_format=torch.channels_last))
        values: np.ndarray = colors[0, :, : (height + 1) // 2, : (width + 1) // 2].float().cpu().numpy()
        return values


def halve_detail(gray: np.ndarray) -> Image.Image:
    """Return a lightness as the network's output shows it, at half the resolution; mode F."""
    return _resize(np.asarray(Image.fromarray(gray).reduce(2)), gray.shape[::-1])


def _resize(plane: np.ndarray, size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC)
