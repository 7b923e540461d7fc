"""Re-ranking, on small arrangements whose results are known."""

import numpy as np
import pytest

from shared.retrieval.descriptor.rerank import (
    DiffusionSettings,
    diffuse,
    expand_queries,
    k_reciprocal,
)
from shared.retrieval.descriptor.whitening import l2_normalize


def clusters(seed=0, count=4, size=12, length=16, noise=0.6):
    """Return descriptors around one direction for each cluster, and the labels."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(count), size)
    centers = l2_normalize(rng.normal(size=(count, length)))
    offsets = l2_normalize(rng.normal(size=(count * size, length)))
    return l2_normalize(centers[label] + noise * offsets).astype(np.float32), label


def precision(similarity, labels, query_labels):
    first = np.argsort(-similarity, axis=1)[:, :12]
    return np.mean(labels[first] == query_labels[:, None])


@pytest.mark.parametrize("alpha", [0.0, 1.0, 3.0])
def test_expansion_is_the_weighted_mean_of_the_nearest(alpha):
    base, _ = clusters()
    queries = clusters(seed=1)[0][:5]
    for query, expanded in zip(queries, expand_queries(queries, base, 3, alpha), strict=True):
        cosine = base @ query
        nearest = np.argsort(-cosine)[:3]
        expected = query + sum(cosine[index] ** alpha * base[index] for index in nearest)
        assert expanded == pytest.approx(l2_normalize(expected), abs=1e-5)


def test_expansion_leaves_out_negative_cosines():
    query, base = l2_normalize(np.array([[1.0, 0]])), l2_normalize(np.array([[-1, 0.1], [0, 1]]))
    assert expand_queries(query, base, 2, 3.0) == pytest.approx(query)
    assert expand_queries(query, base[:0]) == pytest.approx(query)
    assert expand_queries(query[:0], base).shape == (0, 2)


def loop_k_reciprocal(queries, base, k1, k2, mixing):
    """Compute the paper's formulas with sets and loops."""
    x = np.concatenate([queries, base])
    cosine = x @ x.T
    order = np.argsort(-cosine, axis=1, kind="stable")

    def reciprocal(i, k):
        return {j for j in order[i, : k + 1] if i in order[j, : k + 1]}

    encoded = np.zeros((len(x), len(x)))
    for i in range(len(x)):
        members = reciprocal(i, k1)
        for j in list(members):
            half = reciprocal(j, round(k1 / 2))
            if len(half & reciprocal(i, k1)) >= 2 / 3 * len(half):
                members = members | half
        for j in members:
            encoded[i, j] = np.exp(-(1 - cosine[i, j]))
        encoded[i] /= encoded[i].sum()
    encoded = np.stack([encoded[order[i, :k2]].mean(0) for i in range(len(x))])
    a, b = encoded[: len(queries), None], encoded[None, len(queries) :]
    jaccard = np.minimum(a, b).sum(-1) / np.maximum(a, b).sum(-1)
    return (1 - mixing) * jaccard + mixing * cosine[: len(queries), len(queries) :]


@pytest.mark.parametrize(("k1", "k2", "mixing"), [(6, 3, 0.3), (10, 1, 0.0), (4, 2, 1.0), (100, 6, 0.3)])
def test_k_reciprocal_equals_plain_loops(k1, k2, mixing):
    base, _ = clusters(size=6)
    queries = l2_normalize(clusters(size=7)[0][:4] + np.float32(0.01))
    similarity = k_reciprocal(queries, base, k1, k2, mixing)
    assert similarity == pytest.approx(loop_k_reciprocal(queries, base, k1, k2, mixing), abs=1e-5)


def test_shared_neighbors_improve_noisy_clusters():
    x, labels = clusters(noise=1.1)
    queries, query_labels = x[::6], labels[::6]
    plain = precision(queries @ x.T, labels, query_labels)
    assert plain < 0.9
    assert precision(k_reciprocal(queries, x, 8, 3), labels, query_labels) > plain
    assert precision(expand_queries(queries, x, 5, 1.0) @ x.T, labels, query_labels) > plain
    diffused = diffuse(queries, x, DiffusionSettings(neighbors=8, damping=0.8))
    assert precision(diffused, labels, query_labels) > plain


def test_diffusion_solves_its_equation():
    """The solution equals that of the inverse matrix, with the graph written pair by pair."""
    x, _ = clusters(count=3, size=6, length=8)
    k, count = 4, len(x)
    cosine = x @ x.T
    order = np.argsort(-cosine, axis=1, kind="stable")[:, : k + 1]
    graph = np.zeros((count, count))
    for i in range(count):
        for j in order[i]:
            if i != j and i in order[j]:
                graph[i, j] = max(cosine[i, j], 0) ** 3
    degree = graph.sum(1)
    scale = np.where(degree > 0, 1 / np.sqrt(np.maximum(degree, 1e-12)), 0)
    start = np.zeros((2, count))
    for row, query in enumerate((0, 10)):
        nearest = np.argsort(-cosine[query], kind="stable")[:k]
        start[row, nearest] = np.maximum(cosine[query, nearest], 0) ** 3
    expected = start @ np.linalg.inv(np.eye(count) - 0.9 * scale[:, None] * graph * scale).T
    similarity = diffuse(x[[0, 10]], x, DiffusionSettings(neighbors=k, damping=0.9, steps=200))
    assert similarity == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_similarity_flows_along_a_chain():
    """The far end of an arc is reached; two points off the arc, though nearer, are not."""
    angles = np.linspace(0, 2.4, 25)
    arc = np.stack([np.cos(angles), np.sin(angles), np.zeros(25)], 1)
    outliers = np.array([[0.3, 0.0, 0.95], [0.28, 0.0, 0.96]])
    base = l2_normalize(np.concatenate([arc, outliers])).astype(np.float32)
    similarity = diffuse(base[:1], base, DiffusionSettings(neighbors=3, steps=200))[0]
    assert similarity[20] > 0
    assert similarity[25:].max() < similarity[20]
    assert base[0] @ base[25] > base[0] @ base[20]


@pytest.mark.parametrize("rerank", [k_reciprocal, diffuse])
def test_small_sets(rerank):
    x, _ = clusters()
    assert rerank(x[:2], x[:0]).shape == (2, 0)
    assert rerank(x[:0], x[:3]).shape == (0, 3)
    similarity = rerank(x[:2], x[:1])
    assert similarity.shape == (2, 1)
    assert np.isfinite(similarity).all()


@pytest.mark.parametrize("rerank", [k_reciprocal, diffuse])
def test_the_order_of_the_base_does_not_matter(rerank):
    x, _ = clusters()
    shuffled = np.random.default_rng(5).permutation(len(x))
    assert rerank(x[:3], x[shuffled]) == pytest.approx(rerank(x[:3], x)[:, shuffled], abs=1e-4)
