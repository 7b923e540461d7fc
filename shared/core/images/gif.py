"""GIF files (GIF89a) without what comes before the first image and is not needed to draw it.

PIL appends comments one by one, which takes the square of their number.
"""

from __future__ import annotations

import io

from PIL import GifImagePlugin, Image

from shared.core.images.errors import DAMAGED, ImageError

#: Most pieces of 255 bytes before the first image.
MAX_PIECES = 300_000
_EXTENSION, _GRAPHIC_CONTROL, _IMAGE = 0x21, 0xF9, 0x2C


def open_gif(data: bytes) -> Image.Image:
    """Read the header of a GIF file.

    Args:
        data: Content of the file.

    Raises:
        ImageError: There is no image, or too much before it.
        Exception: The header is damaged; PIL raises anything from SyntaxError to struct.error.
    """
    image: Image.Image = GifImagePlugin.GifImageFile(io.BytesIO(_without_comments(data)))
    return image


def _without_comments(data: bytes) -> bytes:
    """Return a file without comments and notes of programs before its first image."""
    position = start = 13 + ((3 << (data[10] & 7) + 1) if data[10] & 0x80 else 0)  # after the table of colors
    control, pieces = b"", 0
    while pieces < MAX_PIECES:
        if data[position] == _IMAGE:
            return data[:start] + control + data[position:]
        if data[position] != _EXTENSION:  # PIL skips it as well
            position, pieces = position + 1, pieces + 1
            continue
        end = position + 2
        while data[end] and pieces < MAX_PIECES:
            end, pieces = end + data[end] + 1, pieces + 1
        end, pieces = end + 1, pieces + 1
        if data[position + 1] == _GRAPHIC_CONTROL:
            control = data[position:end]
        position = end
    raise ImageError(DAMAGED)
