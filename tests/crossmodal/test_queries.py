"""Query arithmetic: terms, their weights and their sum."""

import numpy as np
import pytest

from shared.crossmodal.text.queries import (
    MAX_CHARACTERS,
    MAX_TERMS,
    QueryError,
    Term,
    clean_sentence,
    combine,
    negation_hint,
    parse,
    parse_terms,
)


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("dog", [("dog", 1)]),
        ("  a black dog  ", [("a black dog", 1)]),
        ("dog - beach + snow", [("dog", 1), ("beach", -1), ("snow", 1)]),
        ("dog -beach +snow", [("dog", 1), ("beach", -1), ("snow", 1)]),
        ("dog − beach −sea", [("dog", 1), ("beach", -1), ("sea", -1)]),
        ("Cat – close-up portrait", [("Cat close-up portrait", 1)]),
        ("a man -- with a camera", [("a man with a camera", 1)]),
        ("a motorcycle — parked –in a garage", [("a motorcycle parked in a garage", 1)]),
        ("— dog --", [("dog", 1)]),
        ("dog — park -cat", [("dog park", 1), ("cat", -1)]),
        ("Paris–Dakar 2–3", [("Paris–Dakar 2–3", 1)]),
        ("2024: a motorcycle", [("2024: a motorcycle", 1)]),
        ("-5 degrees", [("-5 degrees", 1)]),
        ("snow at -12.5 degrees -ice", [("snow at -12.5 degrees", 1), ("ice", -1)]),
        ("dog -2:beach", [("dog", 1), ("beach", -2)]),
        ("dog - 2 cats", [("dog", 1), ("2 cats", -1)]),
        ("- beach + dog", [("beach", -1), ("dog", 1)]),
        ("2:red shoe - 0.5:leather", [("red shoe", 2), ("leather", -0.5)]),
        ("1,5 : shoe", [("shoe", 1.5)]),
        ("10:shoe", [("shoe", 10)]),
        ("t-shirt x+y", [("t-shirt x+y", 1)]),
        ("note: a dog", [("note: a dog", 1)]),
        ("7up", [("7up", 1)]),
        ("10:30 on a clock", [("10:30 on a clock", 1)]),
        ("كلب + 🐶", [("كلب", 1), ("🐶", 1)]),
        ("dog +\n snow", [("dog", 1), ("snow", 1)]),
    ],
)
def test_a_query_is_a_sum_of_terms(query, terms):
    assert parse(query) == [Term(text, weight) for text, weight in terms]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "Type some words"),
        (" \n ", "Type some words"),
        ("dog -", "after “-”"),
        ("dog + - cat", r"after “\+”"),
        ("+", r"after “\+”"),
        ("2:", "after “2:”"),
        ("dog - 2:", "after “2:”"),
        ("- dog", "at least one thing"),
        ("-dog -cat", "at least one thing"),
        ("0:dog", "not 0"),
        ("11:dog", "at most 10, not 11"),
        ("–", "Type some words"),
        ("dog + —", r"after “\+”"),
        ("99999999999:dog", "at most 10"),
        ("x" * (MAX_CHARACTERS + 1), f"has {MAX_CHARACTERS + 1}"),
        (" + ".join("abcdefghi"), f"may have {MAX_TERMS} terms; this one has 9"),
    ],
)
def test_an_invalid_query_is_an_error_with_the_reason(query, message):
    with pytest.raises(QueryError, match=message):
        parse(query)


def test_terms_are_read_with_emoji_spelled_out():
    assert parse_terms("a 🐕 - 2:beach") == [Term("a dog", 1), Term("beach", -2)]
    with pytest.raises(QueryError, match="“the” names nothing"):
        parse_terms("dog - the")


@pytest.mark.parametrize(
    ("query", "example"),
    [
        ("no cat", "a garden -cat"),
        ("Without people", "a garden -people"),
        ("a street, but without any cars", "a street -cars"),
        ("a beach with no people", "a beach -people"),
        ("dog not cat", "dog -cat"),
    ],
)
def test_words_of_negation_get_a_hint(query, example):
    assert f"“{example}”" in negation_hint(query)


@pytest.mark.parametrize("query", ["a note", "north", "a knot", "dog -cat without leash", "no", ""])
def test_other_queries_get_none(query):
    assert negation_hint(query) == ""


def test_a_sentence_has_no_arithmetic():
    assert clean_sentence("red -  green\n🐕") == "red - green dog"
    for text, message in (
        (" ", "Write some words"),
        ("it is", "names nothing"),
        ("?!", "no word in this text"),
    ):
        with pytest.raises(QueryError, match=message):
            clean_sentence(text)
    with pytest.raises(QueryError, match=f"{MAX_CHARACTERS} letters; this one has 600"):
        clean_sentence("red " * 149 + "blue")


def test_the_vector_of_a_query_is_the_normalised_weighted_sum():
    vector = combine(parse("dog - beach + 2:snow"), np.eye(3))
    assert vector.dtype == np.float32
    assert vector == pytest.approx(np.array([1, -1, 2]) / np.sqrt(6))


def test_equal_terms_cancel_each_other_out():
    with pytest.raises(QueryError, match="cancel"):
        combine(parse("dog - dog"), np.ones((2, 3)) / np.sqrt(3))


@pytest.mark.parametrize("weight", [0.01, 1, 10])
@pytest.mark.parametrize(("ratio", "cancels"), [(0.8e-3, True), (1.2e-3, False)])
def test_terms_cancel_each_other_out_below_a_thousandth_of_their_weights(weight, ratio, cancels):
    """Two terms with an angle of 2 asin(ratio) leave this ratio of the sum of their weights."""
    angle = np.arcsin(ratio)
    vectors = np.array([[np.cos(angle), np.sin(angle)], [np.cos(angle), -np.sin(angle)]])
    terms = [Term("dog", weight), Term("hound", -weight)]
    if cancels:
        with pytest.raises(QueryError, match="cancel"):
            combine(terms, vectors)
    else:
        assert combine(terms, vectors) == pytest.approx([0, 1], abs=1e-3)
