"""Files that are served from their place: the same answers as Gradio's, and no work for each place."""

from pathlib import Path

import gradio as gr
import pytest
from gradio import utils
from gradio.data_classes import FileData, _StaticFiles

from shared.ui.lean_gradio.static_files import is_static_file, use_quick_static_check


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a place `served`, a file `photo.jpg` that is served, and one that is not."""
    monkeypatch.setattr(_StaticFiles, "all_paths", [])
    (tmp_path / "served" / "deep").mkdir(parents=True)
    for name in ("photo.jpg", "secret.jpg", "served/a.jpg", "served/deep/b.jpg"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "photo.jpg")
    (tmp_path / "served" / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    gr.set_static_paths([tmp_path / "served", tmp_path / "photo.jpg"])
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        *("photo.jpg", "secret.jpg", "served/a.jpg", "served/deep/b.jpg", "served", "link.jpg"),
        *("served/out.jpg", "served/missing.jpg", "served/../secret.jpg", "served/../photo.jpg", "", "photo"),
    ],
)
def test_answers_are_those_of_gradio(folder, name):
    path = folder / name
    for file in (path, str(path), f"{folder}/{name}", FileData(path=f"{folder}/{name}")):
        assert is_static_file(file) == utils._is_static_file(file, _StaticFiles.all_paths)


def test_what_names_no_file_is_none(folder):
    assert not any(map(is_static_file, (None, 3, [], {}, "", "data:image/png;base64,eA==")))


def test_gradio_uses_the_check_and_resolves_a_file_once(folder, monkeypatch):
    monkeypatch.setattr(utils, "is_static_file", utils.is_static_file)
    use_quick_static_check()
    gr.set_static_paths([folder / f"{number}.jpg" for number in range(100)])
    resolved = []
    resolve = Path.resolve
    monkeypatch.setattr(Path, "resolve", lambda path: resolved.append(path) or resolve(path))
    assert utils.is_static_file(str(folder / "photo.jpg"))
    assert len(resolved) == 1
