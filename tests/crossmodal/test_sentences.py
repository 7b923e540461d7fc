"""Description of images by ranked sentences."""

import numpy as np
import pytest

from shared.crossmodal.describer import ImageDescriber
from shared.crossmodal.embedders.embedder import WrittenSentence
from shared.crossmodal.sentences import (
    MAX_SENTENCES,
    RankedSentence,
    SentenceRanker,
    SentenceRanking,
    distinct,
    everyday_sentences,
)
from shared.crossmodal.tags import MAX_TAGS, TagRanker, tag_names
from shared.crossmodal.text.queries import QueryError
from tests.crossmodal.color_embedder import ColorEmbedder, color_image


@pytest.fixture
def describer():
    return ImageDescriber("ensemble", ColorEmbedder())


def test_a_visitors_sentences_are_ranked(describer):
    ranking = describer(color_image("red"), "green grass\n\na red wall\nblue sky\na red wall")
    assert [sentence.rank for sentence in ranking.sentences] == [1, 2, 3]
    assert ranking.sentences[0].text == "a red wall"
    assert ranking.sentences[0].probability > ranking.sentences[1].probability
    assert ranking.engine == "ensemble"


def test_a_visitors_sentences_may_be_in_several_languages(describer):
    sentences = ("grünes Gras", "un mur rouge", "cielo azul")
    ranking = describer(color_image("red"), sentences)
    assert ranking.sentences[0].text == "un mur rouge"
    english = describer(color_image("red"), "green grass\na red wall\nblue sky")
    assert ranking.sentences[0].score == english.sentences[0].score
    describer.embedder.english_only = False
    assert describer(color_image("red"), sentences).sentences[0].score < ranking.sentences[0].score


def test_built_in_sentences_are_ranked(describer, monkeypatch):
    monkeypatch.setattr("shared.crossmodal.describer.ImageDescriber.tags", lambda *_: ())
    sentences = describer(color_image("red"), top_k=3).sentences
    assert len(sentences) == 3
    assert {sentence.text for sentence in sentences} <= set(everyday_sentences())
    assert "red" in sentences[0].text.lower()


def test_a_built_in_sentence_that_says_what_was_written_and_more_comes_before_it(describer):
    rank = SentenceRanker(describer.embedder, "ensemble")
    image = describer.embedder.embed_texts(["night"], "ensemble")[0]
    alone = {sentence.text: sentence for sentence in rank(image, None, 2000).sentences}
    written = [WrittenSentence("A night.", -1.0)]
    ranked = {sentence.text: sentence for sentence in rank(image, None, 2000, written).sentences}
    supported = "The lights of a city shine at night."
    assert ranked[supported].probability > alone[supported].probability
    assert ranked[supported].score == alone[supported].score
    assert (
        ranked["A dog runs across a field of grass."].score
        == alone["A dog runs across a field of grass."].score
    )


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        ("  \n ", "at least one sentence"),
        (["x", "x", *(f"dog {number}" for number in range(MAX_SENTENCES))], "At most 1,000 lines"),
        ("red\nthe of", "names nothing"),
        ("red\n" + "blue " * 200, "letters"),
    ],
)
def test_sentences_that_cannot_be_used_are_an_error(describer, sentences, message):
    with pytest.raises(QueryError, match=message):
        describer(color_image("red"), sentences)


@pytest.mark.parametrize(
    ("probability", "good", "possible"), [(0.01, False, False), (0.6, False, True), (0.9, True, True)]
)
def test_the_first_sentence_decides_the_verdict(probability, good, possible):
    ranking = SentenceRanking((RankedSentence("A dog.", 0.54321, probability, 1),), "rrf")
    assert ranking.as_dict() == {
        "sentences": [{"rank": 1, "text": "A dog.", "probability": probability, "score": 0.5432}],
        "good_match": good,
        "possible_match": possible,
        "tags": [],
        "paragraph": "",
        "engine": "rrf",
    }


def test_built_in_sentences_are_plain_and_distinct():
    sentences = everyday_sentences()
    assert len(sentences) >= 300
    assert len(set(map(str.lower, sentences))) == len(sentences)
    for sentence in sentences:
        assert sentence == sentence.strip()
        assert sentence.endswith(".")
        assert 4 <= len(sentence.split()) <= 16


class WritingEmbedder(ColorEmbedder):
    """Embedder with a decoder that always writes the same two sentences."""

    def write_sentences(self, features):
        return tuple(WrittenSentence(text, -1.5) for text in ("A plain red thing.", "A big blue dog."))


def test_written_sentences_join_the_built_in_ones():
    describer = ImageDescriber("ensemble", WritingEmbedder())
    texts = [sentence.text for sentence in describer(color_image("red"), top_k=5).sentences]
    assert texts[0] == "A plain red thing."  # as red as others, but written about this image
    assert "A big blue dog." not in texts
    own = describer(color_image("red"), ["a red wall", "a dog"])
    assert [sentence.text for sentence in own.sentences] == ["a red wall", "a dog"]
    assert own.tags == ()


def test_what_most_written_sentences_say_comes_first():
    rank = SentenceRanker(ColorEmbedder(), "ensemble")
    image = ColorEmbedder().embed_texts(["a red blue thing"], "ensemble")[0]
    written = [
        WrittenSentence(text, -1.0) for text in ("A blue car.", "A red car.", "A red bus.", "A red van.")
    ]
    assert rank(image, None, 1, written).sentences[0].text == "A red car."
    likelier = [WrittenSentence("A blue bus.", 8.0), *written]
    assert rank(image, None, 1, likelier).sentences[0].text == "A blue bus."


def test_names_of_what_is_there_join_the_sentences():
    rank = SentenceRanker(ColorEmbedder(), "ensemble")
    image = ColorEmbedder().embed_texts(["red"], "ensemble")[0]
    texts = [sentence.text for sentence in rank(image, None, 2000, names=["red", "blue"]).sentences]
    assert texts[0] == "A red."
    assert texts.index("A blue.") > 0


def test_sentences_that_say_nearly_the_same_come_once():
    texts = ["A dog runs.", "The dog runs.", "The dog runs to a cat.", "A cat.", "A dog runs on grass."]
    assert distinct(texts, np.array([1, 0, 2, 4, 3]), 9).tolist() == [1, 3]
    assert distinct(texts, np.array([3, 0]), 1).tolist() == [3]
    assert distinct(["A bottle.", "Bottles."], np.arange(2), 9).tolist() == [0]


def test_tags_are_distinct_names():
    names = tag_names()
    assert len(names) >= 1000
    assert len(set(map(str.lower, names))) == len(names)
    assert all(name == name.strip() and name for name in names)


def test_tags_come_with_the_sentences_and_are_probable(describer, monkeypatch):
    monkeypatch.setattr("shared.crossmodal.tags.tag_names", lambda: ("red", "blue", "wall"))
    tags = describer(color_image("red")).tags
    assert [tag.name for tag in tags] == ["red"]
    assert tags[0].as_dict() == {"name": "red", "probability": round(tags[0].probability, 4)}
    find = TagRanker(describer.embedder, "ensemble")
    everything = find(
        describer.embedder.embed_images([color_image("red")], "ensemble")[0], min_probability=0.0
    )
    assert len(everything) == 3 <= MAX_TAGS
    assert list(everything) == sorted(everything, key=lambda tag: -tag.probability)
