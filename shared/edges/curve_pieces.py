"""Pieces of traced lines, and the cubic Bézier curves that fit them by least squares; see `curves`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class CurvePieces(NamedTuple):
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
    def of(cls, points: np.ndarray, firsts: np.ndarray, lasts: np.ndarray) -> CurvePieces:
        """Return pieces, with parameters by the length of the line up to each point.

        Args:
            points: Points of all lines `[N, 2]`.
            firsts: Index of the first point of each piece `[n]`.
            lasts: Index of its last point `[n]`.
        """
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

    def subset(self, numbers: np.ndarray) -> CurvePieces:
        """Return some of the pieces.

        Args:
            numbers: Their numbers, rising `[m]`.
        """
        chosen = np.isin(self.owner, numbers)
        owner = np.searchsorted(numbers, self.owner[chosen])
        offsets = np.searchsorted(owner, np.arange(len(numbers)))
        return CurvePieces(
            self.points[chosen], owner, offsets, self.positions[chosen], self.parameters[chosen]
        )

    def with_parameters(self, numbers: np.ndarray, parameters: np.ndarray) -> CurvePieces:
        """Return the pieces with new parameters of some of them.

        Args:
            numbers: Their numbers, rising `[m]`.
            parameters: Parameters of all their points, one after another.
        """
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
        """Compute the largest squared distance of each piece and the index of the farthest inner point.

        Args:
            curves: Control points from `fit`, `[n, 4, 2]`.

        Returns:
            Squared pixels `[n]`, and indices among the points of all lines `[n]`.
        """
        squares = ((evaluate(curves[self.owner], self.parameters) - self.points) ** 2).sum(1)
        errors = np.maximum.reduceat(squares, self.offsets)
        stops = np.append(self.offsets[1:], len(self.points)) - 1
        squares[self.offsets] = squares[stops] = -1
        largest = np.maximum.reduceat(squares, self.offsets)
        hits = np.flatnonzero(squares == largest[self.owner])
        farthest = np.empty(len(self.offsets), np.intp)
        farthest[self.owner[hits]] = self.positions[hits]
        return errors, farthest

    def refined(self, curves: np.ndarray) -> CurvePieces:
        """Move each parameter toward the nearest point of its curve by a step of Newton's method.

        Args:
            curves: Control points from `fit`, `[n, 4, 2]`.
        """
        curve, u = curves[self.owner], self.parameters
        v = (1 - u)[:, None]
        first = np.diff(curve, axis=1) * 3
        second = np.diff(first, axis=1) * 2
        w = u[:, None]
        velocity = v * v * first[:, 0] + 2 * v * w * first[:, 1] + w * w * first[:, 2]
        acceleration = v * second[:, 0] + w * second[:, 1]
        offset = evaluate(curve, u) - self.points
        slope = (velocity * velocity).sum(1) + (offset * acceleration).sum(1)
        step = np.divide((offset * velocity).sum(1), slope, out=np.zeros_like(u), where=np.abs(slope) > 1e-9)
        return self._replace(parameters=np.clip(u - step, 0, 1))


def evaluate(curves: np.ndarray, parameters: np.ndarray) -> np.ndarray:
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
