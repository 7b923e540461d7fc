"""Names of classes, and the search of a class by a word."""

import json
from pathlib import Path

import numpy as np
import pytest

from shared.recognition.vocabulary.class_names import ClassName, class_names, imagenet_names, segment_name
from shared.recognition.vocabulary.kinds import EVERYDAY_KINDS, likely_kind
from shared.recognition.vocabulary.lookup import ClassLookup

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
TABLE = Path(class_names.__code__.co_filename).with_name("imagenet.tsv")


@pytest.fixture(scope="module")
def lookup():
    return ClassLookup(tuple(imagenet_names().values()))


def titles(lookup, word):
    names = list(imagenet_names().values())
    return [names[class_id].title for class_id in lookup.find(word)]


def test_every_everyday_kind_has_classes():
    kinds = {kind for name in imagenet_names().values() for kind in (name.kind, *name.kinds)}
    assert kinds >= EVERYDAY_KINDS


def test_the_most_special_kind_that_is_probable_enough():
    names = tuple(imagenet_names().values())

    def kind_of(**probabilities):
        scores = np.zeros(1000, np.float32)
        for name, probability in probabilities.items():
            scores[[entry.name for entry in names].index(name.replace("_", " "))] = probability
        return likely_kind(scores, names)

    assert kind_of(tabby_cat=0.4, Siamese_cat=0.35, tricycle=0.25) == ("cat", pytest.approx(0.75))
    assert kind_of(tabby_cat=0.35, pug=0.3, tricycle=0.25) == ("animal", pytest.approx(0.65))
    assert kind_of(tabby_cat=0.35, tricycle=0.3, broccoli=0.25) is None


def test_table_has_all_classes_with_distinct_names():
    names = imagenet_names()
    assert len({name.title for name in names.values()}) == 1000
    assert len({name.synset for name in names.values()}) == 1000
    assert all(name.name and len(name.title) <= 42 for name in names.values())
    assert TABLE.stat().st_size <= 150_000
    assert "WordNet 3.0 Copyright" in TABLE.with_name("LICENSE-WordNet.txt").read_text()


@pytest.mark.parametrize("engine", ["cfn", "plain"])
def test_rows_are_the_classes_of_the_networks_in_order(engine):
    labels = json.loads((WEIGHTS / f"recognition-{engine}" / "config.json").read_text())["labels"]
    assert list(imagenet_names()) == labels


@pytest.mark.parametrize(
    ("label", "title"),
    [
        ("Cardigan", "Cardigan Welsh corgi (dog)"),
        ("cardigan", "cardigan (sweater)"),
        ("Pembroke", "Pembroke Welsh corgi (dog)"),
        ("crane bird", "crane (bird)"),
        ("crane", "crane (machine)"),
        ("boxer", "boxer (dog)"),
        ("bluetick", "bluetick coonhound (dog)"),
        ("sorrel", "sorrel (horse)"),
        ("maillot tank suit", "one-piece swimsuit"),
        ("goldfish", "goldfish"),
        ("bolete", "bolete (mushroom)"),
    ],
)
def test_names_that_a_person_would_say(label, title):
    assert imagenet_names()[label].title == title


def test_labels_of_other_networks_are_their_own_names():
    assert [name.title for name in class_names(["crane", "my crane"])] == ["crane", "my crane"]
    assert class_names(["my crane"])[0].synset is None
    assert (segment_name("tv monitor"), segment_name("sheep")) == ("TV or monitor", "sheep")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Cardigan Welsh corgi (dog)", {"Cardigan Welsh corgi (dog)"}),
        ("corgi", {"Cardigan Welsh corgi (dog)", "Pembroke Welsh corgi (dog)"}),
        ("Corgis", {"Cardigan Welsh corgi (dog)", "Pembroke Welsh corgi (dog)"}),
        ("crogi", {"Cardigan Welsh corgi (dog)", "Pembroke Welsh corgi (dog)"}),
        ("crane", {"crane (bird)", "crane (machine)"}),
        ("Cardigan", {"Cardigan Welsh corgi (dog)"}),
        ("cardigan", {"cardigan (sweater)"}),
        ("mountain lion", {"cougar"}),
        ("tiger-cat", {"tiger cat"}),
        ("tigercat", {"tiger cat"}),
        ("strawberies", {"strawberry"}),
        ("  volcanoes ", {"volcano"}),
    ],
)
def test_words_for_classes(lookup, word, expected):
    assert set(titles(lookup, word)) == expected


@pytest.mark.parametrize(
    ("word", "member", "count"),
    [
        ("dog", "pug (dog)", 118),
        ("dogs", "pug (dog)", 118),
        ("puppies", "pug (dog)", 118),
        ("cats", "tabby cat", None),
        ("butterflies", "monarch butterfly", 6),
        ("elefant", "African elephant", 3),
        ("boat", "canoe", None),
        ("fruit", "banana", None),
        ("musical instrument", "cello (musical instrument)", None),
    ],
)
def test_words_for_kinds(lookup, word, member, count):
    members = titles(lookup, word)
    assert member in members
    assert count in (None, len(members))


@pytest.mark.parametrize("word", ["", "xqzzz", "unicorn", "dag"])
def test_words_for_nothing_get_one_sentence(lookup, word):
    with pytest.raises(ValueError, match="There is no class") as error:
        lookup.find(word)
    text = str(error.value)
    assert text.endswith(".")
    assert text.count(".") == 1
    assert len(text) < 140


def test_suggestions_are_similar_words():
    lookup = ClassLookup([ClassName("fir tree"), ClassName("palm tree"), ClassName("cup")])
    with pytest.raises(ValueError, match="please try palm tree or fir tree"):
        lookup.find("old tree")


@pytest.mark.parametrize("word", ["giraffe", "nonsense thing"])
def test_words_like_no_other_get_no_odd_suggestion(lookup, word):
    with pytest.raises(ValueError, match="please try an everyday word"):
        lookup.find(word)
