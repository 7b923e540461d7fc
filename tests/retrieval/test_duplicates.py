"""Near duplicates: hashes that stay, and groups of those that agree."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from skimage import data

from shared.retrieval import duplicates
from shared.retrieval.duplicates import near_duplicates, perceptual_hash

PHOTOS = [Image.fromarray(photo()) for photo in (data.astronaut, data.coffee, data.chelsea, data.rocket)]


def distance(a, b):
    return int(a ^ b).bit_count()


def saved(photo, quality):
    stream = io.BytesIO()
    photo.save(stream, "JPEG", quality=quality)
    return Image.open(stream)


@pytest.mark.parametrize("photo", PHOTOS)
def test_a_photo_saved_again_has_nearly_the_same_hash(photo):
    own = perceptual_hash(photo)
    assert own.dtype == np.uint64
    small = photo.resize((photo.width // 3, photo.height // 2))
    for other in (small, saved(photo, 40), ImageEnhance.Brightness(photo).enhance(1.1), photo.convert("L")):
        assert distance(own, perceptual_hash(other)) <= 6


def test_other_photos_have_other_hashes():
    hashes = [perceptual_hash(photo) for photo in PHOTOS]
    hashes += [perceptual_hash(PHOTOS[0].transpose(Image.Transpose.FLIP_LEFT_RIGHT))]
    assert min(distance(a, b) for n, a in enumerate(hashes) for b in hashes[:n]) >= 16


def test_a_picture_of_one_color_has_a_hash_too():
    assert perceptual_hash(Image.new("RGB", (5, 3), "red")) == perceptual_hash(Image.new("L", (99, 7), 90))


def test_photos_are_grouped_with_their_copies():
    pictures = [PHOTOS[0], PHOTOS[1], saved(PHOTOS[0], 50), PHOTOS[2], PHOTOS[1].resize((200, 133))]
    hashes = np.array([perceptual_hash(picture) for picture in pictures])
    assert near_duplicates(hashes).tolist() == [0, 1, 0, 2, 1]


def test_groups_are_chains_of_near_hashes():
    hashes = np.array([0b0, 0b11, 0b1111, 2**40 - 1, 0b111111], np.uint64)
    assert near_duplicates(hashes, bits=2).tolist() == [0, 0, 0, 1, 0]
    assert near_duplicates(hashes, bits=1).tolist() == [0, 1, 2, 3, 4]
    assert near_duplicates(hashes, bits=64).tolist() == [0] * 5


def test_descriptors_must_agree_too():
    hashes = np.array([5, 5, 5, 9], np.uint64)
    descriptors = np.array([[1.0, 0.0], [0.0, 1.0], [0.96, 0.28], [0.0, 1.0]])
    assert near_duplicates(hashes, descriptors, bits=2).tolist() == [0, 1, 0, 1]
    assert near_duplicates(hashes, descriptors, bits=1).tolist() == [0, 1, 0, 2]
    with pytest.raises(ValueError, match="each of 4 hashes, received 3"):
        near_duplicates(hashes, descriptors[:3])


def test_blocks_make_no_difference(monkeypatch):
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**12, 60, dtype=np.uint64)
    whole = near_duplicates(hashes, bits=2)
    monkeypatch.setattr(duplicates, "TOGETHER", 100)
    assert near_duplicates(hashes, bits=2).tolist() == whole.tolist()
    plain = [[distance(a, b) <= 2 for b in hashes] for a in hashes]
    assert all(whole[i] == whole[j] for i, row in enumerate(plain) for j, near in enumerate(row) if near)


def test_few_pictures():
    assert near_duplicates(np.zeros(0, np.uint64)).tolist() == []
    assert near_duplicates(np.array([3], np.uint64), np.ones((1, 2))).tolist() == [0]
