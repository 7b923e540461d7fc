"""Every kind of image is opened correctly."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from shared.core.images import ImageError, open_image
from tests.core.sample_files import ORANGE, encode, plain, quarters

# The module silences these for the process, but pytest restores the original filters for each test.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

ORIENTATION = 0x0112


def is_near(image, color, tolerance=3):
    return np.abs(np.asarray(image, int) - color).max() <= tolerance


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_format_opens(format):
    image = open_image(encode(plain(), format))
    assert (image.mode, image.size) == ("RGB", (40, 30))
    assert is_near(image, ORANGE)


def test_every_source_gives_the_same_image(tmp_path):
    data = encode(quarters(), "PNG")
    path = tmp_path / "image.png"
    path.write_bytes(data)
    stream = io.BytesIO(data)
    stream.read()  # as after a save: the position is at the end
    with open(path, "rb") as file:
        sources = [path, str(path), data, bytearray(data), stream, file, quarters(), np.asarray(quarters())]
        for source in sources:
            assert open_image(source).tobytes() == quarters().tobytes()


def test_the_image_is_new_and_free_of_metadata():
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
    # A camera stores an upright image under each value of the tag by the inverse of its transposition.
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
    photograph = quarters()
    for transposition in stored[orientation]:
        photograph = photograph.transpose(transposition)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    lossless = {"lossless": True} if format == "WEBP" else {"quality": 95} if format == "JPEG" else {}
    image = open_image(encode(photograph, format, exif=exif, **lossless))
    assert image.size == (40, 30)
    corners = [image.getpixel(xy)[0] for xy in [(5, 5), (35, 5), (5, 25), (35, 25)]]
    assert np.abs(np.subtract(corners, [0, 80, 160, 255])).max() <= 3
    assert ORIENTATION not in image.getexif()


def test_broken_exif_is_ignored():
    data = encode(plain(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff broken")
    assert is_near(open_image(data), ORANGE)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk(format):
    # PIL writes Adobe's inverted CMYK, and a marker for it, into JPEG files; in TIFF it is not inverted.
    data = encode(plain().convert("CMYK"), format)
    assert (b"Adobe" in data) == (format == "JPEG")
    assert is_near(open_image(data), ORANGE)


def test_transparent_areas_become_white():
    half_black = [
        encode(plain((0, 0, 0, 128), mode="RGBA"), "PNG"),
        encode(plain((0, 128), mode="LA"), "PNG"),
        encode(plain((0, 0, 0, 128), mode="RGBA"), "WEBP", lossless=True),
    ]
    for data in half_black:
        assert is_near(open_image(data), 127, 1)
    assert is_near(open_image(np.full((3, 4, 4), (0, 0, 0, 128), np.uint8)), 127, 1)


def test_palette_with_transparency():
    source = Image.new("P", (4, 2))
    source.putpalette([10, 20, 30, 200, 100, 50])
    source.putdata([0, 1] * 4)
    for transparency in (0, bytes([0, 255])):  # one transparent entry, or an alpha per entry
        image = open_image(encode(source, "PNG", transparency=transparency))
        assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), ORANGE]
    image = open_image(encode(source, "GIF", transparency=0))
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), ORANGE]
    image = open_image(encode(source, "PNG"))
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(10, 20, 30), ORANGE]


def test_a_transparent_color_without_an_alpha_channel():
    source = Image.fromarray(np.array([[[0, 0, 0], [200, 100, 50]]], np.uint8))
    image = open_image(encode(source, "PNG", transparency=(0, 0, 0)))
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), ORANGE]


def test_sixteen_bit_grey_is_scaled():
    levels = np.array([[0, 257 * 64, 257 * 128, 65535]], np.uint16)
    sources = [
        encode(Image.fromarray(levels), "PNG"),
        encode(Image.fromarray(levels), "TIFF"),
        Image.fromarray(levels),
        Image.fromarray(levels.astype(np.int32)),  # mode I
        levels,
    ]
    for source in sources:
        assert np.asarray(open_image(source))[0, :, 0].tolist() == [0, 64, 128, 255]


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
def test_float_tiff_with_values_that_are_not_finite(bad):
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
def test_every_mode_of_pil_becomes_rgb(mode):
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


def test_settings_of_pil_are_unchanged_and_its_warnings_silent():
    code = (
        "from PIL import Image, ImageFile\n"
        "settings = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES\n"
        "import io, sys, shared.core.images as images\n"
        "images.open_image(sys.stdin.buffer)\n"
        "assert settings == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)\n"
    )
    # PIL warns about a tag whose value lies beyond the end.
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x1a\x01\x05\0\x01\0\0\0\xff\xff\0\0\0\0\0\0"
    data = encode(plain(), "JPEG", exif=exif)
    command = [sys.executable, "-W", "always::UserWarning:PIL.TiffImagePlugin", "-c", code]
    run = subprocess.run(command, input=data, capture_output=True, check=False)
    assert (run.returncode, run.stderr) == (0, b"")


def test_many_threads_at_once():
    sources = [(encode(plain((shade, shade, shade)), "PNG"), shade) for shade in range(0, 250, 5)]
    damaged = [(data[: len(data) // 2], None) for data, _ in sources]

    def is_correct(job):
        data, shade = job
        try:
            return open_image(data).getpixel((0, 0))[0] == shade
        except ImageError:
            return shade is None

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(is_correct, sources + damaged))
