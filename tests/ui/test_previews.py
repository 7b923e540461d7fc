"""Previews of uploads are served in place of files that browsers show otherwise."""

import io

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from shared.ui.gradio_workarounds import new_cache_path
from shared.ui.middleware.previews import ImagePreviews


@pytest.fixture
def client(tmp_path, monkeypatch):
    """A server that answers as Gradio does: 403 for files with "secret" in their name."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))

    def serve(request):
        return PlainTextResponse("the file", 403 if "secret" in request.path_params["path"] else 200)

    server = Starlette(routes=[Route("/gradio_api/file={path:path}", serve)])
    server.add_middleware(ImagePreviews)
    return TestClient(server)


def upload(name, format, path=None):
    path = path or new_cache_path(name)
    Image.new("RGB", (30, 20), "red").save(path, format)
    return path


def test_a_tiff_file_is_served_as_jpeg(client):
    answer = client.get(f"/gradio_api/file={upload('a.tif', 'TIFF')}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == (30, 20)


def test_other_files_are_left_to_gradio(client, tmp_path):
    paths = [upload("a.png", "PNG"), upload("", "TIFF", tmp_path / "outside.tif"), new_cache_path("none.tif")]
    for path in paths:
        assert client.get(f"/gradio_api/file={path}").text == "the file"


def test_gradio_decides_who_may_read_a_file(client):
    assert client.get(f"/gradio_api/file={upload('secret.tif', 'TIFF')}").status_code == 403


def test_an_image_element_gets_a_drawing_in_place_of_a_file_that_is_no_image(client):
    path = new_cache_path("notes.jpg")
    path.write_bytes(b"not a picture" * 99)
    url = f"/gradio_api/file={path}"
    shown = client.get(url, headers={"Accept": "image/avif,image/webp,*/*;q=0.8"})
    assert shown.headers["content-type"] == "image/svg+xml"
    assert "cannot be shown" in shown.text
    assert client.get(url).text == "the file"  # as a download it stays what it is
    picture = upload("a.png", "PNG")
    assert client.get(f"/gradio_api/file={picture}", headers={"Accept": "image/png"}).text == "the file"
