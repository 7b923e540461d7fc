"""Result of an edge detector: soft edges, thin lines, and both as images and files."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image, ImageChops

from shared.core.images import to_image
from shared.edges.curves import TOLERANCE, fit_curves
from shared.edges.svg import SvgStyle, to_svg

#: Rows of a map that are converted at a time.
BAND_ROWS = 256
STYLES = ("white on black", "black on white", "transparent")


@dataclass(frozen=True, eq=False)
class EdgeMap:
    """Edges of an image.

    Attributes:
        soft: `[H, W]`, strength of the edges, 0..1; float32, or float16 for images of more than 4 million
            pixels.
        side_outputs: Five maps like `soft`, from the finest, texture, to the coarsest, objects.
        threshold: Strength from which a pixel belongs to a line, 0..1.
        engine: Name of the engine.
        seconds: Duration of the call.
        working_size: Width and height at which a large image was computed to bound the duration; None if that
            is the size of the image.
    """

    soft: np.ndarray = field(repr=False)
    side_outputs: tuple[np.ndarray, ...] = field(repr=False)
    threshold: float
    engine: str
    seconds: float = 0.0
    working_size: tuple[int, int] | None = None

    @property
    def note(self) -> str:
        """Sentence about a result that was computed smaller than the image; empty for others."""
        if self.working_size is None:
            return ""
        width, height = self.working_size
        return (
            f"At this detail, a picture of this size is computed at {width} × {height} pixels and enlarged: "
            "otherwise it would take minutes."
        )

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
        drawing = map_image(self.lines if thin else self.soft)
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
        # For files a tenth larger than by default, a third of the time.
        self.draw(style, thin=thin).save(stream, "PNG", compress_level=3)
        return stream.getvalue()

    def svg(
        self, style: SvgStyle | None = None, *, min_length: float = 4, tolerance: float = TOLERANCE
    ) -> str:
        """Trace the lines and return an SVG document of the image's size, with smooth curves.

        Args:
            style: Appearance of the drawing; that of `SvgStyle()` by default.
            min_length: See `tracing.trace_lines`.
            tolerance: Largest distance in pixels between a line and its curve; larger makes smoother curves
                and smaller files. See `curves.fit_curves`.

        Raises:
            ValueError: The tolerance is not above 0.
        """
        from shared.edges.tracing import trace_lines  # deferred: used for SVG files only

        polylines = trace_lines(self.lines, min_length=min_length)
        return to_svg(fit_curves(polylines, tolerance), self.size, style)

    def files(
        self, style: str = "white on black", *, thin: bool = False, tolerance: float = TOLERANCE
    ) -> dict[str, bytes]:
        """Return the PNG file of `draw` and the SVG file of `svg`, by suffix."""
        return {".png": self.png(style, thin=thin), ".svg": self.svg(tolerance=tolerance).encode()}

    def as_dict(self) -> dict[str, Any]:
        """Return the result without its maps as plain values."""
        return {
            "size": list(self.size),
            "working_size": list(self.working_size or self.size),
            "note": self.note,
            "threshold": self.threshold,
            "engine": self.engine,
            "seconds": round(self.seconds, 3),
        }


def map_image(values: np.ndarray) -> Image.Image:
    """Convert a map `[H, W]` in 0..1 to an image of mode L, in bands, which takes little memory."""
    image = Image.new("L", values.shape[::-1])
    for top in range(0, len(values), BAND_ROWS):
        image.paste(to_image(values[top : top + BAND_ROWS]), (0, top))
    return image
