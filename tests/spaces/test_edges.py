"""The edges space through its API: Gradio's Python client, plain HTTP, MCP, and unusual image files."""

import base64
import io
import json
import shutil
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from shared.ui import home
from tests.test_security import data_url

ENGINES = ["rds", "hed", "fcfn", "canny"]


def decode(path):
    with Image.open(path) as image:
        image.load()
        return image


@pytest.mark.parametrize("engine", ENGINES)
def test_drawing_has_the_photos_size(client, cat_path, engine):
    drawing = decode(client.predict(image=handle_file(cat_path), engine=engine, api_name="/detect_edges"))
    assert (drawing.format, drawing.mode, drawing.size) == ("PNG", "L", (240, 160))
    assert Path(drawing.filename).name == "cat-edges.png"
    assert np.ptp(np.asarray(drawing)) > 0


def test_styles_are_the_same_drawing(client, cat_path):
    def draw(style):
        settings = {"engine": "canny", "thin": True, "api_name": "/detect_edges"}
        return decode(client.predict(image=handle_file(cat_path), style=style, **settings))

    white = np.asarray(draw("white on black"))
    assert set(np.unique(white)) == {0, 255}
    assert np.array_equal(255 - white, np.asarray(draw("black on white")))
    transparent = draw("transparent")
    assert transparent.mode == "RGBA"
    assert np.array_equal(white, np.asarray(transparent)[..., 3])


def test_a_higher_threshold_draws_less(client, cat_path):
    def lines(threshold):
        settings = {"engine": "canny", "thin": True, "threshold": threshold, "api_name": "/detect_edges"}
        return (np.asarray(decode(client.predict(image=handle_file(cat_path), **settings))) > 0).sum()

    assert lines(0.05) > lines(0.6)


def test_details(client, cat_path):
    soft, sides, lines, svg, figures = client.predict(
        image=handle_file(cat_path),
        detail="high",
        threshold=0.4,
        simplification=2,
        api_name="/edge_details",
    )
    assert [decode(path).size for path in (soft, lines)] == [(240, 160)] * 2
    assert [side["caption"] for side in sides] == ["texture", "2", "3", "4", "objects"]
    assert {decode(side["image"]).size for side in sides} == {(240, 160)}
    assert ElementTree.parse(svg).getroot().get("viewBox") == "0 0 240 160"
    assert Path(svg).name == "cat-edges.svg"
    assert (figures["size"], figures["threshold"], figures["engine"]) == ([240, 160], 0.4, "rds")
    assert figures["seconds"] > 0


def test_many_images_become_one_zip(client, cat_path, tmp_path):
    bad, twin = tmp_path / "bad.png", tmp_path / "again" / "cat.jpg"
    bad.write_text("no picture")
    twin.parent.mkdir()
    twin.write_bytes(cat_path.read_bytes())
    path, report = client.predict(
        images=[handle_file(file) for file in (cat_path, bad, twin)],
        engine="canny",
        thin=True,
        api_name="/detect_edges_in_many",
    )
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["cat.png", "cat.svg", "cat-2.png", "cat-2.svg"]
        drawing = Image.open(io.BytesIO(archive.read("cat.png")))
        assert (drawing.size, set(np.unique(drawing))) == ((240, 160), {0, 255})
    assert [row[0] for row in report] == ["cat.jpg", "bad.png", "cat.jpg"]
    assert "not a picture" in report[1][1]


def test_too_many_images_are_refused(client, cat_path):
    with pytest.raises(AppError, match="51 pictures; up to 50"):
        client.predict(images=[handle_file(cat_path)] * 51, api_name="/detect_edges_in_many")
    with pytest.raises(AppError, match="choose one or more"):
        client.predict(images=[], api_name="/detect_edges_in_many")


def test_examples_of_the_home_page(server, cat_path, tmp_path, monkeypatch):
    (tmp_path / "photo.jpg").write_bytes(cat_path.read_bytes())
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(home.PYTHON.format(url=server.url), names)
    assert decode(names["drawing"]).size == (240, 160)

    if shutil.which("curl"):
        script = home.CURL.format(url=server.url)
        answer = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
        assert answer.startswith("event: complete")
        address = answer.partition('"url": "')[2].partition('"')[0]
        with server.http() as http:
            assert decode(io.BytesIO(http.get(address).content)).size == (240, 160)

    assert json.loads(home.MCP.format(url=server.url))["mcpServers"]["image-spaces"]["url"].endswith("/mcp/")


def test_mcp_tools(agent, cat_path):
    tools, use = agent()
    result = use("detect_edges", image=data_url(cat_path.read_bytes()), engine="canny")
    failure = use("detect_edges", image=data_url(b"text", "png"), engine="canny")
    assert {"detect_edges", "edge_details", "detect_edges_in_many"} <= set(tools)
    schema = tools["detect_edges"].inputSchema
    assert tools["detect_edges"].description.startswith("Turn a photo into a line drawing")
    assert schema["required"] == ["image"]
    assert schema["properties"]["engine"]["enum"] == ENGINES
    assert all(field["description"] for field in schema["properties"].values())

    assert not result.isError
    assert (result.content[0].type, result.content[0].mimeType) == ("image", "image/png")
    assert decode(io.BytesIO(base64.b64decode(result.content[0].data))).size == (240, 160)
    assert failure.isError
    assert "not a picture" in failure.content[0].text


def encode(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def png_header(width, height):
    """Return a PNG file with a header of this size and hardly any data."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def scene(size=(60, 40), mode="RGB"):
    """Return an image of a bright square on a dark background."""
    image = Image.new("RGB", size, (40, 60, 50))
    image.paste((220, 200, 180), (size[0] // 4, size[1] // 4, size[0] // 2 + 1, size[1] // 2 + 1))
    return image.convert(mode)


def rotated():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be rotated by 90 degrees
    return encode(scene(), "JPEG", exif=exif)


def transparent():
    image = scene(mode="P")
    image.info["transparency"] = 0
    return encode(image, "PNG")


def sixteen_bit():
    values = np.asarray(scene(mode="L"), np.uint16) * 257
    return encode(Image.fromarray(values), "PNG")


READABLE = {
    "one_pixel.png": (encode(scene((1, 1)), "PNG"), (1, 1)),
    "thin.png": (encode(scene((1, 3000)), "PNG"), (1, 3000)),
    "rotated.jpg": (rotated(), (40, 60)),
    "cmyk.jpg": (encode(scene(mode="CMYK"), "JPEG"), (60, 40)),
    "palette.png": (transparent(), (60, 40)),
    "16-bit.png": (sixteen_bit(), (60, 40)),
    "animated.gif": (encode(scene(), "GIF", save_all=True, append_images=[scene(mode="L")]), (60, 40)),
    "photo.webp": (encode(scene(), "WEBP"), (60, 40)),
    "photo.bmp": (encode(scene(), "BMP"), (60, 40)),
    "scan.tiff": (encode(scene(mode="1"), "TIFF"), (60, 40)),
    "wrong_suffix.gif": (encode(scene(), "PNG"), (60, 40)),
    "ünïcödé 照片 'x'.png": (encode(scene(), "PNG"), (60, 40)),
}
UNREADABLE = {
    "text.png": (b"This is no picture.", "not a picture"),
    "empty.jpg": (b"", "empty"),
    "cut.jpg": (encode(scene((400, 400)), "JPEG", quality=95)[:2000], "damaged"),
    "wide.png": (png_header(12_000, 12_000), "50 million pixels"),
    "bomb.png": (png_header(60_000, 60_000), "50 million pixels"),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
}


@pytest.mark.parametrize("name", READABLE)
def test_unusual_files_work(client, tmp_path, name):
    data, size = READABLE[name]
    (tmp_path / name).write_bytes(data)
    image = handle_file(tmp_path / name)
    assert decode(client.predict(image=image, engine="canny", api_name="/detect_edges")).size == size


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_files_are_explained_in_one_sentence(server, client, tmp_path, name):
    data, reason = UNREADABLE[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AppError) as error:
        client.predict(image=handle_file(tmp_path / name), engine="canny", api_name="/detect_edges")
    sentence = str(error.value)
    assert reason in sentence
    assert sentence.endswith(".")
    assert len(sentence) < 200
    assert str(tmp_path) not in sentence
    with server.http() as http:  # the server still works
        assert http.get("/healthz").status_code == 200


def test_arguments_out_of_range_are_refused(client, cat_path):
    with pytest.raises(AppError, match="no picture yet"):
        client.predict(image=None, api_name="/detect_edges")
    with pytest.raises(AppError, match="must be one of"):
        client.predict(image=handle_file(cat_path), engine="magic", api_name="/detect_edges")
    with pytest.raises(AppError, match=r"less than or equal|maximum|0\.95"):
        client.predict(image=handle_file(cat_path), threshold=7, api_name="/detect_edges")
