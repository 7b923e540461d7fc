"""New colors for garments: lightness and chroma apart, so that folds, shading and prints stay."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.core.errors import check_choice, check_range
from shared.restyle.arguments import Color, Mask, rgb_of
from shared.restyle.garment.change import apply_change
from shared.restyle.garment.cloth import Cloth, find_cloth, smooth_step
from shared.restyle.garment.prints import PrintMap
from shared.restyle.garment.tone import ToneCurve, shade, tone_from_lightness
from shared.restyle.oklab import oklab_from_pixels
from shared.restyle.region import Region

#: Treatments of colors that differ from the cloth's: they stay; they turn and move with the cloth's; or they
#: become shades of the new color.
PRINTS = ("keep", "shift", "tint")
#: Lightness of the darkest and the lightest cloth: darker or lighter ones would have no folds.
DARKEST, LIGHTEST = 0.2, 0.965
GLOSS_START, GLOSS_END = 2.2, 5.0  # offsets of tone where light is reflected rather than colored by the cloth


@dataclass(frozen=True)
class Dye:
    """Change of one cloth into another.

    Attributes:
        source: The cloth of the garment.
        target: The new cloth.
        prints: One of `PRINTS`.
        strength: 0 unchanged to 1 new color.
        print_map: Prints of the garment, which `"keep"` needs.
    """

    source: Cloth
    target: Cloth
    prints: str = "keep"
    strength: float = 1.0
    print_map: PrintMap | None = None

    def __call__(self, lab: Tensor, lightness: Tensor, indices: np.ndarray) -> Tensor:
        """Return the new colors of pixels; see `shared.restyle.garment.change.Change`."""
        new_lightness = self.curve(lightness)
        chroma = self.target.saturation * self._saturation(lab, lightness) * new_lightness
        chroma += self._variation(lab, new_lightness)
        new = torch.cat([new_lightness[None], chroma])
        if self.prints == "keep" and self.print_map is not None:
            new = torch.lerp(new, lab, self.print_map(lab, indices))
        return torch.lerp(lab, new, self.strength)

    @property
    def gain(self) -> float:
        """Factor by which small differences of lightness grow."""
        return self.curve.gain

    @cached_property
    def curve(self) -> ToneCurve:
        """New lightness as a function of the old one."""
        return ToneCurve(self.source.lightness, self.target.lightness, self.source.spread)

    def _saturation(self, lab: Tensor, lightness: Tensor) -> Tensor:
        """Return the share of the cloth's color that pixels have, `[n]`: less in gloss."""
        offset = shade(tone_from_lightness(lightness), self.source.lightness, self.source.spread)
        gloss = smooth_step((offset - GLOSS_START) / (GLOSS_END - GLOSS_START))
        return self.source.relative_saturation(lab) * (1 - gloss)

    def _variation(self, lab: Tensor, new_lightness: Tensor) -> Tensor:
        """Return what remains of differences from the color of the cloth, `[2, n]`."""
        difference = lab[1:] - self.source.saturation * lab[:1]
        # In light cloth made of dark one, differences of chroma are mostly noise.
        scale = (new_lightness / lab[0].clamp(min=0.05)).clamp(max=1.0) * (lab[0] / 0.3).clamp(max=1.0)
        if self.prints == "shift":
            return _turn(self.source, self.target, difference) * scale
        if self.source.chroma >= 0.03:  # the share of saturation holds the differences
            return torch.zeros_like(difference)
        limit = 0.5 * (0.03 / torch.hypot(difference[0], difference[1]).clamp(min=1e-6)).clamp(max=1.0)
        return difference * scale * limit


def recolor(
    image: Image.Image, mask: Mask, color: Color, strength: float = 1.0, *, prints: str = "keep"
) -> Image.Image:
    """Give a garment another color.

    The main color of the garment becomes the new one; lighter and darker parts keep their order, with the
    contrast that cloth of the new lightness has. Gloss stays neutral. Pixels outside the mask are untouched.

    Args:
        image: Mode RGB.
        mask: Garment, of the size of the image; see `shared.restyle.arguments.Mask`.
        color: New color. Black and white become the darkest and lightest cloth that still shows folds.
        strength: 0 unchanged to 1 new color.
        prints: Colors that differ from the cloth's stay (`"keep"`), turn and move with it (`"shift"`), or
            become shades of the new color (`"tint"`).

    Returns:
        A new image of the same size.

    Raises:
        ImageError: The mask cannot be used.
        ValueError: Another argument is out of range.
    """
    strength = check_range("strength of the color", strength, (0.0, 1.0))
    check_choice("treatment of prints", prints, PRINTS)
    target = cloth_of(color)
    region = Region.around(image, mask)
    source = find_cloth(region.samples())
    apply_change(region, Dye(source, target, prints, strength, PrintMap(region, source)))
    return region.paste(image)


def cloth_of(color: Color) -> Cloth:
    """Return cloth of a color; black and white become the nearest ones that show folds.

    Raises:
        ValueError: The color cannot be understood.
    """
    lightness, a, b = oklab_from_pixels(np.array([rgb_of(color)], np.uint8))[:, 0].tolist()
    return Cloth(min(max(lightness, DARKEST), LIGHTEST), a, b)


def _turn(source: Cloth, target: Cloth, difference: Tensor) -> Tensor:
    """Turn differences of color by the angle between the hues of two cloths, `[2, n]`."""
    if min(source.chroma, target.chroma) < 0.03:  # grey has no hue
        return difference
    angle = np.arctan2(target.b, target.a) - np.arctan2(source.b, source.a)
    cosine, sine = float(np.cos(angle)), float(np.sin(angle))
    return torch.tensor([[cosine, -sine], [sine, cosine]]) @ difference
