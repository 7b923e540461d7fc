"""Previews of image files that browsers do not show, or show in another orientation."""

from __future__ import annotations

import io

from shared.core.images.errors import ImageError
from shared.core.images.files import format_of, open_header, read_file
from shared.core.images.opening import Source, open_image
from shared.core.images.orientation import is_rotated_by_browsers, orientation

_UNKNOWN_TO_BROWSERS = ("TIFF", "HEIC")


def needs_preview(source: Source) -> bool:
    """Return True if a browser shows a file otherwise than `open_image` opens it, or not at all.

    Only the header is read. Colors are left out of account: browsers convert them likewise.

    Args:
        source: A path, an open binary file, or bytes.
    """
    try:
        data = read_file(source)
        name = format_of(data)
        if name in _UNKNOWN_TO_BROWSERS or not name:
            return bool(name)
        image = open_header(data)
    except Exception:  # a damaged header, on which decoders raise anything
        return False
    return orientation(image) != 1 and not is_rotated_by_browsers(image)


def is_unreadable(source: Source) -> bool:
    """Return True if a file is no image of a kind that can be opened; only the header is read.

    Args:
        source: A path, an open binary file, or bytes.
    """
    try:
        open_header(read_file(source))
    except Exception:  # a damaged header, on which decoders raise anything
        return True
    return False


def encode_preview(source: Source) -> bytes | None:
    """Return a JPEG file of an image as `open_image` opens it, in full size; None if it cannot be opened."""
    try:
        image = open_image(source)
    except ImageError:
        return None
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=95, subsampling=0)
    return stream.getvalue()
