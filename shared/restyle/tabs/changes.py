"""Changes of clothes: a color, a pattern, or the fabric or the colors of another photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PIL import Image

from shared.core.errors import InputError
from shared.core.images import open_image
from shared.restyle.garment.designs import DESIGNS, draw_design
from shared.restyle.tabs.photos import PARSER, Photos

if TYPE_CHECKING:  # these bring torch
    from shared.restyle.editor import Restyling
    from shared.restyle.garment.pattern import PatternSettings

COLOR, PATTERN, FABRIC, PALETTE, WORDS = "color", "pattern", "fabric", "palette", "words"
METHODS = {
    COLOR: "New color",
    PATTERN: "Pattern",
    FABRIC: "Fabric of a photo",
    PALETTE: "Colors of a photo",
}
#: All methods of the page: those above, and the one that takes a run of a large model.
CHOICES = METHODS | {WORDS: "In your words"}
#: Colors to choose from, by name.
COLORS = {
    "Teal": "#1f6f8b",
    "Navy": "#1b2a49",
    "Sky": "#6fa8dc",
    "Forest": "#2f5d3a",
    "Mint": "#9fd8b8",
    "Mustard": "#d9a520",
    "Orange": "#d9772b",
    "Red": "#b3202a",
    "Burgundy": "#6d1f2f",
    "Rose": "#e38aa0",
    "Lilac": "#a58bc4",
    "Sand": "#d8c3a5",
    "Brown": "#6b4a34",
    "Grey": "#8a8d91",
    "Black": "#1c1c1e",
    "White": "#f4f4f2",
}
PRINTS = {"keep": "Leave them", "shift": "Turn them too", "tint": "Blend them in"}
FABRIC_SCALE = 0.35  # width of a piece of fabric, as a share of the garment's longer side
NO_SOURCE = "Choose the photo with the fabric or the colors on the left first."
NO_CLOTHES = "There are no clothes in the second photo that we could take: please choose another one."
SCALES = (0.02, 2.0)  # limits of a tile's width


@dataclass(frozen=True)
class ChangeValues:
    """Values of a change.

    Attributes:
        method: One of `CHOICES`.
        color: New color as text.
        prints: Treatment of prints, one of `PRINTS`.
        design: Name of a pattern of `DESIGNS`.
        own_colors: True for the two colors below in place of the pattern's usual ones.
        ground: Color of the pattern's ground.
        figure: Color of the pattern's figure.
        tile: Path of an image in place of the pattern; None for the pattern.
        size: Size of the pattern or fabric, 1 as usual.
        angle: Counter-clockwise rotation of the pattern or fabric in degrees.
        source: Path of another photo; None for nothing yet.
        source_regions: Names of its regions.
        strength: 0 unchanged to 1.
        parser: Name of the engine that finds clothes.
    """

    method: str = COLOR
    color: str = "#1f6f8b"
    prints: str = "keep"
    design: str = "stripes"
    own_colors: bool = False
    ground: str = "#ffffff"
    figure: str = "#274b7a"
    tile: str | None = None
    size: float = 1.0
    angle: float = 0.0
    source: str | None = None
    source_regions: Sequence[str] = ()
    strength: float = 1.0
    parser: str = PARSER

    def title(self) -> str:
        """Return a few words about the change."""
        if self.method == COLOR:
            names = {color: name for name, color in COLORS.items()}
            return names.get(self.color, self.color)
        if self.method == PATTERN:
            return "Own pattern" if self.tile else DESIGNS[self.design].title
        return METHODS[self.method]


def change_clothes(image: Image.Image, mask: Image.Image, values: ChangeValues, photos: Photos) -> Restyling:
    """Change the pixels under a mask.

    Args:
        image: Mode RGB.
        mask: Mode L, of the size of the image.
        values: The change, by one of `METHODS`.
        photos: Photos with what people wear, for the other photo.

    Raises:
        ImageError: Nothing is marked, or an image cannot be used.
        InputError: The other photo is missing or shows nothing to take.
    """
    from shared.restyle.editor import RestyleEditor  # deferred: torch is slow to import

    editor = RestyleEditor(refine=False)
    if values.method == COLOR:
        return editor.recolor(image, mask, values.color, values.strength, prints=values.prints)
    if values.method == PATTERN:
        tile, scale = pattern_tile(values)
        return faded(image, editor.pattern(image, mask, tile, _settings(values, scale)), values.strength)
    if not values.source:
        raise InputError(NO_SOURCE)
    source = photos.outfit(values.source, values.parser)
    if not values.source_regions:
        raise InputError(NO_CLOTHES)
    source_mask = photos.mask(values.source, *values.source_regions, parser=values.parser)
    if values.method == PALETTE:
        return editor.palette(image, [mask], source.image, [source_mask], values.strength)
    settings = _settings(values, FABRIC_SCALE, tiling="wrap")
    result = editor.fabric(image, mask, source.image, source_mask, settings)
    return faded(image, result, values.strength)


def pattern_tile(values: ChangeValues) -> tuple[Image.Image, float]:
    """Return the tile of a pattern, mode RGB, and its usual width as a share of the garment's longer side.

    Raises:
        ImageError: The tile's file cannot be used.
    """
    if values.tile:
        return open_image(values.tile), FABRIC_SCALE
    colors = (values.ground, values.figure) if values.own_colors else (None, None)
    return draw_design(values.design, *colors), DESIGNS[values.design].scale


def faded(image: Image.Image, result: Restyling, strength: float) -> Restyling:
    """Return a result between an image, at 0, and itself, at 1."""
    if strength >= 1:
        return result
    return replace(result, image=Image.blend(image, result.image, strength))


def _settings(values: ChangeValues, scale: float, tiling: str = "auto") -> PatternSettings:
    from shared.restyle.garment.pattern import PatternSettings  # deferred: torch is slow to import

    width = min(max(scale * values.size, SCALES[0]), SCALES[1])
    return PatternSettings(scale=width, angle=values.angle, tiling=tiling)
