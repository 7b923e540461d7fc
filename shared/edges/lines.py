"""Soft edges to lines of one pixel: hysteresis, gap closing and pruning."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from shared.edges.tracing import prune
from shared.evaluation.thinning import nonmaximum_suppression, thin

# A line is followed while the strength is at least this fraction of the threshold. With 1 it breaks at
# every weak pixel; the smaller the fraction, the more is drawn that people leave out. The F-measure of
# Canny's lines on the 100 images of BSDS500 val is .59 with 1, .58 with this fraction and .57 with 0.5
# (`python -m shared.edges.benchmark --data DIR --engine canny --split val --lines`).
PERSISTENCE = 0.75
MIN_PIXELS = 6  # of a connected line; smaller specks are removed
# Widest gap in pixels between the end of a line and another line that is closed. Suppression leaves such gaps
# where lines meet, because there a line has no clear normal.
MAX_GAP = 6
MIN_BRANCH = 5  # pixels; shorter branches are hairs along a line, where the map is wide and noisy
# Ridges are computed in bands of rows, to avoid a dozen full-size copies of a large image. A ridge depends on
# the 8 pixels around it, and suppression fades the 5 pixels at the border of a band.
BAND_ROWS, BAND_MARGIN = 1024, 16

_EIGHT_CONNECTED = np.ones((3, 3), bool)
# Steps to the eight neighbors as (down, right), each rotated by 45 degrees against the previous one.
_STEPS = np.array([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)])
# Eighths of a turn from the backward step to the forward ones; with more, lines curl back onto themselves.
_FORWARD = np.array([4, 3, 5])


def find_lines(soft: np.ndarray, threshold: float) -> np.ndarray:
    """Convert soft edges to connected lines of one pixel.

    Ridges of the map that reach the threshold are followed down to `PERSISTENCE` times the threshold
    (hysteresis, as in Canny's detector); specks are removed; ends of lines that run toward another line are
    connected to it; short branches are removed.

    Args:
        soft: `[H, W]` float, 0..1.
        threshold: 0..1. Pixels of strength 0 are never part of a line.

    Returns:
        bool `[H, W]`.
    """
    ridges = _ridges(soft)
    low = max(threshold * PERSISTENCE, float(np.finfo(np.float32).tiny))
    labels, count = ndimage.label(ridges >= low, _EIGHT_CONNECTED)
    is_line = np.zeros(count + 1, bool)
    is_line[labels[ridges >= threshold]] = True
    is_line &= np.bincount(labels[labels > 0], minlength=count + 1) >= min(MIN_PIXELS, soft.size)
    is_line[0] = False
    return prune(close_gaps(thin(is_line[labels]), soft, low), MIN_BRANCH)


def close_gaps(mask: np.ndarray, soft: np.ndarray, min_strength: float) -> np.ndarray:
    """Extend the ends of lines along the strongest edge, and keep extensions that reach another line.

    Args:
        mask: bool `[H, W]`, lines of one pixel.
        soft: `[H, W]` float, strengths; an extension continues straight or up to 45 degrees to either side.
        min_strength: Strength below which an extension stops.

    Returns:
        bool `[H, W]`, the mask with gaps of up to `MAX_GAP` pixels closed.
    """
    closed = np.pad(mask, 1)
    flat = closed.reshape(-1)
    strengths = np.pad(soft, 1).reshape(-1)
    offsets = _STEPS @ [closed.shape[1], 1]
    pixels = np.flatnonzero(flat)
    neighbors = flat[pixels[:, None] + offsets]
    is_end = neighbors.sum(1) == 1
    paths = pixels[is_end][:, None]
    backward = neighbors[is_end].argmax(1)[:, None]
    forward = offsets[(backward + _FORWARD) % 8]
    connections = []
    for _ in range(MAX_GAP + 1):
        candidates = paths[:, -1:] + forward
        connected = flat[candidates].any(1)
        connections.append(paths[connected].reshape(-1))
        step = np.take_along_axis(candidates, strengths[candidates].argmax(1)[:, None], 1)
        active = ~connected & (strengths[step[:, 0]].astype(np.float32) >= min_strength)
        paths, forward = np.concatenate([paths, step], 1)[active], forward[active]
    flat[np.concatenate(connections)] = True
    return closed[1:-1, 1:-1]


def _ridges(soft: np.ndarray) -> np.ndarray:
    """Apply non-maximum suppression, with lines up to the border, where the benchmark fades them out."""
    padded = np.pad(soft, BAND_MARGIN, mode="symmetric")
    ridges = np.empty(soft.shape, np.float32)
    for top in range(0, soft.shape[0], BAND_ROWS):
        band = nonmaximum_suppression(padded[top : top + BAND_ROWS + 2 * BAND_MARGIN])
        ridges[top : top + BAND_ROWS] = band[BAND_MARGIN:-BAND_MARGIN, BAND_MARGIN:-BAND_MARGIN]
    # The mirrored margin turns every rise toward the border into a ridge on it. These are no lines.
    for quarter_turns in range(4):
        border, rotated = np.rot90(ridges, quarter_turns)[0], np.rot90(soft, quarter_turns)
        if len(rotated) > 1:
            outer, inner = rotated[:2].astype(np.float32)
            border[outer > ndimage.maximum_filter1d(inner, 3)] = 0
    return ridges
