"""Every kind of picture that comes in gives the right picture or one clear sentence."""

import contextlib
import io
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from shared.core.images import MAX_BYTES, ImageError, open_image, safe_stem, to_image, to_tensor

# The door itself silences these for the process, but pytest gives each test the filters that it began with.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

ORANGE = (200, 100, 50)
ORIENTATION = 0x0112


def encode(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def plain(color=ORANGE, size=(40, 30), mode="RGB"):
    return Image.new(mode, size, color)


def quarters():
    """A picture whose four quarters differ, so that every turn and flip of it is another picture."""
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[:15, :20], pixels[:15, 20:], pixels[15:, :20], pixels[15:, 20:] = 0, 80, 160, 255
    return Image.fromarray(pixels)


def png_header(width, height):
    """A PNG file that announces a size and holds hardly any data."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def is_near(image, color, tolerance=3):
    return np.abs(np.asarray(image, int) - color).max() <= tolerance


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_format_opens(format):
    image = open_image(encode(plain(), format))
    assert (image.mode, image.size) == ("RGB", (40, 30))
    assert is_near(image, ORANGE)


def test_every_kind_of_source_gives_the_same_picture(tmp_path):
    data = encode(quarters(), "PNG")
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    stream = io.BytesIO(data)
    stream.read()  # as after a save: the position is at the end
    with open(path, "rb") as file:
        sources = [path, str(path), data, bytearray(data), stream, file, quarters(), np.asarray(quarters())]
        for source in sources:
            assert open_image(source).tobytes() == quarters().tobytes()


def test_the_picture_is_new_plain_and_free_of_metadata():
    exif = Image.Exif()
    exif[0x010E] = "somebody's garden"
    source = plain()
    source.info["comment"] = "private"
    for image in (open_image(source), open_image(encode(plain(), "JPEG", exif=exif, comment=b"private"))):
        assert type(image) is Image.Image
        assert image.info == {}
        assert not image.getexif()
    image = open_image(source)
    image.putpixel((0, 0), (0, 0, 0))
    assert source.getpixel((0, 0)) == ORANGE
    assert source.info == {"comment": "private"}


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1)])
def test_extreme_shapes(size):
    image = open_image(encode(plain(size=size), "PNG"))
    assert image.size == size
    assert is_near(image, ORANGE, 0)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(format, orientation):
    # How a camera stores the upright picture under each value of the tag: the inverse of the turn to show it.
    stored = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    picture = quarters()
    for turn in stored[orientation]:
        picture = picture.transpose(turn)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    lossless = {"lossless": True} if format == "WEBP" else {"quality": 95} if format == "JPEG" else {}
    image = open_image(encode(picture, format, exif=exif, **lossless))
    assert image.size == (40, 30)
    corners = [image.getpixel(xy)[0] for xy in [(5, 5), (35, 5), (5, 25), (35, 25)]]
    assert np.abs(np.subtract(corners, [0, 80, 160, 255])).max() <= 3
    assert ORIENTATION not in image.getexif()


def test_broken_exif_does_not_cost_the_picture():
    data = encode(plain(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff broken")
    assert is_near(open_image(data), ORANGE)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk(format):
    # PIL writes the inverted CMYK of Adobe into JPEG files and marks it so; TIFF holds it plain.
    data = encode(plain().convert("CMYK"), format)
    assert (b"Adobe" in data) == (format == "JPEG")
    assert is_near(open_image(data), ORANGE)


def test_transparency_lies_on_white():
    half_black = [
        encode(plain((0, 0, 0, 128), mode="RGBA"), "PNG"),
        encode(plain((0, 128), mode="LA"), "PNG"),
        encode(plain((0, 0, 0, 128), mode="RGBA"), "WEBP", lossless=True),
    ]
    for data in half_black:
        assert is_near(open_image(data), 127, 1)
    assert is_near(open_image(np.full((3, 4, 4), (0, 0, 0, 128), np.uint8)), 127, 1)


def test_palette_with_transparency():
    picture = Image.new("P", (4, 2))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putdata([0, 1] * 4)
    for transparency in (0, bytes([0, 255])):  # one clear entry, or an alpha for each entry
        image = open_image(encode(picture, "PNG", transparency=transparency))
        assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), ORANGE]
    image = open_image(encode(picture, "GIF", transparency=0))
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), ORANGE]
    image = open_image(encode(picture, "PNG"))
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(10, 20, 30), ORANGE]


def test_a_clear_color_without_an_alpha_channel():
    picture = Image.fromarray(np.array([[[0, 0, 0], [200, 100, 50]]], np.uint8))
    image = open_image(encode(picture, "PNG", transparency=(0, 0, 0)))
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), ORANGE]


def test_sixteen_bit_grey_is_scaled_not_cut():
    levels = np.array([[0, 257 * 64, 257 * 128, 65535]], np.uint16)
    pictures = [
        encode(Image.fromarray(levels), "PNG"),
        encode(Image.fromarray(levels), "TIFF"),
        Image.fromarray(levels),
        Image.fromarray(levels.astype(np.int32)),  # mode I
        levels,
    ]
    for picture in pictures:
        assert np.asarray(open_image(picture))[0, :, 0].tolist() == [0, 64, 128, 255]


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 128.0, 255.0], [0, 128, 255]),
        ([0.0, 32896.0, 65535.0], [0, 128, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([5.0, 5.0, 5.0], [5, 5, 5]),
    ],
)
def test_float_tiff(values, levels):
    data = encode(Image.fromarray(np.array([values], np.float32)), "TIFF")
    assert np.asarray(open_image(data))[0, :, 0].tolist() == levels


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_float_tiff_with_values_that_are_no_numbers(bad):
    data = encode(Image.fromarray(np.array([[0.5, bad]], np.float32)), "TIFF")
    with pytest.raises(ImageError, match="not numbers"):
        open_image(data)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(format):
    frames = [plain(), plain((0, 0, 255))]
    data = encode(frames[0], format, save_all=True, append_images=frames[1:])
    assert Image.open(io.BytesIO(data)).n_frames == 2
    assert is_near(open_image(data), ORANGE)


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "YCbCr", "HSV", "LAB", "CMYK", "RGBX", "I", "F", "I;16", "RGBA"]
)
def test_every_mode_of_a_pil_picture_gives_rgb(mode):
    assert open_image(Image.new(mode, (3, 2))).mode == "RGB"


@pytest.mark.parametrize(
    ("array", "color"),
    [
        (np.full((2, 3), 100, np.uint8), (100, 100, 100)),
        (np.full((2, 3, 1), 100, np.uint8), (100, 100, 100)),
        (np.full((2, 3, 3), ORANGE, np.uint8), ORANGE),
        (np.full((2, 3, 4), (*ORANGE, 255), np.uint8), ORANGE),
        (np.full((2, 3, 3), ORANGE, np.uint8)[:, ::-1], ORANGE),
        (np.full((2, 3, 3), 65535, np.uint16), (255, 255, 255)),
        (np.ones((2, 3), bool), (255, 255, 255)),
        (np.full((2, 3, 3), 0.5), (128, 128, 128)),
        (np.full((2, 3), 1, np.float16), (255, 255, 255)),
        (np.full((2, 3), 1 + 1e-7, np.float64), (255, 255, 255)),
    ],
)
def test_arrays(array, color):
    image = open_image(array)
    assert image.size == (3, 2)
    assert image.getpixel((0, 0)) == color


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((2, 3), np.nan), "0..1, received nan"),
        (np.full((2, 3), 2.0), "0..1, received 2..2"),
        (np.full((2, 3), -0.5), r"received -0.5..-0.5"),
        (np.zeros((2, 3), int), "received int64"),
        (np.full((2, 3), "a"), "received <U1"),
        (np.zeros((2, 3, 2), np.uint8), r"received \[2, 3, 2\]"),
        (np.zeros((1, 2, 3, 3), np.uint8), r"received \[1, 2, 3, 3\]"),
        (np.zeros(5, np.uint8), r"received \[5\]"),
        (np.zeros((0, 3, 3), np.uint8), "no pixels"),
        (np.broadcast_to(np.zeros((), np.uint8), (12000, 12000)), "12000 x 12000"),
    ],
)
def test_arrays_that_are_no_pictures(array, message):
    with pytest.raises(ImageError, match=message):
        open_image(array)


NO_PICTURES = {
    "text": b"this is a text, and no picture at all",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
    "pdf": b"%PDF-1.7 and so on",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "zip": b"PK\x03\x04" + b"\0" * 60,
}


@pytest.mark.parametrize("name", NO_PICTURES)
def test_other_files_are_told_what_is_accepted(name, tmp_path):
    path = tmp_path / "holiday.png"
    path.write_bytes(NO_PICTURES[name])
    for source in (path, NO_PICTURES[name]):
        with pytest.raises(ImageError, match=r"please use JPEG, PNG, .*TIFF") as caught:
            open_image(source)
        assert "holiday" not in str(caught.value)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_file_that_is_cut_short(format, share):
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    data = encode(Image.fromarray(noise), format)
    with pytest.raises(ImageError, match="damaged"):
        open_image(data[: int(len(data) * share)])


def test_random_damage_gives_a_picture_or_a_sentence():
    random = np.random.default_rng(0)
    noise = Image.fromarray(random.integers(0, 255, (40, 50, 3), np.uint8))
    for format in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        whole = np.frombuffer(encode(noise, format), np.uint8)
        for _ in range(40):
            broken = whole.copy()
            broken[random.integers(0, min(len(broken), 400), 8)] = random.integers(0, 255, 8)
            with contextlib.suppress(ImageError):
                assert open_image(broken.tobytes()).mode == "RGB"


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.png").touch()
    for source in (b"", io.BytesIO(), tmp_path / "empty.png"):
        with pytest.raises(ImageError, match="empty"):
            open_image(source)


@pytest.mark.parametrize("name", ["missing.png", ".", "zero\0byte.png"])
def test_a_path_that_leads_nowhere_is_not_shown(name, tmp_path):
    with pytest.raises(ImageError, match="cannot be found or read") as caught:
        open_image(f"{tmp_path}/{name}")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("source", [5, 1.5, ["a"], {}, torch.zeros(3, 4, 4), io.StringIO("text")])
def test_wrong_types(source):
    with pytest.raises(ImageError, match=f"received {type(source).__name__}"):
        open_image(source)


def test_no_picture_yet():
    with pytest.raises(ImageError, match="choose one first"):
        open_image(None)


def test_a_closed_file():
    stream = io.BytesIO(encode(plain(), "PNG"))
    stream.close()
    with pytest.raises(ImageError, match="cannot be found or read"):
        open_image(stream)


def test_a_picture_without_pixels():
    with pytest.raises(ImageError, match="no pixels"):
        open_image(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize("size", [(12_000, 12_000), (30_000, 30_000), (2**31 - 1, 1_000)])
def test_the_limit_of_pixels_is_checked_before_decoding(size):
    with warnings.catch_warnings():
        warnings.simplefilter(
            "error"
        )  # PIL itself would warn of the first and refuse the second in its own words
        with pytest.raises(ImageError, match=f"{size[0]} x {size[1]} has more than 50 million pixels"):
            open_image(png_header(*size))


def test_a_real_large_file():
    with pytest.raises(ImageError, match="12000 x 12000"):
        open_image(encode(Image.new("1", (12_000, 12_000)), "PNG"))


def test_the_limit_of_bytes_is_checked_before_decoding():
    class Endless(io.RawIOBase):
        given = 0

        def seekable(self):
            return False

        def read(self, size=-1):
            assert size >= 0, "an endless file is never read to its end"
            self.given += size
            return b"\0" * size

    stream = Endless()
    with pytest.raises(ImageError, match="larger than 64 MB"):
        open_image(stream)
    assert stream.given == MAX_BYTES + 1


def test_a_bomb_in_the_metadata_of_a_png():
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "a" * 20_000_000, zip=True)
    with pytest.raises(ImageError, match="damaged"):
        open_image(encode(plain(), "PNG", pnginfo=info))


def test_settings_of_pil_stay_as_they_are_and_its_remarks_stay_inside():
    code = (
        "from PIL import Image, ImageFile\n"
        "before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES\n"
        "import io, sys, shared.core.images as images\n"
        "images.open_image(sys.stdin.buffer)\n"
        "assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)\n"
    )
    # A tag whose value lies beyond the end: PIL warns of it.
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x1a\x01\x05\0\x01\0\0\0\xff\xff\0\0\0\0\0\0"
    data = encode(plain(), "JPEG", exif=exif)
    command = [sys.executable, "-W", "always::UserWarning:PIL.TiffImagePlugin", "-c", code]
    run = subprocess.run(command, input=data, capture_output=True, check=False)
    assert (run.returncode, run.stderr) == (0, b"")


def test_many_threads_at_once():
    sources = [(encode(plain((shade, shade, shade)), "PNG"), shade) for shade in range(0, 250, 5)]
    bad = [(data[: len(data) // 2], None) for data, _ in sources]

    def open_one(job):
        data, shade = job
        try:
            return open_image(data).getpixel((0, 0))[0] == shade
        except ImageError:
            return shade is None

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(open_one, sources + bad))


def test_to_tensor():
    tensor = to_tensor(quarters())
    assert (tensor.shape, tensor.dtype) == ((1, 3, 30, 40), torch.float32)
    assert (tensor[0, :, 0, 0].tolist(), tensor[0, :, 29, 39].tolist()) == ([0, 0, 0], [1, 1, 1])
    assert to_tensor(Image.new("L", (4, 3), 255)).shape == (1, 3, 3, 4)


@pytest.mark.parametrize("convert", [torch.as_tensor, np.asarray])
def test_to_image_undoes_to_tensor(convert):
    assert to_image(convert(to_tensor(quarters())[0])).tobytes() == quarters().tobytes()
    grey = to_image(convert(np.array([[-0.2, 0.2, 1.2]], np.float32)))
    assert (grey.mode, list(grey.tobytes())) == ("L", [0, 51, 255])
    assert list(to_image(convert(np.array([[True, False]]))).tobytes()) == [255, 0]


@pytest.mark.parametrize("shape", [(5,), (1, 3, 4, 4), (4, 4, 3), (1, 4, 4)])
def test_to_image_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match=r"expected shape \[H, W\] or \[3, H, W\]"):
        to_image(np.zeros(shape))


def test_to_image_refuses_nan():
    with pytest.raises(ValueError, match="NaN"):
        to_image(torch.tensor([[0.5, float("nan")]]))


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("holiday.jpg", "holiday"),
        ("a.b.tar.gz", "a.b.tar"),
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\me.png", "me"),
        ("/absolute/é\u0301té.webp", "é\u0301té"),
        ("line\nbreak\x00\x7f.png", "linebreak"),
        ("\u202egnp.exe", "gnp"),
        ("con.png", "_con"),
        ('what? "this" <one>|.png', "what_ _this_ _one__"),
        (" . .", "picture"),
        ("", "picture"),
        ("日本.png", "日本"),
        ("\ud800.png", "picture"),
    ],
)
def test_safe_stem(name, stem):
    assert safe_stem(name) == stem


def test_safe_stem_fits_a_file_system():
    stem = safe_stem("日" * 500 + ".png")
    assert 0 < len(stem.encode()) <= 120
    assert set(stem) == {"日"}
