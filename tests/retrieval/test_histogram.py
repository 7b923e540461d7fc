"""Color histograms."""

import numpy as np
import pytest
from PIL import Image

from shared.retrieval.histogram import color_bins, color_histogram
from tests.predictors import astronaut


def test_positions_do_not_matter():
    image = astronaut(90, 60)
    histogram = color_histogram(image)
    assert histogram.shape == (128,)
    assert np.linalg.norm(histogram) == pytest.approx(1, abs=1e-6)
    rotated = image.transpose(Image.Transpose.ROTATE_180)
    np.testing.assert_array_equal(color_histogram(rotated), histogram)
    assert color_bins(image).shape == (60, 90)


def test_the_cosine_is_the_bhattacharyya_coefficient():
    halves = Image.new("RGB", (10, 10), "red")
    halves.paste("lime", (0, 0, 5, 10))
    red = color_histogram(Image.new("RGB", (3, 3), "red"))
    assert float(color_histogram(halves) @ red) == pytest.approx(0.5**0.5)


def test_bins_are_those_of_the_formula():
    hsv = np.asarray(astronaut(90, 60).convert("HSV")).astype(int)
    expected = hsv[..., 0] * 8 // 256 * 16 + hsv[..., 1] * 4 // 256 * 4 + hsv[..., 2] * 4 // 256
    np.testing.assert_array_equal(color_bins(astronaut(90, 60)), expected)
    counts = np.bincount(expected.ravel(), minlength=128)
    np.testing.assert_allclose(color_histogram(astronaut(90, 60)), np.sqrt(counts / counts.sum()), atol=1e-7)
