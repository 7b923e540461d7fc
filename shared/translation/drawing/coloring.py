"""Drawings to colored images that look like photos, at the size of the drawing."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from skimage.color import rgb2lab

from shared.core import engines
from shared.core.images import Source, open_image, shrink
from shared.networks.drawing import ColoringNetwork
from shared.translation.colorization.backend import ColorizationBackend
from shared.translation.colorization.lab import image_of
from shared.translation.drawing.render import bands, enlarge
from shared.translation.drawing.settings import check_range
from shared.translation.engines import SKETCH_COLORIZERS
from shared.translation.result import Translation

#: Longest side in pixels at which the network sees a drawing; it learned from crops of 128 pixels.
WORKING_SIDE = 384
MIN_SIDE = 32  # of the network's input; a narrow drawing is continued by its mirror image
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
MAX_SATURATION = 3.0
GUIDE_LINES = 0.25  # share of the drawn lines in the tones that the colorization model sees
PALE_SHARE = 0.3  # of the first network's own colors in the result
PAPER_PERCENTILE, INK_PERCENTILE = 92.0, 0.5


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
        lines = gray - np.asarray(_blur(gray))
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
            colors = self.network(x.to(self._device, memory_format=torch.channels_last))
        values: np.ndarray = colors[0, :, : (height + 1) // 2, : (width + 1) // 2].float().cpu().numpy()
        return values


class SketchColorizer:
    """Colors drawings of any size. Safe to call from many threads at once.

    Attributes:
        engine: Name of the engine.
        mapper: Function of a drawing to its colors.
    """

    def __init__(self, engine: str, mapper: ColoringMapper) -> None:
        self.engine = engine
        self.mapper = mapper

    @classmethod
    def load(
        cls,
        name: str = "coloring",
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> SketchColorizer:
        """Load an engine.

        Args:
            name: One of `shared.translation.engines.SKETCH_COLORIZERS`.
            folder: Weights to use in place of the engine's own.
            device: Device of the network, by default `shared.core.devices.default_device()`.
            allow_hub: True to download weights that are not on this machine.

        Raises:
            ValueError: No engine has this name.
            WeightsError: The weights cannot be used.
        """
        engine = engines.find(SKETCH_COLORIZERS, name)
        return cls(name, engine.load(folder=folder, device=device, allow_hub=allow_hub))

    def __call__(self, image: Source, saturation: float = 1.0, lines: float = 0.4) -> Translation:
        """Color a drawing.

        Args:
            image: Anything that `shared.core.images.open_image` takes: dark lines on light paper.
            saturation: 0 for grey, 1 as the network colors, up to 3.
            lines: Share of the drawing's own lines that stay visible, 0..1.

        Returns:
            The colored image, of mode RGB and of the size of the drawing.

        Raises:
            ImageError: The image cannot be used.
            ValueError: A number is out of range.
        """
        started = time.perf_counter()
        check_range("saturation", saturation, (0.0, MAX_SATURATION))
        check_range("strength of the lines", lines, (0.0, 1.0))
        drawing = whiten(open_image(image).convert("L"))
        colored = compose(drawing, self.mapper(drawing), saturation, lines)
        return Translation(colored, self.engine, time.perf_counter() - started)


def whiten(drawing: Image.Image) -> Image.Image:
    """Stretch the levels of a drawing, so that grey paper becomes white and the darkest lines black.

    Args:
        drawing: Mode L.
    """
    gray = np.asarray(shrink(drawing))
    black, white = np.percentile(gray, (INK_PERCENTILE, PAPER_PERCENTILE))
    if white - black < 16:  # an empty sheet
        return drawing
    return drawing.point(list(np.clip((np.arange(256) - black) / (white - black) * 255, 0, 255).astype(int)))


def compose(drawing: Image.Image, color_map: ColorMap, saturation: float, lines: float) -> Image.Image:
    """Enlarge colors to the size of a drawing and put back the lines that are too fine for the working size.

    Args:
        drawing: Mode L.
        color_map: Its colors.
        saturation: Factor of the colors.
        lines: Share of the drawing's fine detail.

    Returns:
        Mode RGB.
    """
    smooth_lines = _blur(color_map.drawing)
    planes = [Image.fromarray(np.asarray(plane, np.float32) / 255) for plane in color_map.colors.split()]
    colored = np.empty((drawing.height, drawing.width, 3), np.uint8)
    for band in bands(drawing.size, color_map.colors.size):
        rgb = np.stack([enlarge(plane, band) for plane in planes], 2)
        lightness = (rgb @ LUMA)[..., None]
        part = np.asarray(drawing.crop((0, band.top, drawing.width, band.bottom)), np.float32) / 255
        detail = np.float32(lines) * (part - enlarge(smooth_lines, band))[..., None]
        rgb = lightness + np.float32(saturation) * (rgb - lightness) + detail
        colored[band.top : band.bottom] = np.rint(rgb.clip(0, 1) * 255)
    return Image.fromarray(colored)


def _blur(gray: np.ndarray) -> Image.Image:
    """Return a lightness as the network's output shows it, at half the resolution; mode F."""
    return _resize(np.asarray(Image.fromarray(gray).reduce(2)), gray.shape[::-1])


def _resize(plane: np.ndarray, size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC)
