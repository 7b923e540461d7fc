"""Conversion of images to sRGB: relative colorimetric with black-point compensation, as browsers do."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from shared.core.images.color_spaces import (
    ColorSpace,
    encode_srgb,
    read_profile,
    space_of_codes,
    space_of_gamma,
)

_BAND_PIXELS, _THREADS = 2**16, 2  # converted at a time, in bounded memory
_FIELD = 65535  # largest sum of the three channels' contributions, see `_tables`
_CHANNELS = {b"RGB ": 3, b"GRAY": 1, b"CMYK": 4}
_MODES = {3: "RGB", 1: "L", 4: "CMYK"}


def convert_to_srgb(image: Image.Image, info: dict) -> Image.Image:
    """Convert an image without transparency to sRGB.

    Args:
        image: Image of mode L, RGB or CMYK.
        info: Metadata as PIL's plugins give it, with `icc_profile`, `cicp`, `gamma` and so on.

    Returns:
        An image of mode RGB. Damaged profiles, and those of another kind of image, are ignored.
    """
    try:
        profile, space = _color_space(info)
        if space is not None:
            return _convert_by_space(image, space)
        if profile:
            return _convert_by_profile(image, profile)
    # PIL raises several errors, and damaged numbers give any arithmetic error
    except (ImageCms.PyCMSError, ValueError, TypeError, OSError, ArithmeticError):
        pass
    return image.convert("RGB")


def convert_levels(levels: np.ndarray, info: dict) -> np.ndarray:
    """Convert grey levels 0..1 of any precision to those of sRGB; see `convert_to_srgb`."""
    try:
        _, space = _color_space(info)
    except (ValueError, TypeError, ArithmeticError):
        return levels
    if space is None:
        return levels
    return encode_srgb(space.curves[0](levels)).astype(np.float32)


def _color_space(info: dict) -> tuple[bytes, ColorSpace | None]:
    """Return the profile of an image, if it has a usable one, and its color space if it is a simple one."""
    if info.get("cicp"):
        primaries, transfer = info["cicp"][:2]
        return b"", space_of_codes(primaries, transfer)
    profile = info.get("icc_profile")
    if profile:
        return profile, _read_profile(profile)
    if info.get("gamma") and "srgb" not in info:
        return b"", space_of_gamma(info["gamma"], info.get("chromaticity"))
    return b"", None


_read_profile = lru_cache(64)(read_profile)


def _convert_by_space(image: Image.Image, space: ColorSpace) -> Image.Image:
    if image.mode == "CMYK":
        raise ValueError("the profile is not one of CMYK")
    if image.mode == "L":
        levels = encode_srgb(space.curves[0](np.linspace(0, 1, 256)))
        return image.point(np.rint(255 * levels).astype(int).tolist()).convert("RGB")
    if len(space.curves) == 1:
        raise ValueError("a profile of grey levels does not fit a color image")
    tables = _tables(space)
    if tables is None:
        return image.convert("RGB")
    pixels = np.asarray(image)
    converted = np.empty_like(pixels)
    rows = max(1, _BAND_PIXELS // image.width)

    def convert_band(top: int) -> None:
        band = pixels[top : top + rows]
        converted[top : top + rows] = _look_up(band.reshape(-1, 3), *tables).reshape(band.shape)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(convert_band, range(0, image.height, rows)))
    return Image.fromarray(converted)


def _look_up(pixels: np.ndarray, contributions: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Convert pixels `[N, 3]` by the tables of `_tables`."""
    red, green, blue = pixels.T.astype(np.intp)  # indices of this type are not copied by `take`
    sums = contributions[0].take(red)
    sums += contributions[1].take(green)
    sums += contributions[2].take(blue)
    converted = np.empty_like(pixels)
    for channel in range(3):
        code.take((sums >> 16 * channel) & _FIELD, out=converted[:, channel], mode="clip")
    return converted


@lru_cache(64)
def _tables(space: ColorSpace) -> tuple[np.ndarray, np.ndarray] | None:
    """Return tables by which three look-ups and two additions convert a pixel.

    Returns:
        The contributions `[3, 256]` of each level of each channel to linear red, green and blue, as three
        fields of 16 bits in one int64, shifted so that no field is negative; and the sRGB level uint8 of
        each sum of a field. None if the space is sRGB.
    """
    levels = np.linspace(0, 1, 256)
    light = np.stack([curve(levels).clip(0, 1) for curve in space.curves])
    values = light[:, :, None] * space.matrix.T[:, None, :]  # channel, level, output
    lowest = values.min(axis=1)
    values -= lowest[:, None]
    offsets = lowest.sum(axis=0)
    values[0] += offsets - offsets.min()
    scale = _FIELD / max(values.max(axis=1).sum(axis=0).max(), 1e-6)
    fields = np.zeros((3, 256, 4), np.uint16)
    fields[:, :, :3] = np.floor(values * scale)  # rounded down, so that no sum passes the largest one
    sums = (np.arange(_FIELD + 1) + 1.5) / scale + offsets.min()
    contributions, code = fields.view(np.int64)[..., 0], np.rint(255 * encode_srgb(sums)).astype(np.uint8)
    grid = 15 * np.moveaxis(np.indices((18, 18, 18)), 0, 3).reshape(-1, 3).astype(np.uint8)
    difference = _look_up(grid, contributions, code).astype(int) - grid
    return (contributions, code) if np.abs(difference).max() > 1 else None


def _convert_by_profile(image: Image.Image, profile: bytes) -> Image.Image:
    channels = _CHANNELS.get(profile[16:20])
    if channels == 3 and image.mode == "L":
        image = image.convert("RGB")
    if channels is None or _MODES[channels] != image.mode:
        raise ValueError("the profile is one of another kind of image")
    return _transform(profile, image.mode).apply(image)


@lru_cache(8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
