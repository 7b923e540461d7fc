"""Lines and tone of a photo at working size: exposure, the network at two scales, levels of detail."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from shared.core.cpu_runtime import compiled
from shared.core.images import THUMBNAIL_SIDE, shrink, to_tensor
from shared.networks.drawing import DrawingNetwork

#: Most pixels at which the network sees a photo, which bounds memory and time. Lines are two to four of them
#: wide, so a drawing of 2,000 pixels has the lines of a sharp pen.
MAX_PIXELS = 2_000_000
#: A smaller photo is enlarged up to this side, by `MAX_ENLARGEMENT` at most: lines become thinner.
MIN_SIDE, MAX_ENLARGEMENT = 960, 1.5
COARSE = 0.5  # scale of the second pass, which draws outlines without their detail
MIN_COARSE_SIDE = 240

DARKEST_GAMMA = 0.5  # the strongest brightening of a dark photo
MIDDLE = 0.48  # median lightness to which a dark photo is brightened
MAX_STRETCH = 3.0  # the strongest gain of a photo with little contrast


@dataclass(frozen=True)
class DrawingMaps:
    """Lines and tone of a photo at working size.

    Attributes:
        outlines: float32 `[h, w]`, outlines of objects, 0 paper to 1 line.
        fine: float32 `[h, w]`, strokes of detail.
        broad: float32 `[h, w]`, strokes of the photo at half the size: folds, locks of hair, eyes.
        tone: float32 `[h, w]`, 0 black to 1 white.
    """

    outlines: np.ndarray
    fine: np.ndarray
    broad: np.ndarray
    tone: np.ndarray

    def lines(self, detail: float = 1.0) -> np.ndarray:
        """Combine outlines and strokes.

        Args:
            detail: 0 outlines only, 1 usual, 2 all strokes.

        Returns:
            float32 `[h, w]`, 0 paper to 1 line.
        """
        broad = self.broad * np.float32(min(detail, 1.0))
        fine = self.fine * np.float32(min(0.85 * detail, 1.4))
        lines = np.maximum(np.maximum(self.outlines, broad), fine)
        return np.asarray(lines.clip(0, 1), np.float32)


class DrawingMapper:
    """Drawing network as a function of PIL images. Safe to call from many threads.

    Args:
        network: The network on its device, in eval mode.
    """

    def __init__(self, network: DrawingNetwork) -> None:
        self.network = network
        self._compiled = compiled(network)
        self._device = next(network.parameters()).device
        self._lock = threading.Lock()  # parallel calls would compete for the same cores and memory

    def __call__(self, image: Image.Image) -> DrawingMaps:
        """Compute the maps of an image of any size.

        Args:
            image: Mode RGB.
        """
        size = working_size(image.size)
        image = expose(resize(image, size))
        contours, strokes, tone = self._maps(image)
        coarse_size = (max(1, round(size[0] * COARSE)), max(1, round(size[1] * COARSE)))
        if max(coarse_size) < MIN_COARSE_SIDE:
            return DrawingMaps(contours, strokes, strokes, tone)
        coarse_contours, coarse_strokes, _ = self._maps(resize(image, coarse_size), size)
        return DrawingMaps((contours + coarse_contours) / 2, strokes, coarse_strokes, tone)

    def single_scale(self, image: Image.Image) -> DrawingMaps:
        """Compute the maps of an image in a single pass at its own size, fast but less selective.

        Args:
            image: Mode RGB.
        """
        contours, strokes, tone = self._maps(expose(image))
        return DrawingMaps(contours, strokes, strokes, tone)

    @torch.inference_mode()
    def _maps(self, image: Image.Image, size: tuple[int, int] | None = None) -> np.ndarray:
        """Return the network's maps `[3, h, w]`, enlarged to a size if there is one."""
        x = to_tensor(image).to(self._device, memory_format=torch.channels_last)
        with self._lock:
            maps = self._compiled(x).float().sigmoid()
        if size is not None:
            maps = F.interpolate(maps, size[::-1], mode="bicubic", align_corners=False).clamp(0, 1)
        values: np.ndarray = maps[0].cpu().numpy()
        return values


def working_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the width and height at which the network sees a photo.

    >>> working_size((4000, 3000)), working_size((600, 400)), working_size((1200, 1))
    ((1633, 1225), (900, 600), (1200, 1))
    """
    enlargement = min(MIN_SIDE / max(size), MAX_ENLARGEMENT)
    scale = min(max(enlargement, 1.0), (MAX_PIXELS / (size[0] * size[1])) ** 0.5)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize an image, fast where it becomes much smaller; one of that size is returned as it is."""
    if image.size == size:
        return image
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def expose(image: Image.Image) -> Image.Image:
    """Stretch the contrast of a flat photo and brighten a dark one, so that its lines can be seen.

    Args:
        image: Mode RGB.

    Returns:
        The photo, with its darkest hundredth near black and its lightest near white.
    """
    gray = np.asarray(shrink(image, THUMBNAIL_SIDE).convert("L"), np.float32) / 255
    low, middle, high = (float(value) for value in np.percentile(gray, (0.5, 50, 99.5)))
    gain = min(1 / max(high - low, 1e-3), MAX_STRETCH)
    low = min(low, max(0.0, high - 1 / gain)) if gain == MAX_STRETCH else low
    middle = min(max((middle - low) * gain, 1e-3), 0.999)
    gamma = float(np.clip(np.log(MIDDLE) / np.log(middle), DARKEST_GAMMA, 1.0))
    levels = np.clip((np.arange(256) / 255 - low) * gain, 0, 1) ** gamma
    return image.point(list(np.rint(levels * 255).astype(int)) * 3)
