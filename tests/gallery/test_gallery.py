"""Galleries: images are added and removed within limits, from many threads."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from shared.core.images import open_image
from shared.gallery.gallery import Gallery
from shared.gallery.snapshot import GalleryFullError, GallerySnapshot, ImageNotFoundError
from tests.gallery.galleries import features, filled
from tests.predictors import astronaut


def test_an_added_image_is_there():
    gallery = Gallery()
    id = gallery.add("beach.jpg", astronaut(1300, 650), features(7))
    entry = gallery.entry(id)
    assert (entry.id, entry.name, entry.size) == (id, "beach.jpg", (1300, 650))
    assert gallery.image(id).size == open_image(entry.thumbnail).size == (640, 320)
    assert np.abs(np.asarray(gallery.image(id), int) - astronaut(640, 320)).mean() < 8
    assert gallery.entries == (entry,)
    assert len(gallery) == 1
    assert id in gallery
    for kind, value in features(7).items():
        ids, rows = gallery.features(kind)
        assert ids.tolist() == [id]
        assert rows.dtype == value.dtype
        np.testing.assert_array_equal(rows[0], value)


def test_ids_and_versions_are_never_used_again():
    gallery = filled(3)
    assert gallery.snapshot().ids == (0, 1, 2)
    versions = [gallery.version]
    gallery.remove([2])
    versions.append(gallery.version)
    assert gallery.add("new", astronaut(9, 9), features(0)) == 3
    versions.append(gallery.version)
    gallery.clear()
    versions.append(gallery.version)
    assert gallery.add("after", astronaut(9, 9), {"other": np.zeros(2, np.float32)}) == 4
    assert versions == sorted(set(versions))
    assert [entry.name for entry in gallery.entries] == ["after"]


def test_a_copy_is_independent():
    gallery = filled(3)
    copy = gallery.copy()
    assert (copy.entries, copy.nbytes, copy.version) == (gallery.entries, gallery.nbytes, gallery.version)
    first, *remaining = (entry.id for entry in gallery.entries)
    copy.remove([first])
    new = gallery.add("new", astronaut(9, 9), features(9))
    assert [entry.id for entry in gallery.entries] == [first, *remaining, new]
    assert [entry.id for entry in copy.entries] == remaining
    assert copy.nbytes < gallery.nbytes
    np.testing.assert_array_equal(copy.features("vector")[1], gallery.features("vector")[1][1:3])


def test_a_snapshot_never_changes():
    gallery = filled(4)
    before = gallery.snapshot()
    assert gallery.snapshot() is before
    gallery.remove([0, 2])
    gallery.add("new", astronaut(9, 9), features(9))
    assert before.ids == (0, 1, 2, 3)
    np.testing.assert_array_equal(before.features("vector")[1][:, 0], [0, 1, 2, 3])
    np.testing.assert_array_equal(gallery.snapshot().features("vector", [4, 1])[1][:, 0], [9, 1])
    with pytest.raises(ValueError, match="read-only"):
        before.feature("vector", 1)[0] = 5


def test_features_are_copied():
    gallery, values = Gallery(), features(1)
    gallery.add("a", astronaut(9, 9), values)
    values["vector"][:] = 8
    assert gallery.features("vector")[1].max() == 1


def test_missing_images_and_features_are_an_error():
    gallery = filled(2)
    with pytest.raises(ImageNotFoundError, match="no picture 5"):
        gallery.remove([0, 5])
    assert len(gallery) == 2
    for call in (gallery.entry, gallery.image):
        with pytest.raises(ImageNotFoundError, match="no picture 5"):
            call(5)
    with pytest.raises(KeyError, match="vector, table, hash, not color"):
        gallery.features("color")
    with pytest.raises(ImageNotFoundError, match="no picture 5"):
        gallery.snapshot().features("vector", [5])
    with pytest.raises(ValueError, match="features"):
        gallery.add("a", astronaut(9, 9), {"vector": np.zeros(9, np.float32)})
    with pytest.raises(ValueError, match="numbers"):
        Gallery().add("a", astronaut(9, 9), {"vector": np.array(["a"])})
    with pytest.raises(ValueError, match="limits"):
        Gallery(max_count=0)


def test_limits_hold_and_removal_frees_room():
    gallery = filled(3, max_count=3)
    with pytest.raises(GalleryFullError, match="full with 3 pictures"):
        gallery.add("a", astronaut(9, 9), features(0))
    gallery.remove([1])
    gallery.add("a", astronaut(9, 9), features(0))
    whole = filled(3).nbytes
    small = filled(3, max_bytes=whole)
    assert small.nbytes == whole
    with pytest.raises(GalleryFullError, match="MB"):
        small.add("a", astronaut(9, 9), features(0))
    small.clear()
    assert small.nbytes == 0
    small.add("a", astronaut(9, 9), features(0))


def test_names_are_cleaned():
    gallery = Gallery()
    assert gallery.entry(gallery.add("a\x00b", astronaut(9, 9), {})).name == "ab"


def test_no_image_is_lost_when_threads_add_and_remove():
    gallery = Gallery(max_count=10_000)
    image, done = astronaut(16, 16), threading.Event()

    def write(number):
        added = []
        for step in range(30):
            value = 100 * number + step
            id = gallery.add(str(value), image, features(value))
            if step % 3:
                added.append((id, str(value)))
            else:
                gallery.remove([id])
        return added

    def read():
        reads = 0
        while not done.is_set() or not reads:
            snapshot: GallerySnapshot = gallery.snapshot()
            ids, rows = snapshot.features("vector") if len(snapshot) else ((), np.zeros((0, 8)))
            for id, row in zip(ids, rows, strict=True):
                assert snapshot.entries[id].name == str(int(row[0]))
            reads += 1

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        writers = [pool.submit(write, number) for number in range(4)]
        added = [pair for writer in writers for pair in writer.result()]
        done.set()
        for reader in readers:
            reader.result()
    assert sorted((entry.id, entry.name) for entry in gallery.entries) == sorted(added)
    expected = Gallery()
    for _, name in added:
        expected.add(name, image, features(int(name)))
    assert gallery.nbytes == expected.nbytes


def test_an_unreferenced_gallery_is_freed():
    gallery = filled(1)
    gallery.snapshot()
    freed = weakref.ref(gallery)
    del gallery
    gc.collect()
    assert freed() is None
