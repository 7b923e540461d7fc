"""Many images in one call: limits, archive and table."""

import csv
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from shared.core.images import ImageError
from shared.ui.batch import BatchItem, _report, run_batch

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
        files, lambda image: BatchItem({".txt": b"x"}, {"width": image.width}), "test", PROGRESS
    )
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["=sum.txt", "ünïcödé.txt", "test.csv"]
    first, bad, last = table(path)
    assert first == {"file": "'=sum.png", "width": "6", "note": ""}  # a spreadsheet takes it for a name
    assert bad == {"file": "bad.png", "width": "", "note": report[1][1]}
    assert last == {"file": "ünïcödé.png", "width": "6", "note": ""}


def test_columns_are_those_of_all_rows(files):
    rows = iter([{"a": 1}, {"b": 2}])
    path, _ = run_batch(files, lambda image: BatchItem({".txt": b"x"}, next(rows)), "test", PROGRESS)
    assert list(table(path)[0]) == ["file", "a", "b", "note"]


def test_without_rows_there_is_no_table(files):
    path, _ = run_batch(files, lambda image: {".txt": b"x"}, "test", PROGRESS)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["=sum.txt", "ünïcödé.txt"]


def test_without_readable_images_there_is_no_archive(files):
    path, report = run_batch(files[1:2], lambda image: BatchItem({}, {"a": 1}), "test", PROGRESS)
    assert path is None
    assert report[0][1].startswith("Skipped")
    with pytest.raises(ImageError, match="choose one or more"):
        run_batch([], lambda image: {}, "test", PROGRESS)


def test_too_many_files_are_rejected(files, monkeypatch):
    with pytest.raises(ImageError, match="You chose 51 pictures; up to 50"):
        run_batch(files[:1] * 51, lambda image: {}, "test", PROGRESS)
    monkeypatch.setattr(sys.modules["shared.ui.batch"], "MAX_BYTES", 10)
    with pytest.raises(ImageError, match="MB together; up to 0 MB"):
        run_batch(files[:1], lambda image: {}, "test", PROGRESS)


def test_equal_names_get_numbers(files, tmp_path):
    (tmp_path / "again").mkdir()
    Image.new("RGB", (6, 4)).save(tmp_path / "again" / "ÜNÏCÖDÉ.png")
    path, _ = run_batch(
        [files[2], str(tmp_path / "again" / "ÜNÏCÖDÉ.png")], lambda image: {".txt": b"x"}, "t", PROGRESS
    )
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["ünïcödé.txt", "ÜNÏCÖDÉ-2.txt"]


def test_a_failure_leaves_no_archive(files, tmp_path):
    def fail(image):
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        run_batch(files[:1], fail, "test", PROGRESS)
    assert not list((tmp_path / "gradio").rglob("*.zip"))


def test_report_shows_each_image_with_its_summary(files):
    item = BatchItem({".txt": b"x"}, summary="cat, 90% sure <3")
    path, report = run_batch(files, lambda image: item, "test", PROGRESS)
    assert [outcome for _, outcome in report[::2]] == [item.summary] * 2
    html = _report(path, report)
    assert html.count("<li>") == 3
    assert html.count("<img") == 2  # none of the unreadable file
    assert html.count("cat, 90% sure &lt;3") == 2
    assert "Skipped" in html
    with Image.open(Path(path).with_name("0.jpg")) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (6, 4))


def test_report_without_an_archive_has_no_images():
    assert "<img" not in _report(None, [["bad.png", "Skipped"]])


def test_archive_stands_for_its_pictures(files, tmp_path):
    with zipfile.ZipFile(tmp_path / "holiday.zip", "w") as archive:
        archive.write(files[0], "beach/sea.png")
        archive.writestr("notes.txt", "no picture")
    paths = [str(tmp_path / "holiday.zip"), files[2]]
    path, report = run_batch(paths, lambda image: {".txt": b"x"}, "test", PROGRESS)
    assert [name for name, _ in report] == ["beach/sea.png", "notes.txt", "ünïcödé.png"]
    assert report[1][1].startswith("Skipped")
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["sea.txt", "ünïcödé.txt"]
