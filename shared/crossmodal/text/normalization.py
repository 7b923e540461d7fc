"""Text normalisation: emoji spelled out, stop words, words outside a vocabulary."""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Iterable

from shared.crossmodal.text.tokenizer import is_symbol, split_words

#: English words that name nothing to see. Larger lists, such as scikit-learn's, also hold words that do: bill,
#: fire, front, top, two.
STOP_WORDS = frozenset(
    ["a", "about", "an", "and", "any", "are", "as", "at", "be", "been", "being", "but", "by", "can", "could", "do", "does", "for", "from", "get", "go", "had", "has", "have", "he", "her", "here", "him", "his", "how", "i", "if", "in", "into", "is", "it", "its", "just", "me", "my", "no", "not", "of", "off", "on", "or", "our", "out", "over", "she", "so", "some", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "too", "under", "until", "up", "us", "very", "was", "we", "were", "what", "when", "where", "which", "while", "who", "will", "with", "would", "you", "your"]
)


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


def unknown_words(texts: Iterable[str], vocabulary: Container[str]) -> tuple[str, ...]:
    """Return the distinct content words of texts that a vocabulary lacks, numbers aside.

    >>> unknown_words(["a dog, a zzyzx", "no zzyzx at 10"], {"dog"})
    ('zzyzx',)
    """
    words = (word for text in texts for word in content_words(text))
    return tuple(dict.fromkeys(word for word in words if word not in vocabulary and not word.isdecimal()))
