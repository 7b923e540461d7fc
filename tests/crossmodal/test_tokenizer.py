"""Words of texts, and their rows in an embedding table."""

import numpy as np
import pytest

from shared.crossmodal.text.tokenizer import (
    EMPTY_TEXT_ID,
    PADDING_ID,
    SubwordTokenizer,
    build_vocabulary,
    letter_ngrams,
)
from shared.crossmodal.text.words import (
    MAX_WORD_LENGTH,
    MAX_WORDS,
    content_words,
    spell_out_symbols,
    split_words,
    unknown_words,
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


def test_long_texts_and_words_are_truncated():
    assert len(split_words("dog " * 100_000)) == MAX_WORDS
    assert split_words("x" * 100_000) == ["x" * MAX_WORD_LENGTH]
    assert len(split_words("🐶" * 1000)) == MAX_WORDS


def test_content_words_name_something():
    assert content_words("The 🐕 is on it") == ["dog"]
    assert spell_out_symbols("  no  symbol ") == "  no  symbol "
    assert unknown_words(["a zebra 12", "dog zebra"], ["dog"]) == ("zebra",)


def test_ngrams_mark_the_boundaries_of_a_word():
    assert "<do" in letter_ngrams("dog")
    assert "<do" not in letter_ngrams("endo")
    assert letter_ngrams("🐶") == ["<🐶>"]
    assert len(set(letter_ngrams("aaaaaaa"))) == len(letter_ngrams("aaaaaaa"))


def test_a_vocabulary_holds_the_frequent_words():
    texts = ["a dog on a beach", "a cat", "the dog"]
    assert build_vocabulary(texts, 2) == ["a", "dog"]
    assert build_vocabulary(texts, 100) == ["a", "dog"]
    assert build_vocabulary(texts, 3, min_count=1) == ["a", "dog", "beach"]


def test_a_misspelled_word_shares_most_rows_with_the_right_one():
    tokenizer = SubwordTokenizer(["a", "skateboard"], buckets=5000)
    word, misspelled, different = (
        set(tokenizer.subword_ids(text)) for text in ("skateboard", "skatebord", "umbrella")
    )
    assert tokenizer.word_ids["skateboard"] in word
    assert len(word & misspelled) > 8
    assert len(word & different) < 2
    assert max(word | misspelled | different) < tokenizer.num_embeddings
    assert min(misspelled) >= 4


def test_rows_are_padded():
    tokenizer = SubwordTokenizer(["a"], buckets=100)
    rows = tokenizer(["a dog", "", "a"])
    assert rows.dtype == np.int64
    assert rows.shape[:2] == (3, 2)
    assert rows[0, 0, 0] == rows[2, 0, 0] == tokenizer.word_ids["a"]
    assert rows[1, 0].tolist() == [EMPTY_TEXT_ID] + [PADDING_ID] * (rows.shape[2] - 1)
    assert (rows[2, 1] == PADDING_ID).all()
    assert np.array_equal(tokenizer(["a"])[0, 0], [tokenizer.word_ids["a"], *tokenizer.subword_ids("a")[1:]])
    assert tokenizer([]).shape == (0, 1, 1)
    assert tokenizer(["\ud800 \udfff", "🐶"]).shape[0] == 2


def test_a_cache_changes_no_row():
    texts = ["a dog", "a dog and a cat"]
    cached = SubwordTokenizer(["a"], buckets=100, cache_size=8)
    assert np.array_equal(cached(texts), SubwordTokenizer(["a"], buckets=100)(texts))
    assert np.array_equal(cached(texts), cached(texts))


def test_the_hash_is_the_same_in_every_process():
    """Weights depend on it."""
    assert SubwordTokenizer([], buckets=16384).subword_ids("dog") == [6030, 14719, 13766, 14444, 5024, 11802]


def test_an_invalid_vocabulary_is_an_error():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        SubwordTokenizer([], buckets=0)
    with pytest.raises(ValueError, match="comes twice"):
        SubwordTokenizer(["a", "a"], buckets=3)
