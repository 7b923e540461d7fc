"""JPEG files (ITU-T T.81): their metadata within bounds, and files that are cut short by a little."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, JpegImagePlugin

from shared.core.images.directories import is_bounded
from shared.core.images.errors import DAMAGED, ImageError

#: Largest part of the data that may be missing; of a small file up to `MAX_MISSING_BYTES` and a larger part.
MAX_MISSING = 0.08
MAX_MISSING_PIXELS = 0.5  # of the last scan
MAX_MISSING_SMALL = 0.25
MAX_MISSING_BYTES = 330

#: Most segments before the pixels, and most scans of a progressive file, of which encoders write about ten:
#: this many, and more of a small picture.
MAX_SEGMENTS, MAX_FREE_SCANS = 10_000, 20
MAX_SCANNED_PIXELS = 300_000_000

_SCAN, _EXIF, _MPF = b"\xff\xda", b"Exif\0\0", b"MPF\0"
_END = b"\xff\xd9"
_STANDALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length: TEM, RST0..RST7, SOI
_BLOCK_ROWS = 16  # rows of pixels that are coded together, at most


def open_jpeg(data: bytes) -> Image.Image:
    """Read the header of a JPEG file.

    Metadata whose values are together longer than themselves are left out, and so are the continuations of an
    EXIF segment, which PIL joins one by one.

    Args:
        data: Content of the file.

    Raises:
        ImageError: The file has far more scans than an encoder writes.
        Exception: The header is damaged; PIL raises anything from SyntaxError to struct.error.
    """
    image: Image.Image = JpegImagePlugin.jpeg_factory(io.BytesIO(_with_bounded_metadata(data)), "")
    scans = data.count(_SCAN) if "progressive" in image.info else 1
    if scans > MAX_FREE_SCANS and scans * image.width * image.height > MAX_SCANNED_PIXELS:
        raise ImageError(DAMAGED)
    return image


def _with_bounded_metadata(data: bytes) -> bytes:
    """Return a file without EXIF and MPF segments that would fill the memory."""
    kept: list[bytes] = []
    start, position, segments, has_exif = 0, 2, 0, False
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] != _SCAN[1]:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if marker in (0xFF, *_STANDALONE):
            position += 1
            continue
        end = position + 2 + length
        body = data[position + 4 : end]
        is_exif = marker == 0xE1 and body.startswith(_EXIF)
        if (is_exif and (has_exif or not is_bounded(body[len(_EXIF) :]))) or (
            marker == 0xE2 and body.startswith(_MPF) and not is_bounded(body[len(_MPF) :])
        ):
            kept.append(data[start:position])
            start = end
        has_exif = has_exif or is_exif
        position, segments = end, segments + 1
        if segments > MAX_SEGMENTS:
            raise ImageError(DAMAGED)
    return b"".join([*kept, data[start:]]) if kept else data


def decode_cut_jpeg(data: bytes) -> Image.Image | None:
    """Decode a JPEG file whose end is missing; the missing part is grey.

    The extent of that part is measured by a second decoding with noise in place of the missing data: pixels
    that differ depend on it.

    Args:
        data: Content of the file.

    Returns:
        The image, or None if more than a small part is missing.
    """
    extent = _last_scan(data)
    if extent is None:
        return None
    start, end = extent
    data = data[:end].rstrip(b"\xff")
    noise = np.random.default_rng(0).integers(0, 255, len(data) // 2 + 4096, np.uint8).tobytes()
    image, noisy = (_decode(data + padding + _END) for padding in (b"", noise))
    missing = _missing_part(np.asarray(image), np.asarray(noisy))
    if missing > MAX_MISSING_PIXELS:
        return None
    missing_bytes = (end - start) * missing / (1 - missing)
    part = missing_bytes / (end + missing_bytes)
    is_small = part <= MAX_MISSING_SMALL and missing_bytes <= MAX_MISSING_BYTES
    return image if part <= MAX_MISSING or is_small else None


def _decode(data: bytes) -> Image.Image:
    image: Image.Image = JpegImagePlugin.jpeg_factory(io.BytesIO(data), "")
    image.load()
    return image


def _missing_part(pixels: np.ndarray, noisy: np.ndarray) -> float:
    """Return the fraction of an image from the first pixel that differs to the end."""
    differs = pixels != noisy
    differs = differs.any(axis=2) if differs.ndim == 3 else differs
    if not differs.any():
        return 0.0
    height, width = differs.shape
    top = int(differs.any(axis=1).argmax())
    rows = differs[top : top + _BLOCK_ROWS]
    left = int(rows.any(axis=0).argmax())
    return ((height - top) * width - left * len(rows)) / (height * width)


def _last_scan(data: bytes) -> tuple[int, int] | None:
    """Return where the last scan of a cut file begins and ends, in bytes.

    A progressive file has many scans, without some of which the whole image is coarse: None unless scans of
    all components and frequencies have begun. Small files may lack those of the last bit of precision.
    """
    components: set[int] = set()
    missing: set[tuple[int, int]] = set()
    position, start, end = 2, 0, len(data)
    while position + 4 <= len(data):
        marker = data[position + 1]
        if data[position] != 0xFF or marker in (0, 0xFF) or marker in _STANDALONE:
            position = data.find(b"\xff", position + 1)  # inside the data of a scan
            if position < 0:
                break
            continue
        if marker == 0xD9:
            break
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if position + 2 + length > len(data):
            end = position
            break
        body = data[position + 4 : position + 2 + length]
        if 0xC0 <= marker <= 0xC2 and len(body) >= 6:
            components = set(body[6::3])
            missing = {(component, index) for component in components for index in range(64)}
        elif marker == 0xDA and len(body) >= 4 and len(body) >= 1 + 2 * body[0] + 3:
            start = position
            first, last, precision = body[1 + 2 * body[0] :][:3]
            if precision & 15 <= (len(data) <= 4 * MAX_MISSING_BYTES):
                scanned = body[1 : 1 + 2 * body[0] : 2]
                missing -= {(component, index) for component in scanned for index in range(first, last + 1)}
        position += 2 + length
    return (start, end) if components and not missing else None
