"""Near duplicates: hashes that survive edits, and groups of hashes that agree."""

import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from skimage import data

from shared.retrieval import duplicates
from shared.retrieval.duplicates import near_duplicates, perceptual_hash

IMAGES = [Image.fromarray(load()) for load in (data.astronaut, data.coffee, data.chelsea, data.rocket)]


def count_bits(a, b):
    return int(a ^ b).bit_count()


def compress(image, quality):
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream)


@pytest.mark.parametrize("image", IMAGES)
def test_edits_hardly_change_the_hash(image):
    original = perceptual_hash(image)
    assert original.dtype == np.uint64
    small = image.resize((image.width // 3, image.height // 2))
    bright = ImageEnhance.Brightness(image).enhance(1.1)
    for edited in (small, compress(image, 40), bright, image.convert("L")):
        assert count_bits(original, perceptual_hash(edited)) <= 6


def test_different_images_have_different_hashes():
    hashes = [perceptual_hash(image) for image in IMAGES]
    hashes += [perceptual_hash(IMAGES[0].transpose(Image.Transpose.FLIP_LEFT_RIGHT))]
    assert min(count_bits(a, b) for n, a in enumerate(hashes) for b in hashes[:n]) >= 16


def test_an_image_of_one_color_has_a_hash():
    assert perceptual_hash(Image.new("RGB", (5, 3), "red")) == perceptual_hash(Image.new("L", (99, 7), 90))


def test_images_are_grouped_with_their_copies():
    images = [IMAGES[0], IMAGES[1], compress(IMAGES[0], 50), IMAGES[2], IMAGES[1].resize((200, 133))]
    hashes = np.array([perceptual_hash(image) for image in images])
    assert near_duplicates(hashes).tolist() == [0, 1, 0, 2, 1]


def test_groups_are_chains_of_near_hashes():
    hashes = np.array([0b0, 0b11, 0b1111, 2**40 - 1, 0b111111], np.uint64)
    assert near_duplicates(hashes, max_bits=2).tolist() == [0, 0, 0, 1, 0]
    assert near_duplicates(hashes, max_bits=1).tolist() == [0, 1, 2, 3, 4]
    assert near_duplicates(hashes, max_bits=64).tolist() == [0] * 5


def test_descriptors_must_agree_too():
    hashes = np.array([5, 5, 5, 9], np.uint64)
    descriptors = np.array([[1.0, 0.0], [0.0, 1.0], [0.96, 0.28], [0.0, 1.0]])
    assert near_duplicates(hashes, descriptors, max_bits=2).tolist() == [0, 1, 0, 1]
    assert near_duplicates(hashes, descriptors, max_bits=1).tolist() == [0, 1, 0, 2]
    with pytest.raises(ValueError, match="each of 4 hashes, received 3"):
        near_duplicates(hashes, descriptors[:3])


def test_blocks_do_not_matter(monkeypatch):
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**12, 60, dtype=np.uint64)
    groups = near_duplicates(hashes, max_bits=2)
    monkeypatch.setattr(duplicates, "BLOCK", 100)
    assert near_duplicates(hashes, max_bits=2).tolist() == groups.tolist()
    near = [[count_bits(a, b) <= 2 for b in hashes] for a in hashes]
    assert all(groups[i] == groups[j] for i, row in enumerate(near) for j, linked in enumerate(row) if linked)


def test_few_images():
    assert near_duplicates(np.zeros(0, np.uint64)).tolist() == []
    assert near_duplicates(np.array([3], np.uint64), np.ones((1, 2))).tolist() == [0]


def test_memory_is_bounded_where_all_images_are_equal():
    descriptors = np.full((2000, 512), 512**-0.5, np.float32)
    tracemalloc.start()
    groups = near_duplicates(np.zeros(2000, np.uint64), descriptors)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not groups.any()
    assert peak < 200e6
