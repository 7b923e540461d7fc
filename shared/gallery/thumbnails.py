"""Thumbnails of a gallery's images."""

from __future__ import annotations

from PIL import Image

from shared.core.images import THUMBNAIL_SIDE, encode_image, shrink

JPEG_QUALITY = 85


def thumbnail(image: Image.Image) -> bytes:
    """Encode an image as a JPEG file whose longest side has at most `THUMBNAIL_SIDE` pixels."""
    return encode_image(shrink(image, THUMBNAIL_SIDE).convert("RGB"), "JPEG", JPEG_QUALITY)
