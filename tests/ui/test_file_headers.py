"""Headers of uploads, from a running server: images are shown, all else is downloaded."""

import io

import pytest
from PIL import Image


@pytest.fixture(scope="module")
def fetch(server):
    """Function that uploads a file and returns the answer to a request for it."""

    def upload_and_fetch(name, data, route="file="):
        with server.http() as http:
            path = http.post("/gradio_api/upload", files={"files": (name, data)}).json()[0]
            return http.get(f"/gradio_api/{route}{path}")

    return upload_and_fetch


def picture(kind):
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("evil.html", b"<script>alert(1)</script>"),
        ("evil.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        ("evil.xhtml", b"<html xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></html>"),
        ("evil.pdf", b"%PDF-1.4"),
        ("notes.txt", b"<script>alert(1)</script>"),
        ("song.mp3", b"<script>alert(1)</script>"),
        ("film.mp4", b"<script>alert(1)</script>"),
        ("data.json", b"{}"),
        ("name", b"<script>alert(1)</script>"),
    ],
)
@pytest.mark.parametrize("route", ["file=", "file/"])
def test_other_files_are_downloads(fetch, name, data, route):
    answer = fetch(name, data, route)
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("a.jpg", "JPEG"), ("a.webp", "WEBP")])
def test_images_are_shown(fetch, name, kind):
    answer = fetch(name, picture(kind))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not answer.headers.get("content-disposition", "").startswith("attachment")
    assert answer.headers["content-type"].startswith("image/")


def test_previews_of_other_images_are_shown(fetch):
    answer = fetch("a.tiff", picture("TIFF"))
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == (
        "image/jpeg",
        "nosniff",
    )
