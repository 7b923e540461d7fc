"""What an edge detector gives back: soft edges, thin lines, and both as files."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from PIL import Image, ImageChops

from shared.core.images import to_image
from shared.edges import tracing
from shared.edges.lines import find_lines

STYLES = ("white on black", "black on white", "transparent")


@dataclass(frozen=True, eq=False)
class EdgeMap:
    """The edges of one picture.

    Attributes:
        soft: `[H, W]` float32, how sure the engine is of an edge, 0..1.
        sides: Five maps like `soft`, from the finest, texture, to the coarsest, objects. They are float32,
            and float16 in pictures of more than 4 million pixels.
        threshold: How sure the engine had to be of a line, 0..1.
        engine: The name of the engine.
        thin: Whether `picture` and `png` show lines where their caller does not say.
        seconds: What it took, from the picture to `soft` and `sides`.
    """

    soft: np.ndarray = field(repr=False)
    sides: tuple[np.ndarray, ...] = field(repr=False)
    threshold: float
    engine: str
    thin: bool = False
    seconds: float = 0.0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as PIL has them."""
        height, width = self.soft.shape
        return width, height

    @cached_property
    def lines(self) -> np.ndarray:
        """`[H, W]` bool: lines of one pixel, found when they are first asked for."""
        return find_lines(self.soft, self.threshold)

    def picture(self, style: str = "white on black", thin: bool | None = None) -> Image.Image:
        """Draws the edges.

        Args:
            style: `"white on black"`, `"black on white"`, or `"transparent"`, which is black on nothing.
            thin: True for lines of one pixel, False for soft edges; by default as the detector was asked.

        Returns:
            A picture of mode L, or RGBA for `"transparent"`.

        Raises:
            ValueError: There is no such style.
        """
        if style not in STYLES:
            raise ValueError(f"the style must be one of {', '.join(STYLES)}, received {style!r}")
        drawing = to_image(self.lines if (self.thin if thin is None else thin) else self.soft)
        if style == "white on black":
            return drawing
        if style == "black on white":
            return ImageChops.invert(drawing)
        ink = Image.new("RGBA", drawing.size)
        ink.putalpha(drawing)
        return ink

    def png(self, style: str = "white on black", thin: bool | None = None) -> bytes:
        """The file of `picture` with the same arguments."""
        stream = io.BytesIO()
        self.picture(style, thin).save(stream, "PNG")
        return stream.getvalue()

    def svg(
        self,
        *,
        color: str = "black",
        width: float = 1.5,
        background: str | None = None,
        title: str | None = None,
        min_length: float = 4,
        tolerance: float = 0.5,
    ) -> str:
        """Traces the lines into an SVG document of the picture's size.

        Args:
            color: See `tracing.to_svg`, as for `width`, `background` and `title`.
            width: Of the lines, in pixels.
            background: Color of the paper; None leaves it transparent.
            title: What viewers and screen readers call the drawing.
            min_length: See `tracing.trace_lines`.
            tolerance: See `tracing.simplify`.
        """
        traced = tracing.trace_lines(self.lines, min_length=min_length)
        lines = (tracing.simplify(line, tolerance) for line in traced)
        return tracing.to_svg(lines, self.size, color=color, width=width, background=background, title=title)
