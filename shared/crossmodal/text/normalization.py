"""Words as people type them: which of them say something, and how to read signs that are no words."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from shared.crossmodal.text.queries import MAX_CHARACTERS, QueryError, Term, parse
from shared.crossmodal.text.tokenizer import split_words

_STOP_WORDS = """
a about an and any are as at be been being but by can could do does for from get go had has have he her
here him his how i if in into is it its just me my no not of off on or our out over she so some than
that the their them then there these they this those to too under until up us very was we were what when
where which while who will with would you your
"""
#: English words that name nothing to see.
STOP_WORDS = frozenset(_STOP_WORDS.split())


def said(text: str) -> str:
    """A text with each emoji by its name, so that the network can read it.

    >>> said("a 🐕 on the beach")
    'a dog on the beach'
    """
    names = (f" {unicodedata.name(sign, sign).lower()} " if _is_symbol(sign) else sign for sign in text)
    return " ".join("".join(names).split()) if any(map(_is_symbol, text)) else text


def content(text: str) -> list[str]:
    """The words of a text that name something.

    >>> content("The dog is on it")
    ['dog']
    """
    return [word for word in split_words(said(text)) if word not in STOP_WORDS]


def terms(query: str) -> list[Term]:
    """The terms of a query, each of which names something; see `shared.crossmodal.text.queries.parse`.

    Raises:
        QueryError: The query cannot be searched with.
    """
    found = [Term(said(term.text), term.weight) for term in parse(query)]
    for term in found:
        _require_content(term.text)
    return found


def plain(text: str) -> str:
    """A text without arithmetic, such as a sentence that belongs to a picture or does not.

    Raises:
        QueryError: It says nothing, or is too long.
    """
    text = said(" ".join(text.split()))
    if not text:
        raise QueryError("Write some words first.")
    if len(text) > MAX_CHARACTERS:
        raise QueryError(f"A text may have {MAX_CHARACTERS} letters; this one has {len(text):,}.")
    _require_content(text)
    return text


def unknown(texts: Sequence[str], vocabulary: object) -> list[str]:
    """The words that name something and are in no vocabulary, none twice.

    Args:
        texts: Such as the terms of a query.
        vocabulary: Whatever tells with `in` whether it has a word.
    """
    words = [word for text in texts for word in content(text)]
    return list(dict.fromkeys(word for word in words if word not in vocabulary and not word.isdecimal()))


def _require_content(text: str) -> None:
    if content(text):
        return
    if not split_words(text):
        raise QueryError("There is no word in this text: name a thing, a place, a color or what happens.")
    short = text if len(text) <= 40 else f"{text[:39]}…"
    raise QueryError(f"“{short}” names nothing to look for: add a thing, a place, a color or what happens.")


def _is_symbol(sign: str) -> bool:
    return unicodedata.category(sign) == "So"
