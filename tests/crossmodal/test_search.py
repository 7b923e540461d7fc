"""Galleries are searched with words, pictures and both, and every answer can be explained."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core import weights
from shared.core.images import ImageError
from shared.core.weights import WeightsError
from shared.crossmodal.benchmarks import speed
from shared.crossmodal.embedders import gallery_index
from shared.crossmodal.engines import OFFLINE_ENGINES
from shared.crossmodal.explanation.explanation import Part, deletion_images, parts, without
from shared.crossmodal.search import CrossModalSearch
from shared.crossmodal.sentences import MAX_SENTENCES, everyday_sentences
from shared.crossmodal.text.queries import MAX_CHARACTERS, QueryError, Term
from shared.gallery.gallery import Gallery
from shared.gallery.index import MismatchError
from shared.networks.joint import JointSpace
from tests.crossmodal.colors import ColorSpace, picture

CORNER = ["red", *["blue"] * 7, "green"]


@pytest.fixture
def search():
    found = CrossModalSearch("ensemble", ColorSpace())
    photos = {name: picture(name) for name in ("red", "green", "blue", "white")}
    photos["corner"] = picture(*CORNER)
    found.add(list(photos.items()))
    return found


def names(found):
    return [hit.name for hit in found.hits]


def test_words_find_pictures(search):
    found = search("a green wall")
    assert names(found)[0] == "green"
    assert [hit.rank for hit in found.hits] == [1, 2, 3, 4, 5]
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    assert (found.good_match, found.searched, found.engine) == (True, 5, "ensemble")
    assert found.hits[0].probability > found.threshold > found.hits[-1].probability
    assert found.seconds >= found.search_seconds > 0
    assert names(search("green", top_k=2)) == names(found)[:2]
    assert names(search("green", min_score=0.5)) == ["green"]


def test_what_is_not_there_is_no_good_match(search):
    search.gallery.remove([search("green").hits[0].id])
    found = search("green")
    assert found.good_match is False
    assert found.hits[0].probability < found.threshold


def test_probabilities_fall_with_the_size_of_the_gallery():
    few, many = (CrossModalSearch("rrf", ColorSpace()) for _ in range(2))
    few.add([picture("red")])
    many.add([picture("red"), *[picture("blue")] * 30])
    one, other = few("red").hits[0], many("red").hits[0]
    assert one.score == pytest.approx(other.score)
    assert one.probability > other.probability


def test_words_add_up_and_take_away(search):
    assert names(search("blue + red"))[0] == "corner"
    assert names(search("blue - red"))[0] == "blue"
    assert names(search("3:red + blue"))[:2] == ["red", "corner"]
    assert names(search("red - blue"))[-1] in ("blue", "corner")


def test_pictures_find_pictures(search):
    found = search(image=picture("white"))
    assert names(found)[0] == "white"
    assert (found.good_match, found.threshold, found.hits[0].probability) == (None, None, None)
    assert names(search(image=picture(*CORNER), box=(40, 40, 60, 60)))[0] == "green"
    assert names(search.like(search(image=picture("blue")).hits[0].id))[0] == "corner"
    assert "blue" not in names(search.like(2))


def test_words_and_a_picture_are_mixed(search):
    asked = {"text": "red", "image": picture("blue")}
    assert names(search(**asked, words_share=0.9))[0] == "red"
    assert names(search(**asked, words_share=0.1))[0] == "blue"
    assert names(search(**asked, words_share=0))[0] == "blue"
    assert names(search(**asked, words_share=1))[0] == "red"
    both = search(**asked, exclude_id=2)
    assert both.good_match is None
    assert "blue" not in names(both)


def test_an_engine_searches_what_another_has_filled(search):
    other = CrossModalSearch("rrf", search.space, search.gallery)
    found = other("red blue")
    assert (found.engine, found.searched) == ("rrf", 5)
    assert names(found) == names(search("red blue"))


def test_the_gallery_changes_between_searches(search):
    assert search("red").searched == 5
    added = search.add([("dark", picture("green"))])
    assert {hit.name for hit in search("green", top_k=2).hits} == {"green", "dark"}
    search.gallery.remove(added.ids)
    assert names(search("green"))[:1] == ["green"]
    assert search("red").searched == 5
    assert search("red", gallery=Gallery()).hits == ()


def test_what_is_no_picture_is_told(search):
    told = []
    photos = [("good", picture("red")), ("bad", b"no picture"), io.BytesIO(b"")]
    added = search.add(photos, progress=lambda *state: told.append(state))
    assert len(added.ids) == 1
    assert [name for name, _ in added.skipped] == ["bad", "picture 3"]
    assert all(reason.endswith(".") for _, reason in added.skipped)
    assert told[-1] == (3, 3)


def test_a_gallery_of_other_weights_is_refused(search):
    other = CrossModalSearch("ensemble", ColorSpace(made=8), search.gallery)
    with pytest.raises(MismatchError, match="other weights"):
        other("red")
    with pytest.raises(MismatchError, match="other weights"):
        other.add([picture("red")])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Type some words, or choose a picture"),
        (" \n ", "Type some words, or choose a picture"),
        ("the of and", "names nothing to look for"),
        ("!?…", "no word in this text"),
        ("x" * 10_000, f"may have {MAX_CHARACTERS} letters; this one has 10,000"),
        ("red - red", "cancel each other out"),
        ("- red", "at least one thing to look for"),
        ("red - the", "names nothing to look for"),
    ],
)
def test_words_that_cannot_be_used(search, text, words):
    with pytest.raises(QueryError, match=words) as told:
        search(text)
    assert str(told.value).endswith(".")
    assert len(str(told.value)) < 160


@pytest.mark.parametrize("text", ["🐶", "כלב על החוף", "كلب على الشاطئ", "ROT!", "rèd", "x" * 400, "犬"])
def test_any_script_is_searched_with(search, text):
    found = search(text)
    assert len(found.hits) == 5
    assert all(np.isfinite(hit.score) for hit in found.hits)


def test_unknown_words_are_told(search):
    assert search("a red zebra on the wall").unknown_words == ("zebra",)
    assert search("🐕 dog").unknown_words == ()
    assert search(image=picture("red")).unknown_words == ()


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"count": 0}, ValueError, "count must be"),
        ({"count": 1001}, ValueError, "count must be"),
        ({"least": float("nan")}, ValueError, "least must be"),
        ({"words_share": 1.5}, ValueError, "words_share must be in 0..1"),
        ({"image": b"none"}, ImageError, "not a picture"),
        ({"image": picture("red"), "box": (900, 0, 990, 9)}, ImageError, "must lie in the picture"),
    ],
)
def test_settings_out_of_range(search, settings, error, words):
    with pytest.raises(error, match=words):
        search("red", **settings)


def test_pictures_that_are_not_there(search):
    with pytest.raises(ImageError, match="no picture 99"):
        search.like(99)
    with pytest.raises(ImageError, match="no picture 99"):
        search.explain("red", 99)


def test_heat_lies_where_the_words_are(search):
    found = search.explain("a red and green wall", 4)
    assert [word.text for word in found.words] == ["a", "red", "and", "green", "wall"]
    assert [word.names for word in found.words] == [False, True, False, True, True]
    red, green = found.words[1], found.words[3]
    assert np.unravel_index(red.heat.argmax(), (3, 3)) == (0, 0)
    assert np.unravel_index(green.heat.argmax(), (3, 3)) == (2, 2)
    assert not found.words[0].heat.any()
    assert {tuple(place) for place in np.argwhere(found.heat > 0.5)} == {(0, 0), (2, 2)}
    assert (found.name, found.engine) == ("corner", "ensemble")
    assert found.picture().size == found.picture(1).size == found.image.size
    with pytest.raises(ValueError, match=r"word must be in 0\.\.4"):
        found.picture(5)


def test_deletion_is_measured(search):
    [id] = search.add([("sky", picture(*["blue"] * 3, *["white"] * 6))]).ids
    found = search.explain("blue with red", id)
    own = next(hit for hit in search("blue with red").hits if hit.id == id)
    assert found.score == pytest.approx(own.score, abs=1e-5)
    assert found.without_hot < found.score - 0.1
    assert found.without_hot < found.without_cold
    assert found.strongest.text == "blue"
    left = search.space.texts(["with red"], "ensemble")[0] @ _vector(search, id)
    assert found.score - found.strongest.weight == pytest.approx(float(left), abs=1e-5)
    assert next(word.weight for word in found.words if word.text == "with") == pytest.approx(0, abs=1e-6)


def _vector(search, id):
    return search.space.pictures(search.gallery.snapshot().feature("picture", id)[None], "ensemble")[0]


def test_a_picture_is_a_reason_as_well(search):
    found = search.explain("", 4, image=picture("green"))
    assert (found.words, found.probability) == ((), None)
    assert np.unravel_index(found.heat.argmax(), (3, 3)) == (2, 2)
    assert found.strongest is None


def test_words_of_several_terms():
    found = parts([Term("a red wall"), Term("blue", -2.0)])
    assert found[1] == Part("red", 0, "a wall", True)
    assert found[3] == Part("blue", 1, "", True)
    eye = np.eye(2, dtype=np.float32)
    terms = [Term("red"), Term("blue", -1.0)]
    assert without(terms, eye, Part("blue", 1, "", True), eye[1]).tolist() == [1, 0]
    assert without(terms[:1], eye[:1], Part("red", 0, "", True), eye[0]) is None


def test_a_third_is_painted_over():
    image = picture(*CORNER)
    hot, cold = deletion_images(image, np.arange(9.0).reshape(3, 3))
    changed = [(np.asarray(one) != np.asarray(image)).any(-1) for one in (hot, cold)]
    assert [round(float(one.mean()), 2) for one in changed] == [0.33, 0.33]
    assert changed[0][-20:].all()
    assert changed[1][:20].all()


def test_a_picture_and_its_words_belong_together(search):
    right, wrong = (search.match(picture("red"), text) for text in ("it is red", "it is green"))
    assert right.probability > 0.9 > 0.1 > wrong.probability
    with pytest.raises(QueryError, match="Write some words"):
        search.match(picture("red"), " ")
    with pytest.raises(QueryError, match="names nothing"):
        search.match(picture("red"), "it is")
    with pytest.raises(QueryError, match="letters"):
        search.match(picture("red"), "red " * 2000)
    # What would be arithmetic in a search is a plain sentence here.
    assert search.match(picture("red"), "red - green").probability < right.probability


def test_sentences_for_a_picture(search):
    found = search.sentences(picture("red"), "green grass\n\na red wall\nblue sky\na red wall")
    assert found[0].text == "a red wall"
    assert len(found) == 3
    assert [one.rank for one in found] == [1, 2, 3]
    assert found[0].probability > found[1].probability
    ours = search.sentences(picture("red"), top_k=3)
    assert len(ours) == 3
    assert {one.text for one in ours} <= set(everyday_sentences())
    assert "red" in ours[0].text.lower()
    for lines, words in (
        ("  \n ", "at least one sentence"),
        (["x"] * 2 + [f"dog {number}" for number in range(MAX_SENTENCES)], "At most 1,000 lines"),
        ("red\nthe of", "names nothing"),
        ("red\n" + "blue " * 200, "letters"),
    ):
        with pytest.raises(QueryError, match=words):
            search.sentences(picture("red"), lines)


def test_many_threads_search_and_change(search):
    gate = threading.Barrier(4)

    def work(number):
        gate.wait()
        for turn in range(10):
            if number == 0:
                ids = search.add([(f"more {turn}", picture("green"))]).ids
                search.gallery.remove(ids)
            assert search("red").hits[0].name == "red"

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert search("red").searched == 5


def test_a_large_gallery_is_searched_in_two_steps(monkeypatch):
    """It finds what a comparison with all finds, whatever comes and goes."""
    monkeypatch.setattr(gallery_index, "LARGE", 100)
    monkeypatch.setattr(gallery_index, "CANDIDATES", 40)
    monkeypatch.setattr(gallery_index, "SHORT", 6)
    rng = np.random.default_rng(0)
    # Like an engine's vectors: long, but with few directions that matter.
    basis = rng.normal(size=(5, 32))

    class Long(ColorSpace):
        def pictures(self, rows, engine):
            return self._unit(rows.astype(np.float32) @ basis)

        def texts(self, texts, engine):
            rows = [np.random.default_rng(len(text)).normal(size=5) for text in texts]
            return self._unit(np.stack(rows) @ basis)

    search = CrossModalSearch("ensemble", Long())
    kept = speed.fill(rng.normal(size=(80, 5)).astype(np.float16), search.space.model_fingerprint)

    def check():
        texts = [f"d{'o' * number}g" for number in range(1, 6)]
        found = [{hit.id for hit in search(text, top_k=10, gallery=kept).hits} for text in texts]
        assert found == speed.nearest(search, kept, texts)
        first = search(texts[0], gallery=kept).hits[0]
        vector = search.space.pictures(kept.snapshot().feature("picture", first.id)[None], "")[0]
        assert first.score == pytest.approx(float(vector @ search.space.texts(texts[:1], "")[0]), abs=2e-3)

    check()
    made = search.space.model_fingerprint
    for row in rng.normal(size=(150, 5)).astype(np.float16):
        kept.add("more", picture("red"), {"picture": row, "made": made})
    check()
    kept.remove(range(0, 150))  # more than half, so that the index makes itself smaller
    check()
    kept.add("last", picture("red"), {"picture": rng.normal(size=5).astype(np.float16), "made": made})
    check()
    kept.clear()
    assert search("dog", gallery=kept).hits == ()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weights of a joint space that has learned nothing, with a network for pictures of its own."""
    torch.manual_seed(0)
    words = ["dog", "red"]
    size = {"features": 16, "width": 16, "hidden": 8, "embedding": 8, "buckets": 64}
    network = JointSpace(heads=["cyclematch", "rrf", "itmeetsal"], words=words, tuned=True, **size)
    return weights.save(network.eval(), tmp_path_factory.mktemp("joint"))


def test_all_engines_share_one_space(folder):
    found = {name: CrossModalSearch.load(name, folder=folder, device="cpu") for name in OFFLINE_ENGINES}
    assert len({id(one.space) for one in found.values()}) == 1
    first = found["ensemble"]
    first.add([Image.new("RGB", (1, 1)), Image.effect_noise((90, 3), 60).convert("RGB")])
    for name, one in found.items():
        hits = one("a dog", gallery=first.gallery).hits
        assert len(hits) == 2
        assert one.explain("a dog", 1, first.gallery).engine == name
    first.gallery.save(folder.parent / "kept.gallery")
    again = Gallery.load(folder.parent / "kept.gallery")
    assert names(first("dog", gallery=again)) == names(first("dog"))


def test_speed_is_measured(folder, tmp_path):
    for number in range(4):
        Image.effect_noise((20, 20), 60 + number).convert("RGB").save(tmp_path / f"{number}.png")
    given = ["--data", str(tmp_path), "--weights", str(folder), "--engine", "rrf", "--pictures", "30"]
    metrics = speed.main(given).metrics
    assert metrics["pictures"] == 30
    assert 0.3 < metrics["recall@10"] <= 1  # an untrained network has almost the same score for many
    assert metrics["ms_95"] >= metrics["ms_per_query"] > 0
    assert metrics["photos_per_second"] > 0


def test_weights_that_are_not_there(tmp_path):
    with pytest.raises(ValueError, match="received 'magic'"):
        CrossModalSearch.load("magic")
    with pytest.raises(WeightsError, match="nothing does not exist"):
        CrossModalSearch.load(folder=tmp_path / "nothing")
    lonely = ColorSpace()
    lonely.engines = ("rrf",)
    with pytest.raises(ValueError, match="these weights have rrf, received 'cyclematch'"):
        CrossModalSearch("cyclematch", lonely)
