"""Style transfer: one call for named styles and for any image as the style."""

from __future__ import annotations

import time
from numbers import Real

from PIL import Image
from torch import Tensor

from shared.core.images import Source, open_image
from shared.core.predictors import EnginePredictor
from shared.translation.engines import STYLIZERS
from shared.translation.painting.backend import StyleBackend
from shared.translation.painting.styles import DEFAULT_STYLE, STYLES
from shared.translation.result import Translation

MIN_BRUSH, MAX_BRUSH = 1, 4


class Stylizer(EnginePredictor[StyleBackend]):
    """Painter of images of any size. Safe to call from many threads at once.

    Attributes:
        engine: Name of the engine.
        backend: The network behind it.
    """

    ENGINES = STYLIZERS

    def __call__(
        self,
        image: Source,
        style: str | Image.Image = DEFAULT_STYLE,
        *,
        strength: float = 1.0,
        keep_colors: bool = False,
        brush: float = 1.0,
    ) -> Translation:
        """Repaint an image.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            style: Name of one of `STYLES`, or an image whose style is taken.
            strength: Amount of the style, from 0, the image itself, to 1.
            keep_colors: True to paint in light and dark only, with the colors of the image.
            brush: Width of the strokes, 1..4. They are a few pixels wide at 1, fine in a large image; above,
                the image is painted at a smaller size, and the painting is enlarged.

        Returns:
            The painting, of mode RGB and of the image's size.

        Raises:
            ImageError: The image, or that of the style, cannot be used.
            ValueError: There is no such style, or the strength or the brush is out of range.
        """
        started = time.perf_counter()
        strength = _check_number("strength", strength, 0, 1)
        brush = _check_number("brush", brush, MIN_BRUSH, MAX_BRUSH)
        _check_style(style)
        image = open_image(image)
        vector = (
            self.backend.named_vector(style)
            if isinstance(style, str)
            else self.backend.image_vector(open_image(style))
        )
        painting = self._paint(image, vector, brush)
        if keep_colors:
            painting = _with_colors(painting, image)
        if strength < 1:
            painting = Image.blend(image, painting, strength)
        return Translation(painting, self.engine, time.perf_counter() - started)

    def _paint(self, image: Image.Image, vector: Tensor, brush: float) -> Image.Image:
        if brush == 1:
            return self.backend.paint(image, vector)
        size = max(1, round(image.width / brush)), max(1, round(image.height / brush))
        small = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
        return self.backend.paint(small, vector).resize(image.size, Image.Resampling.BICUBIC)


def _with_colors(painting: Image.Image, image: Image.Image) -> Image.Image:
    """Return the luma of a painting with the chroma of an image, both of ITU-R BT.601."""
    luma = painting.convert("YCbCr").getchannel("Y")
    _, blue, red = image.convert("YCbCr").split()
    return Image.merge("YCbCr", (luma, blue, red)).convert("RGB")


def _check_number(name: str, value: float, low: float, high: float) -> float:
    if not isinstance(value, Real) or not low <= value <= high:
        raise ValueError(f"the {name} must be a number in {low}..{high}, received {value!r}")
    return float(value)


def _check_style(style: str | Image.Image) -> None:
    if isinstance(style, str) and style not in STYLES:
        raise ValueError(f"the style must be an image or one of {', '.join(STYLES)}, received {style!r}")
