"""Better lists from the descriptors alone: query expansion, k-reciprocal neighbors, diffusion.

All take descriptors of length 1, queries `[Q, D]` and base `[N, D]`, and look at neighborhoods in the base.
They help where a query has several relevant pictures, and cost time or memory for the whole base.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import cg

#: How many numbers of a block of similarities are in memory at once, 64 MB in float32.
TOGETHER = 2**24


def expand_queries(
    queries: np.ndarray, base: np.ndarray, neighbors: int = 10, alpha: float = 0.0
) -> np.ndarray:
    """Adds its nearest pictures to every query.

    Average query expansion at `alpha` 0 (Chum et al., "Total recall: automatic query expansion with a
    generative feature model for object retrieval", ICCV 2007), alpha query expansion above, where a picture
    counts with its cosine to that power (Radenovic, Tolias and Chum, "Fine-tuning CNN image retrieval with no
    human annotation", TPAMI 41(7), 2019; they take 3).

    Args:
        queries: `[Q, D]`.
        base: `[N, D]`; N may be 0.
        neighbors: how many pictures are added, as far as there are so many; those with a cosine of 0 or less
            are not.
        alpha: see above; at least 0.

    Returns:
        The new queries, float32 `[Q, D]` of length 1.

    >>> expand_queries(np.array([[1, 0]]), np.array([[0.6, 0.8], [-1, 0]])).round(4)
    array([[0.8944, 0.4472]], dtype=float32)
    """
    queries, base = np.asarray(queries, np.float32), np.asarray(base, np.float32)
    near, cosine = _nearest(queries, base, neighbors)
    weight = np.where(cosine > 0, np.maximum(cosine, 0) ** alpha, 0)
    return _unit(queries + np.einsum("qk,qkd->qd", weight, base[near]))


def k_reciprocal(
    queries: np.ndarray, base: np.ndarray, k1: int = 20, k2: int = 6, share: float = 0.3
) -> np.ndarray:
    """Similarities by the neighbors that two pictures have in common.

    Zhong, Zheng, Cao and Li, "Re-ranking person re-identification with k-reciprocal encoding", CVPR 2017: the
    neighbors of a picture that also have it among their own, enlarged by those of theirs that overlap by two
    thirds, weighted by `exp(-distance)`, averaged over the nearest `k2` and compared by the Jaccard distance.
    The first distance here is 1 less the cosine.

    Args:
        queries: `[Q, D]`.
        base: `[N, D]`; N may be 0.
        k1: size of a neighborhood, the picture itself not counted.
        k2: how many are averaged, the picture itself among them.
        share: of the first distance in the sum with the Jaccard distance, 0..1.

    Returns:
        float32 `[Q, N]`: 1 less the final distance, the greater the more alike.
    """
    every = np.concatenate([np.asarray(queries, np.float32), np.asarray(base, np.float32)])
    near, _ = _nearest(every, every, k1 + 1)
    members = _reciprocal(near, k1)
    half = _reciprocal(near, max(round(k1 / 2), 1))
    # those whose own half neighborhood mostly lies in the picture's, bring it along
    common = (members @ half.T).multiply(members).tocsr()
    sizes = np.asarray(half.sum(1)).ravel()
    common.data = (common.data >= 2 / 3 * sizes[common.indices]).astype(np.float32)
    members = ((members + common @ half) > 0).astype(np.float32).tocoo()
    distance = 1 - np.einsum("md,md->m", every[members.row], every[members.col])
    encoded = sparse.csr_matrix((np.exp(-distance), (members.row, members.col)), members.shape)
    encoded = sparse.diags(1 / np.asarray(encoded.sum(1)).ravel()) @ encoded
    if k2 > 1:
        encoded = _links(near[:, :k2], 1 / near[:, :k2].shape[1]) @ encoded
    count = len(queries)
    columns = encoded[count:].tocsc()
    first = queries @ np.asarray(base, np.float32).T
    found = np.empty((count, len(base)), np.float32)
    for number in range(count):
        row = encoded[number]
        shared = columns[:, row.indices].tocoo()
        least = np.minimum(shared.data, row.data[shared.col])
        least = np.bincount(shared.row, least, minlength=len(base))
        found[number] = (1 - share) * least / (2 - least) + share * first[number]
    return found


def diffuse(
    queries: np.ndarray,
    base: np.ndarray,
    *,
    neighbors: int = 50,
    power: float = 3.0,
    damping: float = 0.99,
    steps: int = 20,
) -> np.ndarray:
    """Similarities that flow along chains of pictures that look alike.

    Iscen, Tolias, Avrithis, Furon and Chum, "Efficient diffusion on region manifolds: recovering small
    objects with compact CNN representations", CVPR 2017: on the graph of mutual neighbors, whose normalised
    weights are S, conjugate gradients solve `(I - damping S) f = y`; y holds the query's own neighbors.

    Args:
        queries: `[Q, D]`.
        base: `[N, D]`; N may be 0.
        neighbors: how many of a picture's neighbors the graph looks at, and from how many a query starts.
        power: to which cosines are taken.
        damping: below 1; the nearer to 1, the farther similarity flows.
        steps: of conjugate gradients, at most.

    Returns:
        float32 `[Q, N]`, the greater the more alike; 0 where nothing flows.
    """
    queries, base = np.asarray(queries, np.float32), np.asarray(base, np.float32)
    count = len(base)
    if not count:
        return np.zeros((len(queries), 0), np.float32)
    near, cosine = _nearest(base, base, neighbors + 1)
    affinity = _links(near, np.maximum(cosine, 0) ** power)
    affinity = affinity.minimum(affinity.T).tolil()
    affinity.setdiag(0)
    affinity = affinity.tocsr()
    degree = np.asarray(affinity.sum(1)).ravel()
    scale = sparse.diags(np.divide(1, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0))
    system = sparse.eye(count) - damping * (scale @ affinity @ scale)
    near, cosine = _nearest(queries, base, neighbors)
    start = _links(near, np.maximum(cosine, 0) ** power, count).toarray()
    found = [cg(system, row, rtol=1e-6, maxiter=steps)[0] for row in start]
    return np.array(found, np.float32).reshape(len(queries), count)


def _nearest(x: np.ndarray, base: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and cosines of the nearest of `base`, the nearest first, `[N, min(count, len(base))]`."""
    count = min(count, len(base))
    near = np.empty((len(x), count), np.int64)
    cosine = np.empty((len(x), count), np.float32)
    step = max(TOGETHER // max(len(base), 1), 1)
    for start in range(0, len(x), step):
        block = x[start : start + step] @ base.T
        order = np.argsort(-block, axis=1, kind="stable")[:, :count]
        near[start : start + step] = order
        cosine[start : start + step] = np.take_along_axis(block, order, 1)
    return near, cosine


def _links(near: np.ndarray, weight: np.ndarray | float, columns: int | None = None) -> sparse.csr_matrix:
    """A sparse matrix with the weights of every row's neighbors."""
    rows = np.repeat(np.arange(len(near)), near.shape[1])
    data = np.broadcast_to(np.asarray(weight, np.float32), near.shape).ravel()
    return sparse.csr_matrix((data, (rows, near.ravel())), (len(near), columns or len(near)))


def _reciprocal(near: np.ndarray, count: int) -> sparse.csr_matrix:
    """Ones where each of two is among the nearest of the other, which are given with the picture itself."""
    links = _links(near[:, : count + 1], 1.0)
    return links.multiply(links.T).tocsr()


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
