"""Vector indexes of all types against plain numpy."""

import numpy as np
import pytest

from shared.index import vector_index
from shared.index.flat import FlatStorage
from shared.index.hnsw import HNSWStorage
from shared.index.vector_index import INDEX_TYPES, VectorIndex

DIMENSION = 24
TRAINED = [index_type for index_type in INDEX_TYPES if index_type != "exact"]


def draw(count, seed=0, dimension=DIMENSION):
    """Draw vectors around thirty centres, as image descriptors are, and of any length."""
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(99).normal(size=(30, dimension))
    return (centers[rng.integers(30, size=count)] + 0.4 * rng.normal(size=(count, dimension))).astype("f4")


def cosines(queries, vectors):
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, vectors))
    return a @ b.T


def recall(index, queries, vectors, k=10):
    """Compute the fraction of the true nearest vectors that an index finds; ids are rows."""
    nearest = np.argsort(-cosines(queries, vectors), axis=1)[:, :k]
    ids = index.search(queries, k=k)[1]
    hits = [len(set(a) & set(b)) for a, b in zip(ids.tolist(), nearest.tolist(), strict=True)]
    return np.mean(hits) / k


def make(index_type, count, **settings):
    index = VectorIndex(DIMENSION, index_type, exact_below=256, **settings)
    index.add(draw(count))
    return index


def check_all(index, model):
    """Compare all that an index finds with a dictionary of vectors."""
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
            expected = cosines(query[None], np.stack([model[id] for id in row.tolist()]))[0]
            np.testing.assert_allclose(row_scores, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("index_type", "min_recall"), [("exact", 1.0), ("ivf", 0.95), ("hnsw", 0.95), ("pq", 0.85)]
)
def test_the_nearest_are_found(index_type, min_recall):
    vectors, queries = draw(1500), draw(60, seed=1)
    index = VectorIndex(DIMENSION, index_type, exact_below=256)
    assert index.add(vectors).tolist() == list(range(1500))
    assert index.trained == (index_type != "exact")
    assert recall(index, queries, vectors) >= min_recall
    scores, ids = index.search(queries, k=10)
    assert scores.dtype == np.float32
    assert (np.diff(scores) <= 0).all()
    tolerance = 1e-5 if index_type != "pq" else 0.1
    expected = np.take_along_axis(cosines(queries, vectors), ids, axis=1)
    np.testing.assert_allclose(scores, expected, atol=tolerance)


FORMS = {
    "of length 1": lambda query: query / np.linalg.norm(query),
    "long": lambda query: 1e15 * query,
    "short": lambda query: 1e-15 * query,
    "float64": lambda query: query.astype("f8"),
    "swapped bytes": lambda query: query.astype(">f4"),
    "every second number": lambda query: np.repeat(query, 2, axis=1)[:, ::2],
    "read-only": lambda query: np.frombuffer(query.tobytes(), "f4")[None],
    "list": lambda query: query.tolist(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_a_single_query_finds_what_it_finds_among_others(index_type, form):
    index, queries = make(index_type, 300), draw(3, seed=1)
    for k in (5, 300):
        scores, ids = index.search(queries, k)
        for row in range(3):
            query = form(queries[row : row + 1])
            before = np.array(query)
            single_scores, single_ids = index.search(query, k)
            np.testing.assert_allclose(single_scores[0], scores[row], atol=1e-5)
            assert (single_ids[0] == ids[row])[:5].all()
            assert (np.asarray(query) == before).all()


@pytest.mark.parametrize(("number", "defect"), [(0, "zero"), (np.nan, "NaN"), (np.inf, "NaN or infinity")])
def test_an_invalid_single_query_is_refused(number, defect):
    with pytest.raises(ValueError, match=f"received {defect}.* in row 0"):
        make("ivf", 300).search(np.full((1, DIMENSION), number, np.float32), k=1)


def test_ids_in_a_graph_are_right_after_changes(tmp_path):
    index = make("hnsw", 300)
    model = dict(enumerate(draw(300)))
    index.remove([3])  # the id of each node is still its number
    del model[3]
    for _ in range(2):
        check_all(index, model)
        index.save(tmp_path / "index")
        index = VectorIndex.load(tmp_path / "index")
        check_all(index, model)
        model[8] = draw(1, seed=4)[0]
        index.replace(8, model[8])
        assert index.search(model[8][None], k=1)[1] == 8
    check_all(index, model)


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_a_small_gallery_is_compared_exactly(index_type):
    vectors, queries = draw(100), draw(7, seed=1)
    index = VectorIndex(DIMENSION, index_type)
    index.add(vectors)
    assert not index.trained
    _, ids = index.search(queries, k=10)
    assert (ids == np.argsort(-cosines(queries, vectors), axis=1)[:, :10]).all()


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_changes_are_those_of_a_dictionary(index_type):
    rng = np.random.default_rng(3)
    index = VectorIndex(DIMENSION, index_type, exact_below=256)
    model, metadata, used_ids = {}, {}, set()
    for step in range(24):
        vectors = draw(int(rng.integers(1, 60)), seed=step)
        ids = index.add(vectors, [{"step": step, "row": row} for row in range(len(vectors))]).tolist()
        assert not used_ids & set(ids)
        used_ids |= set(ids)
        model |= zip(ids, vectors, strict=True)
        metadata |= {id: {"step": step, "row": row} for row, id in enumerate(ids)}
        for id in rng.choice(sorted(model), 3, replace=False).tolist():
            model[id] = draw(1, seed=1000 + id)[0]
            index.replace(id, model[id], {"new": id} if id % 2 else None)
            metadata[id] = {"new": id} if id % 2 else metadata[id]
        removed = rng.choice(sorted(model), len(model) // 4, replace=False).tolist()
        index.remove(removed)
        for id in removed:
            del model[id], metadata[id]
        if step % 6 == 5:
            check_all(index, model)
            assert all(index.metadata(id) == mapping for id, mapping in metadata.items())
    ids, vectors = index.vectors()
    assert ids.tolist() == sorted(model)
    similarity = cosines(np.stack([model[id] for id in ids.tolist()]), vectors).diagonal()
    assert similarity.min() > (0.999 if index_type != "pq" else 0.9)


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_an_index_may_become_empty_and_full_again(index_type):
    index = make(index_type, 300)
    index.remove(index.ids)
    check_all(index, {})
    assert index.search(draw(2), k=3)[1].tolist() == [[-1] * 3] * 2
    vectors = draw(300, seed=5)
    ids = index.add(vectors)
    assert ids[0] == 300
    check_all(index, dict(zip(ids.tolist(), vectors, strict=True)))


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_equal_vectors_are_all_found(index_type):
    index = make(index_type, 300)
    twins = index.add(np.tile(draw(1, seed=9), (40, 1)))
    scores, ids = index.search(draw(1, seed=9), k=40)
    assert sorted(ids[0]) == twins.tolist()
    assert np.ptp(scores) < 1e-6


@pytest.mark.parametrize("index_type", TRAINED)
def test_an_index_that_has_grown_is_trained_again(index_type):
    index = make(index_type, 256)
    storage = index._storage
    for seed in range(1, 5):
        index.add(draw(500, seed))
    assert index._storage is not storage
    vectors = np.concatenate([draw(256), *(draw(500, seed) for seed in range(1, 5))])
    assert recall(index, draw(40, seed=8), vectors) >= (0.75 if index_type == "pq" else 0.9)


def test_a_graph_is_rebuilt_after_many_removals():
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


def without_clusters(count):
    """Draw forty queries and other vectors in all directions, in which every search has to go far."""
    return np.split(np.random.default_rng(0).normal(size=(40 + count, DIMENSION)), [40])


def test_a_higher_recall_searches_further():
    queries, vectors = without_clusters(2000)
    recalls = []
    for target in (0.3, 0.9, 1.0):
        index = VectorIndex(DIMENSION, "ivf", exact_below=256, recall=target)
        index.add(vectors)
        recalls.append(recall(index, queries, vectors))
    assert recalls == sorted(recalls)
    assert recalls[0] < 0.9
    assert recalls[-1] >= 0.99


@pytest.mark.parametrize("k", [50, 200])
def test_a_search_for_many_neighbors_widens_in_a_graph(k):
    queries, vectors = without_clusters(4000)
    index = VectorIndex(DIMENSION, "hnsw", exact_below=256)
    index.add(vectors)
    assert index._storage._effort < k  # tuned for ten neighbours
    assert recall(index, queries, vectors, k) >= 0.98


@pytest.mark.parametrize("k", [1, 3, 5, 7])
def test_codes_find_few_neighbors_as_well(k):
    """Codes lose some neighbours, so their search visits more lists than one of vectors."""
    queries, vectors = without_clusters(2000)
    index = VectorIndex(DIMENSION, "pq", exact_below=256, recall=0.6)
    index.add(vectors)
    assert recall(index, queries, vectors, k) >= 0.87


@pytest.mark.parametrize(("k", "min_recall"), [(50, 0.45), (200, 0.77)])
def test_a_search_for_many_neighbors_widens_in_lists(k, min_recall):
    queries, vectors = without_clusters(2000)
    index = VectorIndex(DIMENSION, "ivf", exact_below=256, recall=0.3)
    index.add(vectors)
    assert recall(index, queries, vectors, k) >= min_recall


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_low_scores_can_be_left_out(index_type):
    index = make(index_type, 300)
    scores, ids = index.search(draw(3, seed=1), k=20)
    min_score = float(np.median(scores))
    high_scores, high_ids = index.search(draw(3, seed=1), k=20, min_score=min_score)
    assert (high_ids == np.where(scores < min_score, -1, ids)).all()
    assert (high_scores == np.where(scores < min_score, -np.inf, scores)).all()


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_faiss_alone_finds_the_same_ids(index_type):
    index = make(index_type, 300)
    queries = draw(20, seed=1)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    scores, ids = index.search(queries, k=5)
    faiss_scores, faiss_ids = index.faiss_index().search(queries, 5)
    assert (faiss_ids == ids).all()
    expected = 1 - faiss_scores / 2 if index_type == "pq" else faiss_scores
    np.testing.assert_allclose(expected, scores, atol=1e-5)


def test_a_code_and_its_ids_take_less_than_a_hundred_bytes():
    index = VectorIndex(256, "pq", exact_below=256)
    index.add(draw(400, dimension=256))
    nbytes = index.bytes_per_vector * 400
    index.add(draw(100, seed=1, dimension=256))
    assert (index.bytes_per_vector * 500 - nbytes) / 100 == 88 + 8
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
@pytest.mark.parametrize("index_type", ["exact", "ivf"])
def test_invalid_vectors_are_refused(index_type, vectors, message):
    index = make(index_type, 300)
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
    ("metadata", "message"),
    [
        ([{}], "metadata for each of 2 vectors, received 1"),
        ([{}, ["a"]], "metadata 1 must be a mapping"),
        ([{1: 2}, {}], "metadata 0 must be a mapping with text for keys"),
        ([{"a": object()}, {}], "metadata 0 cannot be stored as JSON"),
        ([{"a": float("nan")}, {}], "metadata 0 cannot be stored as JSON"),
        ([{"a": "b" * 70_000}, {}], "metadata 0 has 70,008 characters"),
    ],
)
def test_invalid_metadata_are_refused(metadata, message):
    index = VectorIndex(DIMENSION)
    with pytest.raises(ValueError, match=message):
        index.add(draw(2), metadata)
    assert len(index) == 0


def test_metadata_are_copied():
    index = VectorIndex(DIMENSION)
    mapping = {"file": "café.jpg", "box": [1, 2.5, None]}
    index.add(draw(1))
    (id,) = index.add(draw(1), [mapping])
    mapping["file"] = "other.jpg"
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


def test_missing_ids_are_an_error():
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


def test_empty_arrays_may_be_added_and_searched():
    index = make("ivf", 300)
    assert index.add(np.empty((0, DIMENSION)), []).tolist() == []
    assert [result.shape for result in index.search(np.empty((0, DIMENSION)), k=3)] == [(0, 3)] * 2
    index.remove([])
    assert len(index) == 300


def test_k_out_of_range():
    with pytest.raises(ValueError, match="k must be at least 1, received 0"):
        make("exact", 3).search(draw(1), k=0)


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_a_failed_add_leaves_nothing(index_type, monkeypatch):
    index = make(index_type, 300)
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


def test_a_failed_training_leaves_the_index_unchanged(monkeypatch):
    def failing(*_):
        raise MemoryError

    index = VectorIndex(DIMENSION, "ivf", exact_below=256)
    index.add(draw(250))
    monkeypatch.setattr(vector_index, "build_storage", failing)
    with pytest.raises(MemoryError):
        index.add(draw(50, seed=1))
    check_all(index, dict(enumerate(draw(250))))
