"""Limits of images, and the error whose text visitors read."""

from __future__ import annotations

MAX_PIXELS = 50_000_000
MAX_SIDE = 65_535  # the largest of JPEG and GIF; rows of decoders stay short
MAX_FILE_BYTES = 64 * 2**20

DAMAGED = (
    "This picture is damaged: its file is cut short or holds wrong data. Please save it again and retry."
)


class ImageError(ValueError):
    """Image that cannot be used; the text is written for the visitor, who sees it unchanged."""


def unsupported(kind: str) -> ImageError:
    """Return the error for a whole image of a kind that is not read.

    Args:
        kind: Kind of file with its article, such as "a JPEG XL picture".
    """
    return ImageError(f"This is {kind}, which is not supported: please save it as JPEG or PNG.")


def check_pixels(width: int, height: int) -> None:
    """Raise ImageError if an image has no pixels, more than `MAX_PIXELS`, or a side beyond `MAX_SIDE`."""
    if width * height == 0:
        raise ImageError("This picture has no pixels: please choose another one.")
    if width * height > MAX_PIXELS:
        size, limit = f"{width} x {height}", f"{MAX_PIXELS // 10**6} million pixels"
        raise ImageError(f"This picture of {size} has more than {limit}: please make it smaller.")
    if max(width, height) > MAX_SIDE:
        raise ImageError(
            f"This picture of {width} x {height} is too long: a side has at most {MAX_SIDE} pixels."
        )
