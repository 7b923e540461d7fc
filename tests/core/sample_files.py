"""Generated images and files for the tests of `shared.core.images`."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

ORANGE = (200, 100, 50)


def encode(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def plain(color=ORANGE, size=(40, 30), mode="RGB"):
    return Image.new(mode, size, color)


def quarters():
    """Return an image with four different quarters, which every rotation and flip changes."""
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[:15, :20], pixels[:15, 20:], pixels[15:, :20], pixels[15:, 20:] = 0, 80, 160, 255
    return Image.fromarray(pixels)


def png_header(width, height):
    """Return a PNG file that declares a size and holds hardly any data."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
