"""Files of galleries: saved galleries are restored, and untrusted files are checked."""

import io
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from shared.gallery import file as gallery_file
from shared.gallery.gallery import Gallery
from shared.gallery.snapshot import GalleryFullError
from shared.index import file as index_file
from shared.index.reader import IndexFileError
from tests.gallery.galleries import features, filled
from tests.predictors import astronaut


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_saved_gallery_is_restored(count, tmp_path):
    gallery = filled(count)
    if count > 1:
        gallery.remove([1, count - 1])
    gallery.save(tmp_path / "gallery")
    again = Gallery.load(tmp_path / "gallery")
    assert again.entries == gallery.entries
    assert again.nbytes == gallery.nbytes
    for name in gallery.snapshot().feature_names:
        for restored, expected in zip(again.features(name), gallery.features(name), strict=True):
            assert restored.dtype == expected.dtype
            np.testing.assert_array_equal(restored, expected)
    assert again.add("new", astronaut(9, 9), features(1)) == count


def test_a_file_keeps_to_the_limits(tmp_path):
    filled(3).save(tmp_path / "gallery")
    with pytest.raises(GalleryFullError, match="holds 3 pictures"):
        Gallery.load(tmp_path / "gallery", max_count=2)
    with pytest.raises(GalleryFullError, match="MB"):
        Gallery.load(tmp_path / "gallery", max_bytes=4000)
    (tmp_path / "long").write_bytes(bytes(gallery_file.FILE_OVERHEAD + 5000))
    with pytest.raises(IndexFileError, match="at most"):
        Gallery.load(tmp_path / "long", max_bytes=4000)


@pytest.mark.parametrize("text", [b"", b"not a gallery", bytes(4000)])
def test_other_files_are_refused(text, tmp_path):
    (tmp_path / "file").write_bytes(text)
    with pytest.raises(IndexFileError, match="no saved gallery"):
        Gallery.load(tmp_path / "file")
    with pytest.raises(IndexFileError, match="cannot be read"):
        Gallery.load(tmp_path / "nothing")


def test_every_changed_byte_is_detected(tmp_path):
    filled(2).save(tmp_path / "gallery")
    data = (tmp_path / "gallery").read_bytes()
    for place in np.linspace(0, len(data) - 1, 60).astype(int):
        changed = bytearray(data)
        changed[place] ^= 16
        (tmp_path / "changed").write_bytes(changed)
        with pytest.raises(IndexFileError):
            Gallery.load(tmp_path / "changed")


def jpeg(width, height):
    stream = io.BytesIO()
    Image.new("RGB", (width, height)).save(stream, "JPEG")
    return stream.getvalue()


def png():
    stream = io.BytesIO()
    astronaut(20, 20).save(stream, "PNG")
    return stream.getvalue()


def with_bytes(name, text):
    """Return arrays that replace the names or thumbnails of two images."""
    ends = np.array([len(text), 2 * len(text)])
    return {name: np.frombuffer(text * 2, np.uint8), f"{name} end": ends}


def with_nan():
    values = np.zeros((2, 8), np.float32)
    values[1, 1] = np.nan
    return {"feature 0": values}


@pytest.mark.parametrize(
    ("values", "arrays"),
    [
        ({"pictures": 3}, {}),
        ({"pictures": -1}, {}),
        ({"next_id": 1}, {}),
        (
            {"features": {"vector": [8], "table": [3, 4]}, "extra": 1},
            {"feature 1": np.zeros((2, 4), np.float32)},
        ),
        ({"features": [1]}, {}),
        ({"features": {"vector": [-8]}}, {}),
        ({"features": {"vector": "8"}}, {}),
        ({"features": {str(n): [8] for n in range(65)}}, {}),
        ({"features": {"vector": [9]}}, {}),
        ({}, {"ids": np.array([1, 0])}),
        ({}, {"ids": np.array([0, 0])}),
        ({}, {"ids": np.array([-1, 0])}),
        ({}, {"sizes": np.array([[1, 1], [0, 9]], np.int32)}),
        ({}, {"sizes": np.array([[1, 1], [2**30, 2**30]], np.int32)}),
        ({}, {"names end": np.array([9, 5])}),
        ({}, {"names end": np.array([1, 2**40])}),
        ({}, with_bytes("names", b"\xff\xfe")),
        ({}, with_bytes("names", b"a\x00b")),
        ({}, with_bytes("names", b"x" * 201)),
        ({}, with_bytes("thumbnails", b"<script>")),
        ({}, with_bytes("thumbnails", jpeg(700, 10))),
        ({}, with_bytes("thumbnails", jpeg(60, 40)[:-60])),
        ({}, with_bytes("thumbnails", png())),
        ({}, with_nan()),
    ],
)
def test_invalid_contents_with_a_valid_checksum_are_refused(values, arrays, tmp_path):
    filled(2).save(tmp_path / "gallery")
    good = index_file.read(tmp_path / "gallery", content="gallery")
    changed = {name: [array] for name, array in {**good.arrays, **arrays}.items()}
    index_file.write(tmp_path / "bad", {**good.values, **values}, changed, "gallery")
    with pytest.raises(IndexFileError, match=r"damaged \(.+\): use a copy of it, or make the gallery anew"):
        Gallery.load(tmp_path / "bad")


def test_a_failed_save_leaves_the_old_file(monkeypatch, tmp_path):
    filled(2).save(tmp_path / "gallery")
    before = (tmp_path / "gallery").read_bytes()

    def fail(file):
        raise OSError("no room on the disk")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no room"):
        filled(4).save(tmp_path / "gallery")
    assert (tmp_path / "gallery").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["gallery"]


def test_a_killed_process_leaves_a_valid_file(tmp_path):
    """A process that saves two galleries in turn is killed: the file holds one of them."""
    code = (
        "import sys; from PIL import Image; from shared.gallery.gallery import Gallery\n"
        "galleries = [Gallery(), Gallery()]\n"
        "for number in range(40):\n"
        "    galleries[number % 2].add(str(number), Image.effect_noise((640, 480), 90).convert('RGB'), {})\n"
        "galleries[0].save(sys.argv[1]); print('saved', flush=True)\n"
        "while True:\n"
        "    for gallery in galleries: gallery.save(sys.argv[1])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "gallery")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "saved\n"
    for _ in range(5):
        time.sleep(0.05)
        assert len(Gallery.load(tmp_path / "gallery")) == 20
    process.kill()
    process.wait()
    names = [entry.name for entry in Gallery.load(tmp_path / "gallery").entries]
    assert names in ([str(number) for number in range(first, 40, 2)] for first in (0, 1))
