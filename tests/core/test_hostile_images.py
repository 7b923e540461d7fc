"""Small files that would fill the memory or the time of a decoder are opened or refused at little cost."""

import io
import json
import struct
import subprocess
import sys
import zlib

import pytest
from PIL import Image

from shared.core.images import ImageError, open_image
from shared.core.images.directories import Tag, is_bounded, read_directory

MAX_MB, MAX_SECONDS = 300, 5.0  # beyond the decoded image


def directory(tags, values=b"", order="<"):
    """Return a TIFF header and its directory; offsets of values count from the end of the directory."""
    start = 8 + 2 + 12 * len(tags) + 4
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    entries = b"".join(struct.pack(order + "HHII", *tag) for tag in sorted(tags))
    return head + struct.pack(order + "H", len(tags)) + entries + bytes(4) + values, start


def shared_tags(count, size):
    """Return a directory whose tags all have the same long value."""
    start = 8 + 2 + 12 * count + 4
    data, _ = directory([(1000 + index, 7, size, start) for index in range(count)])
    return data + bytes(size)


def bmp_of_runs(width, height, body):
    sizes = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1078 + len(body), 0, 0, 1078) + sizes + bytes(1024) + body


def encoded(format, **options):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(stream, format, **options)
    return stream.getvalue()


def png_with(kind, body):
    png = encoded("PNG")
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return png[:33] + chunk + png[33:]


def jpeg_with(marker, body, count=1):
    jpeg = encoded("JPEG")
    return jpeg[:2] + (b"\xff" + marker + struct.pack(">H", len(body) + 2) + body) * count + jpeg[2:]


def gif_with(extension):
    gif = encoded("GIF")
    start = gif.index(b"\x2c")
    return gif[:start] + extension + gif[start:]


def tiled_tiff(side):
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(bytes(side)) for _ in range(side)) + packer.flush()
    plain = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1)]
    start = 8 + 2 + 12 * (len(plain) + 4) + 4
    tiles = [(322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, start), (325, 4, 1, len(pixels))]
    return directory(plain + tiles, pixels)[0]


def repeated_scans(side, count):
    stream = io.BytesIO()
    Image.new("L", (side, side)).save(stream, "JPEG", progressive=True)
    jpeg = stream.getvalue()
    return jpeg[:-2] + jpeg[jpeg.rindex(b"\xff\xda") : -2] * count + jpeg[-2:]


def as_text(data):
    return b"Raw profile type exif\0\nexif\n%8d\n" % len(data) + data.hex().encode()


FILES = {
    "bmp-deltas": lambda: bmp_of_runs(65_535, 700, b"\0\2\xff\xff" * 250 + b"\0\1"),
    "bmp-long-row": lambda: bmp_of_runs(1_000_000, 50, b"\0\2\xff\xff" * 250 + b"\0\1"),
    "bmp-short-runs": lambda: bmp_of_runs(7000, 7000, b"\1\0" * 30_000_000),
    "tiff-shared-values": lambda: shared_tags(2000, 1_000_000),
    "tiff-huge-tile": lambda: tiled_tiff(20_000),
    "gif-comments": lambda: gif_with(b"\x21\xfe\x01A\0" * 800_000),
    "gif-pieces": lambda: gif_with(b"\x21\xfe" + b"\1A" * 2_000_000 + b"\0"),
    "jpeg-exif": lambda: jpeg_with(b"\xe1", b"Exif\0\0" + shared_tags(2000, 30_000)),
    "jpeg-exif-pieces": lambda: jpeg_with(b"\xe1", b"Exif\0\0" + shared_tags(1, 60_000), 900),
    "jpeg-mpf": lambda: jpeg_with(b"\xe2", b"MPF\0" + shared_tags(2000, 30_000)),
    "jpeg-scans": lambda: repeated_scans(7000, 300),
    "png-exif": lambda: png_with(b"eXIf", shared_tags(3000, 1_000_000)),
    "png-exif-as-text": lambda: png_with(b"tEXt", as_text(b"Exif\0\0" + shared_tags(3000, 400_000))),
    "webp-exif": lambda: encoded("WEBP", exif=shared_tags(3000, 1_000_000)),
}

# Opens each file named on the command line and prints the size of the image or the error, megabytes, seconds.
MEASURE = """
import io, json, sys, time
from PIL import Image
from shared.core.images import ImageError, open_image
from shared.core.images.preview import needs_preview

def memory(field):
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith(field))

for format in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):  # load the decoders
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, format)
    open_image(stream.getvalue())
results = {}
for path in sys.argv[1:]:
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak starts anew
    before, start = memory("VmRSS"), time.process_time()
    needs_preview(path)
    try:
        result = open_image(path).size
    except ImageError as error:
        result = str(error)
    results[path] = result, memory("VmHWM") - before, time.process_time() - start
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def costs(tmp_path_factory):
    """Result, megabytes and seconds of CPU by name."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, make in FILES.items():
        (folder / name).write_bytes(make())
    command = [sys.executable, "-c", MEASURE, *(str(folder / name) for name in FILES)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    return {path.rpartition("/")[2]: values for path, values in json.loads(output).items()}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by Linux's /proc")
@pytest.mark.parametrize("name", FILES)
def test_cost_is_bounded(name, costs):
    result, megabytes, seconds = costs[name]
    decoded = 3 * result[0] * result[1] / 2**20 if isinstance(result, list) else 0
    assert megabytes < decoded + MAX_MB
    assert seconds < MAX_SECONDS


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bmp-long-row", "1000000 x 50 is too long"),
        ("bmp-short-runs", "not supported"),
        ("tiff-shared-values", "damaged"),
        ("tiff-huge-tile", "damaged"),
        ("gif-comments", "damaged"),
        ("jpeg-scans", "damaged"),
    ],
)
def test_reason(name, message, costs):
    assert message in costs[name][0]


@pytest.mark.parametrize("name", ["jpeg-exif", "jpeg-exif-pieces", "jpeg-mpf", "png-exif", "webp-exif"])
def test_picture_with_too_much_metadata_is_opened_without_it(name, costs):
    assert costs[name][0] == [8, 8]


def test_comments_of_a_gif_are_left_out():
    image = open_image(gif_with(b"\x21\xfe\x05hello\0" * 100 + b"\x21\xf9\x04\1\0\0\0\0"))
    assert image.size == (8, 8)


def test_gif_that_ends_in_its_comments():
    with pytest.raises(ImageError, match="damaged"):
        open_image(encoded("GIF").partition(b"\x2c")[0] + b"\x21\xfe\x05hello")


@pytest.mark.parametrize("order", ["<", ">"])
def test_directory(order):
    short = 3 << 16 if order == ">" else 3  # a short value lies in the first two bytes of its field
    data, start = directory([(256, 3, 1, short), (270, 2, 9, 50)], b"a caption", order)
    assert list(read_directory(data)) == [Tag(256, 2, 3), Tag(270, 9, 50)]
    assert is_bounded(data)
    assert not list(read_directory(data[: start - 30]))


def test_orientation_survives_the_checks():
    exif = Image.Exif()
    exif[274] = 6
    for format in ("JPEG", "PNG", "WEBP", "TIFF"):
        stream = io.BytesIO()
        Image.new("RGB", (8, 4)).save(stream, format, exif=exif)
        assert open_image(stream.getvalue()).size == (4, 8), format
