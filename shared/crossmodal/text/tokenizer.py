"""Words for a text encoder: any text becomes rows of numbers, without a download and without torch.

A word is the sum of its pieces: itself, if it is in the vocabulary, and all its letter groups, put into a
fixed number of buckets by a hash (Bojanowski et al., "Enriching Word Vectors with Subword Information", TACL
2017). So a misspelled or unknown word still lies near those that share its letters.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

#: Row 0 fills up, row 1 stands for a text without words.
PADDING, NOTHING = 0, 1
FIRST_WORD = 2

MAX_WORD_LENGTH = 24
GROUPS = (3, 4, 5)
#: A text's further words are left out.
MAX_WORDS = 48
#: What is read of a text at all: more than that many words have.
MAX_INPUT_LENGTH = 4000

# Chinese and Japanese write words without spaces between them: there each sign is a word.
_UNSPACED = r"\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W_])+")


def split_words(text: str) -> list[str]:
    """The words of a text, in small letters and without accents, and its symbols such as emoji.

    Punctuation is left out, and an apostrophe inside a word. A word is cut after `MAX_WORD_LENGTH` letters, a
    text after `MAX_WORDS` words.

    >>> split_words("A dog's café … 100% 🐶!")
    ['a', 'dogs', 'cafe', '100', '🐶']
    >>> split_words("")
    []
    """
    text = unicodedata.normalize("NFKD", text[:MAX_INPUT_LENGTH]).casefold()
    text = unicodedata.normalize("NFKD", re.sub("['’ʼ]", "", text))
    # Accents of Latin letters, but also the vowel signs of other scripts: people often leave both out.
    text = "".join(sign for sign in text if not unicodedata.category(sign).startswith("M"))
    found: list[str] = []
    end = 0
    for match in _WORD.finditer(text):
        found += _symbols(text[end : match.start()])
        found.append(match.group()[:MAX_WORD_LENGTH])
        end = match.end()
    found += _symbols(text[end:])
    return found[:MAX_WORDS]


def _symbols(text: str) -> list[str]:
    """Emoji and the like; not the colours of skin, which are modifiers, and not signs of maths or money."""
    return [sign for sign in text if unicodedata.category(sign) == "So"]


def letter_ngrams(word: str) -> list[str]:
    """Groups of 3 to 5 letters of a word with its borders marked; none twice, in a fixed order.

    >>> letter_ngrams("dog")
    ['<do', 'dog', 'og>', '<dog', 'dog>', '<dog>']
    """
    marked = f"<{word}>"
    groups = (marked[i : i + n] for n in GROUPS for i in range(len(marked) - n + 1))
    return list(dict.fromkeys(groups)) or [marked]


def build_vocabulary(texts: Iterable[str], most: int, *, least: int = 2) -> list[str]:
    """The vocabulary of texts: their most frequent words, the most frequent first.

    Args:
        texts: such as all captions to train on.
        most: how many words at most.
        least: how often a word must occur.

    >>> build_vocabulary(["a dog", "a cat", "A dog!"], 5)
    ['a', 'dog']
    """
    counts = Counter(word for text in texts for word in split_words(text))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [word for word, count in ordered[:most] if count >= least]


class SubwordTokenizer:
    """Turns texts into rows of an embedding table.

    Args:
        words: the vocabulary.
        buckets: how many rows all letter groups share.

    Attributes:
        rows: how many rows the table needs.

    Raises:
        ValueError: there is no bucket, or a word comes twice.
    """

    def __init__(self, words: Sequence[str], buckets: int) -> None:
        if buckets < 1:
            raise ValueError(f"buckets must be at least 1, got {buckets}")
        self.words = {word: FIRST_WORD + place for place, word in enumerate(words)}
        if len(self.words) < len(words):
            raise ValueError("a word of the vocabulary comes twice")
        self.buckets = buckets
        self.rows = FIRST_WORD + len(words) + buckets

    def pieces(self, word: str) -> list[int]:
        """The rows of a word: its own, where it has one, then those of its letter groups."""
        first = FIRST_WORD + len(self.words)
        # A word of the vocabulary has few meanings and many readers: it needs no hash that others share.
        own = [self.words[word]] if word in self.words else []
        groups = [
            first + zlib.crc32(group.encode("utf-8", "replace")) % self.buckets
            for group in letter_ngrams(word)
        ]
        return own + groups

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """The rows of some texts.

        Returns:
            int64 `[texts, words, pieces]`, filled up with `PADDING`; as long and as deep as the longest text
            and word need. A text without words is one word, which is `NOTHING`.
        """
        found = [[self.pieces(word) for word in split_words(text)] or [[NOTHING]] for text in texts]
        length = max(map(len, found), default=1)
        depth = max((len(pieces) for text in found for pieces in text), default=1)
        rows = np.zeros((len(found), length, depth), np.int64)
        for number, text in enumerate(found):
            for place, pieces in enumerate(text):
                rows[number, place, : len(pieces)] = pieces
        return rows
