"""Descriptors by the million, made of some hundred real ones, for nobody has a million photos at hand.

Each is a random mixture of a real descriptor and its nearest real ones, as in SMOTE (Chawla, Bowyer, Hall and
Kegelmeyer, JAIR 16, 2002) but of more than two, with weights from a flat Dirichlet distribution; plus normal
noise with the covariance of all real descriptors, scaled by a number, the spread; then it gets length 1.

How hard such a gallery is to search, and to squeeze into codes, depends on its intrinsic dimension: in how
many directions near vectors differ. With twelve neighbours and a spread of 0.2 a large gallery has that of
real descriptors of photos, about 26; the benchmark measures both.
"""

from __future__ import annotations

import faiss
import numpy as np

MIXED, SPREAD = 12, 0.2


def synthesise(
    real: np.ndarray, count: int, *, seed: int, mixed: int = MIXED, spread: float = SPREAD
) -> np.ndarray:
    """Makes vectors around real ones.

    Args:
        real: `[R, dimension]`, of length 1.
        count: how many.
        seed: another one gives other vectors.
        mixed: how many neighbours are mixed with a real one; 0 gives a cloud of noise around each.
        spread: see above; 0 for no noise.

    Returns:
        float32 `[count, dimension]`, of length 1.
    """
    rng = np.random.default_rng(seed)
    real = np.asarray(real, np.float32)
    near = np.argsort(-(real @ real.T), axis=1, kind="stable")[:, : mixed + 1]  # each is its own nearest
    # F.T @ F is the covariance, so that normal numbers times F have it.
    factor = np.linalg.qr((real - real.mean(0)) / np.sqrt(len(real)))[1]
    made = np.empty((count, real.shape[1]), np.float32)
    for start in range(0, count, 65_536):
        part = made[start : start + 65_536]
        part[:] = spread * (rng.standard_normal((len(part), len(factor)), np.float32) @ factor)
        anchors = rng.integers(len(real), size=len(part))
        for anchor in np.unique(anchors):
            rows = np.flatnonzero(anchors == anchor)
            weights = rng.standard_exponential((len(rows), near.shape[1]), np.float32)
            part[rows] += (weights / weights.sum(1, keepdims=True)) @ real[near[anchor]]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return made


def reduce(real: np.ndarray, dimension: int) -> np.ndarray:
    """The principal directions of descriptors, `[R, dimension]` of length 1; as they are if they fit.

    Raises:
        ValueError: they are shorter than that.
    """
    if real.ndim != 2 or real.shape[1] < dimension:
        raise ValueError(f"expected descriptors of at least {dimension} numbers, received {list(real.shape)}")
    if real.shape[1] > dimension:
        directions = np.linalg.svd(real, full_matrices=len(real) < dimension)[2]
        real = real @ directions[:dimension].T
    return real / np.linalg.norm(real, axis=1, keepdims=True)


def intrinsic_dimension(queries: np.ndarray, gallery: np.ndarray, neighbors: int = 20) -> float:
    """How fast the number of vectors grows with the distance from a query: the median over the queries.

    The maximum-likelihood estimate of E. Levina and P. J. Bickel, NIPS 2004, from the nearest neighbours. A
    vector at the query itself is left out.

    Args:
        queries: float32 `[Q, dimension]`, of length 1.
        gallery: float32 `[N, dimension]`, of length 1, more than `neighbors`.

    Returns:
        The estimate; NaN where the gallery is too small.
    """
    if len(gallery) <= neighbors + 1:
        return float("nan")
    squares = faiss.knn(queries, gallery, neighbors + 1)[0].astype(np.float64)
    squares = np.where(squares[:, :1] < 1e-6, squares[:, 1:], squares[:, :-1])
    ratios = np.log(squares[:, -1:] / np.maximum(squares[:, :-1], 1e-12)) / 2
    return float(np.median((neighbors - 1) / ratios.sum(1)))
