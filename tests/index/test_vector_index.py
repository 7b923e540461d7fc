"""The vector index, all kinds of it, against plain numpy."""

import numpy as np
import pytest

from shared.index import vector_index as index_module
from shared.index.flat import FlatStorage
from shared.index.hnsw import HNSWStorage
from shared.index.vector_index import INDEX_TYPES, VectorIndex

DIMENSION = 24
TRAINED = [kind for kind in INDEX_TYPES if kind != "exact"]


def draw(count, seed=0, dimension=DIMENSION):
    """Vectors around thirty centres, as descriptors of photos are, and of any length."""
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(99).normal(size=(30, dimension))
    return (centers[rng.integers(30, size=count)] + 0.4 * rng.normal(size=(count, dimension))).astype("f4")


def cosines(queries, vectors):
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, vectors))
    return a @ b.T


def make(kind, count, **settings):
    index = VectorIndex(DIMENSION, kind, exact_below=256, **settings)
    index.add(draw(count))
    return index


def check_all(index, model):
    """Searches for everything and compares with a dictionary of vectors."""
    queries = draw(5, seed=77)
    assert len(index) == len(model)
    assert index.ids.tolist() == sorted(model)
    scores, ids = index.search(queries, k=len(model) + 3)
    assert (ids[:, len(model) :] == -1).all()
    assert np.isneginf(scores[:, len(model) :]).all()
    scores, ids = scores[:, : len(model)], ids[:, : len(model)]
    assert (np.sort(ids) == np.array(sorted(model))).all()
    assert (np.diff(scores) <= 0).all()
    if index.index_type != "pq" and model:
        for query, row_scores, row in zip(queries, scores, ids, strict=True):
            found = cosines(query[None], np.stack([model[id] for id in row.tolist()]))[0]
            np.testing.assert_allclose(row_scores, found, atol=1e-5)


@pytest.mark.parametrize(("kind", "least"), [("exact", 1.0), ("ivf", 0.95), ("hnsw", 0.95), ("pq", 0.85)])
def test_the_nearest_are_found(kind, least):
    vectors, queries = draw(1500), draw(60, seed=1)
    index = VectorIndex(DIMENSION, kind, exact_below=256)
    ids = index.add(vectors)
    assert ids.tolist() == list(range(1500))
    assert index.trained == (kind != "exact")
    scores, found = index.search(queries, k=10)
    truth = cosines(queries, vectors)
    best = np.argsort(-truth, axis=1)[:, :10]
    hits = [len(set(a) & set(b)) for a, b in zip(found.tolist(), best.tolist(), strict=True)]
    assert np.mean(hits) / 10 >= least
    assert scores.dtype == np.float32
    assert (np.diff(scores) <= 0).all()
    close = 1e-5 if kind != "pq" else 0.1
    np.testing.assert_allclose(scores, np.take_along_axis(truth, found, axis=1), atol=close)


@pytest.mark.parametrize("kind", INDEX_TYPES)
def test_a_small_gallery_is_compared_exactly(kind):
    vectors, queries = draw(100), draw(7, seed=1)
    index = VectorIndex(DIMENSION, kind)
    index.add(vectors)
    assert not index.trained
    _, found = index.search(queries, k=10)
    assert (found == np.argsort(-cosines(queries, vectors), axis=1)[:, :10]).all()


@pytest.mark.parametrize("kind", INDEX_TYPES)
def test_changes_are_those_of_a_dictionary(kind):
    rng = np.random.default_rng(3)
    index, model, items, seen = VectorIndex(DIMENSION, kind, exact_below=256), {}, {}, set()
    for step in range(24):
        vectors = draw(int(rng.integers(1, 60)), seed=step)
        ids = index.add(vectors, [{"step": step, "row": row} for row in range(len(vectors))]).tolist()
        assert not seen & set(ids)
        seen |= set(ids)
        model |= zip(ids, vectors, strict=True)
        items |= {id: {"step": step, "row": row} for row, id in enumerate(ids)}
        for id in rng.choice(sorted(model), 3, replace=False).tolist():
            model[id] = draw(1, seed=1000 + id)[0]
            index.replace(id, model[id], {"new": id} if id % 2 else None)
            items[id] = {"new": id} if id % 2 else items[id]
        gone = rng.choice(sorted(model), len(model) // 4, replace=False).tolist()
        index.remove(gone)
        for id in gone:
            del model[id], items[id]
        if step % 6 == 5:
            check_all(index, model)
            assert all(index.metadata(id) == item for id, item in items.items())
    ids, vectors = index.vectors()
    assert ids.tolist() == sorted(model)
    alike = cosines(np.stack([model[id] for id in ids.tolist()]), vectors).diagonal()
    assert alike.min() > (0.999 if kind != "pq" else 0.9)


@pytest.mark.parametrize("kind", INDEX_TYPES)
def test_an_index_may_become_empty_and_full_again(kind):
    index = make(kind, 300)
    index.remove(index.ids)
    check_all(index, {})
    assert index.search(draw(2), k=3)[1].tolist() == [[-1] * 3] * 2
    vectors = draw(300, seed=5)
    ids = index.add(vectors)
    assert ids[0] == 300
    check_all(index, dict(zip(ids.tolist(), vectors, strict=True)))


@pytest.mark.parametrize("kind", INDEX_TYPES)
def test_equal_vectors_are_all_found(kind):
    index = make(kind, 300)
    twins = index.add(np.tile(draw(1, seed=9), (40, 1)))
    scores, ids = index.search(draw(1, seed=9), k=40)
    assert sorted(ids[0]) == twins.tolist()
    assert np.ptp(scores) < 1e-6


@pytest.mark.parametrize("kind", TRAINED)
def test_an_index_that_has_grown_much_is_trained_again(kind):
    index = make(kind, 256)
    first = index._storage
    for seed in range(1, 5):
        index.add(draw(500, seed))
    assert index._storage is not first
    vectors = np.concatenate([draw(256), *(draw(500, seed) for seed in range(1, 5))])
    best = np.argsort(-cosines(draw(40, seed=8), vectors), axis=1)[:, :10]
    found = index.search(draw(40, seed=8), k=10)[1]
    hits = [len(set(a) & set(b)) for a, b in zip(found.tolist(), best.tolist(), strict=True)]
    assert np.mean(hits) / 10 >= (0.75 if kind == "pq" else 0.9)


def test_a_graph_of_which_much_was_removed_is_built_again():
    index = make("hnsw", 400)
    index.remove(range(90))
    assert len(index._storage._ids.rows) == 400
    assert index.search(draw(1)[:1], k=1)[1] >= 90  # the nearest of all was removed
    index.remove(range(90, 110))
    assert isinstance(index._storage, HNSWStorage)
    assert len(index._storage._ids.rows) == 290
    index.remove(range(110, 250))
    assert isinstance(index._storage, FlatStorage)
    check_all(index, dict(enumerate(draw(400)[250:], start=250)))


def test_a_higher_recall_looks_further():
    queries, vectors = np.split(np.random.default_rng(0).normal(size=(2040, DIMENSION)), [40])  # no clusters
    best = np.argsort(-cosines(queries, vectors), axis=1)[:, :10]

    def hits(recall):
        index = VectorIndex(DIMENSION, "ivf", exact_below=256, recall=recall)
        index.add(vectors)
        found = index.search(queries, k=10)[1]
        return sum(len(set(a) & set(b)) for a, b in zip(found.tolist(), best.tolist(), strict=True))

    assert hits(0.3) < hits(0.9) < hits(1.0)
    assert hits(1.0) >= 0.99 * 400


@pytest.mark.parametrize("kind", INDEX_TYPES)
def test_low_scores_can_be_left_out(kind):
    index = make(kind, 300)
    scores, ids = index.search(draw(3, seed=1), k=20)
    least = float(np.median(scores))
    low, left = index.search(draw(3, seed=1), k=20, min_score=least)
    assert (left == np.where(scores < least, -1, ids)).all()
    assert (low == np.where(scores < least, -np.inf, scores)).all()


@pytest.mark.parametrize("kind", INDEX_TYPES)
def test_faiss_alone_finds_the_same(kind):
    index = make(kind, 300)
    queries = draw(20, seed=1)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    scores, ids = index.search(queries, k=5)
    alone, found = index.faiss_index().search(queries, 5)
    assert (found == ids).all()
    np.testing.assert_allclose(1 - alone / 2 if kind == "pq" else alone, scores, atol=1e-5)


def test_a_code_and_its_ids_take_less_than_a_hundred_bytes():
    index = VectorIndex(256, "pq", exact_below=256)
    index.add(draw(400, dimension=256))
    before = index.bytes_per_vector * 400
    index.add(draw(100, seed=1, dimension=256))
    assert (index.bytes_per_vector * 500 - before) / 100 == 88 + 8
    exact = VectorIndex(256)
    exact.add(draw(10, dimension=256))
    assert exact.bytes_per_vector == 256 * 4 + 8


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.zeros((2, DIMENSION)), "zero in row 0"),
        (np.array([[1.0] * DIMENSION, [np.nan] * DIMENSION]), "NaN or infinity in row 1"),
        (np.full((1, DIMENSION), -np.inf), "NaN or infinity in row 0"),
        (np.full((1, DIMENSION), 1e300), "NaN or infinity in row 0"),
        (np.ones((2, DIMENSION + 1)), r"expected numbers \[N, 24\], received float64 \[2, 25\]"),
        (np.ones(DIMENSION), r"received float64 \[24\]"),
        (np.array([["a"] * DIMENSION]), "expected numbers"),
    ],
)
@pytest.mark.parametrize("kind", ["exact", "ivf"])
def test_what_is_no_vector_is_refused(kind, vectors, message):
    index = make(kind, 300)
    with pytest.raises(ValueError, match=message):
        index.add(vectors)
    with pytest.raises(ValueError, match=message):
        index.search(vectors, k=1)
    assert len(index) == 300
    assert index.add(draw(1)).tolist() == [300]


def test_numbers_of_any_size_have_a_direction():
    index = VectorIndex(2)
    index.add(np.array([[1e-40, 0], [0, 1e38]], np.float32))
    index.add(np.array([[3, 3]], np.int64))
    scores, ids = index.search(np.array([[1, 1e-3]], np.float16), k=3)
    assert ids.tolist() == [[0, 2, 1]]
    np.testing.assert_allclose(scores[0], [1, 0.7078, 0.001], atol=1e-4)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([{}], "metadata for each of 2 vectors, received 1"),
        ([{}, ["a"]], "metadata 1 must be a mapping"),
        ([{1: 2}, {}], "metadata 0 must be a mapping with text for keys"),
        ([{"a": object()}, {}], "metadata 0 cannot be stored as JSON"),
        ([{"a": float("nan")}, {}], "metadata 0 cannot be stored as JSON"),
        ([{"a": "b" * 70_000}, {}], "metadata 0 has 70,008 characters"),
    ],
)
def test_what_is_no_item_is_refused(items, message):
    index = VectorIndex(DIMENSION)
    with pytest.raises(ValueError, match=message):
        index.add(draw(2), items)
    assert len(index) == 0


def test_items_belong_to_the_index():
    index = VectorIndex(DIMENSION)
    item = {"file": "café.jpg", "box": [1, 2.5, None]}
    index.add(draw(1))
    (id,) = index.add(draw(1), [item])
    item["file"] = "other.jpg"
    index.metadata(id)["box"].append(3)
    assert index.metadata(id) == {"file": "café.jpg", "box": [1, 2.5, None]}
    assert index.metadata(0) == {}
    index.replace(0, draw(1)[0], {"a": 1})
    assert index.metadata(0) == {"a": 1}
    assert 0 in index
    assert 2 not in index


def test_ids_may_need_more_than_four_bytes():
    index = make("exact", 3)
    index._next_id = 2**32 - 1
    assert index.add(draw(2), [{"a": 1}, {"b": 2}]).tolist() == [2**32 - 1, 2**32]
    assert index.ids.tolist() == [0, 1, 2, 2**32 - 1, 2**32]
    assert index.metadata(2**32) == {"b": 2}
    assert 2**33 not in index
    assert index.search(draw(2)[1:], k=1)[1][0, 0] in (1, 2**32)
    index.remove([2**32 - 1, 1])
    assert index.ids.tolist() == [0, 2, 2**32]


def test_ids_that_are_not_there():
    index = make("ivf", 300)
    index.remove([7, 7])
    for call in (
        lambda: index.remove([3, 7]),
        lambda: index.metadata(7),
        lambda: index.replace(7, draw(1)[0]),
        lambda: index.metadata(-1),
    ):
        with pytest.raises(KeyError, match="nothing under the ids"):
            call()
    assert len(index) == 299
    assert 3 in index


@pytest.mark.parametrize(
    "settings", [{"dimension": 0}, {"index_type": "lsh"}, {"recall": 0}, {"exact_below": 10}]
)
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match="received"):
        VectorIndex(**{"dimension": 4, **settings})


def test_nothing_may_be_added_and_asked():
    index = make("ivf", 300)
    assert index.add(np.empty((0, DIMENSION)), []).tolist() == []
    assert [found.shape for found in index.search(np.empty((0, DIMENSION)), k=3)] == [(0, 3)] * 2
    index.remove([])
    assert len(index) == 300


def test_k_out_of_range():
    with pytest.raises(ValueError, match="k must be at least 1, received 0"):
        make("exact", 3).search(draw(1), k=0)


@pytest.mark.parametrize("kind", INDEX_TYPES)
def test_an_add_that_fails_leaves_nothing(kind, monkeypatch):
    index = make(kind, 300)
    calls, add = [], type(index._storage).add

    def failing(store, vectors, ids):
        calls.append(len(ids))
        if len(calls) == 2:
            raise MemoryError
        add(store, vectors, ids)

    monkeypatch.setattr(type(index._storage), "max_batch", 10)
    monkeypatch.setattr(type(index._storage), "add", failing)
    with pytest.raises(MemoryError):
        index.add(draw(30, seed=1), [{"a": 1}] * 30)
    monkeypatch.undo()
    check_all(index, dict(enumerate(draw(300))))
    assert index.add(draw(1)).tolist() == [330]


def test_a_training_that_fails_leaves_the_index_as_it_was(monkeypatch):
    def failing(*_):
        raise MemoryError

    index = VectorIndex(DIMENSION, "ivf", exact_below=256)
    index.add(draw(250))
    monkeypatch.setattr(index_module, "build_storage", failing)
    with pytest.raises(MemoryError):
        index.add(draw(50, seed=1))
    check_all(index, dict(enumerate(draw(250))))
