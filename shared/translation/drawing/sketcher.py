"""Photos to drawings: pencil, ink and charcoal, at the size of the photo."""

from __future__ import annotations

import time

from shared.core.errors import check_range
from shared.core.images import Source, open_image
from shared.core.predictors import EnginePredictor
from shared.translation.drawing.lines import DrawingMapper
from shared.translation.drawing.render import render
from shared.translation.drawing.styles import STYLES
from shared.translation.engines import SKETCHERS
from shared.translation.result import Translation

MAX_DETAIL, DARKNESS = 2.0, (0.3, 2.0)


class Sketcher(EnginePredictor[DrawingMapper]):
    """Draws photos of any size. Safe to call from many threads at once.

    Attributes:
        engine: Name of the engine.
        mapper: Function of an RGB image to its lines and tone.
    """

    ENGINES = SKETCHERS

    def __init__(self, engine: str, mapper: DrawingMapper) -> None:
        super().__init__(engine, mapper)
        self.mapper = mapper

    def __call__(
        self, image: Source, style: str = "pencil", detail: float = 1.0, darkness: float = 1.0
    ) -> Translation:
        """Draw an image.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            style: One of `STYLES`: `"pencil"`, `"ink"` or `"charcoal"`.
            detail: 0 for outlines only, 1 as usual, 2 for every stroke.
            darkness: Strength of lines and shading, 0.3..2; 1 as usual.

        Returns:
            The drawing, of mode L and of the size of the image.

        Raises:
            ImageError: The image cannot be used.
            ValueError: There is no such style, or a number is out of range.
        """
        started = time.perf_counter()
        if style not in STYLES:
            raise ValueError(f"the style must be one of {', '.join(STYLES)}, received {style!r}")
        check_range("detail", detail, (0.0, MAX_DETAIL))
        check_range("darkness", darkness, DARKNESS)
        image = open_image(image)
        drawing = render(self.mapper(image), image.size, style, detail=detail, darkness=darkness)
        return Translation(drawing, self.engine, time.perf_counter() - started)
