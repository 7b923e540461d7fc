"""Lines of a soft map: hysteresis, borders, gaps between lines."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import data

from shared.edges import lines
from shared.edges.lines import close_gaps, find_lines


def soft_line(size: int = 60, *, row: float = 30, width: float = 2) -> np.ndarray:
    """A horizontal line across the whole map."""
    y = np.mgrid[:size, :size][0]
    return np.exp(-(((y - row) / width) ** 2)).astype(np.float32)


def component_count(mask: np.ndarray) -> int:
    return ndimage.label(mask, np.ones((3, 3)))[1]


def test_a_line_goes_from_border_to_border():
    for soft in (soft_line(), soft_line().T):
        mask = find_lines(soft, 0.5)
        assert mask.dtype == bool
        assert mask.sum() == 60
        np.testing.assert_array_equal(mask, soft == 1)


def test_a_slope_toward_the_border_is_no_line():
    for row in (0, -4, 59, 62):
        soft = soft_line(row=row, width=8)
        assert not find_lines(soft, 0.3).any()
        assert not find_lines(soft.T, 0.3).any()


def test_a_line_is_followed_down_to_three_quarters_of_the_threshold():
    fading = soft_line() * np.linspace(0.9, 0.1, 60, dtype=np.float32)
    columns = np.flatnonzero(find_lines(fading, 0.5).any(0))
    assert columns.min() <= 1
    assert fading[30, columns.max()] == pytest.approx(0.75 * 0.5, abs=0.02)


def test_a_line_below_the_threshold_is_none():
    assert not find_lines(soft_line() * np.float32(0.45), 0.5).any()


def test_specks_are_removed():
    soft = np.zeros((50, 50), np.float32)
    soft[20:22, 20:22] = 0.9
    assert not find_lines(soft, 0.5).any()


@pytest.mark.parametrize("turns", range(4))
def test_a_line_that_ends_before_another_is_connected_to_it(turns):
    mask = np.zeros((40, 40), bool)
    mask[20] = True
    mask[:16, 19] = True  # four pixels short of the line
    soft = np.zeros((40, 40), np.float32)
    soft[:21, 18:21] = 0.6
    mask, soft = np.rot90(mask, turns), np.rot90(soft, turns)
    closed = close_gaps(mask, soft, 0.5)
    assert component_count(mask) == 2
    assert component_count(closed) == 1
    assert (closed & ~mask).sum() == 4
    np.testing.assert_array_equal(close_gaps(mask, soft, 0.7), mask)  # too weak in between


def test_an_end_without_a_line_ahead_is_not_extended():
    mask = np.zeros((40, 40), bool)
    mask[20, 5:20] = mask[20, 30:] = True
    np.testing.assert_array_equal(close_gaps(mask, np.ones((40, 40), np.float32), 0.5), mask)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2), (5, 3)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_any_size_and_any_threshold(shape, value):
    soft = np.full(shape, value, np.float32)
    for threshold in (0, 0.5, 1):
        mask = find_lines(soft, threshold)
        assert mask.shape == shape
        assert not (value == 0 and mask.any())


def test_bands_of_rows_do_not_show(monkeypatch):
    gray = ndimage.gaussian_filter(data.camera()[::2, ::2].astype(np.float32), 1)
    soft = ndimage.gaussian_gradient_magnitude(gray, 1)
    soft /= soft.max()
    whole = find_lines(soft, 0.3)
    monkeypatch.setattr(lines, "BAND_ROWS", 50)
    np.testing.assert_array_equal(find_lines(soft, 0.3), whole)
