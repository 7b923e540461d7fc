"""Drawings to colored images that look like photos, at the size of the drawing."""

from __future__ import annotations

import time

import numpy as np
from PIL import Image

from shared.core.errors import check_range
from shared.core.images import Source, open_image, shrink
from shared.core.predictors import EnginePredictor
from shared.translation.drawing.color_map import ColoringMapper, ColorMap, halve_detail
from shared.translation.drawing.render import bands, enlarge
from shared.translation.engines import SKETCH_COLORIZERS
from shared.translation.result import Translation

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
MAX_SATURATION = 3.0
PAPER_PERCENTILE, INK_PERCENTILE = 92.0, 0.5


class SketchColorizer(EnginePredictor[ColoringMapper]):
    """Colors drawings of any size. Safe to call from many threads at once.

    Attributes:
        engine: Name of the engine.
        mapper: Function of a drawing to its colors.
    """

    ENGINES = SKETCH_COLORIZERS

    def __init__(self, engine: str, mapper: ColoringMapper) -> None:
        super().__init__(engine, mapper)
        self.mapper = mapper

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
    smooth_lines = halve_detail(color_map.drawing)
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
