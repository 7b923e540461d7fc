"""TIFF files (TIFF 6.0): those that PIL reads wrongly or not at all are read by tifffile."""

from __future__ import annotations

import io
import logging
import zlib
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin

from shared.core.images.directories import is_bounded, tile_pixels
from shared.core.images.errors import DAMAGED, MAX_PIXELS, ImageError, check_pixels, unsupported
from shared.core.images.levels import scale_levels, to_uint8

# Tags (TIFF 6.0, section 8; DNG 1.7).
_SUBFILE, _BITS, _COMPRESSION, _PHOTOMETRIC, _MAKE = 254, 258, 259, 262, 271
_SAMPLES, _MAX_VALUE, _PLANAR, _SUB_IFDS, _SAMPLE_FORMAT, _PROFILE, _DNG = (
    *(277, 281, 284, 330, 339, 34675),
    50706,
)
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK = 0, 1, 2, 5
_COLOR_FILTERS, _LINEAR_RAW = 32803, 34892
_UINT, _FLOAT = 1, 3
_UNCOMPRESSED, _DEFLATE = 1, (8, 32946)
#: Largest size of the decoded samples in bytes; a limit for images of 64 bits a sample.
_MAX_BYTES = 600 * 2**20
_KIND = "a TIFF picture of an unusual kind"

# Visitors read one sentence about a damaged file; the log of the server needs no line for each of its tags.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


def open_tiff(data: bytes) -> Image.Image:
    """Decode a TIFF file.

    Args:
        data: Content of the file.

    Returns:
        The first image, decoded; grey ones of more than 8 bits as mode I;16 or F with 1 as white.

    Raises:
        ImageError: The file is a camera raw file, of a kind that is not read, or too large.
        Exception: The file is damaged; PIL raises anything from SyntaxError to struct.error.
    """
    if not is_bounded(data) or tile_pixels(data) > MAX_PIXELS:
        raise ImageError(DAMAGED)
    try:
        image = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    except Exception:  # PIL knows no such kind, or it is damaged
        return _open_with_tifffile(data)
    tags = image.tag_v2
    if data[8:10] == b"CR" or _is_raw(tags):
        raise unsupported("a camera raw file")
    check_pixels(*image.size)
    if not _is_read_by_pil(tags):
        return _open_with_tifffile(data)
    try:
        image.load()
    except OSError as error:
        if "decoder" in str(error) and "not available" in str(error):
            raise unsupported(_KIND) from error
        raise
    return _scale_grey(image, tags)


def _is_raw(tags: Any) -> bool:
    """Return True for files of cameras, whose first image may be a small preview."""
    if _DNG in tags or tags.get(_PHOTOMETRIC) in (_COLOR_FILTERS, _LINEAR_RAW):
        return True
    return tags.get(_SUBFILE) == 1 and _SUB_IFDS in tags and _MAKE in tags


def _is_read_by_pil(tags: Any) -> bool:
    bits, formats = set(tags.get(_BITS, (1,))), set(tags.get(_SAMPLE_FORMAT, (_UINT,)))
    if len(bits) > 1 or len(formats) > 1:
        return False
    samples, (depth,), (sample_format,) = tags.get(_SAMPLES, 1), bits, formats
    if depth <= 8:
        return sample_format in (_UINT, 4)
    if samples > 1:
        return depth == 16 and samples > 2 and sample_format == _UINT and tags.get(_PLANAR, 1) == 1
    return (depth in (12, 16, 32) and sample_format != _FLOAT) or (depth == 32 and sample_format == _FLOAT)


def _scale_grey(image: Image.Image, tags: Any) -> Image.Image:
    """Give grey levels their range and direction, which PIL leaves as they are in the file."""
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return image
    values = np.asarray(image)
    bits, sample_format = tags.get(_BITS, (16,))[0], tags.get(_SAMPLE_FORMAT, (_UINT,))[0]
    if image.mode == "I" and sample_format == _UINT:
        values = values.view(np.uint32)
    return _grey_image(values, bits, tags.get(_MAX_VALUE), tags.get(_PHOTOMETRIC), image.info)


def _grey_image(
    values: np.ndarray, bits: int, max_value: Any, photometric: int | None, info: dict
) -> Image.Image:
    declared = max_value[0] if isinstance(max_value, tuple) else max_value
    top = _white(values, bits)
    if top is not None and declared and values.max() <= declared:
        top = declared
    levels = scale_levels(values, top)
    if photometric == _WHITE_IS_ZERO:
        levels = 1 - levels
    image = Image.fromarray(levels)
    image.info = info
    return image


def _white(values: np.ndarray, bits: int) -> float | None:
    """Return the level of white of integers whose type tells it."""
    if values.dtype.kind == "u" and bits <= 16:
        return 2**bits - 1
    if values.dtype.kind == "i" and bits <= 16 and values.min() >= 0 and (values.max() > 255 or bits == 8):
        return 2 ** (bits - 1) - 1
    return None


def _open_with_tifffile(data: bytes) -> Image.Image:
    import tifffile  # deferred: few files need it

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            values = _read_page(page, data)
            info = {}
            if _PROFILE in page.tags:
                info["icc_profile"] = bytes(page.tags[_PROFILE].value)
            if values.shape[2] > 2:
                return _color_image(values, page.photometric, page.bitspersample, info)
            max_value = page.tags[_MAX_VALUE].value if _MAX_VALUE in page.tags else None
            grey = _grey_image(values[:, :, 0], page.bitspersample, max_value, page.photometric, info)
            return grey
    except ImageError:
        raise
    except Exception as error:  # tifffile and numpy raise anything on damaged files
        raise ImageError(DAMAGED) from error


def _read_page(page: Any, data: bytes) -> np.ndarray:
    """Return the samples of a page, `[H, W, samples]`."""
    if page.photometric in (_COLOR_FILTERS, _LINEAR_RAW) or _DNG in page.tags:
        raise unsupported("a camera raw file")
    check_pixels(page.imagewidth, page.imagelength)
    samples = page.samplesperpixel
    is_known = (
        page.dtype is not None
        and page.dtype.kind in "uif"
        and page.bitspersample == 8 * page.dtype.itemsize
        and page.compression in (_UNCOMPRESSED, *_DEFLATE)
        and page.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK)
        and page.imagedepth == 1
        and samples <= 5
        and (samples > 2) == (page.photometric in (_RGB, _CMYK))
    )
    if not is_known:
        raise unsupported(_KIND)
    if page.imagewidth * page.imagelength * samples * page.dtype.itemsize > _MAX_BYTES:
        raise ImageError("This picture is too large at its depth: please save it with 8 bits a channel.")
    if page.compression in _DEFLATE:
        _check_segments(page, data)
    values = page.asarray(maxworkers=1)
    values = values.reshape(
        (samples, page.imagelength, page.imagewidth)
        if page.planarconfig == 2 and samples > 1
        else (page.imagelength, page.imagewidth, samples)
    )
    return np.moveaxis(values, 0, 2) if page.planarconfig == 2 and samples > 1 else values


def _check_segments(page: Any, data: bytes) -> None:
    """Refuse compressed parts that are longer than they may be; tifffile would unpack all of them."""
    per_pixel = page.dtype.itemsize * (1 if page.planarconfig == 2 else page.samplesperpixel)
    rows, columns = (
        page.chunks[-3:-1] if page.planarconfig != 2 and page.samplesperpixel > 1 else page.chunks[-2:]
    )
    limit = rows * columns * per_pixel
    if len(page.dataoffsets) * limit > 2 * _MAX_BYTES:
        raise ImageError(DAMAGED)
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        unpacked = zlib.decompressobj().decompress(data[offset : offset + count], limit + 1)
        if len(unpacked) > limit:
            raise ImageError(DAMAGED)


def _color_image(values: np.ndarray, photometric: int, bits: int, info: dict) -> Image.Image:
    channels = 4 if photometric == _CMYK else 3
    top = 2.0**bits - 1 if values.dtype.kind == "u" else _white(values, bits)
    levels = to_uint8(scale_levels(values[:, :, :channels], top))
    if photometric == _CMYK:
        image = Image.fromarray(levels, "CMYK")
    else:
        image = Image.fromarray(levels)
        if values.shape[2] > 3:
            image.putalpha(Image.fromarray(to_uint8(scale_levels(values[:, :, 3], top))))
    image.info = info
    return image
