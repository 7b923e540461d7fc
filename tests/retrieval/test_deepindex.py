"""DeepIndex on synthetic features: search, patch matches, changes, files."""

from dataclasses import replace
from threading import Thread

import numpy as np
import pytest

from shared.index import file as index_file
from shared.index.reader import IndexFileError
from shared.retrieval.deepindex.gallery_index import similarity
from shared.retrieval.deepindex.index import CONTENT, DeepIndex
from shared.retrieval.deepindex.patches import Bag, patch_grid
from shared.retrieval.deepindex.vocabulary import SearchSettings, Vocabulary
from shared.retrieval.training.codebooks import CodebookSettings, fit_vocabulary

BOXES = patch_grid((1, 2))
LEVELS = {"mid": 20, "high": 28}
WORDS = dict.fromkeys(LEVELS, 40)
SETTINGS = SearchSettings(assignments=(3, 3), sigma=6.0, signature=0.5)


def make_bag(scene, view=0, noise=0.15):
    """Return features of five patches, which are nearly the same in every view of a scene."""
    scene_rng, view_rng = np.random.default_rng(1000 + scene), np.random.default_rng([scene, view])
    features = {
        level: (scene_rng.random((5, length)) ** 3 + noise * view_rng.random((5, length))).astype(np.float32)
        for level, length in LEVELS.items()
    }
    whole = np.concatenate([x.mean(0) / np.linalg.norm(x.mean(0)) for x in features.values()])
    return Bag(BOXES, features, whole)


def without_features(bag):
    """Return a bag of the same patches in which the network sees nothing."""
    return Bag(bag.boxes, {level: 0 * x for level, x in bag.features.items()}, 0 * bag.whole)


@pytest.fixture(scope="module")
def vocabulary():
    bags = [make_bag(scene) for scene in range(500, 580)]
    settings = CodebookSettings(dims=16, bits=16)
    return fit_vocabulary(bags, WORDS, settings, power=3.0, signature_bits=32)


def build_index(vocabulary, count=20, settings=SETTINGS):
    index = DeepIndex(vocabulary, settings)
    index.add([f"scene {scene}" for scene in range(count)], [make_bag(scene) for scene in range(count)])
    return index


@pytest.fixture(scope="module")
def index(vocabulary):
    return build_index(vocabulary)


@pytest.mark.parametrize("levels", [["mid"], ["high"], ["mid", "high"]])
@pytest.mark.parametrize("sigma", [None, 6.0])
@pytest.mark.parametrize("signature", [0.0, 0.5])
def test_another_view_finds_its_scene(vocabulary, levels, sigma, signature):
    settings = SearchSettings(assignments=(3,) * len(levels), sigma=sigma, signature=signature)
    index = build_index(vocabulary.select(*levels), settings=settings)
    first = [index.search(make_bag(scene, view=1))[0].name for scene in range(20)]
    precision = np.mean([name == f"scene {scene}" for scene, name in enumerate(first)])
    assert precision >= (0.8 if sigma or signature else 0.5)  # by chance: 0.05


def test_hits_are_the_best_scores(index):
    bag = make_bag(3, view=1)
    hits = index.search(bag, top_k=7)
    scores = dict(zip(index.names, index.scores(bag), strict=True))
    positive = [score for score in scores.values() if score > 0]
    assert [hit.score for hit in hits] == sorted(positive, reverse=True)[:7]
    assert hits
    assert all(scores[hit.name] == hit.score for hit in hits)
    assert len(index.search(bag, top_k=1000)) == len(positive)


@pytest.mark.parametrize("levels", [["high"], ["mid", "high"]])
@pytest.mark.parametrize("signature", [0.0, 0.5])
def test_the_highest_score_is_that_of_the_image_itself(vocabulary, levels, signature):
    settings = replace(SETTINGS, assignments=(3,) * len(levels), signature=signature)
    index = build_index(vocabulary.select(*levels), settings=settings)
    for scene in range(20):
        bag = make_bag(scene)
        expected = index.scores(bag)[scene]
        assert index.self_score(bag) == pytest.approx(expected, rel=0.4 if signature else 1e-6)
    assert DeepIndex(vocabulary, SETTINGS).self_score(make_bag(0)) == SETTINGS.signature


def test_similarities_fill_the_range_in_the_same_order():
    scores = [0.05, 0.04, 1e-4, 1e-7, 0.0]
    similarities = [similarity(score, 0.04, 4) for score in scores]
    assert similarities[:2] == [1.0, 1.0]
    assert [round(value, 2) for value in similarities[2:]] == [0.22, 0.04, 0.0]
    assert similarity(0.1, 0.0, 4) == 0


@pytest.mark.parametrize("levels", [["high"], ["mid", "high"]])
def test_patch_matches_sum_to_the_score(vocabulary, levels):
    settings = replace(SETTINGS, assignments=(3,) * len(levels), signature=0)
    index = build_index(vocabulary.select(*levels), settings=settings)
    bag = make_bag(5, view=1)
    matches = index.patch_matches(bag, "scene 5")
    assert sum(match.weight for match in matches) == pytest.approx(index.scores(bag)[5])
    assert [match.weight for match in matches] == sorted((match.weight for match in matches), reverse=True)
    assert index.patch_matches(bag, "scene 5", top_k=2) == matches[:2]


def test_every_patch_of_the_same_view_matches_itself(vocabulary):
    index = build_index(vocabulary, settings=SearchSettings(assignments=(1, 1), sigma=6.0, signature=0))
    matches = index.patch_matches(make_bag(2), "scene 2")
    itself = {match.query for match in matches if match.query == match.image}
    assert itself == {tuple(box) for box in BOXES.tolist()}


def test_a_match_of_two_levels_is_a_match_of_each(vocabulary):
    bag, settings = make_bag(5, view=1), replace(SETTINGS, signature=0)

    def pairs(*levels):
        level_settings = replace(settings, assignments=(3,) * len(levels))
        index = build_index(vocabulary.select(*levels), settings=level_settings)
        return {(match.query, match.image) for match in index.patch_matches(bag, "scene 5")}

    assert pairs("mid", "high") == pairs("mid") & pairs("high")


def test_the_signature_is_added_to_the_score(vocabulary):
    bag = make_bag(4, view=1)
    plain = build_index(vocabulary, settings=replace(SETTINGS, signature=0)).scores(bag)
    scores = build_index(vocabulary).scores(bag)
    whole_images = np.stack([make_bag(scene).whole for scene in range(20)])
    codes = vocabulary.signature.assign(whole_images).codes[:, 0]
    cosines = vocabulary.signature.code_cosines(bag.whole, codes)
    assert cosines.argmax() == 4
    full = build_index(vocabulary, settings=replace(SETTINGS, full_ranking=True)).scores(bag)
    assert scores == pytest.approx(np.where(plain > 0, plain + 0.5 * np.maximum(cosines, 0), 0))
    assert full == pytest.approx(plain + 0.5 * np.maximum(cosines, 0))


def test_a_query_may_have_any_patches(index):
    bag = make_bag(6, view=1)
    part = Bag(bag.boxes[1:3], {level: x[1:3] for level, x in bag.features.items()}, bag.whole)
    all_pairs = {(match.query, match.image) for match in index.patch_matches(bag, "scene 6")}
    pairs = {(match.query, match.image) for match in index.patch_matches(part, "scene 6")}
    part_boxes = {tuple(box) for box in BOXES[1:3].tolist()}
    assert pairs == {pair for pair in all_pairs if pair[0] in part_boxes}


def test_a_query_without_features_has_no_hits(index):
    bag = make_bag(1)
    empty = Bag(BOXES[:0], {level: x[:0] for level, x in bag.features.items()}, bag.whole)
    for query in (empty, without_features(bag)):
        assert index.search(query) == []
        assert index.patch_matches(query, "scene 1") == []
        assert index.scores(query).tolist() == [0] * 20


def test_an_empty_index_and_an_index_of_one_image(vocabulary):
    index = DeepIndex(vocabulary, SETTINGS)
    assert (len(index), index.search(make_bag(0)), index.bytes_per_image()) == (0, [], 0)
    index.add([], [])
    index.add(["single"], [make_bag(0)])
    assert index.search(make_bag(0)) == []  # words of all images weigh nothing
    assert len(index) == 1


def test_an_image_without_features_is_stored_and_never_found(vocabulary):
    index = build_index(vocabulary)
    index.add(["dark"], [without_features(make_bag(0))])
    assert "dark" not in [hit.name for hit in index.search(make_bag(0), top_k=99)]
    index.remove(["dark"])
    assert len(index) == 20


def test_removal_undoes_addition(vocabulary):
    index, bag = build_index(vocabulary), make_bag(3, view=1)
    before = index.scores(bag)
    index.add(["a", "b"], [make_bag(70), make_bag(71)])
    assert (index.scores(bag)[:20] != before).any()
    index.remove(["b", "a"])
    assert (index.scores(bag) == before).all()
    index.remove([f"scene {scene}" for scene in range(20)])
    assert len(index) == 0


def test_names_are_unique(vocabulary):
    index = build_index(vocabulary, 3)
    with pytest.raises(ValueError, match="name of its own"):
        index.add(["scene 1"], [make_bag(1)])
    with pytest.raises(ValueError, match="name of its own"):
        index.add(["x", "x"], [make_bag(1), make_bag(2)])
    with pytest.raises(ValueError, match="for each of 2 names"):
        index.add(["x", "y"], [make_bag(1)])
    with pytest.raises(KeyError, match="scene 9"):
        index.remove(["scene 1", "scene 9"])
    with pytest.raises(ValueError, match="no image 'x'"):
        index.patch_matches(make_bag(1), "x")
    assert index.names == ("scene 0", "scene 1", "scene 2")


def test_a_bag_of_other_patches_is_an_error(vocabulary):
    bag = make_bag(0)
    with pytest.raises(ValueError, match="other boxes"):
        DeepIndex(vocabulary).add(["x"], [Bag(BOXES + 0.01, bag.features, bag.whole)])


def test_a_search_never_sees_half_a_change(vocabulary):
    index, bag = build_index(vocabulary), make_bag(3, view=1)
    before = index.scores(bag)
    index.add(["new"], [make_bag(50)])
    after = index.scores(bag)
    index.remove(["new"])
    done = False

    def change():
        while not done:
            index.add(["new"], [make_bag(50)])
            index.remove(["new"])

    thread = Thread(target=change)
    thread.start()
    try:
        for _ in range(20):
            scores = index.scores(bag)
            assert (scores == (before if len(scores) == 20 else after)).all()
    finally:
        done = True
        thread.join()


def test_bytes_count_postings_signatures_and_lists(index):
    """Five patches: 4 bytes of slot, 2 of the second word and 4 of code each; 4 of norm, 4 of signature."""
    starts = 8 * 41 / 20
    assert index.bytes_per_image() == pytest.approx(5 * (4 + 2 + 4) + 4 + 4 + starts)
    compressed = index.bytes_per_image(compressed=True)
    assert 5 * (1 + 1 + 4) + 4 <= compressed < index.bytes_per_image()


def test_an_index_is_restored_from_its_file(index, vocabulary, tmp_path):
    path = index.save(tmp_path / "words.index")
    loaded = DeepIndex.load(path, Vocabulary.load(vocabulary.save(tmp_path / "words")), SETTINGS)
    assert loaded.names == index.names
    for scene in range(5):
        bag = make_bag(scene, view=1)
        # arrays elsewhere in memory may be summed in another order
        assert loaded.scores(bag) == pytest.approx(index.scores(bag), rel=1e-5)
        assert loaded.patch_matches(bag, "scene 1") == index.patch_matches(bag, "scene 1")
    assert path.stat().st_size < 20 * index.bytes_per_image(compressed=True) + 2000


def test_an_empty_index_is_restored(vocabulary, tmp_path):
    path = DeepIndex(vocabulary).save(tmp_path / "words.index")
    assert len(DeepIndex.load(path, vocabulary)) == 0


def test_a_file_belongs_to_one_vocabulary(index, vocabulary, tmp_path):
    path = index.save(tmp_path / "words.index")
    others = (vocabulary.select("mid"), replace(vocabulary, power=1.0), replace(vocabulary, signature=None))
    for changed in others:
        with pytest.raises(IndexFileError, match="another vocabulary"):
            DeepIndex.load(path, changed)


def test_a_damaged_file_is_an_error(index, vocabulary, tmp_path):
    path = index.save(tmp_path / "words.index")
    data = path.read_bytes()
    for place in (3, 40, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        with pytest.raises(IndexFileError, match=r"words\.index"):
            DeepIndex.load(path, vocabulary)
    with pytest.raises(IndexFileError, match="check the path"):
        DeepIndex.load(tmp_path / "missing.index", vocabulary)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("names", lambda x: x[:-10]),
        ("names", lambda x: np.frombuffer(b'["a", "a"]', np.uint8)),
        ("names", lambda x: np.frombuffer(b"{}", np.uint8)),
        ("names", lambda x: np.frombuffer(b"[1, 2]", np.uint8)),
        ("lengths", lambda x: x[:-1]),
        ("slots", lambda x: np.where(np.arange(len(x)) == 0, 127, x).astype(np.uint8)),
        ("second", lambda x: np.where(np.arange(len(x)) == 0, 127, x).astype(np.uint8)),
        ("codes", lambda x: x[:, :1]),
        ("codes", lambda x: x.astype(np.int32)),
        ("signatures", lambda x: x[:3]),
        ("signatures", None),
    ],
)
def test_a_file_that_contradicts_itself_is_an_error(index, vocabulary, tmp_path, name, change):
    """The checksum is correct, as only an attacker would write it."""
    path = index.save(tmp_path / "words.index")
    reader = index_file.read(path, content=CONTENT)
    array = reader.arrays.pop(name)
    if change:
        reader.arrays[name] = change(array)
    index_file.write(path, reader.values, {key: [part] for key, part in reader.arrays.items()}, CONTENT)
    with pytest.raises(IndexFileError, match="is damaged"):
        DeepIndex.load(path, vocabulary)


def test_a_vocabulary_needs_bags():
    settings = CodebookSettings(dims=16, bits=0)
    with pytest.raises(ValueError, match="at least one bag"):
        fit_vocabulary([], WORDS, settings, power=3.0)
    bags = [make_bag(scene) for scene in range(20)]
    bare = fit_vocabulary(bags, {"mid": 5}, settings, power=3.0, signature_bits=0)
    assert (bare.bits, bare.signature) == (0, None)
    index = DeepIndex(bare, SearchSettings(assignments=(2,)))
    index.add(["a", "b", "c"], [make_bag(1), make_bag(2), make_bag(3)])
    assert index.search(make_bag(2))[0].name == "b"
    arrays = ("mean", "projection", "centers", "rotation", "thresholds")
    assert set(bare.arrays()) == {"boxes", *(f"mid.{name}" for name in arrays)}
