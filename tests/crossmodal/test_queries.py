"""Arithmetic with words."""

import numpy as np
import pytest

from shared.crossmodal.text.queries import MAX_CHARACTERS, MAX_TERMS, QueryError, Term, combine, parse


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("dog", [("dog", 1)]),
        ("  a black dog  ", [("a black dog", 1)]),
        ("dog - beach + snow", [("dog", 1), ("beach", -1), ("snow", 1)]),
        ("dog -beach +snow", [("dog", 1), ("beach", -1), ("snow", 1)]),
        ("dog − beach – sea", [("dog", 1), ("beach", -1), ("sea", -1)]),
        ("- beach + dog", [("beach", -1), ("dog", 1)]),
        ("2:red shoe - 0.5:leather", [("red shoe", 2), ("leather", -0.5)]),
        ("1,5 : shoe", [("shoe", 1.5)]),
        ("t-shirt x+y", [("t-shirt x+y", 1)]),
        ("note: a dog", [("note: a dog", 1)]),
        ("7up", [("7up", 1)]),
        ("10:30 on a clock", [("10:30 on a clock", 1)]),
        ("كلب + 🐶", [("كلب", 1), ("🐶", 1)]),
        ("dog +\n snow", [("dog", 1), ("snow", 1)]),
    ],
)
def test_queries_are_sums_of_terms(query, terms):
    assert parse(query) == [Term(text, weight) for text, weight in terms]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "Type some words"),
        (" \n ", "Type some words"),
        ("dog -", "after each '-'"),
        ("dog + - cat", r"after each '\+'"),
        ("+", r"after each '\+'"),
        ("2:", r"after each '\+'"),
        ("- dog", "at least one thing"),
        ("-dog -cat", "at least one thing"),
        ("0:dog", "not 0"),
        ("11:dog", "at most 10, not 11"),
        ("99999999999:dog", "at most 10"),
        ("x" * (MAX_CHARACTERS + 1), f"has {MAX_CHARACTERS + 1}"),
        (" + ".join("abcdefghi"), f"may have {MAX_TERMS} terms; this one has 9"),
    ],
)
def test_what_is_no_query_says_why(query, words):
    with pytest.raises(QueryError, match=words):
        parse(query)


def test_terms_pull_and_push():
    axes = np.eye(3)
    found = combine(parse("dog - beach + 2:snow"), axes)
    assert found.dtype == np.float32
    assert found == pytest.approx(np.array([1, -1, 2]) / np.sqrt(6))


def test_nothing_left():
    with pytest.raises(QueryError, match="cancel"):
        combine(parse("dog - dog"), np.ones((2, 3)) / np.sqrt(3))
