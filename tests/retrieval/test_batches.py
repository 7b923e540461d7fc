"""What networks for retrieval learn from: what a batch is, and which photos show the same."""

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core.image_files import read_images
from shared.retrieval.training import batches
from tests.predictors import photo


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_has_a_photo_and_its_copy_in_each_row(seed, small, photo_folder):
    photos = read_images([photo_folder])
    clean, copy, seen = batches.sample_batch(photos, batch=4, seed=seed)
    assert max(clean.shape[2:]) in (64, 96)
    assert max(copy.shape[2:]) in (64, 96)
    assert max(seen.shape[2:]) == 64
    assert clean.shape[3] / clean.shape[2] == pytest.approx(seen.shape[3] / seen.shape[2])
    assert len(clean) == len(copy) == len(seen) == len(torch.unique(seen, dim=0)) == 4
    for first, again in zip(
        (clean, copy, seen), batches.sample_batch(photos, batch=4, seed=seed), strict=True
    ):
        assert torch.equal(first, again)
        assert 0 <= first.min() < first.max() <= 1
    assert clean.mean((2, 3)).sub(seen.mean((2, 3))).abs().max() < 0.03  # the same part of the same photo


def test_two_photos_of_a_kind_are_a_row_as_well(small, photo_folder, tmp_path):
    photos = read_images([photo_folder])
    shades = {"a/1": 40, "a/2": 40, "b/1": 200, "clean/a": 40, "clean/b": 200, "clean/c": 120}
    for name, shade in shades.items():
        (tmp_path / f"{name}.png").parent.mkdir(exist_ok=True)
        Image.new("RGB", (60, 50), (shade,) * 3).save(tmp_path / f"{name}.png")
    kinds = batches.read_kinds(read_images([tmp_path]))
    names = [sorted(f"{photo.folder}/{photo.name}" for photo in kind) for kind in kinds]
    assert names == [["a/1", "a/2", "clean/a"], ["b/1", "clean/b"]]
    clean, copy, _ = batches.sample_batch(photos, batch=4, seed=0, kinds=kinds, same=2, sizes=[64])
    assert max(clean.shape[2:]) == max(copy.shape[2:]) == 64
    shades = clean[2:].mean((1, 2, 3))
    assert sorted((shades * 255).round().tolist()) == [40, 200]
    assert (copy[2:].mean((1, 2, 3)) / shades).sub(
        1
    ).abs().max() < 0.5  # another photo of the same, in other light


@pytest.mark.parametrize("size", [(120, 90), (90, 120), (500, 3), (1, 1)])
@pytest.mark.parametrize("shape", batches.SHAPES)
def test_a_part_has_the_shape_asked_for(size, shape):
    width, height = batches.cut(photo(*size), shape, np.random.default_rng(0)).size
    assert width in (size[0], max(round(size[1] * shape), 1))
    assert height in (size[1], max(round(size[0] / shape), 1))
    assert 1 <= width <= size[0]
    assert 1 <= height <= size[1]
