"""From soft edges to lines of one pixel."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from shared.edges.thinning import nonmaximum_suppression, thin
from shared.edges.tracing import prune

# A line goes on while the engine is at least this share of the threshold sure of it. With 1 it breaks where
# the engine wavers; the smaller the share, the more is drawn that people leave out. The F-measure of
# Canny's lines on the 100 images of BSDS500 val is .59 with 1, .58 with this share and .57 with a half
# (`python -m shared.edges.benchmark --data DIR --engine canny --split val --lines`).
PERSISTENCE = 0.75
# Fewer connected pixels than this are a speck, not a line.
SPECK = 6
# The widest gap between the end of a line and another line that is closed, in pixels. Suppression leaves such
# gaps where lines meet, because there a line has no clear normal.
GAP = 6
# Shorter branches are cut off: hairs along a line, where the map is wide and noisy.
BRANCH = 5
# Ridges are found in bands of rows, so that a large picture needs no dozen of full-size copies. A ridge
# depends on the 8 pixels around it, and near the border of a band values fade over 5.
BAND, HALO = 1024, 16

_CONNECTED = np.ones((3, 3), bool)
# Steps to the eight neighbors as (down, right), each 45 degrees on from the one before.
_STEPS = np.array([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)])
# Eighths of a turn from the way back to the ways on; a wider choice lets a line curl back onto itself.
_AHEAD = np.array([4, 3, 5])


def find_lines(soft: np.ndarray, threshold: float) -> np.ndarray:
    """Turns soft edges into connected lines of one pixel.

    Ridges of the map are followed from where they reach the threshold down to `PERSISTENCE` times it
    (hysteresis, as in Canny's detector); specks are left out; the ends of lines that run toward another line
    are joined to it; the hairs that then remain are cut off.

    Args:
        soft: `[H, W]` float, 0..1.
        threshold: 0..1. Where `soft` is 0 there is no line, whatever the threshold.

    Returns:
        `[H, W]` bool.
    """
    ridges = _ridges(soft)
    least = max(threshold * PERSISTENCE, np.finfo(np.float32).tiny)
    labels, count = ndimage.label(ridges >= least, _CONNECTED)
    kept = np.zeros(count + 1, bool)
    kept[labels[ridges >= threshold]] = True
    kept &= np.bincount(labels[labels > 0], minlength=count + 1) >= min(SPECK, soft.size)
    kept[0] = False
    return prune(close_gaps(thin(kept[labels]), soft, least), BRANCH)


def close_gaps(mask: np.ndarray, soft: np.ndarray, least: float) -> np.ndarray:
    """Carries on every end of a line along the strongest edge, and keeps what reaches another line.

    Args:
        mask: `[H, W]` bool, lines of one pixel.
        soft: `[H, W]` float; where to go on, straight or up to 45 degrees to either side.
        least: The value of `soft` below which a line is not carried on.

    Returns:
        `[H, W]` bool, the mask with gaps of up to `GAP` pixels closed.
    """
    joined = np.pad(mask, 1)
    flat = joined.reshape(-1)
    values = np.pad(soft, 1).reshape(-1)
    offsets = _STEPS @ [joined.shape[1], 1]
    pixels = np.flatnonzero(flat)
    linked = flat[pixels[:, None] + offsets]
    is_end = linked.sum(1) == 1
    paths = pixels[is_end][:, None]
    back = linked[is_end].argmax(1)[:, None]
    ahead = offsets[(back + _AHEAD) % 8]
    arrived = []
    for _ in range(GAP + 1):
        targets = paths[:, -1:] + ahead
        there = flat[targets].any(1)
        arrived.append(paths[there].reshape(-1))
        target = np.take_along_axis(targets, values[targets].argmax(1)[:, None], 1)
        on = ~there & (values[target[:, 0]] >= least)
        paths, ahead = np.concatenate([paths, target], 1)[on], ahead[on]
    flat[np.concatenate(arrived)] = True
    return joined[1:-1, 1:-1]


def _ridges(soft: np.ndarray) -> np.ndarray:
    """Non-maximum suppression in which lines reach the border; in the benchmark's own they fade out there."""
    padded = np.pad(soft.astype(np.float32, copy=False), HALO, mode="symmetric")
    ridges = np.empty(soft.shape, np.float32)
    for top in range(0, soft.shape[0], BAND):
        band = nonmaximum_suppression(padded[top : top + BAND + 2 * HALO])
        ridges[top : top + BAND] = band[HALO:-HALO, HALO:-HALO]
    # With a mirror behind the border every rise toward it makes a ridge on it. These are no lines.
    for turns in range(4):
        rim, values = np.rot90(ridges, turns)[0], np.rot90(soft, turns)
        if len(values) > 1:
            rim[values[0] > ndimage.maximum_filter1d(values[1], 3)] = 0
    return ridges
