"""Curves along lines: within the tolerance, smooth, with corners, and few of them."""

import time

import numpy as np
import pytest
from scipy import ndimage
from skimage import data, draw, feature

from shared.edges.curves import fit_curves
from shared.edges.tracing import trace_lines
from shared.evaluation.thinning import thin


def photo_lines() -> np.ndarray:
    return thin(feature.canny(data.camera() / 255, 2))


def sample(curve: np.ndarray, count: int = 40) -> np.ndarray:
    """Return points along the curves of a line, `[n * count, 2]`."""
    t = np.linspace(0, 1, count)[:, None]
    starts = curve[:-1:3]
    pieces = zip(starts, curve[1::3], curve[2::3], curve[3::3], strict=True)
    return np.concatenate(
        [curve[:1]]
        + [
            (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
            for a, b, c, d in pieces
        ]
    )


def rasterize(curves: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for curve in curves:
        columns, rows = np.floor(sample(curve)).astype(int).T
        mask[rows.clip(0, shape[0] - 1), columns.clip(0, shape[1] - 1)] = True
    return mask


@pytest.mark.parametrize("tolerance", [0.3, 1, 3])
def test_curves_of_a_photo_stay_near_its_lines(tolerance):
    mask = photo_lines()
    drawn = rasterize(fit_curves(trace_lines(mask), tolerance), mask.shape)
    limit = tolerance + 2  # smoothing moves a point by less than a pixel, and pixels are whole
    assert ndimage.distance_transform_edt(~mask)[drawn].max() < limit
    assert ndimage.distance_transform_edt(~drawn)[mask].max() < limit
    assert (ndimage.distance_transform_edt(~drawn)[mask] > tolerance + 1).mean() < 0.01


def test_a_higher_tolerance_needs_fewer_curves():
    lines = trace_lines(photo_lines())
    counts = [sum(len(curve) // 3 for curve in fit_curves(lines, tolerance)) for tolerance in (0.3, 1, 3)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 1.5 * counts[2]


def test_lines_keep_their_ends_and_their_order():
    lines = trace_lines(photo_lines())
    for line, curve in zip(lines, fit_curves(lines), strict=True):
        assert len(curve) % 3 == 1
        closed = len(line) > 3 and (line[0] == line[-1]).all()
        if closed:
            np.testing.assert_array_equal(curve[0], curve[-1])
        elif len(line) > 1:
            np.testing.assert_allclose(curve[[0, -1]], line[[0, -1]])


def test_a_circle_is_round():
    circle = np.zeros((80, 80), bool)
    circle[draw.circle_perimeter(40, 40, 30)] = True
    (curve,) = fit_curves(trace_lines(thin(circle)), 0.5)
    radius = np.hypot(*(sample(curve) - 40.5).T)
    assert np.abs(radius - 30).max() < 1
    assert len(curve) // 3 <= 12
    arriving = np.diff(curve[2:4], axis=0)[0] if len(curve) > 4 else None
    leaving = np.diff(curve[3:5], axis=0)[0]
    cosine = (arriving @ leaving) / np.linalg.norm(arriving) / np.linalg.norm(leaving)
    assert cosine > 0.999  # curves pass smoothly into each other


def test_a_corner_stays_sharp():
    arm = np.arange(40)
    line = np.concatenate([np.stack([arm, 0 * arm], 1), np.stack([0 * arm + 39, arm], 1)[1:]]) + 0.5
    (curve,) = fit_curves([line])
    assert len(curve) == 7  # two curves, which meet at the corner
    assert np.hypot(*(curve[3] - [39.5, 0.5])) < 1


def test_dots_steps_and_no_lines():
    dot, step = np.array([[1.5, 1.5]]), np.array([[0.5, 0.5], [1.5, 0.5]])
    curves = fit_curves([dot, step, dot])
    assert [len(curve) for curve in curves] == [1, 4, 1]
    assert fit_curves([]) == []
    assert [len(curve) for curve in fit_curves([dot])] == [1]
    for tolerance in (0, -1, float("nan")):
        with pytest.raises(ValueError, match=f"above 0, received {tolerance}"):
            fit_curves([step], tolerance)


def test_a_large_image_takes_seconds():
    lines = trace_lines(np.tile(photo_lines(), (4, 4)))  # 100,000 pixels
    started = time.process_time()
    fit_curves(lines)
    assert time.process_time() - started < 5
