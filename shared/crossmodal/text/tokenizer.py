"""Subword tokenizer: any text becomes rows of an embedding table, without a download and without torch.

The embedding of a word is the sum of the embeddings of its subwords: the word itself, if it is in the
vocabulary, and all its letter n-grams, hashed into a fixed number of buckets (Bojanowski et al., "Enriching
Word Vectors with Subword Information", TACL 2017). A misspelled or unknown word therefore stays near the
words that share its letters.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from shared.crossmodal.text.words import split_words

#: Row 0 pads, row 1 stands for a text without words.
PADDING_ID, EMPTY_TEXT_ID = 0, 1
FIRST_WORD_ID = 2

NGRAM_SIZES = (3, 4, 5)


def letter_ngrams(word: str) -> list[str]:
    """Return the distinct letter n-grams of a non-empty word with its boundaries marked, in a fixed order.

    >>> letter_ngrams("dog")
    ['<do', 'dog', 'og>', '<dog', 'dog>', '<dog>']
    """
    marked = f"<{word}>"
    ngrams = (marked[start : start + n] for n in NGRAM_SIZES for start in range(len(marked) - n + 1))
    return list(dict.fromkeys(ngrams))


def build_vocabulary(texts: Iterable[str], max_words: int, *, min_count: int = 2) -> list[str]:
    """Return the most frequent words of a corpus, the most frequent first.

    Args:
        texts: Corpus, such as all captions of a training set.
        max_words: Size limit of the vocabulary.
        min_count: Smallest number of occurrences of a word.

    >>> build_vocabulary(["a dog", "a cat", "A dog!"], 5)
    ['a', 'dog']
    """
    counts = Counter(word for text in texts for word in split_words(text))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [word for word, count in ordered[:max_words] if count >= min_count]


class SubwordTokenizer:
    """Map texts to rows of an embedding table.

    Args:
        words: Vocabulary.
        buckets: Number of rows that all letter n-grams share.
        cache_size: Number of words whose rows are cached, which speeds up a training on few words.

    Attributes:
        word_ids: Row of each word of the vocabulary.
        buckets: See above.
        num_embeddings: Number of rows of the table.

    Raises:
        ValueError: There is no bucket, or a word comes twice.
    """

    def __init__(self, words: Sequence[str], buckets: int, *, cache_size: int = 0) -> None:
        if buckets < 1:
            raise ValueError(f"buckets must be at least 1, got {buckets}")
        self.word_ids = {word: FIRST_WORD_ID + index for index, word in enumerate(words)}
        if len(self.word_ids) < len(words):
            raise ValueError("a word of the vocabulary comes twice")
        self.buckets = buckets
        self.num_embeddings = FIRST_WORD_ID + len(words) + buckets
        self._cached_subword_ids = lru_cache(cache_size)(self.subword_ids) if cache_size else self.subword_ids

    def subword_ids(self, word: str) -> list[int]:
        """Return the rows of a word: that of the vocabulary, if it has one, then those of its n-grams."""
        first_bucket = FIRST_WORD_ID + len(self.word_ids)
        # Words of the vocabulary are frequent: their row is free of hash collisions.
        whole_word = [self.word_ids[word]] if word in self.word_ids else []
        ngrams = [
            first_bucket + zlib.crc32(ngram.encode("utf-8", "replace")) % self.buckets
            for ngram in letter_ngrams(word)
        ]
        return whole_word + ngrams

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Return the rows of texts.

        Returns:
            int64 `[texts, words, subwords]`, padded with `PADDING_ID` to the longest text and word. A text
            without words is one word with the row `EMPTY_TEXT_ID`.
        """
        ids = [
            [self._cached_subword_ids(word) for word in split_words(text)] or [[EMPTY_TEXT_ID]]
            for text in texts
        ]
        length = max(map(len, ids), default=1)
        depth = max((len(subwords) for words in ids for subwords in words), default=1)
        rows = np.full((len(ids), length, depth), PADDING_ID, np.int64)
        for text_index, words in enumerate(ids):
            for word_index, subwords in enumerate(words):
                rows[text_index, word_index, : len(subwords)] = subwords
        return rows
