"""Drawings to colored images that look like photos, at the size of the drawing."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from shared.core import engines
from shared.core.images import Source, open_image, shrink
from shared.networks.drawing import ColoringNetwork
from shared.translation.drawing.render import bands, enlarge
from shared.translation.drawing.settings import check_range
from shared.translation.engines import SKETCH_COLORIZERS
from shared.translation.result import Translation

#: Longest side in pixels at which the network sees a drawing; it learned from crops of 128 pixels.
WORKING_SIDE = 288
MIN_SIDE = 32  # of the network's input; a narrow drawing is continued by its mirror image
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
MAX_SATURATION = 3.0
PAPER_PERCENTILE, INK_PERCENTILE = 92.0, 0.5


@dataclass(frozen=True)
class ColorMap:
    """Colors of a drawing at working size.

    Attributes:
        colors: float32 `[3, ceil(h / 2), ceil(w / 2)]`, RGB in 0..1.
        drawing: float32 `[h, w]`, lightness of the drawing, with white paper.
    """

    colors: np.ndarray
    drawing: np.ndarray


class ColoringMapper:
    """Coloring network as a function of PIL images. Safe to call from many threads.

    Args:
        network: The network on its device, in eval mode.
    """

    def __init__(self, network: ColoringNetwork) -> None:
        self.network = network
        self._device = next(network.parameters()).device
        self._lock = threading.Lock()  # parallel calls would compete for the same cores

    @torch.inference_mode()
    def __call__(self, drawing: Image.Image) -> ColorMap:
        """Color a drawing at working size.

        Args:
            drawing: Mode L, with white paper.
        """
        small = shrink(drawing, WORKING_SIDE)
        gray = np.asarray(small, np.float32) / 255
        height, width = gray.shape
        padding = [(0, max(MIN_SIDE - side, 0)) for side in (height, width)]
        x = torch.from_numpy(np.pad(gray, padding, "symmetric"))[None, None]
        with self._lock:
            colors = self.network(x.to(self._device, memory_format=torch.channels_last))
        colors = colors[0, :, : (height + 1) // 2, : (width + 1) // 2]
        return ColorMap(colors.float().cpu().numpy(), gray)


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

    def __call__(self, image: Source, saturation: float = 1.0, lines: float = 0.5) -> Translation:
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
    gray = Image.fromarray(color_map.drawing)
    blurred = _resize(gray.reduce(2), gray.size)
    planes = [_resize(Image.fromarray(plane), gray.size) for plane in color_map.colors]
    colored = np.empty((drawing.height, drawing.width, 3), np.uint8)
    for band in bands(drawing.size, gray.size):
        rgb = np.stack([enlarge(plane, band) for plane in planes], 2)
        smooth = enlarge(blurred, band)
        lightness = (rgb @ LUMA)[..., None]
        part = np.asarray(drawing.crop((0, band.top, drawing.width, band.bottom)), np.float32) / 255
        detail = np.float32(lines) * (part - smooth)[..., None]
        rgb = lightness + np.float32(saturation) * (rgb - lightness) + detail
        colored[band.top : band.bottom] = np.rint(rgb.clip(0, 1) * 255)
    return Image.fromarray(colored)


def _resize(values: Image.Image, size: tuple[int, int]) -> Image.Image:
    return values.resize(size, Image.Resampling.BICUBIC)
