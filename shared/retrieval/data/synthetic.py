"""Synthetic descriptors by the million, from some hundred real ones.

Each is a random mixture of a real descriptor and its nearest real ones, as in SMOTE (Chawla, Bowyer, Hall and
Kegelmeyer, JAIR 16, 2002) but of more than two, with weights from a flat Dirichlet distribution; plus
Gaussian noise with a multiple of the covariance of all real descriptors; scaled to unit length.

The difficulty of searching and compressing such a gallery depends on its intrinsic dimension, the number of
directions in which neighbors differ. With twelve neighbors and a noise of 0.2 a large gallery has that of
real descriptors of photos, about 26; the benchmark measures both.
"""

from __future__ import annotations

import faiss
import numpy as np

NEIGHBORS, NOISE = 12, 0.2


def synthesize(
    real: np.ndarray, count: int, *, seed: int, neighbors: int = NEIGHBORS, noise: float = NOISE
) -> np.ndarray:
    """Sample vectors around real ones.

    Args:
        real: Unit-length descriptors `[R, dimension]`.
        count: Number of samples.
        seed: Seed of the samples.
        neighbors: Neighbors that are mixed with a real descriptor; 0 gives a cloud of noise around each.
        noise: Scale of the noise; 0 for none.

    Returns:
        float32 `[count, dimension]` of unit length.
    """
    rng = np.random.default_rng(seed)
    real = np.asarray(real, np.float32)
    nearest = np.argsort(-(real @ real.T), axis=1, kind="stable")[:, : neighbors + 1]  # itself included
    # F.T @ F is the covariance, so that normal numbers times F have it.
    factor = np.linalg.qr((real - real.mean(0)) / np.sqrt(len(real)))[1]
    samples = np.empty((count, real.shape[1]), np.float32)
    for start in range(0, count, 65_536):
        part = samples[start : start + 65_536]
        part[:] = noise * (rng.standard_normal((len(part), len(factor)), np.float32) @ factor)
        anchors = rng.integers(len(real), size=len(part))
        for anchor in np.unique(anchors):
            rows = np.flatnonzero(anchors == anchor)
            weights = rng.standard_exponential((len(rows), nearest.shape[1]), np.float32)
            part[rows] += (weights / weights.sum(1, keepdims=True)) @ real[nearest[anchor]]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return samples


def reduce_dimension(real: np.ndarray, dimension: int) -> np.ndarray:
    """Project descriptors onto their principal directions, `[R, dimension]` of unit length.

    Descriptors of that length stay unchanged, but for their scale.

    Raises:
        ValueError: They are shorter.
    """
    if real.ndim != 2 or real.shape[1] < dimension:
        raise ValueError(f"expected descriptors of at least {dimension} numbers, received {list(real.shape)}")
    if real.shape[1] > dimension:
        directions = np.linalg.svd(real, full_matrices=len(real) < dimension)[2]
        real = real @ directions[:dimension].T
    return real / np.linalg.norm(real, axis=1, keepdims=True)


def intrinsic_dimension(queries: np.ndarray, gallery: np.ndarray, neighbors: int = 20) -> float:
    """Estimate the growth of the number of vectors with the distance from a query, as a median over queries.

    Maximum-likelihood estimate of Levina and Bickel, NIPS 2004, from the nearest neighbors. A vector at the
    query itself is left out.

    Args:
        queries: float32 `[Q, dimension]` of unit length.
        gallery: float32 `[N, dimension]` of unit length.
        neighbors: Number of neighbors.

    Returns:
        The estimate; NaN where the gallery is too small.
    """
    if len(gallery) <= neighbors + 1:
        return float("nan")
    squares = faiss.knn(queries, gallery, neighbors + 1)[0].astype(np.float64)
    squares = np.where(squares[:, :1] < 1e-6, squares[:, 1:], squares[:, :-1])
    ratios = np.log(squares[:, -1:] / np.maximum(squares[:, :-1], 1e-12)) / 2
    return float(np.median((neighbors - 1) / ratios.sum(1)))
