"""Whitening of descriptors: directions that only say what all photos have in common lose their weight.

Two ways to learn one. From photos alone: PCA-whitening (Jegou and Chum, "Negative evidences and
co-occurrences in image retrieval: the benefit of PCA and whitening", ECCV 2012). From pairs that show the
same: the directions in which the two of a pair differ are made equally long first, so that they no longer
outweigh the others (Mikolajczyk and Matas, "Improving descriptors for fast tree matching by optimal linear
projection", ICCV 2007; Radenovic, Tolias and Chum, TPAMI 2019, section 3.4).

Whiten with photos that are not those of the search: a whitening knows its own photos too well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Whitening:
    """A linear map `(x - mean) @ projection.T`.

    Attributes:
        mean: float32 `[D]`.
        projection: float32 `[dims, D]`, the strongest direction first: a cut keeps the best.
    """

    mean: np.ndarray
    projection: np.ndarray

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Whitened vectors `[N, dims]` of length 1, from `[N, D]`."""
        return _unit((x - self.mean) @ self.projection.T)


def fit_pca(x: np.ndarray, dims: int, shrinkage: float = 0.0) -> Whitening:
    """PCA-whitening of descriptors.

    Args:
        x: `[N, D]`, of at least two photos.
        dims: how many directions to keep.
        shrinkage: 0..1, how far the covariance is drawn to a multiple of the identity (Ledoit and Wolf 2004):
            the more, the less the weak directions are blown up. Needed where N is not well above `dims`.

    Raises:
        ValueError: `dims` is more than the directions in which the photos differ, or the shrinkage is out
            of range.

    >>> x = np.random.default_rng(0).normal(size=(1000, 2)) * [5, 1] + 3
    >>> np.round(np.cov((x - x.mean(0)) @ fit_pca(x, 2).projection.T, rowvar=False, bias=True), 2) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """
    x = np.asarray(x, np.float64)
    mean = x.mean(0)
    variances, directions = _principal(x - mean)
    _check(dims, len(directions))
    variances = _shrink(variances, shrinkage, x.shape[1])
    projection = directions[:dims] / np.sqrt(variances[:dims, None])
    return Whitening(mean.astype(np.float32), projection.astype(np.float32))


def fit_pairs(x: np.ndarray, y: np.ndarray, dims: int, shrinkage: float = 0.0) -> Whitening:
    """Whitening by pairs: unit covariance of the differences, then the directions of most variance.

    Args:
        x: `[N, D]`.
        y: of the same shape; row by row the same thing as in `x`, seen in another way.
        dims: how many directions to keep.
        shrinkage: as for `fit_pca`, of the covariance of the differences.

    Raises:
        ValueError: as for `fit_pca`.
    """
    both = np.concatenate([np.asarray(x, np.float64), np.asarray(y, np.float64)])
    mean = both.mean(0)
    # where no photo differs from the others there is nothing to learn: the rest is done without it
    _, span = _principal(both - mean)
    _check(dims, len(span))
    first, second = np.split((both - mean) @ span.T, 2)
    variances, directions = _eigen((first - second).T @ (first - second) / len(both))
    variances = _shrink(variances, shrinkage, len(span))
    within = directions / np.sqrt(variances[:, None])
    _, best = _principal(np.concatenate([first, second]) @ within.T)
    projection = best[:dims] @ within @ span
    return Whitening(mean.astype(np.float32), projection.astype(np.float32))


def _principal(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variances `[R]` of centered rows, greatest first and all above 0, and their directions `[R, D]`."""
    count, length = x.shape
    if count >= length:
        return _positive(*_eigen(x.T @ x / count))
    variances, weights = _positive(*_eigen(x @ x.T / count))
    return variances, weights @ x / np.sqrt(count * variances[:, None])


def _positive(variances: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kept = variances > variances[0] * 1e-9
    return variances[kept], directions[kept]


def _eigen(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues, greatest first, and their vectors as rows."""
    values, vectors = np.linalg.eigh(covariance)
    return np.maximum(values[::-1], 0), vectors.T[::-1]


def _shrink(variances: np.ndarray, shrinkage: float, length: int) -> np.ndarray:
    """Eigenvalues of a covariance of `length` dimensions (the rest are 0) after the shrinkage; none is 0."""
    if not 0 <= shrinkage <= 1:
        raise ValueError(f"the shrinkage must be in 0..1, received {shrinkage!r}")
    shrunk = (1 - shrinkage) * variances + shrinkage * variances.sum() / length
    return np.maximum(shrunk, shrunk[0] * 1e-6)


def _check(dims: int, most: int) -> None:
    if not 1 <= dims <= most:
        raise ValueError(
            f"dims must be in 1..{most}, the directions in which the photos differ, received {dims!r}: "
            "take fewer, or more photos"
        )


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
