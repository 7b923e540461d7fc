"""Training batches of backbones: pairs of image and view, pairs of one class, crops."""

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core.image_files import read_images
from shared.retrieval.training import batches
from shared.retrieval.training.batches import BatchSettings
from tests.predictors import astronaut


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("seed", range(4))
def test_a_row_holds_an_image_and_its_view(seed, image_folder):
    images = read_images([image_folder])
    batch = batches.sample_batch(images, BatchSettings(4), seed)
    image, view, teacher_image = batch
    assert max(image.shape[2:]) in (64, 96)
    assert max(view.shape[2:]) in (64, 96)
    assert max(teacher_image.shape[2:]) == 64
    aspect_ratio = teacher_image.shape[3] / teacher_image.shape[2]
    assert image.shape[3] / image.shape[2] == pytest.approx(aspect_ratio)
    assert len(image) == len(view) == len(teacher_image) == len(torch.unique(teacher_image, dim=0)) == 4
    for x, repeated in zip(batch, batches.sample_batch(images, BatchSettings(4), seed), strict=True):
        assert torch.equal(x, repeated)
        assert 0 <= x.min() < x.max() <= 1
    assert image.mean((2, 3)).sub(teacher_image.mean((2, 3))).abs().max() < 0.03  # the same crop


@pytest.mark.usefixtures("small_batches")
def test_a_row_may_hold_two_images_of_a_class(image_folder, tmp_path):
    images = read_images([image_folder])
    shades = {"a/1": 40, "a/2": 40, "b/1": 200, "clean/a": 40, "clean/b": 200, "clean/c": 120}
    for name, shade in shades.items():
        (tmp_path / f"{name}.png").parent.mkdir(exist_ok=True)
        Image.new("RGB", (60, 50), (shade,) * 3).save(tmp_path / f"{name}.png")
    classes = batches.group_by_class(read_images([tmp_path]))
    names = [sorted(f"{image.folder}/{image.name}" for image in members) for members in classes]
    assert names == [["a/1", "a/2", "clean/a"], ["b/1", "clean/b"]]
    settings = BatchSettings(4, same_class=2, sizes=[64])
    image, view, _ = batches.sample_batch(images, settings, 0, classes)
    assert max(image.shape[2:]) == max(view.shape[2:]) == 64
    brightness = image[2:].mean((1, 2, 3))
    assert sorted((brightness * 255).round().tolist()) == [40, 200]
    change = view[2:].mean((1, 2, 3)) / brightness - 1  # an image of the same class in another light
    assert change.abs().max() < 0.5


@pytest.mark.parametrize("size", [(120, 90), (90, 120), (500, 3), (1, 1)])
@pytest.mark.parametrize("aspect_ratio", batches.ASPECT_RATIOS)
def test_a_crop_has_the_aspect_ratio(size, aspect_ratio):
    crop = batches.random_crop(astronaut(*size), aspect_ratio, np.random.default_rng(0))
    assert crop.width in (size[0], max(round(size[1] * aspect_ratio), 1))
    assert crop.height in (size[1], max(round(size[0] / aspect_ratio), 1))
    assert 1 <= crop.width <= size[0]
    assert 1 <= crop.height <= size[1]
