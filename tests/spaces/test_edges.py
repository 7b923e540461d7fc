"""Edges from the outside: Gradio's Python client, plain HTTP, MCP, and every kind of odd picture."""

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


def opened(path):
    with Image.open(path) as image:
        image.load()
        return image


@pytest.mark.parametrize("engine", ENGINES)
def test_drawing_has_the_photos_size(client, photo, engine):
    drawing = opened(client.predict(image=handle_file(photo), engine=engine, api_name="/detect_edges"))
    assert (drawing.format, drawing.mode, drawing.size) == ("PNG", "L", (240, 160))
    assert np.ptp(np.asarray(drawing)) > 0


def test_styles_are_the_same_drawing(client, photo):
    def draw(style):
        settings = {"engine": "canny", "thin": True, "api_name": "/detect_edges"}
        return opened(client.predict(image=handle_file(photo), style=style, **settings))

    white = np.asarray(draw("white on black"))
    assert set(np.unique(white)) == {0, 255}
    assert np.array_equal(255 - white, np.asarray(draw("black on white")))
    clear = draw("transparent")
    assert clear.mode == "RGBA"
    assert np.array_equal(white, np.asarray(clear)[..., 3])


def test_a_higher_threshold_draws_less(client, photo):
    def lines(threshold):
        settings = {"engine": "canny", "thin": True, "threshold": threshold, "api_name": "/detect_edges"}
        return (np.asarray(opened(client.predict(image=handle_file(photo), **settings))) > 0).sum()

    assert lines(0.05) > lines(0.6)


def test_details(client, photo):
    soft, sides, lines, svg, figures = client.predict(
        image=handle_file(photo), detail="high", threshold=0.4, api_name="/edge_details"
    )
    assert [opened(path).size for path in (soft, lines)] == [(240, 160)] * 2
    assert [side["caption"] for side in sides] == ["texture", "2", "3", "4", "objects"]
    assert {opened(side["image"]).size for side in sides} == {(240, 160)}
    assert ElementTree.parse(svg).getroot().get("viewBox") == "0 0 240 160"
    assert Path(svg).name == "cat.svg"
    assert (figures["size"], figures["threshold"]) == ([240, 160], 0.4)
    assert figures["seconds"] > 0


def test_many_pictures_become_one_zip(client, photo, tmp_path):
    bad, twin = tmp_path / "bad.png", tmp_path / "again" / "cat.jpg"
    bad.write_text("no picture")
    twin.parent.mkdir()
    twin.write_bytes(photo.read_bytes())
    path, report = client.predict(
        images=[handle_file(file) for file in (photo, bad, twin)],
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


def test_too_many_pictures_are_refused(client, photo):
    with pytest.raises(AppError, match="51 pictures; at most 50"):
        client.predict(images=[handle_file(photo)] * 51, api_name="/detect_edges_in_many")
    with pytest.raises(AppError, match="choose one or more"):
        client.predict(images=[], api_name="/detect_edges_in_many")


def test_calls_that_the_home_page_shows(server, photo, tmp_path, monkeypatch):
    (tmp_path / "photo.jpg").write_bytes(photo.read_bytes())
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(home.PYTHON.format(url=server.url), names)
    assert opened(names["drawing"]).size == (240, 160)

    if shutil.which("curl"):
        script = home.CURL.format(url=server.url)
        answer = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
        assert answer.startswith("event: complete")
        address = answer.partition('"url": "')[2].partition('"')[0]
        with server.http() as http:
            assert opened(io.BytesIO(http.get(address).content)).size == (240, 160)

    assert json.loads(home.MCP.format(url=server.url))["mcpServers"]["image-spaces"]["url"].endswith("/mcp/")


def test_mcp_tools(agent, photo):
    tools, use = agent()
    good = use("detect_edges", image=data_url(photo.read_bytes()), engine="canny")
    bad = use("detect_edges", image=data_url(b"text", "png"), engine="canny")
    assert {"detect_edges", "edge_details", "detect_edges_in_many"} <= set(tools)
    schema = tools["detect_edges"].inputSchema
    assert tools["detect_edges"].description.startswith("Turn a photo into a line drawing")
    assert schema["required"] == ["image"]
    assert schema["properties"]["engine"]["enum"] == ENGINES
    assert all(field["description"] for field in schema["properties"].values())

    assert not good.isError
    assert (good.content[0].type, good.content[0].mimeType) == ("image", "image/png")
    assert opened(io.BytesIO(base64.b64decode(good.content[0].data))).size == (240, 160)
    assert bad.isError
    assert "not a picture" in bad.content[0].text


def encoded(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def announced(width, height):
    """A PNG file that announces a size and holds hardly any data."""

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
    """A bright square on dark, so that there is an edge."""
    image = Image.new("RGB", size, (40, 60, 50))
    image.paste((220, 200, 180), (size[0] // 4, size[1] // 4, size[0] // 2 + 1, size[1] // 2 + 1))
    return image.convert(mode)


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    return encoded(scene(), "JPEG", exif=exif)


def see_through():
    image = scene(mode="P")
    image.info["transparency"] = 0
    return encoded(image, "PNG")


def deep():
    values = np.asarray(scene(mode="L"), np.uint16) * 257
    return encoded(Image.fromarray(values), "PNG")


GOOD = {
    "one_pixel.png": (encoded(scene((1, 1)), "PNG"), (1, 1)),
    "thin.png": (encoded(scene((1, 3000)), "PNG"), (1, 3000)),
    "turned.jpg": (turned(), (40, 60)),
    "cmyk.jpg": (encoded(scene(mode="CMYK"), "JPEG"), (60, 40)),
    "palette.png": (see_through(), (60, 40)),
    "deep.png": (deep(), (60, 40)),
    "animated.gif": (encoded(scene(), "GIF", save_all=True, append_images=[scene(mode="L")]), (60, 40)),
    "photo.webp": (encoded(scene(), "WEBP"), (60, 40)),
    "photo.bmp": (encoded(scene(), "BMP"), (60, 40)),
    "scan.tiff": (encoded(scene(mode="1"), "TIFF"), (60, 40)),
    "wrong_suffix.gif": (encoded(scene(), "PNG"), (60, 40)),
    "ünïcödé 照片 'x'.png": (encoded(scene(), "PNG"), (60, 40)),
}
BAD = {
    "text.png": (b"This is no picture.", "not a picture"),
    "empty.jpg": (b"", "empty"),
    "cut.jpg": (encoded(scene((400, 400)), "JPEG", quality=95)[:2000], "damaged"),
    "wide.png": (announced(12_000, 12_000), "50 million pixels"),
    "bomb.png": (announced(60_000, 60_000), "50 million pixels"),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
}


@pytest.mark.parametrize("name", GOOD)
def test_odd_pictures_work(client, tmp_path, name):
    data, size = GOOD[name]
    (tmp_path / name).write_bytes(data)
    picture = handle_file(tmp_path / name)
    assert opened(client.predict(image=picture, engine="canny", api_name="/detect_edges")).size == size


@pytest.mark.parametrize("name", BAD)
def test_bad_pictures_get_one_sentence(server, client, tmp_path, name):
    data, words = BAD[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AppError) as told:
        client.predict(image=handle_file(tmp_path / name), engine="canny", api_name="/detect_edges")
    sentence = str(told.value)
    assert words in sentence
    assert sentence.endswith(".")
    assert len(sentence) < 200
    assert str(tmp_path) not in sentence
    with server.http() as http:  # and the server is as well as before
        assert http.get("/healthz").status_code == 200


def test_no_picture_and_no_such_engine(client, photo):
    with pytest.raises(AppError, match="no picture yet"):
        client.predict(image=None, api_name="/detect_edges")
    with pytest.raises(AppError, match="not in the list of choices"):
        client.predict(image=handle_file(photo), engine="magic", api_name="/detect_edges")
    with pytest.raises(AppError, match=r"less than or equal|maximum|0\.95"):
        client.predict(image=handle_file(photo), threshold=7, api_name="/detect_edges")
