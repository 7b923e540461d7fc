"""Texts as rows of word pieces."""

import numpy as np
import pytest

from shared.crossmodal.text.tokenizer import (
    MAX_WORDS,
    MAX_WORD_LENGTH,
    NOTHING,
    PADDING,
    SubwordTokenizer,
    build_vocabulary,
    letter_ngrams,
    split_words,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A black dog , running .", ["a", "black", "dog", "running"]),
        ("Don’t don't", ["dont", "dont"]),
        ("naïve ÉCOLE Straße ﬁne", ["naive", "ecole", "strasse", "fine"]),
        ("مرحبا بالعالم", ["مرحبا", "بالعالم"]),
        ("שלום, עולם", ["שלום", "עולם"]),
        ("你好 world", ["你", "好", "world"]),
        ("🐶 plays⚽", ["🐶", "plays", "⚽"]),
        ("👍🏽 ❤️", ["👍", "❤"]),
        ("\u202etxet\u202c", ["txet"]),
        ("\ud800x", ["x"]),
        ("snake_case 3D", ["snake", "case", "3d"]),
        (" \t\n", []),
        ("?!.,", []),
        ("", []),
    ],
)
def test_words_of_any_script(text, words):
    assert split_words(text) == words


def test_long_texts_and_words_are_cut():
    assert len(split_words("dog " * 100_000)) == MAX_WORDS
    assert split_words("x" * 100_000) == ["x" * MAX_WORD_LENGTH]
    assert len(split_words("🐶" * 1000)) == MAX_WORDS


def test_letter_groups_know_where_a_word_begins():
    assert "<do" in letter_ngrams("dog")
    assert "<do" not in letter_ngrams("endo")
    assert letter_ngrams("🐶") == ["<🐶>"]
    assert len(set(letter_ngrams("aaaaaaa"))) == len(letter_ngrams("aaaaaaa"))


def test_vocabulary_is_what_is_frequent():
    texts = ["a dog on a beach", "a cat", "the dog"]
    assert build_vocabulary(texts, 2) == ["a", "dog"]
    assert build_vocabulary(texts, 100) == ["a", "dog"]
    assert build_vocabulary(texts, 3, least=1) == ["a", "dog", "beach"]


def test_rows_of_known_unknown_and_misspelled_words():
    tokens = SubwordTokenizer(["a", "skateboard"], buckets=5000)
    known, misspelled, other = (set(tokens.pieces(w)) for w in ("skateboard", "skatebord", "umbrella"))
    assert tokens.words["skateboard"] in known
    assert len(known & misspelled) > 8
    assert len(known & other) < 2
    assert max(known | misspelled | other) < tokens.rows
    assert min(misspelled) >= 4


def test_rows_are_filled_up():
    tokens = SubwordTokenizer(["a"], buckets=100)
    rows = tokens(["a dog", "", "a"])
    assert rows.dtype == np.int64
    assert rows.shape[:2] == (3, 2)
    assert rows[0, 0, 0] == rows[2, 0, 0] == tokens.words["a"]
    assert rows[1, 0].tolist() == [NOTHING] + [PADDING] * (rows.shape[2] - 1)
    assert (rows[2, 1] == PADDING).all()
    assert np.array_equal(tokens(["a"])[0, 0], [tokens.words["a"], *tokens.pieces("a")[1:]])
    assert tokens([]).shape == (0, 1, 1)
    assert tokens(["\ud800 \udfff", "🐶"]).shape[0] == 2


def test_the_same_rows_in_every_process():
    """The hash must never change: weights hold what it chose."""
    assert SubwordTokenizer([], buckets=16384).pieces("dog") == [6030, 14719, 13766, 14444, 5024, 11802]


def test_wrong_vocabularies_say_so():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        SubwordTokenizer([], buckets=0)
    with pytest.raises(ValueError, match="comes twice"):
        SubwordTokenizer(["a", "a"], buckets=3)
