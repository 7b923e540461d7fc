"""New backgrounds behind a subject: a color, a gradient, the blurred original, or another photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageOps

from shared.core.errors import check_range
from shared.restyle.arguments import Color, Mask, check_image, mask_levels, rgb_of
from shared.restyle.borders import CLEAR, BorderColors
from shared.restyle.gaps import cell_means, fill_gaps
from shared.restyle.oklab import oklab_from_pixels, pixels_from_oklab
from shared.restyle.region import Region

CELLS = 500  # along the longer side, of the original background under the subject
MAX_BLUR = 0.1  # radius as a share of the longer side
BLUR_SIDE = 1500  # longest side in pixels at which a strong blur is computed
GROWTH = (
    0.006  # of the longer side, by which the subject is widened before its color could leak into the blur
)
MAX_LIGHT, MAX_TINT = 0.08, 0.03  # largest change of lightness and of color by the match of the light


@dataclass(frozen=True)
class Blur:
    """Original background out of focus.

    Attributes:
        radius: Radius as a share of the longer side, 0.001..0.1.
    """

    radius: float = 0.015

    def __post_init__(self) -> None:
        check_range("blur", self.radius, (0.001, MAX_BLUR))


@dataclass(frozen=True)
class Gradient:
    """Two colors that pass into each other.

    Attributes:
        top: Color at the top.
        bottom: Color at the bottom.
    """

    top: Color
    bottom: Color

    def __post_init__(self) -> None:
        rgb_of(self.top)
        rgb_of(self.bottom)


#: Color, gradient, blur of the original, or another image of mode RGB, which is cropped to the proportions.
Background: TypeAlias = Color | Gradient | Blur | Image.Image


def swap_background(
    image: Image.Image,
    mask: Mask,
    background: Background,
    *,
    foreground: Image.Image | None = None,
    light: float = 0.0,
) -> Image.Image:
    """Put a subject in front of another background.

    Pixels that the mask marks fully stay as they are (without a match of the light). At soft borders the
    subject's own color is estimated, so that the old background leaves no halo.

    Args:
        image: Mode RGB.
        mask: Subject, of the size of the image, such as an alpha matte; see `shared.restyle.arguments.Mask`.
        background: See `Background`.
        foreground: Colors of the subject at its soft borders, mode RGB or RGBA, of the size of the image,
            from a matting model; estimated by default.
        light: Match of the subject's light with the new background, 0 none to 1.

    Returns:
        A new image of the same size.

    Raises:
        ImageError: The mask cannot be used.
        ValueError: Another argument is out of range.
    """
    light = check_range("match of the light", light, (0.0, 1.0))
    check_image(image)
    levels = mask_levels(mask, image.size)
    if foreground is not None and (foreground.mode not in ("RGB", "RGBA") or foreground.size != image.size):
        raise ValueError(
            f"the foreground must have mode RGB or RGBA and size {image.size}, "
            f"received mode {foreground.mode} and size {foreground.size}"
        )
    result = _background_image(image, levels, background)
    region = Region.around(image, mask)
    box = (region.left, region.top, region.left + region.mask.shape[1], region.top + region.mask.shape[0])
    behind = np.asarray(result.crop(box))
    subject = None if foreground is None else np.asarray(foreground.convert("RGB").crop(box))
    shift = _light_shift(region, result) * light if light else None
    _compose(region, behind, subject, shift)
    return region.paste(result)


@torch.inference_mode()
def _compose(
    region: Region, behind: np.ndarray, subject: np.ndarray | None, shift: torch.Tensor | None
) -> None:
    """Put the subject of a region in front of other pixels, in place and strip by strip.

    Args:
        region: The subject in front of its old background.
        behind: New background, uint8 `[h, w, 3]`.
        subject: Colors of the subject, uint8 `[h, w, 3]`, or None to estimate them.
        shift: Change of the subject's OKLab, `[3, 1]`, or None.
    """
    border = (region.mask > 0) & (region.mask < 255)
    colors = BorderColors(region.pixels, region.mask) if border.any() and subject is None else None
    for rows in region.strips():
        start = rows.start * region.mask.shape[1]
        pixels, mask = region.pixels[rows].reshape(-1, 3), region.mask[rows].reshape(-1)
        edge = np.flatnonzero(border[rows])
        if len(edge) and subject is not None:
            pixels[edge] = subject[rows].reshape(-1, 3)[edge]
        elif len(edge) and colors is not None:
            pixels[edge] = np.rint(colors.subject_at(edge + start).numpy().T * 255)
        inner = np.flatnonzero(mask)
        if shift is not None and len(inner):
            lab = oklab_from_pixels(pixels[inner]) + shift
            lab[0].clamp_(0, 1)
            pixels[inner] = pixels_from_oklab(lab)
        share = mask[:, None] / np.float32(255)
        mixed = np.rint(share * pixels + (1 - share) * behind[rows].reshape(-1, 3))
        region.pixels[rows] = mixed.astype(np.uint8).reshape(-1, region.mask.shape[1], 3)


def _background_image(image: Image.Image, levels: np.ndarray, background: Background) -> Image.Image:
    """Return the new background at the size of the image, mode RGB."""
    if isinstance(background, Image.Image):
        check_image(background)
        return ImageOps.fit(background, image.size, Image.Resampling.LANCZOS)
    if isinstance(background, Blur):
        return _blurred(image, levels, background.radius)
    if isinstance(background, Gradient):
        top, bottom = (np.array(rgb_of(color), np.float32) for color in (background.top, background.bottom))
        t = ((np.arange(image.height) + 0.5) / image.height)[:, None]
        # Noise of one level hides the steps of 8 bits.
        noise = np.random.default_rng(0).random((image.height, 256, 1), np.float32) - 0.5
        column = ((1 - t) * top + t * bottom)[:, None] + noise
        column = np.rint(column.clip(0, 255)).astype(np.uint8)
        repeats = -(-image.width // 256)
        return Image.fromarray(np.ascontiguousarray(np.tile(column, (1, repeats, 1))[:, : image.width]))
    return Image.new("RGB", image.size, rgb_of(background))


def _blurred(image: Image.Image, levels: np.ndarray, radius: float) -> Image.Image:
    """Return the original background out of focus, with the subject filled from around it."""
    longer = max(image.size)
    grown = Image.fromarray(levels).filter(ImageFilter.BoxBlur(max(1, round(GROWTH * longer))))
    clear = np.asarray(grown) <= CLEAR
    scale = min(BLUR_SIDE / longer, 1.0)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    cell = max(1, round(longer / CELLS))
    filled = fill_gaps(*cell_means(np.asarray(image), clear, cell)) if clear.any() else None
    small = image.resize(size, Image.Resampling.BOX)
    if filled is not None:
        grid = Image.fromarray((filled.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())
        box = (0.0, 0.0, image.width / cell, image.height / cell)
        behind = grid.resize(size, Image.Resampling.BICUBIC, box=box)
        small.paste(behind, mask=Image.fromarray(~clear).convert("L").resize(size, Image.Resampling.BOX))
    small = small.filter(ImageFilter.GaussianBlur(radius * max(size)))
    return small.resize(image.size, Image.Resampling.BICUBIC)


def _light_shift(region: Region, background: Image.Image) -> torch.Tensor:
    """Return the change of the subject's OKLab towards the light of a background, `[3, 1]`."""
    around = np.asarray(background.resize((64, 64), Image.Resampling.BOX)).reshape(-1, 3)
    difference = oklab_from_pixels(around).mean(1) - oklab_from_pixels(region.samples()).mean(1)
    limits = torch.tensor([MAX_LIGHT, MAX_TINT, MAX_TINT])
    return (limits * torch.tanh(0.4 * difference / limits))[:, None]
