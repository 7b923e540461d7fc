"""Checks of arguments: one clear sentence for each that is wrong."""

from __future__ import annotations

import re
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageColor

from shared.core.images import ImageError

#: Color: red, green and blue in 0..255, or a text that PIL knows, such as "#1b2a49" or "navy".
Color: TypeAlias = tuple[int, int, int] | str
#: Part of an image: an image of any mode without color (0 outside to 255 inside), or an array `[H, W]` of
#: booleans or of floats in 0..1.
Mask: TypeAlias = Image.Image | np.ndarray


def check_image(image: Image.Image) -> None:
    """Check that an image has mode RGB.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(image, Image.Image) or image.mode != "RGB":
        mode = f"mode {image.mode}" if isinstance(image, Image.Image) else type(image).__name__
        raise ValueError(f"the image must be a PIL image of mode RGB, received {mode}")


def rgb_of(color: Color) -> tuple[int, int, int]:
    """Return red, green and blue in 0..255.

    Raises:
        ValueError: The color cannot be understood.

    >>> rgb_of("#1b2a49"), rgb_of("rgba(27.4, 42, 73, 1)"), rgb_of("navy")
    ((27, 42, 73), (27, 42, 73), (0, 0, 128))
    """
    message = f'a color must be three whole numbers in 0..255 or a text such as "#1b2a49", received {color!r}'
    try:
        levels = _levels_of_text(color) if isinstance(color, str) else tuple(color)
        red, green, blue = (int(level) for level in levels)
    except (TypeError, ValueError) as error:
        raise ValueError(message) from error
    if (red, green, blue) != levels or not all(0 <= level <= 255 for level in levels):
        raise ValueError(message)
    return red, green, blue


def _levels_of_text(text: str) -> tuple[int, ...]:
    """Return red, green and blue; color pickers write them with decimals."""
    numbers = re.fullmatch(r"rgba?\(([\d.]+),([\d.]+),([\d.]+)(,[\d.]+)?\)", text.replace(" ", ""))
    if numbers is None:
        return ImageColor.getrgb(text)[:3]
    return tuple(round(float(numbers[i])) for i in (1, 2, 3))


def mask_levels(mask: Mask, size: tuple[int, int]) -> np.ndarray:
    """Return a mask as uint8 `[H, W]`, 0 outside to 255 inside.

    Args:
        mask: See `Mask`.
        size: Width and height that it must have.

    Raises:
        ImageError: It is no mask, has another size, or is 0 everywhere.
    """
    levels = any_mask_levels(mask)
    if levels.shape != size[::-1]:
        raise ImageError(
            f"The marked area must have the size of the photo, {size[0]} x {size[1]}, "
            f"received {levels.shape[1]} x {levels.shape[0]}."
        )
    if not levels.any():
        raise ImageError("The marked area is empty: please mark something in the photo.")
    return levels


def any_mask_levels(mask: Mask) -> np.ndarray:
    """Return a mask of any size as uint8 `[H, W]`, 0 outside to 255 inside.

    Raises:
        ImageError: It is no mask.
    """
    if isinstance(mask, Image.Image):
        if mask.mode not in ("L", "1"):
            raise ImageError(f"The marked area must be a picture of mode L or 1, received mode {mask.mode}.")
        return np.asarray(mask.convert("L"))
    if not isinstance(mask, np.ndarray) or mask.ndim != 2:
        received = f"shape {list(mask.shape)}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise ImageError(f"The marked area must be a picture or an array [H, W], received {received}.")
    if mask.dtype == bool:
        return mask.astype(np.uint8) * 255
    if mask.dtype.kind != "f" or not (mask.size and mask.min() >= 0 and mask.max() <= 1):
        raise ImageError("The marked area must be an array of booleans or of floats in 0..1.")
    return np.rint(mask * 255).astype(np.uint8)
