"""Thumbnails of a gallery's images."""

from __future__ import annotations

from PIL import Image

from shared.core.images import encode_image, shrink

#: Longest side of a thumbnail in pixels, and its JPEG quality.
MAX_SIDE, JPEG_QUALITY = 640, 85


def thumbnail(image: Image.Image) -> bytes:
    """Encode an image as a JPEG file whose longest side has at most `MAX_SIDE` pixels."""
    return encode_image(shrink(image, MAX_SIDE).convert("RGB"), "JPEG", JPEG_QUALITY)
