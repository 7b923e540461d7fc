"""A gallery: what goes in comes out, limits hold, threads see it whole, and files are read with care."""

import gc
import io
import os
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from shared.core import gallery_file, index_file
from shared.core.gallery import Gallery
from shared.core.gallery_entries import GalleryFull, Snapshot
from shared.core.images import open_image
from shared.core.index_file import IndexFileError
from tests.doers import photo


def features(number):
    """A vector, a table of halves and a single number, which tell one picture from another."""
    return {
        "vector": np.full(8, number, np.float32),
        "table": np.full((3, 4), number, np.float16),
        "hash": np.array(2**63 + number, np.uint64),
    }


def filled(count=5, **limits):
    gallery = Gallery(**limits)
    for number in range(count):
        gallery.add(f"{number}.jpg", photo(60 + number, 40), features(number))
    return gallery


def test_what_is_added_is_there():
    gallery = Gallery()
    id = gallery.add("beach.jpg", photo(1300, 650), features(7))
    entry = gallery.entry(id)
    assert (entry.id, entry.name, entry.size) == (id, "beach.jpg", (1300, 650))
    assert gallery.picture(id).size == open_image(entry.thumbnail).size == (640, 320)
    assert np.abs(np.asarray(gallery.picture(id), int) - photo(640, 320)).mean() < 8
    assert gallery.entries == (entry,)
    assert len(gallery) == 1
    assert id in gallery
    for kind, value in features(7).items():
        ids, rows = gallery.features(kind)
        assert ids.tolist() == [id]
        assert rows.dtype == value.dtype
        np.testing.assert_array_equal(rows[0], value)


def test_ids_and_versions_never_come_again():
    gallery = filled(3)
    assert gallery.snapshot().ids == (0, 1, 2)
    versions = [gallery.version]
    gallery.remove([2])
    versions.append(gallery.version)
    assert gallery.add("new", photo(9, 9), features(0)) == 3
    versions.append(gallery.version)
    gallery.clear()
    versions.append(gallery.version)
    assert gallery.add("after", photo(9, 9), {"other": np.zeros(2, np.float32)}) == 4
    assert versions == sorted(set(versions))
    assert [entry.name for entry in gallery.entries] == ["after"]


def test_a_copy_goes_its_own_way():
    one = filled(3)
    other = one.copy()
    assert (other.entries, other.nbytes, other.version) == (one.entries, one.nbytes, one.version)
    first, *rest = (entry.id for entry in one.entries)
    other.remove([first])
    new = one.add("new", photo(9, 9), features(9))
    assert [entry.id for entry in one.entries] == [first, *rest, new]
    assert [entry.id for entry in other.entries] == rest
    assert other.nbytes < one.nbytes
    np.testing.assert_array_equal(other.features("vector")[1], one.features("vector")[1][1:3])


def test_a_snapshot_stays_as_it_was():
    gallery = filled(4)
    before = gallery.snapshot()
    assert gallery.snapshot() is before
    gallery.remove([0, 2])
    gallery.add("new", photo(9, 9), features(9))
    assert before.ids == (0, 1, 2, 3)
    np.testing.assert_array_equal(before.features("vector")[1][:, 0], [0, 1, 2, 3])
    np.testing.assert_array_equal(gallery.snapshot().features("vector", [4, 1])[1][:, 0], [9, 1])
    with pytest.raises(ValueError, match="read-only"):
        before.feature("vector", 1)[0] = 5


def test_what_is_added_is_copied():
    gallery, own = Gallery(), features(1)
    gallery.add("a", photo(9, 9), own)
    own["vector"][:] = 8
    assert gallery.features("vector")[1].max() == 1


def test_what_is_not_there_is_told():
    gallery = filled(2)
    with pytest.raises(KeyError, match=r"ids \[5\]"):
        gallery.remove([0, 5])
    assert len(gallery) == 2
    for call in (gallery.entry, gallery.picture):
        with pytest.raises(KeyError, match="no picture 5"):
            call(5)
    with pytest.raises(KeyError, match="vector, table, hash, not color"):
        gallery.features("color")
    with pytest.raises(KeyError, match="no picture 5"):
        gallery.snapshot().features("vector", [5])
    with pytest.raises(ValueError, match="features"):
        gallery.add("a", photo(9, 9), {"vector": np.zeros(9, np.float32)})
    with pytest.raises(ValueError, match="numbers"):
        Gallery().add("a", photo(9, 9), {"vector": np.array(["a"])})
    with pytest.raises(ValueError, match="limits"):
        Gallery(max_count=0)


def test_limits_hold_and_room_comes_back():
    gallery = filled(3, max_count=3)
    with pytest.raises(GalleryFull, match="full with 3 pictures"):
        gallery.add("a", photo(9, 9), features(0))
    gallery.remove([1])
    gallery.add("a", photo(9, 9), features(0))
    whole = filled(3).nbytes
    small = filled(3, max_bytes=whole)
    assert small.nbytes == whole
    with pytest.raises(GalleryFull, match="MB"):
        small.add("a", photo(9, 9), features(0))
    small.clear()
    assert small.nbytes == 0
    small.add("a", photo(9, 9), features(0))


def test_names_can_be_shown():
    gallery = Gallery()
    assert gallery.entry(gallery.add("a\x00b", photo(9, 9), {})).name == "ab"


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_file_gives_back_the_gallery(count, tmp_path):
    gallery = filled(count)
    if count > 1:
        gallery.remove([1, count - 1])
    gallery.save(tmp_path / "gallery")
    again = Gallery.load(tmp_path / "gallery")
    assert again.entries == gallery.entries
    assert again.nbytes == gallery.nbytes
    for kind in gallery.snapshot().kinds:
        for one, other in zip(again.features(kind), gallery.features(kind), strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
    assert again.add("new", photo(9, 9), features(1)) == count


def test_a_file_keeps_to_the_limits(tmp_path):
    filled(3).save(tmp_path / "gallery")
    with pytest.raises(GalleryFull, match="holds 3 pictures"):
        Gallery.load(tmp_path / "gallery", max_count=2)
    with pytest.raises(GalleryFull, match="MB"):
        Gallery.load(tmp_path / "gallery", max_bytes=4000)
    (tmp_path / "long").write_bytes(bytes(gallery_file.HEADER + 5000))
    with pytest.raises(IndexFileError, match="at most"):
        Gallery.load(tmp_path / "long", max_bytes=4000)


@pytest.mark.parametrize("text", [b"", b"not a gallery", bytes(4000)])
def test_another_file_is_refused(text, tmp_path):
    (tmp_path / "file").write_bytes(text)
    with pytest.raises(IndexFileError, match="no saved gallery"):
        Gallery.load(tmp_path / "file")
    with pytest.raises(IndexFileError, match="cannot be read"):
        Gallery.load(tmp_path / "nothing")


def test_every_changed_byte_is_noticed(tmp_path):
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
    photo(20, 20).save(stream, "PNG")
    return stream.getvalue()


def with_bytes(name, text):
    """A change that puts other bytes in the place of names or thumbnails, one for both pictures each."""
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
def test_a_file_that_lies_is_refused(values, arrays, tmp_path):
    """Its checksum is right, for whoever writes a file can compute it."""
    filled(2).save(tmp_path / "gallery")
    good = index_file.read(tmp_path / "gallery", kind="gallery")
    changed = {name: [array] for name, array in {**good.arrays, **arrays}.items()}
    index_file.write(tmp_path / "bad", {**good.values, **values}, changed, "gallery")
    with pytest.raises(IndexFileError, match=r"damaged \(.+\): use a copy of it, or make the gallery anew"):
        Gallery.load(tmp_path / "bad")


def test_a_save_that_fails_leaves_the_old_file(monkeypatch, tmp_path):
    filled(2).save(tmp_path / "gallery")
    before = (tmp_path / "gallery").read_bytes()

    def fail(file):
        raise OSError("no room on the disk")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no room"):
        filled(4).save(tmp_path / "gallery")
    assert (tmp_path / "gallery").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["gallery"]


def test_threads_add_and_remove_and_none_is_lost():
    gallery = Gallery(max_count=10_000)
    picture, done = photo(16, 16), threading.Event()

    def write(number):
        kept = []
        for step in range(30):
            value = 100 * number + step
            id = gallery.add(str(value), picture, features(value))
            if step % 3:
                kept.append((id, str(value)))
            else:
                gallery.remove([id])
        return kept

    def read():
        looks = 0
        while not done.is_set() or not looks:
            seen: Snapshot = gallery.snapshot()
            ids, rows = seen.features("vector") if len(seen) else ((), np.zeros((0, 8)))
            for id, row in zip(ids, rows, strict=True):
                assert seen.entries[id].name == str(int(row[0]))
            looks += 1

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        kept = [pair for one in [pool.submit(write, number) for number in range(4)] for pair in one.result()]
        done.set()
        for reader in readers:
            reader.result()
    assert sorted((entry.id, entry.name) for entry in gallery.entries) == sorted(kept)
    expected = Gallery()
    for _, name in kept:
        expected.add(name, picture, features(int(name)))
    assert gallery.nbytes == expected.nbytes


def test_a_gallery_that_nobody_holds_is_freed():
    gallery = filled(1)
    gallery.snapshot()
    freed = weakref.ref(gallery)
    del gallery
    gc.collect()
    assert freed() is None


def test_a_process_that_is_killed_leaves_a_whole_file(tmp_path):
    """Killed while it saves over and over: what is there is one of the galleries, and nothing else counts."""
    code = (
        "import sys; from PIL import Image; from shared.core.gallery import Gallery\n"
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
