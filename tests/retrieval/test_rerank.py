"""Re-ranking of lists, on small arrangements whose answers are known."""

import numpy as np
import pytest

from shared.retrieval.descriptor.rerank import diffuse, expand_queries, k_reciprocal


def unit(x):
    x = np.asarray(x, np.float32)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def crowd(seed=0, kinds=4, each=12, length=16, noise=0.6):
    """Descriptors around one direction for each kind, and the kinds."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(np.arange(kinds), each)
    return unit(
        unit(rng.normal(size=(kinds, length)))[kind] + noise * unit(rng.normal(size=(kinds * each, length)))
    ), kind


def precision(similarity, kinds, own):
    best = np.argsort(-similarity, axis=1)[:, :12]
    return np.mean(kinds[best] == own[:, None])


@pytest.mark.parametrize("alpha", [0.0, 1.0, 3.0])
def test_expansion_is_the_weighted_mean_of_the_nearest(alpha):
    base, _ = crowd()
    queries = crowd(seed=1)[0][:5]
    for query, found in zip(queries, expand_queries(queries, base, 3, alpha), strict=True):
        cosine = base @ query
        near = np.argsort(-cosine)[:3]
        expected = query + sum(cosine[place] ** alpha * base[place] for place in near)
        assert found == pytest.approx(unit(expected), abs=1e-5)


def test_expansion_leaves_out_what_is_unlike():
    query, base = unit([[1, 0]]), unit([[-1, 0.1], [0, 1]])
    assert expand_queries(query, base, 2, 3.0) == pytest.approx(query)
    assert expand_queries(query, base[:0]) == pytest.approx(query)
    assert expand_queries(query[:0], base).shape == (0, 2)


def plain_k_reciprocal(queries, base, k1, k2, share):
    """The paper's formulas with sets and loops."""
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
    one, other = encoded[: len(queries), None], encoded[None, len(queries) :]
    jaccard = np.minimum(one, other).sum(-1) / np.maximum(one, other).sum(-1)
    return (1 - share) * jaccard + share * cosine[: len(queries), len(queries) :]


@pytest.mark.parametrize(("k1", "k2", "share"), [(6, 3, 0.3), (10, 1, 0.0), (4, 2, 1.0), (100, 6, 0.3)])
def test_k_reciprocal_is_that_of_plain_loops(k1, k2, share):
    base, _ = crowd(each=6)
    queries = crowd(seed=0, each=7)[0][:4] + 0.01
    found = k_reciprocal(unit(queries), base, k1, k2, share)
    assert found == pytest.approx(plain_k_reciprocal(unit(queries), base, k1, k2, share), abs=1e-5)


def test_neighbors_in_common_sort_a_crowd():
    x, kind = crowd(noise=1.1)
    plain = precision(x[::6] @ x.T, kind, kind[::6])
    assert plain < 0.9
    assert precision(k_reciprocal(x[::6], x, 8, 3), kind, kind[::6]) > plain
    assert precision(expand_queries(x[::6], x, 5, 1.0) @ x.T, kind, kind[::6]) > plain
    assert precision(diffuse(x[::6], x, neighbors=8, damping=0.8), kind, kind[::6]) > plain


def test_diffusion_solves_its_equation():
    """Against the inverse matrix, with the graph written down pair by pair."""
    x, _ = crowd(kinds=3, each=6, length=8)
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
        near = np.argsort(-cosine[query], kind="stable")[:k]
        start[row, near] = np.maximum(cosine[query, near], 0) ** 3
    expected = start @ np.linalg.inv(np.eye(count) - 0.9 * scale[:, None] * graph * scale).T
    found = diffuse(x[[0, 10]], x, neighbors=k, damping=0.9, steps=200)
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_similarity_flows_along_a_chain():
    """Points on a bow: its far end is reached, and what lies beside it, though nearer, is not."""
    angles = np.linspace(0, 2.4, 25)
    bow = np.stack([np.cos(angles), np.sin(angles), np.zeros(25)], 1)
    aside = unit([[0.3, 0.0, 0.95], [0.28, 0.0, 0.96]])
    base = unit(np.concatenate([bow, aside]))
    found = diffuse(base[:1], base, neighbors=3, steps=200)[0]
    assert found[20] > 0
    assert found[25:].max() < found[20]
    assert base[0] @ base[25] > base[0] @ base[20]


@pytest.mark.parametrize("rerank", [k_reciprocal, diffuse])
def test_small_sets_are_no_trouble(rerank):
    x, _ = crowd()
    assert rerank(x[:2], x[:0]).shape == (2, 0)
    assert rerank(x[:0], x[:3]).shape == (0, 3)
    one = rerank(x[:2], x[:1])
    assert one.shape == (2, 1)
    assert np.isfinite(one).all()


def test_order_of_the_base_does_not_count():
    x, _ = crowd()
    shuffled = np.random.default_rng(5).permutation(len(x))
    for rerank in (k_reciprocal, diffuse):
        assert rerank(x[:3], x[shuffled]) == pytest.approx(rerank(x[:3], x)[:, shuffled], abs=1e-4)
