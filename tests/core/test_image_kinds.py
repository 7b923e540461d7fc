"""Whole images of rare kinds open, others are named; files that lack a little open as in browsers."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin

from shared.core.images import ImageError, open_image
from shared.core.images.preview import encode_preview, needs_preview
from tests.core.color_profiles import chunk, with_chunks
from tests.core.sample_files import ORANGE, encode, plain, quarters

# The module silences these for the process, but pytest restores the original filters for each test.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

GREY = np.kron([[0, 0.2, 0.4], [0.6, 0.8, 1]], np.ones((8, 8)))
COLORS = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=2)
ALL_WHITE = {"f2": 1, "f4": 1, "f8": 1, "u1": 255, "u2": 65535, "u4": 2**32 - 1, "i2": 32767}


def tiff(values, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, **options)
    return stream.getvalue()


def error_of(data, right):
    pixels = np.asarray(open_image(data)).astype(int)
    right = np.rint(255 * (right if right.ndim == 3 else right[:, :, None])).astype(int)
    return np.abs(pixels - right).max()


@pytest.mark.parametrize("kind", ALL_WHITE)
def test_tiff_of_every_type(kind):
    white = ALL_WHITE[kind]
    grey, colors = (white * GREY).astype(kind), (white * COLORS).astype(kind)
    planes = np.ascontiguousarray(np.moveaxis(colors, 2, 0))
    planar = {"photometric": "rgb", "planarconfig": "separate"}
    assert error_of(tiff(grey), GREY) <= 1
    assert error_of(tiff(grey.astype(f">{kind}"), byteorder=">", bigtiff=True), GREY) <= 1
    assert error_of(tiff((white - grey).astype(kind), photometric="miniswhite"), GREY) <= 1
    assert error_of(tiff(colors, photometric="rgb"), COLORS) <= 1
    assert error_of(tiff(planes, **planar), COLORS) <= 1
    assert error_of(tiff(planes, **planar, tile=(16, 16), compression="zlib"), COLORS) <= 1


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
@pytest.mark.parametrize("white", [1.02, 1.1, 255, 260, 65535])
def test_real_levels_a_little_over_white(kind, white):
    if kind != "f2" or white < 65000:
        assert error_of(tiff((white * GREY).astype(kind)), GREY) <= 2


def test_levels_of_twelve_bits():
    assert error_of(tiff((4095 * GREY).astype("u2"), extratags=[(281, 3, 1, 4095, True)]), GREY) <= 1
    values = np.rint(4095 * GREY).astype(int).ravel()
    packed = "".join(f"{value:012b}" for value in values)
    body = int(packed, 2).to_bytes(len(packed) // 8, "big")
    tags = {256: 24, 257: 16, 258: 12, 259: 1, 262: 1, 273: 0, 277: 1, 278: 16, 279: len(body)}
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + b"\0\0\0\0" + body
    assert error_of(data, GREY) <= 1


def test_a_bomb_in_a_tiff():
    data = bytearray(tiff(GREY.astype("f8"), compression="zlib"))
    bomb = zlib.compress(b"\0" * 50_000_000)
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        tags = file.pages.first.tags
        offset, count = tags[273].valueoffset, tags[279].valueoffset
    struct.pack_into("<I", data, offset, len(data))
    struct.pack_into("<I" if tags[279].dtype == 4 else "<H", data, count, len(bomb))
    with pytest.raises(ImageError, match="damaged"):
        open_image(bytes(data) + bomb)


UNSUPPORTED = {
    "jxl": b"\xff\x0a" + b"x" * 50,
    "jxl_box": b"\0\0\0\x0cJXL \r\n\x87\n" + b"x" * 50,
    "cr3": b"\0\0\0\x18ftypcrx " + b"x" * 50,
    "raf": b"FUJIFILMCCD-RAW 0201" + b"x" * 50,
    "dng": tiff(GREY.astype("u2"), photometric=32803, extratags=[(50706, 1, 4, (1, 4, 0, 0), True)]),
    "complex_tiff": tiff(GREY.astype("c8")),
    "bmp_444": struct.pack("<2sIHHI", b"BM", 102, 0, 0, 66)
    + struct.pack("<IiiHHIIiiIIIII", 40, 4, 4, 1, 16, 3, 0, 0, 0, 0, 0, 0xF00, 0xF0, 0xF)
    + bytes(32),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_kinds_that_are_not_supported(name):
    with pytest.raises(ImageError, match="not supported"):
        open_image(UNSUPPORTED[name])


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [1, 2, 8, 200, 300])
def test_a_jpeg_that_lacks_its_last_bytes(progressive, missing):
    noise = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    photo = Image.fromarray(noise).resize((320, 214), Image.Resampling.BICUBIC)
    data = encode(photo, "JPEG", progressive=progressive)
    image, whole = open_image(data[:-missing]), open_image(data)
    assert image.size == (320, 214)
    assert np.abs(np.asarray(image)[:180].astype(int) - np.asarray(whole)[:180]).max() <= 8
    for fraction in (0.3, 0.6, 0.85):
        with pytest.raises(ImageError, match="damaged"):
            open_image(data[: int(fraction * len(data))])


def test_ancillary_chunks_of_png_do_no_harm():
    data = encode(plain(), "PNG")
    damaged = bytearray(chunk(b"tEXt", b"Comment\0hello"))
    damaged[-1] ^= 1
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "a" * 3_000_000)
    for file in (
        with_chunks(data, bytes(damaged)),
        data[:-12] + bytes(damaged) + data[-12:],
        encode(plain(), "PNG", pnginfo=info),
        encode(plain(), "PNG", icc_profile=bytes(2_000_000)),
    ):
        assert open_image(file).getpixel((0, 0)) == ORANGE


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_grey_of_png(depth):
    white = 2**depth - 1
    values = sorted({0, white // 3, white})
    bits = "".join(f"{value:0{depth}b}" for value in values).ljust(48, "0")
    row = b"\0" + int(bits, 2).to_bytes(6, "big")[: -(-depth * len(values) // 8)]
    header = struct.pack(">IIBBBBB", len(values), 1, depth, 0, 0, 0, 0)
    parts = (
        ("IHDR", header),
        ("tRNS", struct.pack(">H", values[0])),
        ("IDAT", zlib.compress(row)),
        ("IEND", b""),
    )
    data = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind.encode(), body) for kind, body in parts)
    levels = [open_image(data).getpixel((x, 0))[0] for x in range(len(values))]
    assert levels == [255, *(round(255 * value / white) for value in values[1:])]


def test_the_surround_of_a_gif_is_white():
    data = encode(plain((0, 255, 0), (20, 10)).quantize(4), "GIF")
    data = bytearray(data)
    struct.pack_into("<HH", data, 6, 60, 50)  # a larger canvas
    image = open_image(bytes(data))
    assert image.size == (60, 50)
    assert image.getpixel((5, 5)) == (0, 255, 0)
    assert image.getpixel((40, 30)) == (255, 255, 255)


def heic(image, **options):
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream, quality=90, **options)
    return stream.getvalue()


def test_heic():
    data = heic(quarters().resize((80, 60)))
    image = open_image(data)
    assert (image.mode, image.size) == ("RGB", (80, 60))
    assert np.abs(np.subtract(image.getpixel((10, 10)), 0)).max() <= 6
    assert np.abs(np.subtract(image.getpixel((70, 50)), 255)).max() <= 6
    with pytest.raises(ImageError, match="damaged"):
        open_image(data[: len(data) // 2])


def test_previews_are_made_of_files_that_browsers_show_otherwise():
    exif = Image.Exif()
    exif[0x112] = 6
    turned = {"exif": exif.tobytes()}
    otherwise = [
        encode(quarters(), "TIFF"),
        heic(quarters()),
        encode(quarters(), "WEBP", **turned),
        encode(quarters(), "PNG", exif=exif),
    ]
    for data in otherwise:
        assert needs_preview(data)
        preview, image = Image.open(io.BytesIO(encode_preview(data))), open_image(data)
        assert preview.size == image.size
        assert np.abs(np.asarray(preview).astype(int) - np.asarray(image)).mean() < 3
    alike = [encode(quarters(), name) for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP")]
    for data in (*alike, encode(quarters(), "JPEG", exif=exif), b"no image", b"II*\0"):
        assert not needs_preview(data) or encode_preview(data) is None
