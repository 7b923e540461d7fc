"""Other files, damaged images and large ones get one clear sentence."""

import contextlib
import io
import tracemalloc
import warnings

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from shared.core.images import MAX_FILE_BYTES, ImageError, open_image
from tests.core.sample_files import encode, plain, png_header

# The module silences these for the process, but pytest restores the original filters for each test.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


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
def test_arrays_that_are_no_images(array, message):
    with pytest.raises(ImageError, match=message):
        open_image(array)


OTHER_FILES = {
    "text": b"this is a text, and no image at all",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
    "pdf": b"%PDF-1.7 and so on",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "zip": b"PK\x03\x04" + b"\0" * 60,
}


@pytest.mark.parametrize("name", OTHER_FILES)
def test_the_error_for_other_files_lists_the_formats(name, tmp_path):
    path = tmp_path / "holiday.png"
    path.write_bytes(OTHER_FILES[name])
    for source in (path, OTHER_FILES[name]):
        with pytest.raises(ImageError, match=r"please use JPEG, PNG, .*TIFF") as caught:
            open_image(source)
        assert "holiday" not in str(caught.value)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("fraction", [0.05, 0.5, 0.9])
def test_a_truncated_file(format, fraction):
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    data = encode(Image.fromarray(noise), format)
    with pytest.raises(ImageError, match="damaged"):
        open_image(data[: int(len(data) * fraction)])


def test_random_damage_gives_an_image_or_an_error():
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
def test_a_missing_path_is_not_shown(name, tmp_path):
    with pytest.raises(ImageError, match="cannot be found or read") as caught:
        open_image(f"{tmp_path}/{name}")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("source", [5, 1.5, ["a"], {}, torch.zeros(3, 4, 4), io.StringIO("text")])
def test_wrong_types(source):
    with pytest.raises(ImageError, match=f"received {type(source).__name__}"):
        open_image(source)


def test_no_source():
    with pytest.raises(ImageError, match="choose one first"):
        open_image(None)


def test_a_closed_file():
    stream = io.BytesIO(encode(plain(), "PNG"))
    stream.close()
    with pytest.raises(ImageError, match="cannot be found or read"):
        open_image(stream)


def test_an_image_without_pixels():
    with pytest.raises(ImageError, match="no pixels"):
        open_image(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize("size", [(12_000, 12_000), (30_000, 30_000), (2**31 - 1, 1_000)])
def test_the_limit_of_pixels_is_checked_before_decoding(size):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # PIL would warn about the first and refuse the second
        with pytest.raises(ImageError, match=f"{size[0]} x {size[1]} has more than 50 million pixels"):
            open_image(png_header(*size))


def test_a_real_large_file():
    with pytest.raises(ImageError, match="12000 x 12000"):
        open_image(encode(Image.new("1", (12_000, 12_000)), "PNG"))


def test_the_limit_of_bytes_is_checked_before_decoding():
    class Endless(io.RawIOBase):
        bytes_read = 0

        def seekable(self):
            return False

        def read(self, size=-1):
            assert size >= 0, "an endless file is never read to its end"
            self.bytes_read += size
            return b"\0" * size

    stream = Endless()
    with pytest.raises(ImageError, match="larger than 64 MB"):
        open_image(stream)
    assert stream.bytes_read == MAX_FILE_BYTES + 1


@pytest.mark.parametrize("form", ["zTXt", "iTXt"])
def test_a_bomb_in_the_metadata_of_a_png_is_not_unpacked(form):
    info = PngImagePlugin.PngInfo()
    add = info.add_text if form == "zTXt" else info.add_itxt
    add("XML:com.adobe.xmp", "a" * 60_000_000, zip=True)
    data = encode(plain(), "PNG", pnginfo=info)
    tracemalloc.start()
    assert open_image(data).size == (40, 30)
    assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    tracemalloc.stop()
