"""DeepIndex on made-up features: finding, explaining, changing, and keeping."""

from dataclasses import replace
from threading import Thread

import numpy as np
import pytest

from shared.retrieval.deepindex import storage, vocabulary
from shared.retrieval.deepindex.hamming_embedding import cosines
from shared.retrieval.deepindex.index import DeepIndex, Settings
from shared.retrieval.deepindex.patches import Bag, grid
from shared.retrieval.deepindex.storage import StorageError
from shared.retrieval.deepindex.vocabulary import Vocabulary

BOXES = grid((1, 2))
LEVELS = {"mid": 20, "high": 28}
WORDS = dict.fromkeys(LEVELS, 40)


def scene(number, view=0, noise=0.15):
    """Features of five patches, which are nearly the same in every view of a scene."""
    own, rng = np.random.default_rng(1000 + number), np.random.default_rng([number, view])
    features = {
        level: (own.random((5, length)) ** 3 + noise * rng.random((5, length))).astype(np.float32)
        for level, length in LEVELS.items()
    }
    whole = np.concatenate([x.mean(0) / np.linalg.norm(x.mean(0)) for x in features.values()])
    return Bag(BOXES, features, whole)


@pytest.fixture(scope="module")
def words():
    bags = [scene(number) for number in range(500, 580)]
    return vocabulary.learn(bags, WORDS, power=3.0, dims=16, bits=16, signature_bits=32)


SETTINGS = Settings(assignments=(3, 3), sigma=6.0, signature=0.5)


def filled(words, count=20, settings=SETTINGS):
    index = DeepIndex(words, settings)
    index.add([f"scene {number}" for number in range(count)], [scene(number) for number in range(count)])
    return index


@pytest.fixture(scope="module")
def index(words):
    return filled(words)


@pytest.mark.parametrize("levels", [["mid"], ["high"], ["mid", "high"]])
@pytest.mark.parametrize("sigma", [None, 6.0])
@pytest.mark.parametrize("signature", [0.0, 0.5])
def test_another_view_finds_its_scene(words, levels, sigma, signature):
    settings = Settings(assignments=(3,) * len(levels), sigma=sigma, signature=signature)
    index = filled(words.only(*levels), settings=settings)
    first = [index.search(scene(number, view=1))[0].name for number in range(20)]
    right = np.mean([name == f"scene {number}" for number, name in enumerate(first)])
    assert right >= (0.8 if sigma or signature else 0.5)  # by chance: 0.05


def test_hits_come_best_first_and_are_those_of_the_scores(index):
    bag = scene(3, view=1)
    hits = index.search(bag, count=7)
    scores = dict(zip(index.names, index.scores(bag), strict=True))
    positive = [score for score in scores.values() if score > 0]
    assert [hit.score for hit in hits] == sorted(positive, reverse=True)[:7]
    assert hits
    assert all(scores[hit.name] == hit.score for hit in hits)
    assert len(index.search(bag, count=1000)) == len(positive)


@pytest.mark.parametrize("levels", [["high"], ["mid", "high"]])
def test_matches_add_up_to_the_score(words, levels):
    index = filled(
        words.only(*levels), settings=replace(SETTINGS, assignments=(3,) * len(levels), signature=0)
    )
    bag = scene(5, view=1)
    matches = index.matches(bag, "scene 5")
    assert sum(match.weight for match in matches) == pytest.approx(index.scores(bag)[5])
    assert [match.weight for match in matches] == sorted((match.weight for match in matches), reverse=True)
    assert index.matches(bag, "scene 5", count=2) == matches[:2]


def test_matches_join_patches_of_the_same_words(words):
    """In an undisturbed view every patch has its own word in common with itself."""
    index = filled(words, settings=Settings(assignments=(1, 1), sigma=6.0, signature=0))
    matches = index.matches(scene(2), "scene 2")
    own = {match.query for match in matches if match.query == match.picture}
    assert own == {tuple(box) for box in BOXES.tolist()}


def test_a_match_of_two_levels_is_one_of_each(words):
    bag, settings = scene(5, view=1), replace(SETTINGS, signature=0)

    def pairs(*levels):
        index = filled(words.only(*levels), settings=replace(settings, assignments=(3,) * len(levels)))
        return {(match.query, match.picture) for match in index.matches(bag, "scene 5")}

    assert pairs("mid", "high") == pairs("mid") & pairs("high")


def test_the_signature_is_added_to_what_was_found(words):
    bag = scene(4, view=1)
    plain = filled(words, settings=replace(SETTINGS, signature=0)).scores(bag)
    found = filled(words).scores(bag)
    own = words.signature.numbers(bag.whole[None])[0]
    others = np.stack([scene(number).whole for number in range(20)])
    cosine = cosines(own, words.signature.assign(others).codes[:, 0])
    assert cosine.argmax() == 4
    everywhere = filled(words, settings=replace(SETTINGS, everywhere=True)).scores(bag)
    assert found == pytest.approx(np.where(plain > 0, plain + 0.5 * np.maximum(cosine, 0), 0))
    assert everywhere == pytest.approx(plain + 0.5 * np.maximum(cosine, 0))


def test_the_words_are_those_of_any_patches(index):
    """A query may have other patches than the index: a part of them finds less, but the same."""
    bag = scene(6, view=1)
    part = Bag(bag.boxes[1:3], {level: x[1:3] for level, x in bag.features.items()}, bag.whole)
    whole = {(match.query, match.picture) for match in index.matches(bag, "scene 6")}
    found = {(match.query, match.picture) for match in index.matches(part, "scene 6")}
    assert found == {pair for pair in whole if pair[0] in {tuple(box) for box in BOXES[1:3].tolist()}}


def test_queries_of_nothing_find_nothing(index):
    bag = scene(1)
    empty = Bag(BOXES[:0], {level: x[:0] for level, x in bag.features.items()}, bag.whole)
    dark = Bag(BOXES, {level: 0 * x for level, x in bag.features.items()}, 0 * bag.whole)
    for query in (empty, dark):
        assert index.search(query) == []
        assert index.matches(query, "scene 1") == []
        assert index.scores(query).tolist() == [0] * 20


def test_an_empty_index_and_one_of_one_picture(words):
    index = DeepIndex(words, SETTINGS)
    assert (len(index), index.search(scene(0)), index.bytes_per_image()) == (0, [], 0)
    index.add([], [])
    index.add(["one"], [scene(0)])
    assert index.search(scene(0)) == []  # its words tell it from no other
    assert len(index) == 1


def test_a_dark_picture_is_kept_and_never_found(words):
    index = filled(words)
    dark = Bag(BOXES, {level: 0 * x for level, x in scene(0).features.items()}, 0 * scene(0).whole)
    index.add(["dark"], [dark])
    assert "dark" not in [hit.name for hit in index.search(scene(0), count=99)]
    index.remove(["dark"])
    assert len(index) == 20


def test_removal_restores_the_former_scores(words):
    index, bag = filled(words), scene(3, view=1)
    before = index.scores(bag)
    index.add(["a", "b"], [scene(70), scene(71)])
    assert (index.scores(bag)[:20] != before).any()
    index.remove(["b", "a"])
    assert (index.scores(bag) == before).all()
    index.remove([f"scene {number}" for number in range(20)])
    assert len(index) == 0


def test_names_are_unique_and_known(words):
    index = filled(words, 3)
    with pytest.raises(ValueError, match="name of its own"):
        index.add(["scene 1"], [scene(1)])
    with pytest.raises(ValueError, match="name of its own"):
        index.add(["x", "x"], [scene(1), scene(2)])
    with pytest.raises(ValueError, match="for each of 2 names"):
        index.add(["x", "y"], [scene(1)])
    with pytest.raises(KeyError, match="scene 9"):
        index.remove(["scene 1", "scene 9"])
    with pytest.raises(ValueError, match="no picture 'x'"):
        index.matches(scene(1), "x")
    assert index.names == ("scene 0", "scene 1", "scene 2")


def test_other_patches_are_refused(words):
    bag = scene(0)
    other = Bag(BOXES + 0.01, bag.features, bag.whole)
    with pytest.raises(ValueError, match="other boxes"):
        DeepIndex(words).add(["x"], [other])


def test_a_change_leaves_searches_whole(words):
    """Whatever a search meets, it gives the answer from before or after a change."""
    index, bag = filled(words), scene(3, view=1)
    one = index.scores(bag)
    index.add(["more"], [scene(50)])
    other = index.scores(bag)
    index.remove(["more"])
    done = False

    def change():
        while not done:
            index.add(["more"], [scene(50)])
            index.remove(["more"])

    thread = Thread(target=change)
    thread.start()
    try:
        for _ in range(20):
            found = index.scores(bag)
            expected = one if len(found) == 20 else other
            assert (found == expected).all()
    finally:
        done = True
        thread.join()


def test_bytes_count_all_that_grows(index):
    """Five patches: 4 bytes of picture and patch, 2 of the second word and 4 of signature each; 4 of norm."""
    starts = 8 * 41 / 20
    assert index.bytes_per_image() == pytest.approx(5 * (4 + 2 + 4) + 4 + 4 + starts)
    packed = index.bytes_per_image(packed=True)
    assert 5 * (1 + 1 + 4) + 4 <= packed < index.bytes_per_image()


def test_round_trip(index, words, tmp_path):
    path = index.save(tmp_path / "index.safetensors")
    same = Vocabulary.load(words.save(tmp_path / "words.safetensors"))
    loaded = DeepIndex.load(path, same, SETTINGS)
    assert loaded.names == index.names
    for number in range(5):
        bag = scene(number, view=1)
        # the signatures lie elsewhere in memory, where sums may be taken in another order
        assert loaded.scores(bag) == pytest.approx(index.scores(bag), rel=1e-5)
        assert loaded.matches(bag, "scene 1") == index.matches(bag, "scene 1")
    assert path.stat().st_size < 20 * index.bytes_per_image(packed=True) + 2000


def test_empty_indexes_are_kept_too(words, tmp_path):
    path = DeepIndex(words).save(tmp_path / "index.safetensors")
    assert len(DeepIndex.load(path, words)) == 0


def test_an_index_fits_its_own_vocabulary_only(index, words, tmp_path):
    path = index.save(tmp_path / "index.safetensors")
    for other in (words.only("mid"), replace(words, power=1.0), replace(words, signature=None)):
        with pytest.raises(StorageError, match="another vocabulary"):
            DeepIndex.load(path, other)


def test_changed_files_are_refused(index, words, tmp_path):
    path = index.save(tmp_path / "index.safetensors")
    data = path.read_bytes()
    for place in (3, 40, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        with pytest.raises(StorageError, match=r"index\.safetensors"):
            DeepIndex.load(path, words)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("names", lambda x: x[:-10]),
        ("names", lambda x: np.frombuffer(b'["a", "a"]', np.uint8)),
        ("names", lambda x: np.frombuffer(b"{}", np.uint8)),
        ("lengths", lambda x: x[:-1]),
        ("slots", lambda x: np.where(np.arange(len(x)) == 0, 127, x).astype(np.uint8)),
        ("second", lambda x: np.where(np.arange(len(x)) == 0, 127, x).astype(np.uint8)),
        ("codes", lambda x: x[:, :1]),
        ("codes", lambda x: x.astype(np.int32)),
        ("signatures", lambda x: x[:3]),
        ("signatures", None),
    ],
)
def test_files_that_contradict_themselves_are_refused(index, words, tmp_path, name, change):
    """With a true checksum, as only somebody who means it would write."""
    path = index.save(tmp_path / "index.safetensors")
    arrays, values = storage.read(path, "deepindex")
    array = arrays.pop(name)
    if change:
        arrays[name] = change(array)
    storage.write(path, "deepindex", arrays, **values)
    with pytest.raises(StorageError, match="contradicts itself"):
        DeepIndex.load(path, words)


def test_a_vocabulary_needs_bags(words):
    with pytest.raises(ValueError, match="at least one bag"):
        vocabulary.learn([], WORDS, power=3.0)
    bare = vocabulary.learn(
        [scene(number) for number in range(20)], {"mid": 5}, power=3.0, dims=16, bits=0, signature_bits=0
    )
    assert (bare.bits, bare.signature) == (0, None)
    index = DeepIndex(bare, Settings(assignments=(2,)))
    index.add(["a", "b", "c"], [scene(1), scene(2), scene(3)])
    assert index.search(scene(2))[0].name == "b"
    assert set(bare.arrays()) == {
        "boxes",
        *(f"mid.{x}" for x in ("mean", "projection", "centers", "rotation")),
    } | {"mid.thresholds"}
