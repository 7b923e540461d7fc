"""Images: opened from any source as upright RGB in sRGB, cut, shrunk, converted and encoded."""

from shared.core.images.errors import MAX_FILE_BYTES, MAX_PIXELS, ImageError
from shared.core.images.files import FORMATS, read_file
from shared.core.images.opening import Source, open_image
from shared.core.images.values import (
    THUMBNAIL_SIDE,
    Box,
    crop,
    encode_image,
    resize_to_tensor,
    shrink,
    to_image,
    to_tensor,
)

__all__ = [
    "FORMATS",
    "MAX_FILE_BYTES",
    "MAX_PIXELS",
    "THUMBNAIL_SIDE",
    "Box",
    "ImageError",
    "Source",
    "crop",
    "encode_image",
    "open_image",
    "read_file",
    "resize_to_tensor",
    "shrink",
    "to_image",
    "to_tensor",
]
