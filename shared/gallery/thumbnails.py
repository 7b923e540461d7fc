"""What stays of a picture that somebody brought: a thumbnail, and a name that is not too long."""

from __future__ import annotations

import io

from PIL import Image

#: Longest side of a thumbnail in pixels, and its quality as JPEG.
THUMBNAIL, QUALITY = 640, 85
#: A longer name loses what is in its middle, so that its beginning and its suffix stay.
MAX_NAME = 200


def thumbnail(picture: Image.Image) -> bytes:
    """A picture as a JPEG file, made smaller where its longest side has more than `THUMBNAIL` pixels."""
    stream = io.BytesIO()
    shrink(picture).convert("RGB").save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def shrink(picture: Image.Image, side: int = THUMBNAIL) -> Image.Image:
    """The picture itself, or a smaller one whose longest side has `side` pixels.

    >>> shrunk(Image.new("RGB", (2000, 1)), 100).size
    (100, 1)
    """
    if max(picture.size) <= side:
        return picture
    scale = side / max(picture.size)
    size = tuple(max(1, round(length * scale)) for length in picture.size)
    return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def display_name(name: str) -> str:
    """A name without what cannot be shown, and not too long.

    >>> short_name("a\\nb.jpg"), len(short_name("x" * 1000 + ".jpg")), short_name("x" * 1000 + ".jpg")[-4:]
    ('ab.jpg', 200, '.jpg')
    """
    name = "".join(letter for letter in str(name) if letter.isprintable()).strip() or "picture"
    half = MAX_NAME // 2
    return name if len(name) <= MAX_NAME else f"{name[: half - 1]}…{name[-half:]}"
