"""Files and folders that must neither stop nor hang a library."""

import os
import shutil
import struct
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared.library.errors import LibraryError
from shared.library.library import Library
from tests.library.conftest import write_photo


def huge_png():
    """Return a PNG file whose header announces 60,000 x 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_every_bad_file_is_listed_with_its_sentence(library, photos):
    whole = (photos / "white.png").read_bytes()
    bad = {
        "empty.jpg": b"",
        "text.jpg": b"this is a text",
        "cut.png": whole[:60],
        "huge.png": huge_png(),
        "zeros.webp": bytes(1000),
    }
    for name, content in bad.items():
        (photos / name).write_bytes(content)
    report = library.add(photos)
    assert report.added == 10
    skipped = {os.path.basename(path): sentence for path, sentence in report.skipped}
    assert skipped.keys() == bad.keys()
    assert "empty" in skipped["empty.jpg"]
    assert "more than" in skipped["huge.png"]
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in skipped.values())
    again = library.update()
    assert {os.path.basename(path): sentence for path, sentence in again.skipped} == skipped
    assert library.stats().skipped == 5
    (photos / "empty.jpg").write_bytes(whole + b" ")
    (photos / "text.jpg").unlink()
    report = library.update()
    assert (report.added, len(report.skipped), library.stats().skipped) == (1, 3, 3)


def test_a_photo_that_becomes_unusable_is_listed(library, photos):
    library.add(photos)
    (photos / "white.png").write_bytes(b"")
    report = library.update()
    assert [os.path.basename(path) for path, _ in report.skipped] == ["white.png"]
    assert library.stats().photos == 9


def test_heic_is_read(library, tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    pixels = np.full((64, 64, 3), (220, 30, 30), np.uint8)
    (tmp_path / "p").mkdir()
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(tmp_path / "p" / "phone.HEIC")
    assert library.add(tmp_path / "p").added == 1


def test_links_in_a_circle_end(library, photos):
    (photos / "red" / "up").symlink_to(photos, target_is_directory=True)
    (photos / "self").symlink_to(photos / "self")
    (photos / "self.jpg").symlink_to(photos / "self.jpg")
    (photos / "lost.jpg").symlink_to(photos / "nowhere.jpg")
    report = library.add(photos)
    assert report.added == 10
    assert sorted(os.path.basename(path) for path, _ in report.skipped) == ["lost.jpg", "self.jpg"]


def test_pipes_hidden_files_and_odd_names(library, photos):
    os.mkfifo(photos / "pipe.jpg")
    write_photo(photos / ".hidden" / "a.png", (0, 0, 0))
    write_photo(photos / "@eaDir" / "a.png", (0, 0, 0))
    name = os.fsencode(photos) + b"/caf\xe9.png"
    with open(name, "wb") as file:
        file.write((photos / "white.png").read_bytes())
    report = library.add(photos)
    assert report.added == 10
    sentences = {os.path.basename(path): sentence for path, sentence in report.skipped}
    assert "pipe" in sentences["pipe.jpg"]
    assert any("not valid Unicode" in sentence for sentence in sentences.values())
    assert len(sentences) == 2


def test_a_folder_that_cannot_be_read_is_listed(library, photos, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("red"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    library.add(photos)
    monkeypatch.setattr(os, "scandir", refuse)
    report = library.update()
    assert dict(report.skipped)[str(photos / "red")].startswith("This folder cannot be read")
    assert (report.deleted, library.stats().photos) == (0, 10)


@pytest.mark.parametrize("damage", ["truncate", "remove"])
def test_a_damaged_library_is_one_sentence(damage, library, photos):
    library.add(photos)
    for file in Path(library.uri).glob("photos.lance/data/*.lance"):
        file.write_bytes(file.read_bytes()[:20]) if damage == "truncate" else file.unlink()
    with Library.open(library.uri) as damaged:
        search = partial(damaged.search, photos / "white.png")
        filtered = partial(search, where="width > 1")
        for call in (damaged.stats, damaged.duplicates, damaged.photos, search, filtered):
            with pytest.raises(LibraryError, match=r"is damaged \(.+\): put a copy of its folder back"):
                call()


def test_a_library_without_its_photos_is_no_empty_one(library, photos):
    library.add(photos)
    shutil.rmtree(Path(library.uri) / "photos.lance")
    for create in (True, False):
        with pytest.raises(LibraryError, match="has lost its table of photos: put a copy"):
            Library.open(library.uri, create=create)


def test_a_second_condition_is_refused(library, photos):
    library.add(photos)
    with pytest.raises(LibraryError, match="more than one condition"):
        library.photos("width > 1; drop table photos")
    assert library.photos("name != 'a;b'")
