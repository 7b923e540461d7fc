"""Targets of the drawing network: outlines, strokes and tone of a photo.

Outlines are the ridges of a soft edge map. Strokes are the dark lines of a difference of Gaussians that is
integrated along the flow of the image (Kang, Lee and Chui, "Flow-Based Image Abstraction", TVCG 15(1), 2009),
with the flow of the smoothed structure tensor (Kyprianidis and Kang, "Image and Video Abstraction by
Coherence-Enhancing Filtering", Eurographics 2011). The tone is the lightness after the edge-preserving domain
transform (Gastal and Oliveira, SIGGRAPH 2011).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from shared.evaluation.thinning import nonmaximum_suppression, thin

LINE_SIGMA = 1.2  # pixels; profile of an outline
LOW, HIGH = 0.12, 0.3  # strengths of the hysteresis of outlines
FULL_STRENGTH = 0.6  # edge strength of a line with full weight
MIN_PIXELS = 12  # of a connected outline

FLOW_SIGMA = 2.5  # pixels; smoothing of the structure tensor
RATIO = 1.6  # of the two Gaussians, which then resemble a Laplacian
FLOW_LENGTH = 6  # pixels to each side
STROKE_GAIN, STROKE_FLOOR = 25.0, 0.1
MIN_STROKE_MASS = 5.0  # summed strength of a connected stroke; less is a speck
TEXTURE_SIGMA = 10.0  # pixels; neighborhood in which strokes are counted
_EIGHT_CONNECTED = np.ones((3, 3), bool)


def outlines(soft: np.ndarray) -> np.ndarray:
    """Draw the ridges of a soft edge map as lines of even width whose weight follows the strength.

    Args:
        soft: float `[H, W]`, edge strength in 0..1.

    Returns:
        float32 `[H, W]`: 0 paper, 1 line. The profile of a line is a Gaussian of `LINE_SIGMA`.
    """
    ridges = nonmaximum_suppression(soft)
    labels, count = ndimage.label(ridges >= LOW, _EIGHT_CONNECTED)
    is_line = np.zeros(count + 1, bool)
    is_line[labels[ridges >= HIGH]] = True
    is_line &= np.bincount(labels.ravel(), minlength=count + 1) >= MIN_PIXELS
    is_line[0] = False
    weights = np.clip((ridges - LOW / 2) / (FULL_STRENGTH - LOW / 2), 0, 1)
    lines = np.where(thin(is_line[labels]), weights, 0)
    # A straight line of weight 1 has its peak at 1.
    drawn = ndimage.gaussian_filter(lines, LINE_SIGMA) * (LINE_SIGMA * np.sqrt(2 * np.pi))
    return np.clip(drawn, 0, 1).astype(np.float32)


def strokes(gray: np.ndarray, sigma: float = 1.0) -> np.ndarray:
    """Draw the dark strokes of an image; those of dense texture are lighter, and specks are left out.

    Args:
        gray: float32 `[H, W]`, lightness in 0..1.
        sigma: Standard deviation of the inner Gaussian in pixels: half the width of a stroke.

    Returns:
        float32 `[H, W]`: 0 paper, 1 stroke.
    """
    drawn = np.clip(-STROKE_GAIN * flow_difference(gray, sigma) - STROKE_FLOOR, 0, 1)
    labels, count = ndimage.label(drawn > 0.15, _EIGHT_CONNECTED)
    mass = np.bincount(labels.ravel(), weights=drawn.ravel(), minlength=count + 1)
    long_enough = mass >= MIN_STROKE_MASS
    long_enough[0] = False
    drawn *= ndimage.maximum_filter(long_enough[labels], 3)
    density = ndimage.gaussian_filter(drawn, TEXTURE_SIGMA)
    return drawn * np.clip(1.3 - 3 * density, 0.45, 1).astype(np.float32)


def flow_difference(gray: np.ndarray, sigma: float) -> np.ndarray:
    """Compute the flow-based difference of Gaussians, below 0 on dark strokes.

    Args:
        gray: float32 `[H, W]`, lightness in 0..1.
        sigma: Standard deviation of the inner Gaussian in pixels; the outer one is `RATIO` times as wide.

    Returns:
        float32 `[H, W]`, in -1..1.
    """
    down, right = _gradient_direction(gray)
    grid: np.ndarray = np.indices(gray.shape, np.float32)
    rows, columns = grid
    offsets = np.arange(-np.ceil(3 * RATIO * sigma), np.ceil(3 * RATIO * sigma) + 1)
    inner, outer = (np.exp(-(offsets**2) / (2 * s**2)) for s in (sigma, RATIO * sigma))
    kernel = (inner / inner.sum() - outer / outer.sum()).astype(np.float32)
    across = np.zeros_like(gray)
    for offset, weight in zip(offsets, kernel, strict=True):
        across += weight * _sample(gray, rows + offset * down, columns + offset * right)
    total, weights = across.copy(), 1.0
    for sign in (1, -1):
        y, x = grid
        # Along the flow, which is at right angles to the gradient.
        step_y, step_x = sign * right, -sign * down
        for distance in range(1, FLOW_LENGTH + 1):
            y, x = y + step_y, x + step_x
            weight = float(np.exp(-(distance**2) / (2 * (FLOW_LENGTH / 2) ** 2)))
            total += weight * _sample(across, y, x)
            weights += weight
            step_y, step_x = _continue(right, -down, (y, x), (step_y, step_x))
    return total / np.float32(weights)


def smooth_tone(gray: np.ndarray, *, radius: float = 14.0, contrast: float = 0.12) -> np.ndarray:
    """Smooth the lightness inside regions and keep its steps: the recursive domain transform.

    Args:
        gray: float32 `[H, W]`, 0..1.
        radius: Standard deviation of the smoothing in pixels.
        contrast: Step of lightness across which little is smoothed.

    Returns:
        float32 `[H, W]`, 0..1.
    """
    ratio = radius / contrast
    guide = ndimage.gaussian_filter(gray, 1.0)
    distances = [1 + ratio * np.abs(np.diff(guide, axis=axis)) for axis in (0, 1)]
    tone = gray.copy()
    passes = 3
    for number in range(passes):
        sigma = radius * np.sqrt(3) * 2 ** (passes - number - 1) / np.sqrt(4**passes - 1)
        feedback = np.exp(-np.sqrt(2) / sigma)
        tone = _recursive(tone.T, (feedback ** distances[1]).T).T
        tone = _recursive(tone, feedback ** distances[0])
    return np.ascontiguousarray(tone.clip(0, 1), dtype=np.float32)


def _recursive(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Filter along the first axis, down and up; `weights` `[H - 1, W]` is the share of the previous row."""
    values = np.ascontiguousarray(values)
    for row in range(1, len(values)):
        values[row] += weights[row - 1] * (values[row - 1] - values[row])
    for row in range(len(values) - 2, -1, -1):
        values[row] += weights[row] * (values[row + 1] - values[row])
    return values


def _gradient_direction(gray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the unit vector of the strongest change as (down, right), smoothed over a neighborhood."""
    fine = ndimage.gaussian_filter(gray, 0.6)
    dx, dy = ndimage.sobel(fine, 1), ndimage.sobel(fine, 0)
    xx, xy, yy = (ndimage.gaussian_filter(product, FLOW_SIGMA) for product in (dx * dx, dx * dy, dy * dy))
    angle = np.arctan2(2 * xy, xx - yy) / 2
    return np.sin(angle), np.cos(angle)


def _continue(
    tangent_y: np.ndarray,
    tangent_x: np.ndarray,
    position: tuple[np.ndarray, np.ndarray],
    step: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the next step of a walk along tangents without sign: the tangent that turns by less."""
    height, width = tangent_y.shape
    row = np.rint(position[0]).astype(int).clip(0, height - 1)
    column = np.rint(position[1]).astype(int).clip(0, width - 1)
    y, x = tangent_y[row, column], tangent_x[row, column]
    sign = np.where(y * step[0] + x * step[1] < 0, -1, 1).astype(np.float32)
    return sign * y, sign * x


def _sample(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    sampled: np.ndarray = ndimage.map_coordinates(values, [rows, columns], order=1, mode="reflect")
    return sampled
