"""Files of images: recognised by their first bytes, checked against the limits, decoded."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

from PIL import GifImagePlugin, Image

from shared.core.images.errors import DAMAGED, MAX_FILE_BYTES, ImageError, check_pixels, unsupported
from shared.core.images.gif import open_gif
from shared.core.images.jpeg import decode_cut_jpeg, open_jpeg
from shared.core.images.png import open_png
from shared.core.images.tiff import open_tiff

# PIL reads many other formats, but visitors do not have them, and some of them start other programs (EPS).
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIC")
Image.init()

_RUN_LENGTHS = (1, 2)  # of a BMP's compression; PIL unpacks these in Python, a microsecond a run
_MAX_PACKED_BMP = 6 * 2**20
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}
#: First bytes of whole pictures that are not read, and their kinds.
_UNSUPPORTED = {
    b"\xff\x0a": "a JPEG XL picture",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL picture",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    b"8BPS": "a Photoshop document",
    b"FUJIFILMCCD-RAW": "a camera raw file",
    b"FOVb": "a camera raw file",
    b"\x00MRM": "a camera raw file",
    b"IIU\x00": "a camera raw file",
    b"IIRO": "a camera raw file",
    b"IIRS": "a camera raw file",
    b"MMOR": "a camera raw file",
    b"II\xbc\x01": "a JPEG XR picture",
}


def read_file(source: Any) -> bytes:
    """Read an image file, of which at most one byte more than the limit is read.

    Args:
        source: A path, an open binary file, or bytes.

    Raises:
        ImageError: The file cannot be read, is empty, or is larger than `MAX_FILE_BYTES`.
    """
    data = source
    try:
        if isinstance(source, (str, os.PathLike)):
            with open(source, "rb") as stream:
                data = stream.read(MAX_FILE_BYTES + 1)
        elif hasattr(source, "read"):
            if source.seekable():
                source.seek(0)
            data = source.read(MAX_FILE_BYTES + 1)
    # ValueError: a closed file, or a path with a zero byte; RuntimeError: an encrypted member of an archive
    except (OSError, ValueError, RuntimeError) as error:
        raise ImageError("The picture file cannot be found or read: please choose it again.") from error
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise ImageError(f"Expected a picture or its file, received {type(source).__name__}.")
    if len(data) == 0:
        raise ImageError("This file is empty: please choose another one.")
    if len(data) > MAX_FILE_BYTES:
        raise ImageError(
            f"This file is larger than {MAX_FILE_BYTES // 2**20} MB: please make the picture smaller."
        )
    return bytes(data)


def decode_file(data: bytes) -> Image.Image:
    """Decode the first image of a file.

    Args:
        data: Content of the file.

    Returns:
        An image of any of PIL's modes, with its metadata.

    Raises:
        ImageError: The file is no image, of a kind that is not read, damaged, or too large.
    """
    try:
        image = open_header(data)
        check_pixels(*image.size)
        image.load()
        return _clear_surround(image) if isinstance(image, GifImagePlugin.GifImageFile) else image
    except ImageError:
        raise
    except Exception as error:  # on damaged files decoders raise anything from SyntaxError to struct.error
        if str(error).startswith("Unsupported BMP"):
            raise unsupported("a BMP picture of an unusual kind") from error
        cut = _decode_cut(data)
        if cut is None:
            raise ImageError(DAMAGED) from error
        return cut


def open_header(data: bytes) -> Image.Image:
    """Read the header of a file; that of a TIFF file with its pixels.

    This is `Image.open` without PIL's own check of the size, which warns or fails at a limit that is a
    setting of the whole process; `check_pixels` has a stricter one.

    Raises:
        ImageError: The file is no image, or of a kind that is not read.
        Exception: The file is damaged.
    """
    return _opener(data)(data)


def format_of(data: bytes) -> str:
    """Return the format of a file by its first bytes, one of `FORMATS`; empty if it is none of them."""
    if data[4:8] == b"ftyp":
        size = min(int.from_bytes(data[:4], "big"), 256)
        brands = {data[8:12], *(data[start : start + 4] for start in range(16, size, 4))}
        return "HEIC" if brands & _HEIF_BRANDS else "AVIF" if brands & _AVIF_BRANDS else ""
    for name in FORMATS[:-2]:
        # A string in place of True means that the decoder is not built in.
        accept = Image.OPEN[name][1] if name in Image.OPEN else None
        if accept is not None and accept(data[:16]) is True:
            return name
    return ""


def _opener(data: bytes) -> Callable[[bytes], Image.Image]:
    name = format_of(data)
    if name in _OPENERS:
        return _OPENERS[name]
    if name in Image.OPEN:
        return lambda data: Image.OPEN[name][0](io.BytesIO(data), "")
    kind = next((kind for prefix, kind in _UNSUPPORTED.items() if data.startswith(prefix)), None)
    if kind is None and data[4:11] == b"ftypcrx":
        kind = "a camera raw file"
    if kind is not None:
        raise unsupported(kind)
    *names, last = FORMATS
    raise ImageError(f"This file is not a picture that we can open: please use {', '.join(names)} or {last}.")


def _open_heic(data: bytes) -> Image.Image:
    from pillow_heif import HeifImageFile  # deferred: it loads a large library

    image: Image.Image = HeifImageFile(io.BytesIO(data))
    codes = image.info.get("nclx_profile")
    if codes and not image.info.get("icc_profile"):
        _set_codes(image, int(codes["color_primaries"]), int(codes["transfer_characteristics"]))
    return image


def _open_avif(data: bytes) -> Image.Image:
    image = Image.OPEN["AVIF"][0](io.BytesIO(data), "")
    position = data.find(b"colrnclx", 0, 2**16)
    if position >= 0 and not image.info.get("icc_profile"):
        codes = data[position + 8 : position + 12]
        _set_codes(image, int.from_bytes(codes[:2], "big"), int.from_bytes(codes[2:], "big"))
    return image


def _set_codes(image: Image.Image, primaries: int, transfer: int) -> None:
    """Set the code points of a still picture, which means sRGB where it claims a curve of video cameras."""
    image.info["cicp"] = (primaries, 13 if transfer in (1, 6, 14, 15) else transfer)


def _open_bmp(data: bytes) -> Image.Image:
    image: Image.Image = Image.OPEN["BMP"][0](io.BytesIO(data), "")
    check_pixels(*image.size)
    is_packed = int.from_bytes(data[30:34], "little") in _RUN_LENGTHS and data[14] >= 40
    if is_packed and len(data) > _MAX_PACKED_BMP:
        raise unsupported("a very large BMP picture of packed runs")
    return image


_OPENERS: dict[str, Callable[[bytes], Image.Image]] = {
    "JPEG": open_jpeg,
    "GIF": open_gif,
    "BMP": _open_bmp,
    "PNG": open_png,
    "TIFF": open_tiff,
    "AVIF": _open_avif,
    "HEIC": _open_heic,
}


def _clear_surround(image: GifImagePlugin.GifImageFile) -> Image.Image:
    """Make the canvas around the first frame of a GIF transparent; PIL fills it with a color."""
    frame = image.dispose_extent or (0, 0, *image.size)
    if frame == (0, 0, *image.size):
        return image
    canvas = Image.new("RGBA", image.size)
    canvas.paste(image.convert("RGBA").crop(frame), frame[:2])
    canvas.info = image.info
    return canvas


def _decode_cut(data: bytes) -> Image.Image | None:
    if format_of(data) != "JPEG":
        return None
    try:
        return decode_cut_jpeg(data)
    except Exception:  # see decode_file
        return None
