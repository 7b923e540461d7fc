"""Smooth curves along traced lines: cubic Bézier curves within a tolerance.

The method of P. J. Schneider, "An Algorithm for Automatically Fitting Digitized Curves", Graphics Gems,
1990: a curve with the tangents of its ends is fitted to the points by least squares, its parameters are
refined, and if a point remains too far away, the points are split there. Here all pieces of all lines take
each step at the same time, since a large photo has many thousands.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from shared.edges.curve_pieces import CurvePieces

#: Default of the largest distance in pixels between a line and its curve.
TOLERANCE = 1.0
# Distance in points along which a tangent is measured: traced lines are stairs, whose steps say little.
TANGENT_REACH = 4
MIN_CORNER_COSINE = 0.5  # between the directions before and after a point; below, it is a corner
MAX_PIECE = 64  # points between the ends of a piece at the beginning, so that few steps reach all tolerances
REFINEMENTS = 2  # of the parameters, before a piece is split
# A piece that is this many times too far from its points is split without refinement.
MAX_REFINED_ERROR = 4.0


def fit_curves(lines: Sequence[np.ndarray], tolerance: float = TOLERANCE) -> list[np.ndarray]:
    """Fit smooth curves to traced lines.

    The stairs of the lines are smoothed first: every point but the ends moves toward its two neighbors, twice
    with weights 1, 2, 1, less than a pixel. Curves pass smoothly into each other but at corners and ends.

    Args:
        lines: Polylines `[K, 2]` of `tracing.trace_lines`; a closed one ends on its first point.
        tolerance: Largest distance in pixels between the smoothed line and its curve, above 0.

    Returns:
        For each line its curves as control points `[1 + 3 * n, 2]`, float32: the start, then per curve two
        control points and the end. A line of one point has no curve.

    Raises:
        ValueError: The tolerance is not above 0.

    >>> line = np.stack([np.arange(10), np.arange(10)], 1)
    >>> fit_curves([line])[0].tolist()
    [[0.0, 0.0], [3.0, 3.0], [6.0, 6.0], [9.0, 9.0]]
    """
    if not tolerance > 0:
        raise ValueError(f"tolerance: expected a number of pixels above 0, received {tolerance!r}")
    if not lines:
        return []
    lengths = np.array([len(line) for line in lines])
    chains = _Chains.of(np.concatenate(lines).astype(np.float64), lengths).smoothed(2)
    forward, backward, is_corner = _tangents(chains)
    firsts, lasts = _split_evenly(chains, np.flatnonzero(is_corner))
    starts, controls = _fit_within(chains.points, forward, backward, firsts, lasts, tolerance)
    line_of_start = np.searchsorted(np.cumsum(lengths), starts, side="right")
    bounds = np.searchsorted(line_of_start, np.arange(len(lines) + 1))
    heads = chains.points[np.cumsum(lengths) - lengths]
    return [
        np.concatenate([heads[i : i + 1], controls[low:high].reshape(-1, 2)]).astype(np.float32)
        for i, (low, high) in enumerate(pairwise(bounds))
    ]


class _Chains(NamedTuple):
    """Points of all lines in one array.

    Attributes:
        points: `[N, 2]`.
        first: `[N]`, index of the first point of each point's line.
        last: `[N]`, index of the last one.
        closed: `[N]`, True on lines that end on their first point.
    """

    points: np.ndarray
    first: np.ndarray
    last: np.ndarray
    closed: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray, lengths: np.ndarray) -> _Chains:
        """Return the chains of concatenated lines."""
        last = np.cumsum(lengths) - 1
        first = last - lengths + 1
        closed = (lengths > 3) & (points[first] == points[last]).all(1)
        return cls(points, *(np.repeat(values, lengths) for values in (first, last, closed)))

    def shifted(self, steps: int) -> np.ndarray:
        """Return the points a number of steps along their lines; open lines end, closed ones go on."""
        index = np.arange(len(self.points)) + steps
        period = np.maximum(self.last - self.first, 1)
        around = self.first + (index - self.first) % period
        return self.points[np.where(self.closed, around, np.clip(index, self.first, self.last))]

    def smoothed(self, passes: int) -> _Chains:
        """Return the chains with stairs smoothed; the ends of open lines stay."""
        chains = self
        index = np.arange(len(self.points))
        fixed = ~self.closed & ((index == self.first) | (index == self.last))
        for _ in range(passes):
            points = (chains.shifted(-1) + 2 * chains.points + chains.shifted(1)) / 4
            points[fixed] = chains.points[fixed]
            chains = chains._replace(points=points)
        return chains


def _tangents(chains: _Chains) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute the unit tangents of curves that begin and that end at each point, and the mask of corners."""
    after = _unit(chains.shifted(TANGENT_REACH) - chains.points)
    before = _unit(chains.shifted(-TANGENT_REACH) - chains.points)
    cosine = -(after * before).sum(1)
    is_end = (after == 0).all(1) | (before == 0).all(1)
    sharpness = chains._replace(points=np.where(is_end, 1.0, cosine)[:, None])
    is_corner = ~is_end & (cosine < MIN_CORNER_COSINE)
    for step in range(1, TANGENT_REACH + 1):  # the sharpest point around
        is_corner &= sharpness.points[:, 0] < sharpness.shifted(step)[:, 0]
        is_corner &= sharpness.points[:, 0] <= sharpness.shifted(-step)[:, 0]
    along = _unit(after - before)
    one_sided = is_corner | is_end | (along == 0).all(1)
    return (
        np.where(one_sided[:, None], after, along),
        np.where(one_sided[:, None], before, -along),
        is_corner,
    )


def _split_evenly(chains: _Chains, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and last points of pieces that end at corners and are not too long."""
    index = np.arange(len(chains.points))
    is_knot = (index == chains.first) | (index == chains.last)
    is_knot[corners] = True
    knots = np.flatnonzero(is_knot)
    firsts, lasts = knots[:-1], knots[1:]
    inside = chains.first[firsts] == chains.first[lasts]
    firsts, lasts = firsts[inside], lasts[inside]
    counts = -(-(lasts - firsts) // MAX_PIECE)
    piece = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    start, count, length = (np.repeat(values, counts) for values in (firsts, counts, lasts - firsts))
    return start + length * piece // count, start + length * (piece + 1) // count


def _fit_within(
    points: np.ndarray,
    forward: np.ndarray,
    backward: np.ndarray,
    firsts: np.ndarray,
    lasts: np.ndarray,
    tolerance: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit curves to pieces and split these until all points lie within the tolerance.

    Args:
        points: `[N, 2]`.
        forward: `[N, 2]`, unit tangents of curves that begin at a point.
        backward: `[N, 2]`, unit tangents, backward, of curves that end at a point.
        firsts: Index of the first point of each piece.
        lasts: Index of its last point, which is another one.
        tolerance: Largest distance in pixels.

    Returns:
        Index of the first point of each curve, in order, and its second to fourth control points `[n, 3, 2]`.
    """
    starts, controls = [np.empty(0, np.intp)], [np.empty((0, 3, 2))]
    while firsts.size:
        pieces = CurvePieces.of(points, firsts, lasts)
        curves = pieces.fit(forward[firsts], backward[lasts])
        errors, farthest = pieces.errors(curves)
        for _ in range(REFINEMENTS):
            close = np.flatnonzero((errors > tolerance**2) & (errors < (MAX_REFINED_ERROR * tolerance) ** 2))
            if not close.size:
                break
            subset = pieces.subset(close).refined(curves[close])
            refits = subset.fit(forward[firsts[close]], backward[lasts[close]])
            refit_errors, refit_farthest = subset.errors(refits)
            better = refit_errors < errors[close]
            improved = close[better]
            curves[improved], errors[improved] = refits[better], refit_errors[better]
            farthest[improved] = refit_farthest[better]
            pieces = pieces.with_parameters(close, subset.parameters)
        done = (errors <= tolerance**2) | (lasts - firsts < 2)
        starts.append(firsts[done])
        controls.append(curves[done][:, 1:])
        firsts, lasts, middles = firsts[~done], lasts[~done], farthest[~done]
        firsts, lasts = np.concatenate([firsts, middles]), np.concatenate([middles, lasts])
    order = np.argsort(np.concatenate(starts))
    return np.concatenate(starts)[order], np.concatenate(controls)[order]


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors of length 1; those of length 0 stay."""
    length = np.hypot(*vectors.T)
    return vectors / np.where(length > 0, length, 1)[:, None]
