"""Changes on the disk and in the models: moved, changed and deleted files, removals, new weights."""

import os
import pickle
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from shared.library.describe import PhotoDescriber
from shared.library.library import Library
from shared.library.models import DEFAULT_MODELS, IMAGE, TEXT, ModelSpec
from tests.library.conftest import write_photo
from tests.library.fakes import ColorExtractor, replace_models


def paths(library):
    return sorted(library.paths())


def test_a_moved_file_is_not_described_again(library, photos, extractor):
    library.add(photos)
    (photos / "red").rename(photos / "crimson")
    (photos / "white.png").rename(photos / "snow.png")
    report = library.update()
    assert (report.moved, report.added, report.deleted, report.unchanged) == (4, 0, 0, 6)
    assert extractor.described == 10
    assert str(photos / "snow.png") in paths(library)
    assert not [path for path in paths(library) if "/red/" in path]
    hit = library.search(image=photos / "snow.png", top_k=1)[0]
    assert hit.path == str(photos / "snow.png")


def test_a_copy_is_not_described_again(library, photos, extractor):
    library.add(photos)
    shutil.copy(photos / "white.png", photos / "again.png")
    shutil.copy(photos / "white.png", photos / "blue" / "third.png")
    report = library.update()
    assert (report.added, report.moved, extractor.described) == (2, 0, 10)
    assert library.stats().photos == 12


def test_copies_that_come_together_are_described_once(library, photos, extractor):
    for number in range(5):
        shutil.copy(photos / "white.png", photos / f"copy {number}.png")
    assert library.add(photos).added == 15
    assert extractor.described == 10


def test_a_changed_file_is_described_again(library, photos, extractor):
    library.add(photos)
    write_photo(photos / "white.png", (220, 30, 30), 7)
    os.utime(photos / "white.png", (1e9, 1e9))
    report = library.update()
    assert (report.changed, report.added, report.unchanged) == (1, 0, 9)
    assert extractor.described == 11
    assert library.stats().photos == 10
    red = {hit.path for hit in library.search(text="red", top_k=4)}
    assert str(photos / "white.png") in red


def test_a_touched_file_is_unchanged(library, photos, extractor):
    library.add(photos)
    os.utime(photos / "white.png", (1e9, 1e9))
    assert library.update().unchanged == 10
    assert extractor.described == 10


def test_a_deleted_file_and_folder_disappear(library, photos):
    library.add(photos)
    (photos / "white.png").unlink()
    shutil.rmtree(photos / "red")
    report = library.update()
    assert (report.deleted, report.unchanged) == (4, 6)
    assert len(paths(library)) == 6


def test_single_files_are_updated_too(library, photos):
    library.add([photos / "white.png", photos / "red" / "0.png"])
    (photos / "red" / "0.png").unlink()
    write_photo(photos / "white.png", (30, 200, 40), 8)
    report = library.update()
    assert (report.deleted, report.changed, report.added) == (1, 1, 0)


@pytest.mark.parametrize("leave_folder", [True, False])
def test_a_disk_that_is_not_connected_deletes_nothing(library, photos, leave_folder):
    library.add(photos)
    shutil.rmtree(photos)
    if leave_folder:
        photos.mkdir()
    report = library.update()
    assert report.deleted == 0
    assert "connect its disk" in dict(report.skipped)[str(photos)]
    assert library.remove(photos) == 10
    assert library.update().skipped == []


def test_removed_photos_do_not_come_back_by_themselves(library, photos):
    library.add(photos)
    assert library.remove([photos / "red", photos / "white.png"]) == 4
    assert library.update().added == 0
    assert len(paths(library)) == 6
    assert library.add(photos / "red").added == 3
    assert library.remove(photos) == 9
    assert library.update().added == 0


def test_names_with_quotes_and_wildcards(library, photos):
    for name in ("it's.png", "100%.png", "a_b.png", "d;--.png", "näme 写真.png"):
        shutil.copy(photos / "white.png", photos / "red" / name)
    (photos / "re_").mkdir()
    shutil.copy(photos / "white.png", photos / "re_" / "x.png")
    assert library.add(photos).added == 16
    assert library.remove(photos / "re_") == 1
    assert library.remove(photos / "red" / "it's.png") == 1
    assert library.update().unchanged == 14


def test_a_new_model_describes_all_photos_once(library, photos, tmp_path, extractor, monkeypatch):
    library.add(photos)
    old = library.stats().models
    library.close()
    replacement = ColorExtractor()
    replace_models(replacement, fingerprint=9, attribute=monkeypatch.setattr)
    with Library.open(tmp_path / "library") as renewed:
        report = renewed.update()
        assert (report.unchanged, replacement.described) == (10, 10)
        assert renewed.stats().models["image"] != old["image"]
        assert renewed.search(image=photos / "white.png", top_k=1)[0].path == str(photos / "white.png")
        assert renewed.search(text="blue", top_k=1)[0].path.split("/")[-2] == "blue"
        assert renewed.update().unchanged == 10
        assert replacement.described == 10


def test_the_old_model_is_searched_until_the_new_one_is_complete(library, photos, tmp_path, monkeypatch):
    specs = (ModelSpec(IMAGE, "exact"), ModelSpec(TEXT, "rrf"))
    library.add(photos / "red")
    library.close()
    with Library.open(tmp_path / "library", models=specs) as changed:
        changed.add(photos / "blue")  # described with the old and the new model
        assert changed.stats().models["text"].startswith("ensemble")
        assert {Path(hit.path).parent.name for hit in changed.search(text="blue", top_k=3)} == {"blue"}
        assert {Path(hit.path).parent.name for hit in changed.search(text="red", top_k=3)} == {"red"}
        changed.update()
        assert changed.stats().models["text"].startswith("rrf")
        assert {Path(hit.path).parent.name for hit in changed.search(text="red", top_k=3)} == {"red"}


def test_a_describer_can_be_sent_to_a_worker(photos, extractor):
    describer = pickle.loads(pickle.dumps(PhotoDescriber(DEFAULT_MODELS)))
    (photos / "bad.png").write_bytes(b"")
    files = pa.table({"path": [str(photos / "white.png"), str(photos / "bad.png")]})
    rows = describer(files)
    assert rows.schema == describer.schema
    assert rows["problem"].to_pylist() == [None, "This file is empty: please choose another one."]
    assert rows["width"].to_pylist() == [48, None]
    vectors = [rows[name].to_pylist() for name in rows.schema.names if name.startswith(("image_", "text_"))]
    assert all(first is not None and second is None for first, second in vectors)
