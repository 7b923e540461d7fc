"""Search of galleries with text, images and both."""

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
from shared.crossmodal.engines import OFFLINE_ENGINES
from shared.crossmodal.search import CrossModalSearch, Query
from shared.crossmodal.text.queries import MAX_CHARACTERS, QueryError
from shared.gallery.gallery import Gallery
from shared.gallery.index import MismatchError
from shared.networks.crossmodal.joint import JointSpace
from tests.crossmodal.color_embedder import ColorEmbedder, color_image
from tests.crossmodal.colors import COLORS

CORNERS = ["red", *["blue"] * 7, "green"]


@pytest.fixture
def search():
    """Search in a gallery of four colors and an image with a red and a green corner."""
    search = CrossModalSearch("ensemble", ColorEmbedder())
    images = {name: color_image(name) for name in ("red", "green", "blue", "white")}
    images["corners"] = color_image(*CORNERS)
    search.add(list(images.items()))
    return search


def names(results):
    return [hit.name for hit in results.hits]


def test_text_finds_images(search):
    results = search("a green wall")
    assert names(results)[0] == "green"
    assert [hit.rank for hit in results.hits] == [1, 2, 3, 4, 5]
    scores = [hit.score for hit in results.hits]
    assert scores == sorted(scores, reverse=True)
    assert (results.good_match, results.searched, results.engine) == (True, 5, "ensemble")
    assert results.hits[0].probability > results.threshold > results.hits[-1].probability
    assert results.false_accept_rate == 0.1
    assert results.seconds >= results.search_seconds > 0
    assert names(search("green", top_k=2)) == names(results)[:2]
    assert names(search("green", min_score=0.5)) == ["green"]


def test_a_missing_image_is_no_good_match(search):
    search.gallery.remove([search("green").hits[0].id])
    results = search("green")
    assert results.good_match is False
    assert results.hits[0].probability < results.threshold


def test_probabilities_fall_with_the_size_of_the_gallery():
    small, large = (CrossModalSearch("rrf", ColorEmbedder()) for _ in range(2))
    small.add([color_image("red")])
    large.add([color_image("red"), *[color_image("blue")] * 30])
    hit, hit_among_many = small("red").hits[0], large("red").hits[0]
    assert hit.score == pytest.approx(hit_among_many.score)
    assert hit.probability > hit_among_many.probability


def test_terms_are_added_and_subtracted(search):
    assert names(search("blue + red"))[0] == "corners"
    assert names(search("blue - red"))[0] == "blue"
    assert names(search("3:red + blue"))[:2] == ["red", "corners"]
    assert names(search("red - blue"))[-1] in ("blue", "corners")


def test_an_image_finds_images(search):
    results = search(Query(image=color_image("white")))
    assert names(results)[0] == "white"
    assert (results.good_match, results.threshold, results.hits[0].probability) == (None, None, None)
    part = Query(image=color_image(*CORNERS), box=(40, 40, 60, 60))
    assert names(search(part))[0] == "green"


def test_an_image_of_the_gallery_is_left_out_of_its_hits(search):
    blue = search(Query(image=color_image("blue"))).hits[0].id
    results = search.search_by_id(blue)
    assert names(results)[0] == "corners"
    assert "blue" not in names(results)
    assert names(search(Query(image=color_image("blue"), image_id=blue))) == names(results)
    mixed = search(Query("red", color_image("blue"), image_id=blue))
    assert mixed.good_match is None
    assert names(mixed) == names(search(Query("red", image_id=blue)))
    assert "blue" not in names(mixed)


def test_a_box_needs_an_image():
    with pytest.raises(ValueError, match="a box needs the image"):
        Query(image_id=0, box=(40, 40, 60, 60))


@pytest.mark.parametrize(("text_weight", "name"), [(0.9, "red"), (0.1, "blue"), (0, "blue"), (1, "red")])
def test_text_and_image_are_weighted(search, text_weight, name):
    query = Query("red", color_image("blue"), text_weight=text_weight)
    assert names(search(query))[0] == name


def test_an_engine_searches_a_gallery_of_another_engine(search):
    rrf = CrossModalSearch("rrf", search.embedder, search.gallery)
    results = rrf("red blue")
    assert (results.engine, results.searched) == ("rrf", 5)
    assert names(results) == names(search("red blue"))


def test_the_gallery_may_change_between_searches(search):
    assert search("red").searched == 5
    report = search.add([("dark", color_image("green"))])
    assert {hit.name for hit in search("green", top_k=2).hits} == {"green", "dark"}
    search.gallery.remove(report.ids)
    assert names(search("green"))[:1] == ["green"]
    assert search("red").searched == 5
    assert search("red", gallery=Gallery()).hits == ()


def test_files_that_are_no_images_are_skipped_and_reported(search):
    progress = []
    images = [("good", color_image("red")), ("bad", b"no image"), io.BytesIO(b"")]
    report = search.add(images, progress=lambda *state: progress.append(state))
    assert len(report.ids) == 1
    assert [name for name, _ in report.skipped] == ["bad", "picture 3"]
    assert all(reason.endswith(".") for _, reason in report.skipped)
    assert progress[-1] == (3, 3)


def test_a_gallery_of_other_weights_is_an_error(search):
    other_weights = CrossModalSearch("ensemble", ColorEmbedder(fingerprint=8), search.gallery)
    with pytest.raises(MismatchError, match="other weights"):
        other_weights("red")
    with pytest.raises(MismatchError, match="other weights"):
        other_weights.add([color_image("red")])


@pytest.mark.parametrize(
    ("text", "message"),
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
def test_a_text_that_cannot_be_used_is_an_error_in_one_sentence(search, text, message):
    with pytest.raises(QueryError, match=message) as error:
        search(text)
    assert str(error.value).endswith(".")
    assert len(str(error.value)) < 160


@pytest.mark.parametrize("text", ["🐶", "כלב על החוף", "كلب على الشاطئ", "ROT!", "rèd", "x" * 400, "犬"])
def test_a_query_may_be_in_any_script(search, text):
    results = search(text)
    assert len(results.hits) == 5
    assert all(np.isfinite(hit.score) for hit in results.hits)


def test_words_of_negation_get_a_hint(search):
    assert "“a red wall -blue”" in search("a red wall without blue").hint
    assert search("a red wall -blue").hint == search(Query(image=color_image("red"))).hint == ""


def test_unknown_words_are_reported(search):
    assert search("a red zebra on the wall").unknown_words == ("zebra",)
    assert search("🐕 dog").unknown_words == ()
    assert search(Query(image=color_image("red"))).unknown_words == ()


@pytest.mark.parametrize(
    ("query", "name", "read_as"),
    [
        ("eine grüne Wand", "green", "a green wall"),
        ("mur bleu - rouge", "blue", "blue wall - red"),
        ("3:rojo + azul", "red", "3:red + blue"),
        ("红色", "red", "red"),
        ("a green wall", "green", ""),
    ],
)
def test_a_query_is_translated(search, query, name, read_as):
    results = search(query)
    assert (names(results)[0], results.read_as, results.unknown_words) == (name, read_as, ())
    explanation = search.explain(query, results.hits[0].id)
    assert next(word.text for word in explanation.words if word.text in COLORS) in (read_as or query)


def test_a_hint_is_about_the_translation(search):
    assert "“red wall -blue”" in search("rote Wand ohne Blau").hint


def test_an_engine_of_many_languages_gets_the_text_itself(search):
    search.embedder.english_only = False
    results = search("eine grüne Wand")
    assert (results.read_as, results.unknown_words) == ("", ("eine", "grune", "wand"))


def test_a_matched_text_is_translated(search):
    german, english = (search.match(color_image("red"), text) for text in ("eine rote Wand", "a red wall"))
    assert german.score == english.score
    assert [word.text for word in german.words] == ["a", "red", "wall"]


@pytest.mark.parametrize(
    ("query", "options", "error", "message"),
    [
        ({}, {"top_k": 0}, ValueError, "top_k must be"),
        ({}, {"top_k": 1001}, ValueError, "top_k must be"),
        ({}, {"min_score": float("nan")}, ValueError, "min_score must be"),
        ({"text_weight": 1.5}, {}, ValueError, "text_weight must be in 0..1, received 1.5"),
        ({"image": b"none"}, {}, ImageError, "not a picture"),
        ({"image": color_image("red"), "box": (900, 0, 990, 9)}, {}, ImageError, "must lie in the picture"),
        ({"image_id": 99}, {}, ImageError, "no picture 99"),
    ],
)
def test_options_out_of_range_are_an_error(search, query, options, error, message):
    with pytest.raises(error, match=message):
        search(Query("red", **query), **options)


def test_an_id_that_is_not_in_the_gallery_is_an_error(search):
    with pytest.raises(ImageError, match="no picture 99"):
        search.search_by_id(99)
    with pytest.raises(ImageError, match="no picture 99"):
        search.explain("red", 99)


def test_many_threads_search_and_change_a_gallery(search):
    barrier = threading.Barrier(4)

    def work(number):
        barrier.wait()
        for repetition in range(10):
            if number == 0:
                report = search.add([(f"image {repetition}", color_image("green"))])
                search.gallery.remove(report.ids)
            assert search("red").hits[0].name == "red"

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert search("red").searched == 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weights of an untrained joint space with a backbone of its own."""
    torch.manual_seed(0)
    size = {"features": 16, "width": 16, "hidden": 8, "embedding": 8, "buckets": 64}
    heads = ["cyclematch", "rrf", "itmeetsal"]
    network = JointSpace(heads=heads, words=["dog", "red"], tuned=True, **size)
    return weights.save(network.eval(), tmp_path_factory.mktemp("joint"))


def test_engines_with_the_same_weights_share_an_embedder(folder):
    searches = {name: CrossModalSearch.load(name, folder=folder, device="cpu") for name in OFFLINE_ENGINES}
    assert len({id(search.embedder) for search in searches.values()}) == 1
    ensemble = searches["ensemble"]
    ensemble.add([Image.new("RGB", (1, 1)), Image.effect_noise((90, 3), 60).convert("RGB")])
    for name, search in searches.items():
        assert len(search("a dog", gallery=ensemble.gallery).hits) == 2
        assert search.explain("a dog", 1, ensemble.gallery).engine == name
    ensemble.gallery.save(folder.parent / "saved.gallery")
    loaded = Gallery.load(folder.parent / "saved.gallery")
    assert names(ensemble("dog", gallery=loaded)) == names(ensemble("dog"))


def test_a_missing_engine_and_missing_weights_are_an_error(tmp_path):
    with pytest.raises(ValueError, match="received 'magic'"):
        CrossModalSearch.load("magic")
    with pytest.raises(WeightsError, match="nothing does not exist"):
        CrossModalSearch.load(folder=tmp_path / "nothing")
    embedder = ColorEmbedder()
    embedder.engines = ("rrf",)
    with pytest.raises(ValueError, match="these weights have rrf, received 'cyclematch'"):
        CrossModalSearch("cyclematch", embedder)
