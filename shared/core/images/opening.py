"""Opening of images: any source becomes one upright RGB image in sRGB, or one clear error.

Limits are checked on the file's header, before a pixel is decoded. No setting of PIL is changed: the apps
decode on many threads at once, and other code in the process relies on its own settings.
"""

from __future__ import annotations

import os
import warnings
from typing import BinaryIO, TypeAlias

import numpy as np
from PIL import Image

from shared.core.images.color_conversion import convert_levels, convert_to_srgb
from shared.core.images.errors import DAMAGED, ImageError, check_pixels
from shared.core.images.files import decode_file, read_file
from shared.core.images.levels import scale_levels, to_uint8
from shared.core.images.orientation import rotate_upright

#: Anything that `open_image` accepts.
Source: TypeAlias = str | os.PathLike | bytes | BinaryIO | Image.Image | np.ndarray

# PIL's warnings about odd metadata are noise here. They are silenced for good: `warnings.catch_warnings`
# swaps a list of the whole process and so is not safe on many threads.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def open_image(source: Source) -> Image.Image:
    """Open an image from any source.

    Args:
        source: A path, the bytes of a file, an open binary file, a PIL image, or an array `[H, W]`,
            `[H, W, 1]`, `[H, W, 3]` or `[H, W, 4]` of uint8, uint16, bool or floats in 0..1.

    Returns:
        A new PIL image of mode RGB: decoded, upright by its EXIF orientation, in sRGB by its color profile,
        without metadata. Transparent parts are white; an animation gives its first frame; 16-bit and float
        values are scaled to 8 bits.

    Raises:
        ImageError: The source is no image, is damaged, or is larger than `MAX_PIXELS` or `MAX_FILE_BYTES`.
    """
    if source is None:
        raise ImageError("There is no picture yet: please choose one first.")
    image = _from_array(source) if isinstance(source, np.ndarray) else source
    image = image if isinstance(image, Image.Image) else decode_file(read_file(image))
    check_pixels(*image.size)
    try:
        image.load()
        return _to_rgb(rotate_upright(image))
    except ImageError:
        raise
    except Exception as error:  # on damaged files decoders raise anything from SyntaxError to struct.error
        raise ImageError(DAMAGED) from error


def _to_rgb(image: Image.Image) -> Image.Image:
    """Return an image of any mode as RGB in sRGB, on white."""
    info = image.info
    alpha: Image.Image | None = None
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image)
        if isinstance(info.get("transparency"), int):
            alpha = Image.fromarray(np.where(values == info["transparency"], 0, 255).astype(np.uint8))
        levels = scale_levels(values, 65535 if image.mode.startswith("I;16") else None)
        rgb = Image.fromarray(to_uint8(convert_levels(levels, info))).convert("RGB")
    else:
        colors, alpha = _split_alpha(image)
        rgb = convert_to_srgb(colors, info)
    if alpha is not None:
        background = Image.new("RGB", image.size, "white")
        background.paste(rgb, mask=alpha)
        return background
    rgb.info = {}
    return rgb


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return an image of mode L, RGB or CMYK, and its opacity of mode L if it has transparent parts."""
    if image.mode == "1":  # PIL compares its transparent value with 255 for white
        transparency = image.info.get("transparency")
        image = image.convert("L")
        if transparency is not None:
            image.info["transparency"] = transparency
    if image.has_transparency_data:
        grey = image.mode in ("L", "LA", "La")
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        return image.getchannel("R") if grey else image.convert("RGB"), alpha
    return image if image.mode in ("L", "CMYK") else image.convert("RGB"), None


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and array.shape[2:] not in ((3,), (4,)):
        raise ImageError(f"Expected an array [H, W], [H, W, 3] or [H, W, 4], received {list(array.shape)}.")
    check_pixels(array.shape[1], array.shape[0])
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif array.dtype == np.uint16:
        array = np.rint(array / np.float32(257)).astype(np.uint8)
    elif array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (low >= -1e-6 and high <= 1 + 1e-6):  # false for NaN as well
            raise ImageError(f"Expected an array of floats in 0..1, received {low:g}..{high:g}.")
        array = to_uint8(array.astype(np.float32).clip(0, 1))
    elif array.dtype != np.uint8:
        raise ImageError(
            f"Expected an array of uint8, uint16, bool or floats in 0..1, received {array.dtype}."
        )
    return Image.fromarray(np.ascontiguousarray(array))
