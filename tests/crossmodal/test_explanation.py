"""Explanations of matches: heat maps, word contributions and the deletion test."""

import numpy as np
import pytest

from shared.crossmodal.explanation.explain import (
    WordAblation,
    ablated_query,
    deletion_images,
    word_ablations,
)
from shared.crossmodal.search import CrossModalSearch, Query
from shared.crossmodal.text.queries import QueryError, Term
from tests.crossmodal.color_embedder import ColorEmbedder, color_image

CORNERS = ["red", *["blue"] * 7, "green"]


@pytest.fixture
def search():
    """Search in a gallery of one image with a red and a green corner."""
    search = CrossModalSearch("ensemble", ColorEmbedder())
    search.add([("corners", color_image(*CORNERS))])
    return search


def hottest(heatmap):
    return tuple(np.unravel_index(heatmap.argmax(), heatmap.shape))


def test_a_word_is_hot_where_it_is_in_the_image(search):
    explanation = search.explain("a red and green wall", 0)
    assert [word.text for word in explanation.words] == ["a", "red", "and", "green", "wall"]
    assert [word.is_content for word in explanation.words] == [False, True, False, True, True]
    assert hottest(explanation.words[1].heatmap) == (0, 0)
    assert hottest(explanation.words[3].heatmap) == (2, 2)
    assert not explanation.words[0].heatmap.any()
    assert {tuple(cell) for cell in np.argwhere(explanation.heatmap > 0.5)} == {(0, 0), (2, 2)}
    assert (explanation.name, explanation.engine) == ("corners", "ensemble")
    assert explanation.overlay().size == explanation.overlay(1).size == explanation.image.size
    with pytest.raises(ValueError, match=r"word must be in 0\.\.4"):
        explanation.overlay(5)


def test_the_score_drops_without_a_word_and_without_the_hottest_cells(search):
    [id] = search.add([("sky", color_image(*["blue"] * 3, *["white"] * 6))]).ids
    explanation = search.explain("blue with red", id)
    hit = next(hit for hit in search("blue with red").hits if hit.id == id)
    assert explanation.score == pytest.approx(hit.score, abs=1e-5)
    assert explanation.score_without_hottest < explanation.score - 0.1
    assert explanation.score_without_hottest < explanation.score_without_coldest
    strongest = explanation.strongest_word
    assert strongest.text == "blue"
    feature = search.gallery.snapshot().feature("picture", id)[None]
    image = search.embedder.embed_features(feature, "ensemble")[0]
    remaining = float(search.embedder.embed_texts(["with red"], "ensemble")[0] @ image)
    assert explanation.score - strongest.score_drop == pytest.approx(remaining, abs=1e-5)
    drops = {word.text: word.score_drop for word in explanation.words}
    assert drops["with"] == pytest.approx(0, abs=1e-6)


def test_an_image_query_is_explained_without_words(search):
    explanation = search.explain(Query(image=color_image("green")), 0)
    assert (explanation.words, explanation.probability, explanation.strongest_word) == ((), None, None)
    assert hottest(explanation.heatmap) == (2, 2)


def test_an_explanation_serialises_itself(search):
    values = search.explain("a blue wall", 0).as_dict()
    assert list(values) == [
        "probability",
        "score",
        "words",
        "score_without_hottest",
        "score_without_coldest",
        "engine",
        "seconds",
    ]
    assert [word["word"] for word in values["words"]] == ["a", "blue", "wall"]
    assert values["words"][1]["score_drop"] > 0


def test_each_word_of_each_term_is_ablated():
    ablations = word_ablations([Term("a red wall"), Term("blue", -2.0)])
    assert ablations[1] == WordAblation("red", 0, "a wall", True)
    assert ablations[3] == WordAblation("blue", 1, "", True)
    eye = np.eye(2, dtype=np.float32)
    terms = [Term("red"), Term("blue", -1.0)]
    assert ablated_query(terms, eye, WordAblation("blue", 1, "", True), eye[1]).tolist() == [1, 0]
    assert ablated_query(terms[:1], eye[:1], WordAblation("red", 0, "", True), eye[0]) is None
    assert ablated_query(terms, np.ones((2, 1)), WordAblation("a", 0, "red", False), np.ones(1)) is None


def test_a_third_of_the_image_is_deleted():
    image = color_image(*CORNERS)
    images = deletion_images(image, np.arange(9.0).reshape(3, 3))
    without_hottest, without_coldest = ((np.asarray(part) != np.asarray(image)).any(-1) for part in images)
    assert [round(float(mask.mean()), 2) for mask in (without_hottest, without_coldest)] == [0.33, 0.33]
    assert without_hottest[-20:].all()
    assert without_coldest[:20].all()


def test_a_matching_text_is_more_probable_than_another(search):
    right, wrong = (search.match(color_image("red"), text) for text in ("it is red", "it is green"))
    assert right.probability > 0.9 > 0.1 > wrong.probability
    # Arithmetic in a search is plain text here.
    assert search.match(color_image("red"), "red - green").probability < right.probability


@pytest.mark.parametrize(
    ("text", "message"), [(" ", "Write some words"), ("it is", "names nothing"), ("red " * 2000, "letters")]
)
def test_a_text_that_cannot_be_matched_is_an_error(search, text, message):
    with pytest.raises(QueryError, match=message):
        search.match(color_image("red"), text)
