"""Colors, names of garments and masks as callers of the API write them."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageChops

from shared.core.errors import InputError
from shared.core.images import open_image
from shared.restyle.arguments import rgb_of
from shared.restyle.tabs.photos import PARTS, TITLES, OutfitPhoto, refined_mask, worn

NOBODY = "We see nobody in this picture: please mark what should change with a mask."


def check_color(text: str) -> str:
    """Return the text of a color.

    Raises:
        InputError: It is none.
    """
    try:
        rgb_of(text)
    except ValueError as error:
        raise InputError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
    return text


def parse_garments(text: str, known: Sequence[str] = PARTS) -> list[str]:
    """Return the names of garments in a text, in which commas separate them.

    Args:
        text: The text.
        known: Names that may be used.

    Raises:
        InputError: A name is unknown.

    >>> parse_garments("top, Shoes"), parse_garments(" ")
    (['top', 'shoes'], [])
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise InputError(f"There is no garment {name!r}: please use {', '.join(known)}.")
    return names


def find_mask(photo: OutfitPhoto, garments: str, mask: str | None) -> Image.Image:
    """Return the mask of garments of all people in a photo, or the one that the caller has drawn.

    Args:
        photo: Photo.
        garments: See `parse_garments`; empty for the largest garment.
        mask: Path of an image, white where to change; None for the garments.

    Returns:
        Mode L, of the size of the photo.

    Raises:
        InputError: A name is unknown, nobody wears the garments, or the mask has another shape.
    """
    if mask:
        drawn, (width, height) = open_image(mask).convert("L"), photo.image.size
        if abs(drawn.width * height - drawn.height * width) > max(width, height):
            raise InputError(f"The mask must have the shape of the picture, {width} × {height} pixels.")
        return drawn.resize(photo.image.size, Image.Resampling.BILINEAR)
    names = parse_garments(garments)
    if not photo.outfits:
        raise InputError(NOBODY)
    names = names or worn(photo.outfits[0])[:1]
    area = Image.new("L", photo.image.size, 0)
    for outfit in photo.outfits:
        parts = [name for name in names if name in worn(outfit)]
        if parts:
            area = ImageChops.lighter(area, refined_mask(outfit, parts))
    if area.getextrema()[1] == 0:
        seen = sorted({TITLES[name].lower() for outfit in photo.outfits for name in worn(outfit)})
        wanted = ", ".join(TITLES[name].lower() for name in names)
        raise InputError(f"We do not see this in the picture: {wanted}. We see: {', '.join(seen)}.")
    return area
