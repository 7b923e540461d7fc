"""Orientation of images: upright by the EXIF tag, wherever a file holds it."""

from __future__ import annotations

from PIL import ExifTags, Image

from shared.core.images.directories import is_bounded

# Transposition that undoes each value of the EXIF orientation tag (Exif 2.32, section 4.6.4 A).
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation(image: Image.Image) -> int:
    """Return the orientation 1..8 by an image's metadata: EXIF, XMP or ImageMagick's text; 1 if none."""
    if not is_bounded(_exif(image).removeprefix(b"Exif\0\0")):
        return 1
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # an image with unreadable metadata is still usable; PIL raises anything on it
        return 1
    return value if value in _TRANSPOSITIONS else 1


def _exif(image: Image.Image) -> bytes:
    """Return the EXIF segment of an opened image, which ImageMagick writes into a PNG file as text."""
    exif = image.info.get("exif")
    if isinstance(exif, bytes):
        return exif
    text = image.info.get("Raw profile type exif") or image.info.get("Raw profile type APP1") or ""
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except (ValueError, AttributeError):
        return b""


def rotate_upright(image: Image.Image) -> Image.Image:
    """Undo the orientation of an image."""
    transposition = _TRANSPOSITIONS.get(orientation(image))
    return image if transposition is None else image.transpose(transposition)


def is_rotated_by_browsers(image: Image.Image) -> bool:
    """Return True if a browser shows an image of an opened JPEG file upright by itself.

    Browsers read the tag in the EXIF segment of JPEG files alone.
    """
    exif = Image.Exif()
    try:
        if is_bounded(image.info.get("exif", b"").removeprefix(b"Exif\0\0")):
            exif.load(image.info.get("exif", b""))
    except Exception:  # see orientation
        return False
    return image.format in ("JPEG", "MPO") and ExifTags.Base.Orientation in exif
