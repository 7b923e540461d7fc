"""Galleries over an album: shared images, features of their own, updates."""

import numpy as np
import pytest
from PIL import Image

from shared.gallery.album import AlbumGallery, album_of
from shared.gallery.gallery import Gallery
from shared.gallery.ingest import DescribedImage, decode_stream
from shared.gallery.snapshot import GalleryFullError, ImageNotFoundError


def describe(images, on_skip):
    """Describe images by their mean brightness."""

    def prepare(name, image):
        return DescribedImage(name, image.size, image, {"light": np.float32([np.asarray(image).mean()])})

    return decode_stream(images, prepare, on_skip=on_skip)


def add(gallery, name, grey):
    return gallery.add(name, Image.new("RGB", (20, 10), (grey,) * 3), {"light": np.float32([grey])})


@pytest.fixture
def album():
    return Gallery()


def test_images_are_shared_and_described_by_each(album):
    first, second = AlbumGallery(album), AlbumGallery(album)
    id = add(first, "a", 40)
    assert len(second) == 0
    assert second.update(describe) == ()
    assert second.entry(id) is first.entry(id)
    assert second.features("light")[1].item() == pytest.approx(40, abs=1)


def test_changes_of_one_gallery_arrive_in_the_other(album):
    first, second = AlbumGallery(album), AlbumGallery(album)
    ids = [add(first, name, 40) for name in "abc"]
    second.update(describe)
    second.remove([ids[1]])
    add(second, "d", 50)
    first.update(describe)
    assert [entry.name for entry in first.entries] == ["a", "c", "d"]
    first.clear()
    second.update(describe)
    assert len(second) == 0
    assert add(second, "e", 60) == 4


def test_an_image_of_the_album_alone_can_be_removed(album):
    gallery = AlbumGallery(album)
    id = album.add("a", Image.new("RGB", (9, 9)), {})
    gallery.remove([id])
    assert len(album) == 0
    with pytest.raises(ImageNotFoundError):
        gallery.remove([id])


def test_features_are_taken_from_a_gallery_with_the_same_image(album):
    known = Gallery()
    id = add(known, "a", 40)
    gallery = AlbumGallery(album_of(known))
    gallery.update(lambda images, on_skip: iter(()), known)
    assert gallery.features("light")[1].item() == known.features("light")[1].item()
    assert gallery.entry(id) is known.entry(id)


def test_an_image_without_room_for_its_features_stays_out_of_both(album):
    gallery = AlbumGallery(album, max_bytes=2000)
    add(gallery, "a", 40)
    with pytest.raises(GalleryFullError):
        gallery.add("b", Image.new("RGB", (20, 10)), {"light": np.zeros(900, np.float32)})
    assert len(album) == len(gallery) == 1


def test_an_image_that_cannot_be_described_is_reported(album):
    gallery = AlbumGallery(album)
    ids = [album.add(name, Image.new("RGB", (9, 9)), {}) for name in "ab"]

    def describe_first(images, on_skip):
        return describe(list(images)[:1], on_skip)

    assert gallery.update(describe_first) == (ids[1],)
    assert len(album) == 2
