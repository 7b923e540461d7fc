"""Workarounds for Gradio: active inside their blocks, and gone afterwards."""

import base64
import inspect
import subprocess
import sys
from pathlib import Path

import gradio as gr
import pytest
from gradio.data_classes import FileData, ImageData
from gradio.routes import App

from shared.ui.gradio_workarounds import (
    PathFiles,
    PathImage,
    allow_paths,
    new_cache_path,
    path_files,
    without_page_servers,
    without_stub_files,
)

ROOT = Path(__file__).resolve().parents[2]
COMPONENT = """
import gradio as gr

class Picture(gr.Image):
    pass
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A folder for Gradio's cache."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    return tmp_path / "gradio"


@pytest.mark.parametrize("expected", [True, False])
def test_stub_files(tmp_path, monkeypatch, expected):
    (tmp_path / "component_of_a_test.py").write_text(COMPONENT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "component_of_a_test", raising=False)
    if expected:
        __import__("component_of_a_test")
    else:
        with without_stub_files():
            __import__("component_of_a_test")
    assert (tmp_path / "component_of_a_test.pyi").exists() is expected
    monkeypatch.delitem(sys.modules, "component_of_a_test")


def test_inspect_finds_other_files_and_is_restored():
    original = inspect.getfile
    with without_stub_files():
        assert inspect.getfile(App).endswith("routes.py")
        assert inspect.getfile is not original
    assert inspect.getfile is original


def test_pages_have_no_servers_and_the_suite_has_one():
    with without_page_servers():
        with gr.Blocks() as suite:
            gr.Markdown("one")
        with suite.route("Two", "two"):
            gr.Markdown("two")
        assert suite.app is None
    assert isinstance(suite.queue().app, App)


def test_the_suite_builds_two_servers():
    """One for the queue, one for the mounted suite."""
    count = (
        "import app\n"
        "from gradio.routes import App\n"
        "from shared.ui.server import build_server, build_suite\n"
        "from shared.ui.server_settings import ServerSettings\n"
        "calls, create = [], App.create_app\n"
        "App.create_app = staticmethod(lambda *a, **k: calls.append(1) or create(*a, **k))\n"
        "spaces = app.load_spaces()\n"
        "suite = build_suite(spaces, app.front_matter(), 'http://127.0.0.1')\n"
        "build_server(suite, spaces, {}, ServerSettings.from_environment())\n"
        "print(len(calls))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", count], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "2"


def test_images_are_passed_on_as_paths(tmp_path):
    with gr.Blocks():
        image = PathImage()
    upload = new_cache_path("a.png")
    upload.write_bytes(b"not opened here")
    assert image.preprocess(None) is None
    assert image.preprocess(ImageData(path=str(upload))) == str(upload)
    sample, secret = tmp_path / "sample.png", tmp_path / "secret.png"
    for path in (sample, secret):
        path.write_bytes(b"x")
    allow_paths([sample])
    assert image.preprocess(ImageData(path=str(sample))) == str(sample)
    with pytest.raises(gr.Error, match="other paths are not read"):
        image.preprocess(ImageData(path=str(secret)))


def test_data_urls_are_written_to_the_cache(cache):
    with gr.Blocks():
        image = PathImage()
    url = "data:image/png;base64," + base64.b64encode(b"content").decode()
    path = Path(image.preprocess(ImageData(url=url, orig_name="../b.png")))
    assert path.read_bytes() == b"content"
    assert path.name == "b.png"
    assert path.is_relative_to(cache)
    assert str(path) in image.temp_files
    with pytest.raises(gr.Error, match="not valid base64"):
        image.preprocess(ImageData(url="data:image/png;base64,@@"))


def test_lists_of_files_take_data_urls():
    with gr.Blocks():
        files = path_files(file_count="multiple")
    url = "data:image/png;base64," + base64.b64encode(b"content").decode()
    upload = new_cache_path("a.png")
    upload.write_bytes(b"x")
    payload = files.data_model.model_validate([url, FileData(path=str(upload)).model_dump()])
    first, second = files.preprocess(payload)
    assert Path(first).read_bytes() == b"content"
    assert second == str(upload)
    assert files.preprocess(None) == []


def test_agents_get_a_schema_without_references():
    with gr.Blocks():
        assert "$ref" not in str(PathFiles(file_count="multiple").api_info())
        assert "$ref" in str(gr.File(file_count="multiple").api_info())


def test_paths_in_the_cache_cannot_be_guessed():
    first, second = new_cache_path("folder/a.png"), new_cache_path("a.png")
    assert first.name == second.name == "a.png"
    assert first.parent != second.parent
    assert len(first.parent.name) == 32
