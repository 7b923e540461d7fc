"""Augmentation by a change of viewpoint."""

import numpy as np
import pytest
from PIL import Image

from shared.retrieval.training.augmentation import AREA, sample_corners, sample_view
from tests.predictors import astronaut


@pytest.mark.parametrize("size", [(224, 224), (320, 180), (60, 400)])
def test_a_view_shows_a_part_of_the_image(size):
    areas = []
    for seed in range(50):
        corners = sample_corners(size, np.random.default_rng(seed))
        assert (corners >= -1e-6).all()
        assert (corners <= np.array(size) + 1e-6).all()
        x, y = corners.T
        area = np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))
        areas.append(area / 2 / (size[0] * size[1]))
    assert min(areas) > 0.2  # a positive area means that the view is not mirrored
    assert max(areas) < AREA[1] * 1.15
    assert np.std(areas) > 0.05


def test_a_view_depends_on_the_seed_alone():
    image = astronaut(160, 120)
    pixels = image.tobytes()
    view, repeated, different = (sample_view(image, np.random.default_rng(seed), 96) for seed in (1, 1, 2))
    assert view.tobytes() == repeated.tobytes()
    assert view.tobytes() != different.tobytes()
    assert max(view.size) == max(different.size) == 96
    assert view.mode == "RGB"
    assert image.tobytes() == pixels


def test_a_view_keeps_the_arrangement():
    image = Image.new("RGB", (200, 200), "black")
    image.paste("red", (0, 0, 100, 200))
    image.paste("white", (100, 0, 200, 100))
    for seed in range(10):
        view = np.asarray(sample_view(image, np.random.default_rng(seed), 64)).astype(int)
        red = (view[..., 0] > 60) & (view[..., 1] < 60)
        white = view.min(-1) > 60
        columns = np.arange(view.shape[1])
        assert (red.sum(0) * columns).sum() / red.sum() < (white.sum(0) * columns).sum() / white.sum()
