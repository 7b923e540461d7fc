"""Words of a text: splitting, emoji spelled out, stop words, words outside a vocabulary."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable

MAX_WORD_LENGTH = 24
#: Words of a text; the following ones are ignored.
MAX_WORDS = 48
#: Characters of a text that are read at all; more than `MAX_WORDS` words have.
MAX_INPUT_LENGTH = 4000

_STOP_WORDS = """
a about an and any are as at be been being but by can could do does for from get go had has have he her
here him his how i if in into is it its just me my no not of off on or our out over she so some than
that the their them then there these they this those to too under until up us very was we were what when
where which while who will with would you your
"""
#: English words that name nothing to see. Larger lists, such as scikit-learn's, also hold words that do:
#: bill, fire, front, top, two.
STOP_WORDS = frozenset(_STOP_WORDS.split())
#: Endings that word stems lack.
ENDINGS = ("ing", "ed", "es", "s")

# Chinese and Japanese are written without spaces: there each character is a word.
_UNSPACED = r"\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W_])+")


def split_words(text: str) -> list[str]:
    """Split a text into case-folded words without accents, and symbols such as emoji.

    Punctuation is dropped, and so is an apostrophe inside a word.

    Returns:
        At most `MAX_WORDS` words of at most `MAX_WORD_LENGTH` letters.

    >>> split_words("A dog's café … 100% 🐶!")
    ['a', 'dogs', 'cafe', '100', '🐶']
    >>> split_words("")
    []
    """
    text = unicodedata.normalize("NFKD", text[:MAX_INPUT_LENGTH]).casefold()
    text = unicodedata.normalize("NFKD", re.sub("['’ʼ]", "", text))
    # Accents of Latin letters, but also the vowel signs of other scripts: people often leave both out.
    text = "".join(character for character in text if not unicodedata.category(character).startswith("M"))
    words: list[str] = []
    end = 0
    for match in _WORD.finditer(text):
        words += _symbols(text[end : match.start()])
        words.append(match.group()[:MAX_WORD_LENGTH])
        end = match.end()
    words += _symbols(text[end:])
    return words[:MAX_WORDS]


def is_symbol(character: str) -> bool:
    """Return True for emoji and the like; False for skin tones (modifiers), maths and currency signs."""
    return unicodedata.category(character) == "So"


def _symbols(text: str) -> list[str]:
    return [character for character in text if is_symbol(character)]


def spell_out_symbols(text: str) -> str:
    """Replace each emoji by its name, which the text encoder can read.

    >>> spell_out_symbols("a 🐕 on the beach")
    'a dog on the beach'
    """
    if not any(map(is_symbol, text)):
        return text
    names = (f" {unicodedata.name(sign, sign).lower()} " if is_symbol(sign) else sign for sign in text)
    return " ".join("".join(names).split())


def content_words(text: str) -> list[str]:
    """Return the words of a text that name something.

    >>> content_words("The dog is on it")
    ['dog']
    """
    return [word for word in split_words(spell_out_symbols(text)) if word not in STOP_WORDS]


def word_stems(text: str) -> frozenset[str]:
    """Return the content words of a text without their endings.

    >>> sorted(word_stems("Two dogs are jumping"))
    ['dog', 'jump', 'two']
    """
    return frozenset(map(_stem, content_words(text)))


def _stem(word: str) -> str:
    ending = next((ending for ending in ENDINGS if word.endswith(ending) and len(word) > len(ending) + 2), "")
    return word.removesuffix(ending)


def unknown_words(texts: Iterable[str], vocabulary: Container[str]) -> tuple[str, ...]:
    """Return the distinct content words of texts that a vocabulary lacks, except numbers.

    >>> unknown_words(["a dog, a zzyzx", "no zzyzx at 10"], {"dog"})
    ('zzyzx',)
    """
    words = (word for text in texts for word in content_words(text))
    return tuple(dict.fromkeys(word for word in words if word not in vocabulary and not word.isdecimal()))
