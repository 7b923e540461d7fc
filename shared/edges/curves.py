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
        pieces = _Pieces.of(points, firsts, lasts)
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


class _Pieces(NamedTuple):
    """Points of some pieces in one array.

    Attributes:
        points: `[M, 2]`, with both ends of each piece.
        owner: `[M]`, number of each point's piece.
        offsets: `[n]`, position of each piece's first point.
        positions: `[M]`, index of each point among those of all lines.
        parameters: `[M]`, position of each point on its curve, 0..1.
    """

    points: np.ndarray
    owner: np.ndarray
    offsets: np.ndarray
    positions: np.ndarray
    parameters: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray, firsts: np.ndarray, lasts: np.ndarray) -> _Pieces:
        """Return pieces, with parameters by the length of the line up to each point."""
        lengths = lasts - firsts + 1
        offsets = np.cumsum(lengths) - lengths
        owner = np.repeat(np.arange(len(firsts)), lengths)
        positions = np.arange(len(owner)) - offsets[owner] + firsts[owner]
        steps = np.hypot(*np.diff(points[positions], axis=0, prepend=points[positions[:1]]).T)
        steps[offsets] = 0
        distance = np.cumsum(steps)
        distance -= distance[offsets][owner]
        parameters = distance / np.maximum(distance[offsets + lengths - 1], 1e-9)[owner]
        return cls(points[positions], owner, offsets, positions, parameters)

    def subset(self, numbers: np.ndarray) -> _Pieces:
        """Return some of the pieces, from their numbers in order."""
        chosen = np.isin(self.owner, numbers)
        owner = np.searchsorted(numbers, self.owner[chosen])
        offsets = np.searchsorted(owner, np.arange(len(numbers)))
        return _Pieces(self.points[chosen], owner, offsets, self.positions[chosen], self.parameters[chosen])

    def with_parameters(self, numbers: np.ndarray, parameters: np.ndarray) -> _Pieces:
        """Return the pieces with new parameters of some of them."""
        changed = self.parameters.copy()
        changed[np.isin(self.owner, numbers)] = parameters
        return self._replace(parameters=changed)

    @property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """First and last points, both `[n, 2]`."""
        stops = np.append(self.offsets[1:], len(self.points)) - 1
        return self.points[self.offsets], self.points[stops]

    def fit(self, forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
        """Fit a curve to each piece by least squares and return the control points `[n, 4, 2]`.

        Args:
            forward: `[n, 2]`, unit tangents at the first points.
            backward: `[n, 2]`, unit tangents, backward, at the last points.
        """
        start, end = self.ends
        u, owner = self.parameters, self.owner
        v = 1 - u
        b1, b2 = 3 * u * v * v, 3 * u * u * v
        to_start = v * v * v + b1
        residual = self.points - start[owner] * to_start[:, None] - end[owner] * (1 - to_start)[:, None]
        c11, c12, c22 = (np.add.reduceat(values, self.offsets) for values in (b1 * b1, b1 * b2, b2 * b2))
        c12 = c12 * (forward * backward).sum(1)
        x1 = np.add.reduceat(b1 * (residual * forward[owner]).sum(1), self.offsets)
        x2 = np.add.reduceat(b2 * (residual * backward[owner]).sum(1), self.offsets)
        determinant = c11 * c22 - c12 * c12
        chord = np.hypot(*(end - start).T)
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.stack([c22 * x1 - c12 * x2, c11 * x2 - c12 * x1]) / determinant
        # Wu and Barsky's heuristic where the equations say nothing, or turn a curve around.
        usable = (determinant > 1e-9) & (reach > 1e-3 * chord).all(0) & (reach < 2 * chord).all(0)
        reach = np.where(usable, reach, chord / 3)[:, :, None]
        return np.stack([start, start + reach[0] * forward, end + reach[1] * backward, end], 1)

    def errors(self, curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute the largest squared distance of each piece and the index of the farthest inner point."""
        squares = ((_evaluate(curves[self.owner], self.parameters) - self.points) ** 2).sum(1)
        errors = np.maximum.reduceat(squares, self.offsets)
        stops = np.append(self.offsets[1:], len(self.points)) - 1
        squares[self.offsets] = squares[stops] = -1
        largest = np.maximum.reduceat(squares, self.offsets)
        hits = np.flatnonzero(squares == largest[self.owner])
        farthest = np.empty(len(self.offsets), np.intp)
        farthest[self.owner[hits]] = self.positions[hits]
        return errors, farthest

    def refined(self, curves: np.ndarray) -> _Pieces:
        """Move each parameter toward the nearest point of its curve by a step of Newton's method."""
        curve, u = curves[self.owner], self.parameters
        v = (1 - u)[:, None]
        first = np.diff(curve, axis=1) * 3
        second = np.diff(first, axis=1) * 2
        w = u[:, None]
        velocity = v * v * first[:, 0] + 2 * v * w * first[:, 1] + w * w * first[:, 2]
        acceleration = v * second[:, 0] + w * second[:, 1]
        offset = _evaluate(curve, u) - self.points
        slope = (velocity * velocity).sum(1) + (offset * acceleration).sum(1)
        step = np.divide((offset * velocity).sum(1), slope, out=np.zeros_like(u), where=np.abs(slope) > 1e-9)
        return self._replace(parameters=np.clip(u - step, 0, 1))


def _evaluate(curves: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Return the point of each curve, `[M, 4, 2]`, at its parameter."""
    u = parameters[:, None]
    v = 1 - u
    points: np.ndarray = (
        v * v * v * curves[:, 0]
        + 3 * u * v * v * curves[:, 1]
        + 3 * u * u * v * curves[:, 2]
        + u * u * u * curves[:, 3]
    )
    return points


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors of length 1; those of length 0 stay."""
    length = np.hypot(*vectors.T)
    return vectors / np.where(length > 0, length, 1)[:, None]
