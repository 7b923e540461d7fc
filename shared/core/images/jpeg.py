"""JPEG files (ITU-T T.81) that are cut short by a little."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, JpegImagePlugin

#: Largest part of the pixels that may be missing; also with up to `MAX_MISSING_BYTES` of a small file.
MAX_MISSING = 0.08
MAX_MISSING_SMALL = 0.25
MAX_MISSING_BYTES = 330

_END = b"\xff\xd9"
_STANDALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length: TEM, RST0..RST7, SOI
_BLOCK_ROWS = 16  # rows of pixels that are coded together, at most


def decode_cut_jpeg(data: bytes) -> Image.Image | None:
    """Decode a JPEG file whose end is missing; the missing part is grey.

    The extent of that part is measured by a second decoding with noise in place of the missing data: pixels
    that differ depend on it.

    Args:
        data: Content of the file.

    Returns:
        The image, or None if more than a small part is missing.
    """
    scans = _covers_all_frequencies(data)
    if not scans:
        return None
    data = data.rstrip(b"\xff")
    noise = np.random.default_rng(0).integers(0, 255, len(data) // 2 + 4096, np.uint8).tobytes()
    image, noisy = (_decode(data + padding + _END) for padding in (b"", noise))
    missing = _missing_part(np.asarray(image), np.asarray(noisy))
    missing_bytes = len(data) * missing / max(1 - missing, 1e-3)
    is_small = missing <= MAX_MISSING_SMALL and missing_bytes <= MAX_MISSING_BYTES
    return image if missing <= MAX_MISSING or is_small else None


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


def _covers_all_frequencies(data: bytes) -> bool:
    """Return True if scans of all components and frequencies have begun, but for the last bit of precision.

    A progressive file has many scans; without some of them the whole image is coarse.
    """
    components: set[int] = set()
    missing: set[tuple[int, int]] = set()
    position = 2
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
        body = data[position + 4 : position + 2 + length]
        if 0xC0 <= marker <= 0xC2 and len(body) >= 6:
            components = set(body[6::3])
            missing = {(component, index) for component in components for index in range(64)}
        elif marker == 0xDA and len(body) >= 4 and len(body) >= 1 + 2 * body[0] + 3:
            first, last, precision = body[1 + 2 * body[0] :][:3]
            if precision & 15 <= 1:
                scanned = body[1 : 1 + 2 * body[0] : 2]
                missing -= {(component, index) for component in scanned for index in range(first, last + 1)}
        position += 2 + length
    return bool(components) and not missing
