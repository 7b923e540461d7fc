"""Color profiles (ICC.1:2022) and PNG chunks for tests."""

import struct
import zlib

# D50 XYZ of red, green and blue.
DISPLAY_P3 = ((0.51512, 0.29198, 0.15710), (0.24120, 0.69225, 0.06657), (-0.00105, 0.04189, 0.78407))
ADOBE_RGB = ((0.60974, 0.20528, 0.14919), (0.31111, 0.62567, 0.06322), (0.01947, 0.06087, 0.74457))
PROPHOTO = ((0.79767, 0.13519, 0.03134), (0.28804, 0.71188, 0.00009), (0, 0, 0.82491))
WHITE = (0.9642, 1, 0.8249)


def number(value):
    return struct.pack(">i", round(value * 65536))


def gamma_curve(value):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


def table_curve(levels):
    return b"curv\0\0\0\0" + struct.pack(f">I{len(levels)}H", len(levels), *levels)


def srgb_curve():
    values = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para\0\0\0\0\0\3\0\0" + b"".join(map(number, values))


def rgb_profile(matrix, curve):
    """Return a profile of a matrix, whose columns are the XYZ of the channels, and one curve."""
    columns = {b"rXYZ": 0, b"gXYZ": 1, b"bXYZ": 2}
    colors = {name: _xyz([row[index] for row in matrix]) for name, index in columns.items()}
    return _profile(b"RGB ", colors | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def grey_profile(curve):
    return _profile(b"GRAY", {b"kTRC": curve})


def _xyz(values):
    return b"XYZ \0\0\0\0" + b"".join(map(number, values))


def _profile(space, tags):
    text = b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", 2, 28) + b"\0x"
    tags = {b"desc": text, b"cprt": text, b"wtpt": _xyz(WHITE), **tags}
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    header = struct.pack(
        ">I4xI4s4s4s12x4s28x", start + len(body), 0x04300000, b"mntr", space, b"XYZ ", b"acsp"
    )
    header += b"".join(map(number, WHITE))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunks(png, *chunks):
    """Return a PNG file with chunks after its header."""
    return png[:33] + b"".join(chunks) + png[33:]
