"""Many pictures at once: the ZIP, and the table in it."""

import csv
import zipfile
from types import SimpleNamespace

import pytest
from PIL import Image

from shared.core.images import ImageError
from shared.ui.batch import run_batch

PROGRESS = SimpleNamespace(tqdm=lambda files, **_: files)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    paths = [tmp_path / name for name in ("=sum.png", "bad.png", "ünïcödé.png")]
    for path in (paths[0], paths[2]):
        Image.new("RGB", (6, 4)).save(path)
    paths[1].write_text("no picture")
    return [str(path) for path in paths]


def table(path):
    with zipfile.ZipFile(path) as archive:
        return list(csv.DictReader(archive.read("test.csv").decode("utf-8-sig").splitlines()))


def test_rows_become_a_table(files):
    path, report = run_batch(
        files, lambda picture: ({".txt": b"x"}, {"width": picture.width}), "test", PROGRESS
    )
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["=sum.txt", "ünïcödé.txt", "test.csv"]
    first, bad, last = table(path)
    assert first == {"file": "'=sum.png", "width": "6", "note": ""}  # a spreadsheet takes it for a name
    assert bad == {"file": "bad.png", "width": "", "note": report[1][1]}
    assert last == {"file": "ünïcödé.png", "width": "6", "note": ""}


def test_columns_are_those_of_all_rows(files):
    rows = iter([{"a": 1}, {"b": 2}])
    path, _ = run_batch(files, lambda picture: ({".txt": b"x"}, next(rows)), "test", PROGRESS)
    assert list(table(path)[0]) == ["file", "a", "b", "note"]


def test_without_rows_there_is_no_table(files):
    path, _ = run_batch(files, lambda picture: {".txt": b"x"}, "test", PROGRESS)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["=sum.txt", "ünïcödé.txt"]


def test_without_pictures_there_is_no_zip(files):
    path, report = run_batch(files[1:2], lambda picture: ({}, {"a": 1}), "test", PROGRESS)
    assert path is None
    assert report[0][1].startswith("Skipped")
    with pytest.raises(ImageError, match="choose one or more"):
        run_batch([], lambda picture: {}, "test", PROGRESS)
