"""Canny: contrast on ridges, from fine to coarse."""

import numpy as np
import pytest
from PIL import Image
from skimage import data, feature

from shared.edges import canny
from shared.edges.detector import EdgeDetector


@pytest.mark.parametrize("height", [0.1, 0.4, 0.8])
@pytest.mark.parametrize("sigma", canny.SIGMAS)
def test_a_step_has_its_height(sigma, height):
    gray = np.zeros((60, 80), np.float32)
    gray[:, 40:] = height
    soft = canny.edge_strength(gray, sigma) * canny.gradient_ridges(gray, sigma)
    rows, columns = np.nonzero(soft)
    assert set(columns) <= {39, 40}
    assert set(rows) >= set(range(5, 55))
    np.testing.assert_allclose(soft[rows, columns], min(2 * height, 1), rtol=0.15)


def test_thresholds_would_keep_a_subset_of_the_ridges():
    gray = data.camera().astype(np.float32) / 255
    lines = feature.canny(gray, 2, low_threshold=0.1, high_threshold=0.1, mode="nearest")
    assert canny.gradient_ridges(gray, 2)[lines].all()


def test_a_stronger_edge_has_a_greater_value():
    gray = np.zeros((40, 200), np.float32)
    gray[:, 50:], gray[:, 150:] = 0.2, 0.6
    soft = canny.canny_maps(Image.fromarray((gray * 255).astype(np.uint8)))[-1]
    assert 0.25 < soft[20, 45:55].max() < soft[20, 145:155].max() <= 1


def test_sides_run_from_fine_to_coarse():
    maps = canny.canny_maps(Image.fromarray(data.camera()))
    assert maps.shape == (6, 512, 512)
    counts = [int((side > 0.2).sum()) for side in maps[:5]]
    assert counts == sorted(counts, reverse=True)


def test_a_flat_image_has_no_edge():
    edges = EdgeDetector.load("canny")(np.full((30, 40), 128, np.uint8))
    assert not edges.soft.any()
    assert not edges.lines.any()


def test_the_default_threshold_draws_a_photo():
    edges = EdgeDetector.load("canny")(data.camera())
    assert edges.threshold == canny.THRESHOLD
    assert 0.01 < edges.lines.mean() < 0.1
