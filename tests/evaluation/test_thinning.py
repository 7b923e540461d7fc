"""Non-maximum suppression and thinning: simple shapes, and the implementation of scikit-image."""

import time

import numpy as np
import pytest
from skimage import morphology

from shared.evaluation.thinning import nonmaximum_suppression, thin, triangle_filter


def ridge(angle: float, size: int = 61, width: float = 2.0) -> np.ndarray:
    """A soft line through the center of a map; the angle of its normal is in degrees."""
    y, x = np.mgrid[:size, :size] - size // 2
    across = x * np.cos(np.radians(angle)) + y * np.sin(np.radians(angle))
    return np.exp(-((across / width) ** 2)).astype(np.float32)


@pytest.mark.parametrize("angle", [0, 20, 45, 70, 90, 110, 135, 160])
def test_a_soft_line_keeps_its_ridge(angle):
    soft = ridge(angle)
    ridges = nonmaximum_suppression(soft)[10:-10, 10:-10]
    assert ridges.dtype == np.float32
    y, x = np.nonzero(ridges > 1e-3)
    across = (x - 20) * np.cos(np.radians(angle)) + (y - 20) * np.sin(np.radians(angle))
    assert np.abs(across).max() < 1  # within a pixel of the middle
    assert len(y) >= 41  # and without a gap
    np.testing.assert_array_equal(ridges[y, x], soft[10:-10, 10:-10][y, x])


def test_the_stronger_of_two_neighbors_wins():
    soft = np.zeros((31, 31), np.float32)
    soft[:, 15], soft[:, 16] = 0.8, 0.6
    ridges = nonmaximum_suppression(soft)
    np.testing.assert_array_equal(ridges[6:-6, 15], soft[6:-6, 15])
    assert not ridges[:, 16].any()


@pytest.mark.parametrize(("ratio", "is_ridge"), [(0.995, True), (0.98, False)])
def test_a_ridge_may_be_one_percent_lower_than_its_neighbor(ratio, is_ridge):
    soft = np.zeros((31, 31), np.float32)
    soft[:, 15], soft[:, 16] = 0.8, 0.8 * ratio
    ridges = nonmaximum_suppression(soft)
    assert (ridges[6:-6, 15] > 0).all()
    assert (ridges[6:-6, 16] > 0).all() == is_ridge
    assert (ridges[6:-6, 16] > 0).any() == is_ridge


def test_a_flat_map_keeps_its_values():
    soft = np.full((30, 40), 0.5, np.float32)
    np.testing.assert_array_equal(nonmaximum_suppression(soft)[5:-5, 5:-5], 0.5)


def test_values_fall_to_zero_at_the_border():
    ridges = nonmaximum_suppression(np.full((30, 40), 0.5))
    np.testing.assert_allclose(ridges[15, :6], 0.5 * np.arange(6) / 5, rtol=1e-6)
    np.testing.assert_allclose(ridges[:6, 20], 0.5 * np.arange(6) / 5, rtol=1e-6)
    np.testing.assert_allclose(ridges[15, -6:], 0.5 * np.arange(6)[::-1] / 5, rtol=1e-6)
    assert ridges[1, 1] == pytest.approx(0.5 / 25)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 60), (60, 1), (3, 7), (11, 4), (333, 17)])
def test_every_size(shape):
    soft = np.random.default_rng(0).random(shape, np.float32)
    ridges = nonmaximum_suppression(soft)
    assert ridges.shape == shape
    assert np.isfinite(ridges).all()
    assert (ridges <= soft).all()
    assert thin(soft > 0.5).shape == shape


def test_the_map_is_not_changed():
    soft = ridge(30)
    before = soft.copy()
    nonmaximum_suppression(soft)
    np.testing.assert_array_equal(soft, before)
    mask = soft > 0.5
    before = mask.copy()
    thin(mask)
    np.testing.assert_array_equal(mask, before)


def test_suppression_commutes_with_flips():
    soft = triangle_filter(np.random.default_rng(1).random((40, 50)).astype(np.float32), 2)
    inner = (slice(8, -8), slice(8, -8))
    ridges = nonmaximum_suppression(soft) > 0
    for flip in (np.fliplr, np.flipud, np.transpose):
        flipped_back = flip(nonmaximum_suppression(np.ascontiguousarray(flip(soft))) > 0)
        assert (flipped_back[inner] == ridges[inner]).mean() > 0.99


def test_triangle_filter():
    point = np.zeros((11, 11), np.float32)
    point[5, 5] = 1
    row = np.array([0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0]) / 25
    np.testing.assert_allclose(triangle_filter(point, 4), np.outer(row, row), atol=1e-7)
    np.testing.assert_allclose(triangle_filter(np.ones((2, 3), np.float32), 4), 1, rtol=1e-6)


@pytest.mark.parametrize("received", [np.zeros((3, 4, 5)), np.zeros(4), np.zeros((0, 4))])
def test_other_shapes_are_refused(received):
    with pytest.raises(ValueError, match=r"received shape \("):
        nonmaximum_suppression(received)


def test_thin_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"received shape \(2, 3, 4\)"):
        thin(np.zeros((2, 3, 4), bool))


@pytest.mark.parametrize("seed", range(40))
def test_thin_agrees_with_skimage(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(1, 60, 2)) < rng.uniform(0.05, 0.95)
    if seed % 2:
        mask = morphology.dilation(mask, morphology.disk(int(rng.integers(1, 4))))
    np.testing.assert_array_equal(thin(mask), morphology.thin(mask))


def test_thin_keeps_lines_holes_and_parts():
    mask = np.zeros((30, 30), bool)
    mask[3:8, 2:27] = True
    mask[15:27, 5:20] = True
    mask[19:23, 9:15] = False
    lines = thin(mask)
    assert not (lines & ~mask).any()
    assert lines.sum() < mask.sum() / 3
    assert morphology.label(lines, connectivity=2).max() == 2
    assert morphology.label(~lines, connectivity=1).max() == 2  # around, and the hole
    np.testing.assert_array_equal(thin(lines), lines)


def test_speed_of_a_photo():
    """The contract is 30 ms on an idle machine; the bound is higher, for a busy one."""
    soft = triangle_filter(np.random.default_rng(0).random((321, 481)).astype(np.float32), 2)
    times = []
    for _ in range(5):
        started = time.process_time()
        nonmaximum_suppression(soft)
        times.append(time.process_time() - started)
    assert min(times) < 0.1
