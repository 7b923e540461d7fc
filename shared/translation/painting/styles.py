"""Painted styles that the style network has learned, in the order of its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class PaintedStyle:
    """Style that can be chosen by its name.

    Attributes:
        name: Identifier in code and in the API.
        title: Name on the page.
        description: One line for visitors: colors and strokes.
    """

    name: str
    title: str
    description: str


STYLES: Mapping[str, PaintedStyle] = MappingProxyType(
    {
        style.name: style
        for style in (
            PaintedStyle("morning", "Morning light", "Warm orange against pale blue, in short strokes."),
            PaintedStyle("ink-and-yellow", "Ink and yellow", "Thick black lines, filled with yellow."),
            PaintedStyle("chalk", "Chalk on paper", "Light, dry strokes and dark shadows."),
            PaintedStyle("stained-glass", "Stained glass", "Glowing blue, red and orange between dark bars."),
            PaintedStyle("wine", "Wine and gold", "Deep red shadows, cream and gold lights."),
            PaintedStyle("autumn", "Autumn strokes", "Ochre, rust and blue, laid side by side."),
            PaintedStyle("indigo", "Indigo dots", "A dark blue ground with small round marks."),
            PaintedStyle("bold", "Bold fields", "Large soft areas of yellow, red, blue and black."),
            PaintedStyle("felt-tip", "Felt-tip on white", "Fine violet lines and yellow on white paper."),
            PaintedStyle("linocut", "Linocut", "White gouges in dark green and red."),
            PaintedStyle("sienna", "Burnt sienna", "Brown and rust, like an old oil painting."),
            PaintedStyle("etching", "Golden etching", "Fine dark lines on yellowed paper."),
            PaintedStyle("lilac", "Lilac haze", "Soft light in lilac and gold."),
            PaintedStyle("jungle", "Jungle", "Olive green and teal, in wavy lines."),
            PaintedStyle("watercolor", "Pale watercolor", "A thin wash of grey blue and rose."),
            PaintedStyle("facets", "Pastel facets", "Pale pieces with fine dark borders."),
            PaintedStyle("crayon", "Blue crayon", "Blue, violet and orange, rubbed on at a slant."),
            PaintedStyle("woven", "Woven blocks", "A red and orange grid that hides most of the picture."),
            PaintedStyle("woodcut", "Woodcut", "Long olive lines that follow the shapes."),
            PaintedStyle("night", "Blue night", "Dense blue strokes and yellow lights."),
            PaintedStyle("embers", "Embers", "Dark red and black."),
            PaintedStyle("cut-paper", "Cut paper", "Flat shapes of blue, cream and black."),
            PaintedStyle("cubist", "Cubist lines", "Broad black outlines in grey and blue."),
            PaintedStyle("smoke", "Smoke", "Dim greys with soft edges."),
            PaintedStyle("wave", "Wave print", "Navy blue on cream, like an old print."),
            PaintedStyle("storm", "Stormy swirls", "Brown and blue strokes that turn and break."),
        )
    }
)

DEFAULT_STYLE = "night"
