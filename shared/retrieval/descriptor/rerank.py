"""Re-ranking from descriptors alone: query expansion, k-reciprocal neighbors, diffusion.

All take unit-length descriptors, queries `[Q, D]` and base `[N, D]`. They help where a query has several
relevant images, and cost time or memory proportional to the base.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import cg

from shared.index.vectors import l2_normalize

#: Number of similarities in memory at a time, 64 MB in float32.
BLOCK = 2**24


def expand_queries(
    queries: np.ndarray, base: np.ndarray, neighbors: int = 10, alpha: float = 0.0
) -> np.ndarray:
    """Add the nearest images to every query.

    Average query expansion at `alpha` 0 (Chum et al., "Total recall: automatic query expansion with a
    generative feature model for object retrieval", ICCV 2007); above, alpha query expansion, which weights an
    image by its cosine to that power (Radenovic, Tolias and Chum, "Fine-tuning CNN image retrieval with no
    human annotation", TPAMI 41(7), 2019, with alpha 3).

    Args:
        queries: `[Q, D]`.
        base: `[N, D]`; N may be 0.
        neighbors: Largest number of images to add; those with a cosine of 0 or less are left out.
        alpha: Power of the cosine, at least 0.

    Returns:
        Expanded queries, float32 `[Q, D]` of unit length.

    >>> expand_queries(np.array([[1, 0]]), np.array([[0.6, 0.8], [-1, 0]])).round(4)
    array([[0.8944, 0.4472]], dtype=float32)
    """
    queries, base = np.asarray(queries, np.float32), np.asarray(base, np.float32)
    nearest, cosine = _nearest(queries, base, neighbors)
    weight = np.where(cosine > 0, np.maximum(cosine, 0) ** alpha, 0)
    return l2_normalize(queries + np.einsum("qk,qkd->qd", weight, base[nearest]))


def k_reciprocal(
    queries: np.ndarray, base: np.ndarray, k1: int = 20, k2: int = 6, mixing: float = 0.3
) -> np.ndarray:
    """Compute similarities from shared k-reciprocal neighbors.

    Zhong, Zheng, Cao and Li, "Re-ranking person re-identification with k-reciprocal encoding", CVPR 2017: the
    mutual neighbors of an image, enlarged by those neighborhoods of theirs that overlap by two thirds,
    weighted by `exp(-distance)`, averaged over the nearest `k2` and compared by the Jaccard distance. The
    original distance here is one minus the cosine.

    Args:
        queries: `[Q, D]`.
        base: `[N, D]`; N may be 0.
        k1: Size of a neighborhood, without the image itself.
        k2: Number of encodings that are averaged, with that of the image itself.
        mixing: Weight of the original distance in the sum with the Jaccard distance, 0..1.

    Returns:
        One minus the final distance, float32 `[Q, N]`.
    """
    descriptors = np.concatenate([np.asarray(queries, np.float32), np.asarray(base, np.float32)])
    nearest, _ = _nearest(descriptors, descriptors, k1 + 1)
    members = _reciprocal(nearest, k1)
    half = _reciprocal(nearest, max(round(k1 / 2), 1))
    # a member whose half neighborhood lies mostly in the neighborhood of the image contributes its own
    common = (members @ half.T).multiply(members).tocsr()
    sizes = np.asarray(half.sum(1)).ravel()
    common.data = (common.data >= 2 / 3 * sizes[common.indices]).astype(np.float32)
    members = ((members + common @ half) > 0).astype(np.float32).tocoo()
    distance = 1 - np.einsum("md,md->m", descriptors[members.row], descriptors[members.col])
    encoded = sparse.csr_matrix((np.exp(-distance), (members.row, members.col)), members.shape)
    encoded = sparse.diags(1 / np.asarray(encoded.sum(1)).ravel()) @ encoded
    if k2 > 1:
        encoded = _links(nearest[:, :k2], 1 / nearest[:, :k2].shape[1]) @ encoded
    query_count = len(queries)
    columns = encoded[query_count:].tocsc()
    cosine = queries @ np.asarray(base, np.float32).T
    similarity = np.empty((query_count, len(base)), np.float32)
    for number in range(query_count):
        row = encoded[number]
        shared = columns[:, row.indices].tocoo()
        minima = np.minimum(shared.data, row.data[shared.col])
        overlap = np.bincount(shared.row, minima, minlength=len(base))
        similarity[number] = (1 - mixing) * overlap / (2 - overlap) + mixing * cosine[number]
    return similarity


@dataclass(frozen=True)
class DiffusionSettings:
    """Settings of `diffuse`.

    Attributes:
        neighbors: Neighbors of each image in the graph, and starting points of each query.
        power: Power to which cosines are taken.
        damping: Damping factor below 1; the closer to 1, the farther similarity flows.
        steps: Largest number of steps of conjugate gradients.
    """

    neighbors: int = 50
    power: float = 3.0
    damping: float = 0.99
    steps: int = 20


def diffuse(queries: np.ndarray, base: np.ndarray, settings: DiffusionSettings | None = None) -> np.ndarray:
    """Compute similarities by diffusion along chains of similar images.

    Iscen, Tolias, Avrithis, Furon and Chum, "Efficient diffusion on region manifolds: recovering small
    objects with compact CNN representations", CVPR 2017: on the graph of mutual neighbors with normalised
    weights S, conjugate gradients solve `(I - damping S) f = y`; y holds the neighbors of the query.

    Args:
        queries: `[Q, D]`.
        base: `[N, D]`; N may be 0.
        settings: Graph and solver; by default those of `DiffusionSettings`.

    Returns:
        Similarities, float32 `[Q, N]`; 0 where nothing flows.
    """
    queries, base = np.asarray(queries, np.float32), np.asarray(base, np.float32)
    settings = settings or DiffusionSettings()
    count, power = len(base), settings.power
    if not count:
        return np.zeros((len(queries), 0), np.float32)
    nearest, cosine = _nearest(base, base, settings.neighbors + 1)
    affinity = _links(nearest, np.maximum(cosine, 0) ** power)
    affinity = affinity.minimum(affinity.T).tolil()
    affinity.setdiag(0)
    affinity = affinity.tocsr()
    degree = np.asarray(affinity.sum(1)).ravel()
    scale = sparse.diags(np.divide(1, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0))
    system = sparse.eye(count) - settings.damping * (scale @ affinity @ scale)
    nearest, cosine = _nearest(queries, base, settings.neighbors)
    start = _links(nearest, np.maximum(cosine, 0) ** power, count).toarray()
    solutions = [cg(system, row, rtol=1e-6, maxiter=settings.steps)[0] for row in start]
    return np.array(solutions, np.float32).reshape(len(queries), count)


def _nearest(x: np.ndarray, base: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return indices and cosines of the nearest of `base` in falling order, `[N, min(k, len(base))]`."""
    k = min(k, len(base))
    nearest = np.empty((len(x), k), np.int64)
    cosine = np.empty((len(x), k), np.float32)
    step = max(BLOCK // max(len(base), 1), 1)
    for start in range(0, len(x), step):
        block = x[start : start + step] @ base.T
        order = np.argsort(-block, axis=1, kind="stable")[:, :k]
        nearest[start : start + step] = order
        cosine[start : start + step] = np.take_along_axis(block, order, 1)
    return nearest, cosine


def _links(nearest: np.ndarray, weight: np.ndarray | float, columns: int | None = None) -> sparse.csr_matrix:
    """Return a sparse matrix with the weights of the neighbors of every row."""
    rows = np.repeat(np.arange(len(nearest)), nearest.shape[1])
    data = np.broadcast_to(np.asarray(weight, np.float32), nearest.shape).ravel()
    return sparse.csr_matrix((data, (rows, nearest.ravel())), (len(nearest), columns or len(nearest)))


def _reciprocal(nearest: np.ndarray, k: int) -> sparse.csr_matrix:
    """Return ones at mutual neighbors; a row of `nearest` begins with the image itself."""
    links = _links(nearest[:, : k + 1], 1.0)
    return links.multiply(links.T).tocsr()
