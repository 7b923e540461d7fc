"""Non-maximum suppression of soft edge maps, and thinning of binary ones.

Both are the versions of the BSDS500 boundary benchmark, so the benchmark scores the lines that visitors get.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.ndimage import correlate1d

FADE = 5  # pixels at the border, where suppression fades out
TOLERANCE = 1.01  # a ridge may be lower than its neighbors by this factor


def triangle_filter(soft: np.ndarray, radius: int) -> np.ndarray:
    """Smooth a map with a triangle filter, whose weights are 1, 2, .., radius + 1, .., 2, 1, normalised.

    Args:
        soft: float32 `[H, W]`, continued by its mirror image.
        radius: Pixels, at least 1; the triangle is 2 * radius + 1 pixels wide.

    Returns:
        float32 `[H, W]`.
    """
    weights = (radius + 1.0 - np.abs(np.arange(-radius, radius + 1))) / (radius + 1.0) ** 2
    return correlate1d(correlate1d(soft, weights, axis=0), weights, axis=1)


def nonmaximum_suppression(soft: np.ndarray) -> np.ndarray:
    """Suppress all pixels of a soft edge map but the ridges.

    A pixel is a ridge if neither of the two samples one pixel away along the normal of the edge is more than
    `TOLERANCE` times its value. The normal is computed from the second derivatives of the map smoothed with a
    triangle of radius 4. Within `FADE` pixels of the border, where the normal is unreliable, values fall
    linearly to 0. Source: P. Dollar and C. L. Zitnick, "Fast Edge Detection Using Structured Forests", TPAMI
    2015, section 3; nearly every detector on BSDS500 since then is scored after this step.

    Args:
        soft: float `[H, W]`, 0..1, any size from 1 x 1.

    Returns:
        float32 `[H, W]`: the value of `soft` on ridges (less at the border), elsewhere 0.

    Raises:
        ValueError: The map is not two-dimensional or has no pixel.
    """
    soft = np.asarray(soft, np.float32)
    if soft.ndim != 2 or not soft.size:
        raise ValueError(f"soft: expected an edge map of shape [height, width], received shape {soft.shape}")
    height, width = soft.shape
    step_y, step_x = _normal(soft)
    rows = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)
    tolerant = soft * np.float32(TOLERANCE)
    ridge = tolerant >= _sample(soft, rows + step_y, columns + step_x)
    ridge &= tolerant >= _sample(soft, rows - step_y, columns - step_x)
    return np.where(ridge, soft, 0) * _fade_weights(height)[:, None] * _fade_weights(width)


def thin(mask: np.ndarray) -> np.ndarray:
    """Thin the lines of a mask to one pixel; connected parts and holes are preserved.

    The parallel algorithm with two sub-iterations of Z. Guo and R. W. Hall, "Parallel thinning with
    two-subiteration algorithms", CACM 32(3), 1989, and L. Lam, S.-W. Lee and C. Y. Suen, "Thinning
    methodologies", TPAMI 14(9), 1992, page 879. The result equals that of `skimage.morphology.thin` and of
    MATLAB's `bwmorph(mask, "thin", Inf)`. Only pixels of the mask are visited, which is ten times as fast on
    the sparse maps of a benchmark.

    Args:
        mask: bool `[H, W]`.

    Returns:
        bool `[H, W]`, a subset of `mask`.

    Raises:
        ValueError: The mask is not two-dimensional.
    """
    mask = np.asarray(mask, bool)
    if mask.ndim != 2:
        raise ValueError(f"mask: expected shape [height, width], received shape {mask.shape}")
    padded = np.pad(mask, 1).astype(np.uint8)
    stride = padded.shape[1]
    # The eight neighbors, from east counter-clockwise.
    offsets = (1, 1 - stride, -stride, -1 - stride, -1, stride - 1, stride, stride + 1)
    flat = padded.reshape(-1)
    pixels = np.flatnonzero(flat)
    previous_size = -1
    while pixels.size != previous_size:
        previous_size = pixels.size
        for removable in _removable_neighborhoods():
            code = flat[pixels + offsets[0]]
            for bit in range(1, 8):
                code |= flat[pixels + offsets[bit]] << bit
            removed = removable[code]
            flat[pixels[removed]] = 0
            pixels = pixels[~removed]
    return padded[1:-1, 1:-1].astype(bool)


def _normal(soft: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the unit vector across the edge at each pixel, as (down, right)."""
    smooth = triangle_filter(soft, 4)
    dx = _gradient(smooth, 1)
    dyy = _gradient(_gradient(smooth, 0), 0)
    dxy, dxx = _gradient(dx, 0), _gradient(dx, 1)
    # The angle is atan(dyy * sign(-dxy) / dxx); a normal has no sign, so its sine and cosine need no angle.
    # (Where dxy is exactly 0 the original toolbox takes the angle 0, which leaves horizontal edges thick.)
    down, right = np.where(dxy > 0, -dyy, dyy), dxx + np.float32(1e-5)
    length = np.hypot(down, right)
    flat = length == 0
    length[flat], right[flat] = 1, 1
    return down / length, right / length


def _gradient(values: np.ndarray, axis: int) -> np.ndarray:
    """Compute central differences, one-sided at the border; zeros along an axis of one pixel."""
    return np.gradient(values, axis=axis) if values.shape[axis] > 1 else np.zeros_like(values)


def _sample(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Sample a map bilinearly; positions outside are moved to the border."""
    height, width = values.shape
    rows = np.clip(rows, 0, max(height - 1.001, 0), dtype=np.float32)
    columns = np.clip(columns, 0, max(width - 1.001, 0), dtype=np.float32)
    top, left = rows.astype(np.int32), columns.astype(np.int32)
    rows -= top
    columns -= left
    # One additional row and column, with weight 0, for maps of a single row or column.
    padded = np.pad(values, ((0, 1), (0, 1)), mode="edge").reshape(-1)
    corner = top * (width + 1) + left
    upper = padded[corner]
    upper += columns * (padded[corner + 1] - upper)
    corner += width + 1
    lower = padded[corner]
    lower += columns * (padded[corner + 1] - lower)
    lower -= upper
    lower *= rows
    return upper + lower


def _fade_weights(length: int) -> np.ndarray:
    """Return the weights 0, 1/5, .. 4/5, 1, .. 1, 4/5, .. 0 along one axis of the map."""
    fade = max(min(FADE, length // 2), 1)
    distance = np.minimum(np.arange(length), np.arange(length)[::-1])
    weights = np.minimum(distance / fade, 1) if length > 1 else np.ones(1)
    return weights.astype(np.float32)


@cache
def _removable_neighborhoods() -> tuple[np.ndarray, np.ndarray]:
    """Return the 256 neighborhoods whose center both sub-iterations remove (conditions G1, G2 and G3)."""
    x = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(bool)  # x[:, 0] is east, then counter-clockwise
    straight, diagonal, following = x[:, 0::2], x[:, 1::2], np.roll(x[:, 0::2], -1, axis=1)
    one_crossing = (~straight & (diagonal | following)).sum(1) == 1
    neighbors = np.minimum((straight | diagonal).sum(1), (diagonal | following).sum(1))
    removable = one_crossing & (neighbors >= 2) & (neighbors <= 3)
    first = removable & ~((x[:, 1] | x[:, 2] | ~x[:, 7]) & x[:, 0])
    second = removable & ~((x[:, 5] | x[:, 6] | ~x[:, 3]) & x[:, 4])
    return first, second
