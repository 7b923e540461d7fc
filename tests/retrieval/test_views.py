"""Changed photos, and the histogram of colors."""

import numpy as np
import pytest
from PIL import Image

from shared.retrieval.histogram import color_histogram
from shared.retrieval.training.views import AREA, sample_corners, sample_view
from tests.predictors import photo


@pytest.mark.parametrize("size", [(224, 224), (320, 180), (60, 400)])
def test_views_show_a_part_of_the_photo(size):
    areas = []
    for seed in range(50):
        corners = sample_corners(size, np.random.default_rng(seed))
        assert (corners >= -1e-6).all()
        assert (corners <= np.array(size) + 1e-6).all()
        x, y = corners.T
        area = np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))
        areas.append(area / 2 / (size[0] * size[1]))
    assert min(areas) > 0.2  # a positive area also says that the view is not mirrored
    assert max(areas) < AREA[1] * 1.15
    assert np.std(areas) > 0.05


def test_views_depend_on_the_seed_alone():
    picture = photo(160, 120)
    before = picture.tobytes()
    one, again, other = (sample_view(picture, np.random.default_rng(seed), 96) for seed in (1, 1, 2))
    assert one.tobytes() == again.tobytes()
    assert one.tobytes() != other.tobytes()
    assert max(one.size) == max(other.size) == 96
    assert one.mode == "RGB"
    assert picture.tobytes() == before


def test_a_view_keeps_what_is_where():
    picture = Image.new("RGB", (200, 200), "black")
    picture.paste("red", (0, 0, 100, 200))
    picture.paste("white", (100, 0, 200, 100))
    for seed in range(10):
        view = np.asarray(sample_view(picture, np.random.default_rng(seed), 64)).astype(int)
        red = (view[..., 0] > 60) & (view[..., 1] < 60)
        white = view.min(-1) > 60
        across = np.arange(view.shape[1])
        assert (red.sum(0) * across).sum() / red.sum() < (white.sum(0) * across).sum() / white.sum()


def test_colors_count_and_places_do_not():
    picture = photo(90, 60)
    found = color_histogram(picture)
    assert found.shape == (128,)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)
    turned = picture.transpose(Image.Transpose.ROTATE_180)
    np.testing.assert_array_equal(color_histogram(turned), found)
    halves = Image.new("RGB", (10, 10), "red")
    halves.paste("lime", (0, 0, 5, 10))
    assert float(color_histogram(halves) @ color_histogram(Image.new("RGB", (3, 3), "red"))) == pytest.approx(
        0.5**0.5
    )
