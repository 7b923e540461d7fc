"""PNG files (W3C PNG, third edition) without the chunks that neither colors nor transparency need."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import Any

from PIL import Image, PngImagePlugin

MAGIC = b"\x89PNG\r\n\x1a\n"
#: Longest text or color profile in bytes that is unpacked; a longer one is ignored.
MAX_TEXT_BYTES = 2**20
MAX_PROFILE_BYTES = 8 * 2**20

_PROFILE = b"iCCP"
_KEPT = {b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"eXIf"}
#: Keywords of texts that may hold an orientation: XMP, and EXIF as ImageMagick writes it.
_METADATA = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0", b"Raw profile type APP1\0")


def open_png(data: bytes) -> Image.Image:
    """Read the header of a PNG file.

    Damaged and oversized chunks that are not needed for the pixels are left out, as browsers do. The `info`
    of the image gains `cicp`, the numbers of the chunk of that name, where there is one.

    Args:
        data: Content of the file.

    Raises:
        Exception: The header is damaged; PIL raises anything from SyntaxError to struct.error.
    """
    kept: list[bytes] = [MAGIC]
    extra: dict[str, Any] = {}
    depth, color_type = data[24], data[25]
    for kind, body, chunk in _chunks(data):
        is_critical = not kind[:1].islower()
        if is_critical:
            kept.append(chunk)
        elif zlib.crc32(kind + body) != int.from_bytes(chunk[-4:], "big"):
            continue
        elif kind == b"cICP" and len(body) == 4 and body[2:] == b"\0\1":  # RGB of full range
            extra["cicp"] = tuple(body)
        elif kind == _PROFILE:
            profile = _inflate(body.partition(b"\0")[2][1:], MAX_PROFILE_BYTES)
            if profile:
                extra["icc_profile"] = profile
        elif kind in _KEPT or (body.startswith(_METADATA) and _is_small(kind, body)):
            kept.append(chunk)
    image: Image.Image = PngImagePlugin.PngImageFile(io.BytesIO(b"".join(kept)))
    image.info.update(extra)
    _scale_transparency(image, depth, color_type)
    return image


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield type, body and all bytes of each chunk; what is left of a cut file comes last as it is."""
    position = len(MAGIC)
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        end = position + length + 12
        kind = data[position + 4 : position + 8]
        yield kind, data[position + 8 : end - 4], data[position:end]
        if kind == b"IEND":
            return
        position = end


def _inflate(data: bytes, limit: int) -> bytes:
    """Return decompressed data, or nothing if it is damaged or longer than a limit."""
    try:
        content = zlib.decompressobj().decompress(data, limit + 1)
    except zlib.error:
        return b""
    return content if len(content) <= limit else b""


def _is_small(kind: bytes, body: bytes) -> bool:
    if kind == b"iTXt":
        compressed, text = body.partition(b"\0")[2][:1] == b"\1", body.split(b"\0", 3)[-1]
        # after keyword, flag and method follow language and translated keyword, each ended by a zero
        packed = text.partition(b"\0")[2] if compressed else b""
    else:
        packed = body.partition(b"\0")[2][1:] if kind == b"zTXt" else b""
    return len(body) <= MAX_TEXT_BYTES and (not packed or bool(_inflate(packed, MAX_TEXT_BYTES)))


def _scale_transparency(image: Image.Image, depth: int, color_type: int) -> None:
    """Give the transparent color in the range of the decoded pixels: PIL leaves it in that of the file."""
    transparency = image.info.get("transparency")
    if color_type == 0 and isinstance(transparency, int) and depth < 8:
        image.info["transparency"] = transparency * 255 // (2**depth - 1)
    elif color_type == 2 and isinstance(transparency, tuple) and depth == 16:
        image.info["transparency"] = tuple(level >> 8 for level in transparency)
