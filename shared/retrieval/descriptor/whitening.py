"""Whitening of descriptors: directions that all images share lose their weight.

Learned from images alone it is PCA whitening (Jegou and Chum, "Negative evidences and co-occurrences in image
retrieval: the benefit of PCA and whitening", ECCV 2012). Learned from matching pairs, the directions in which
the two of a pair differ get equal variance first (Mikolajczyk and Matas, "Improving descriptors for fast tree
matching by optimal linear projection", ICCV 2007; Radenovic, Tolias and Chum, TPAMI 2019, section 3.4).

Learn a whitening on images outside the gallery: it overfits to its training images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.index.vectors import l2_normalize


@dataclass(frozen=True, eq=False)
class Whitening:
    """Linear map `(x - mean) @ projection.T`.

    Attributes:
        mean: float32 `[D]`.
        projection: float32 `[dims, D]`, the strongest direction first, so that it may be truncated.
    """

    mean: np.ndarray
    projection: np.ndarray

    @classmethod
    def identity(cls, dims: int) -> Whitening:
        """Return the whitening that leaves vectors of a length unchanged."""
        return cls(np.zeros(dims, np.float32), np.eye(dims, dtype=np.float32))

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Whiten vectors `[N, D]` to unit-length vectors `[N, dims]`."""
        return l2_normalize((x - self.mean) @ self.projection.T)


def fit_pca(x: np.ndarray, dims: int, shrinkage: float = 0.0) -> Whitening:
    """Fit PCA whitening.

    Args:
        x: Descriptors `[N, D]` of at least two images.
        dims: Number of directions to keep.
        shrinkage: Weight of a multiple of the identity in the covariance, 0..1 (Ledoit and Wolf 2004); the
            higher, the less weak directions are amplified. Needed where N is not well above `dims`.

    Raises:
        ValueError: `dims` exceeds the rank of the descriptors, or the shrinkage is out of range.

    >>> x = np.random.default_rng(0).normal(size=(1000, 2)) * [5, 1] + 3
    >>> np.round(np.cov((x - x.mean(0)) @ fit_pca(x, 2).projection.T, rowvar=False, bias=True), 2) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """
    x = np.asarray(x, np.float64)
    mean = x.mean(0)
    variances, directions = _principal_directions(x - mean)
    _check_dims(dims, len(directions))
    variances = _shrink_variances(variances, shrinkage, x.shape[1])
    projection = directions[:dims] / np.sqrt(variances[:dims, None])
    return Whitening(mean.astype(np.float32), projection.astype(np.float32))


def fit_pairs(x: np.ndarray, y: np.ndarray, dims: int, shrinkage: float = 0.0) -> Whitening:
    """Fit a whitening on matching pairs: unit covariance of their differences, then PCA.

    Args:
        x: Descriptors `[N, D]`.
        y: Descriptors `[N, D]`; row i matches row i of `x`.
        dims: Number of directions to keep.
        shrinkage: Shrinkage of the covariance of the differences, see `fit_pca`.

    Raises:
        ValueError: See `fit_pca`.
    """
    pairs = np.concatenate([np.asarray(x, np.float64), np.asarray(y, np.float64)])
    mean = pairs.mean(0)
    # the differences are taken in the span of the descriptors: outside of it there is nothing to learn
    _, span = _principal_directions(pairs - mean)
    _check_dims(dims, len(span))
    first, second = np.split((pairs - mean) @ span.T, 2)
    variances, directions = _eigen((first - second).T @ (first - second) / len(pairs))
    variances = _shrink_variances(variances, shrinkage, len(span))
    within = directions / np.sqrt(variances[:, None])
    _, principal = _principal_directions(np.concatenate([first, second]) @ within.T)
    projection = principal[:dims] @ within @ span
    return Whitening(mean.astype(np.float32), projection.astype(np.float32))


def _principal_directions(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positive variances `[R]` of centered rows in falling order, and their directions `[R, D]`."""
    count, length = x.shape
    if count >= length:
        return _positive(*_eigen(x.T @ x / count))
    variances, weights = _positive(*_eigen(x @ x.T / count))
    return variances, weights @ x / np.sqrt(count * variances[:, None])


def _positive(variances: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    positive = variances > variances[0] * 1e-9
    return variances[positive], directions[positive]


def _eigen(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues in falling order, and eigenvectors as rows."""
    values, vectors = np.linalg.eigh(covariance)
    return np.maximum(values[::-1], 0), vectors.T[::-1]


def _shrink_variances(variances: np.ndarray, shrinkage: float, length: int) -> np.ndarray:
    """Return the positive eigenvalues of a shrunk covariance.

    Args:
        variances: Eigenvalues before the shrinkage; those that are left out are 0.
        shrinkage: See `fit_pca`.
        length: Number of all eigenvalues.
    """
    if not 0 <= shrinkage <= 1:
        raise ValueError(f"the shrinkage must be in 0..1, received {shrinkage!r}")
    shrunk = (1 - shrinkage) * variances + shrinkage * variances.sum() / length
    return np.maximum(shrunk, shrunk[0] * 1e-6)


def _check_dims(dims: int, rank: int) -> None:
    if not 1 <= dims <= rank:
        raise ValueError(
            f"dims must be in 1..{rank}, the rank of the descriptors, received {dims!r}: "
            "take fewer, or more photos"
        )
