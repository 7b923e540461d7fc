"""Result of an edge detector: soft edges, thin lines, and both as images and files."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image, ImageChops

from shared.core.images import to_image
from shared.edges.svg import SvgStyle, to_svg

STYLES = ("white on black", "black on white", "transparent")


@dataclass(frozen=True, eq=False)
class EdgeMap:
    """Edges of an image.

    Attributes:
        soft: `[H, W]`, float32, strength of the edges, 0..1.
        side_outputs: Five maps like `soft`, from the finest, texture, to the coarsest, objects; float32, or
            float16 for images of more than 4 million pixels.
        threshold: Strength from which a pixel belongs to a line, 0..1.
        engine: Name of the engine.
        seconds: Duration of the call.
    """

    soft: np.ndarray = field(repr=False)
    side_outputs: tuple[np.ndarray, ...] = field(repr=False)
    threshold: float
    engine: str
    seconds: float = 0.0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as in PIL."""
        height, width = self.soft.shape
        return width, height

    @cached_property
    def lines(self) -> np.ndarray:
        """Bool `[H, W]`: lines of one pixel, computed on first use."""
        from shared.edges.lines import find_lines  # deferred: SciPy and scikit-image are slow to import

        return find_lines(self.soft, self.threshold)

    def draw(self, style: str = "white on black", *, thin: bool = False) -> Image.Image:
        """Draw the edges.

        Args:
            style: `"white on black"`, `"black on white"`, or `"transparent"`: black on a transparent
                background.
            thin: True for lines of one pixel, False for soft edges.

        Returns:
            An image of mode L, or RGBA for `"transparent"`.

        Raises:
            ValueError: The style is unknown.
        """
        if style not in STYLES:
            raise ValueError(f"the style must be one of {', '.join(STYLES)}, received {style!r}")
        drawing = to_image(self.lines if thin else self.soft)
        if style == "white on black":
            return drawing
        if style == "black on white":
            return ImageChops.invert(drawing)
        transparent = Image.new("RGBA", drawing.size)
        transparent.putalpha(drawing)
        return transparent

    def png(self, style: str = "white on black", *, thin: bool = False) -> bytes:
        """Return the PNG file of `draw` with the same arguments."""
        stream = io.BytesIO()
        self.draw(style, thin=thin).save(stream, "PNG")
        return stream.getvalue()

    def svg(self, style: SvgStyle | None = None, *, min_length: float = 4, tolerance: float = 0.5) -> str:
        """Trace the lines and return an SVG document of the image's size.

        Args:
            style: Appearance of the drawing; that of `SvgStyle()` by default.
            min_length: See `tracing.trace_lines`.
            tolerance: See `tracing.simplify`.
        """
        from shared.edges.tracing import simplify, trace_lines  # deferred: scikit-image is slow to import

        polylines = trace_lines(self.lines, min_length=min_length)
        return to_svg((simplify(line, tolerance) for line in polylines), self.size, style)

    def files(self, style: str = "white on black", *, thin: bool = False) -> dict[str, bytes]:
        """Return the PNG file of `draw` and the SVG file of the lines, by suffix."""
        return {".png": self.png(style, thin=thin), ".svg": self.svg().encode()}

    def as_dict(self) -> dict[str, Any]:
        """Return the result without its maps as plain values."""
        return {
            "size": list(self.size),
            "threshold": self.threshold,
            "engine": self.engine,
            "seconds": round(self.seconds, 3),
        }
