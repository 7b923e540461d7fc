"""Dictionary of common words for photos, from six languages into English.

`translations.tsv` has a row for each concept: its kind, its English word or phrase, and its forms in each
language, separated by `;`. `function_words.tsv` has articles, prepositions and particles; those without an
English word are dropped.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from shared.crossmodal.text.inflection import MIN_STEM, STEMS

#: Languages that separate words, and those that do not.
SPACED_LANGUAGES, UNSPACED_LANGUAGES = ("de", "fr", "es", "nl"), ("zh", "ja")
LANGUAGES = SPACED_LANGUAGES + UNSPACED_LANGUAGES
#: Languages that write compounds as one word.
COMPOUNDING_LANGUAGES = ("de", "nl")

NOUN, ADJECTIVE, ACTION, NUMBER = "noun", "adjective", "action", "number"
FUNCTION = "function"
#: Kind of a word that the dictionary lacks.
UNKNOWN = ""

_WORD = re.compile(r"[^\W_]+")
_LATIN_WORD = re.compile(r"[0-9A-Za-z\u00c0-\u024f]+")


@dataclass(frozen=True)
class Piece:
    """Word or phrase of a text with its translation.

    Attributes:
        source: Words of the text, in the form of `fold`; one for unspaced languages.
        text: English text, empty for a particle; the word itself where `kind` is `UNKNOWN`.
        kind: `NOUN`, `ADJECTIVE`, `ACTION`, `NUMBER`, `FUNCTION` or `UNKNOWN`.
        has_accent: True if it is written with letters that English lacks.
    """

    source: tuple[str, ...]
    text: str
    kind: str = UNKNOWN
    has_accent: bool = False


class Dictionary:
    """Dictionary of one language.

    Args:
        language: One of `LANGUAGES`.
        forms: Pairs of English text and kind by form, each form a tuple of words in the form of `fold`.
    """

    def __init__(self, language: str, forms: Mapping[tuple[str, ...], tuple[str, str]]) -> None:
        self.language, self.forms = language, forms
        self._max_words = max(map(len, forms))
        self._max_letters = max(len(form[0]) for form in forms)

    def read(self, text: str) -> list[Piece]:
        """Split a text into the longest words and phrases that the dictionary knows, and other words."""
        return list(self._characters(text) if self.language in UNSPACED_LANGUAGES else self._words(text))

    def _words(self, text: str) -> Iterator[Piece]:
        written = _WORD.findall(text)
        words = [fold(word) for word in written]
        start = 0
        while start < len(words):
            for end in range(min(start + self._max_words, len(words)), start, -1):
                source = tuple(words[start:end])
                entry = self.forms.get(source) or (self._inflected(source[0]) if len(source) == 1 else None)
                if entry is not None:
                    yield Piece(source, *entry, not "".join(written[start:end]).isascii())
                    break
            else:
                end = start + 1
                yield Piece((words[start],), written[start])
            start = end

    def _inflected(self, word: str) -> tuple[str, str] | None:
        """Return the entry of an inflected word or of a compound of two words."""
        entry = self._stemmed(word)
        if entry is not None or self.language not in COMPOUNDING_LANGUAGES:
            return entry
        for length in range(len(word) - MIN_STEM, MIN_STEM - 1, -1):
            first, second = self._stemmed(word[:length]), self._stemmed(word[length:])
            if first is not None and second is not None:
                return f"{first[0]} {second[0]}", NOUN
        return None

    def _stemmed(self, word: str) -> tuple[str, str] | None:
        """Return the entry of a content word; function words are not inflected."""
        entries = (self.forms.get((stem,)) for stem in STEMS[self.language](word))
        return next((entry for entry in entries if entry is not None and entry[1] != FUNCTION), None)

    def _characters(self, text: str) -> Iterator[Piece]:
        text = fold_characters(text)
        start, unknown = 0, ""
        while start < len(text):
            piece = self._longest(text, start)
            if piece is None and is_unspaced(text[start]):
                unknown, start = unknown + text[start], start + 1
                continue
            if unknown:
                yield Piece((unknown,), unknown)
                unknown = ""
            if piece is None:
                word = _LATIN_WORD.match(text, start)
                if word is None:  # white space or punctuation
                    start += 1
                    continue
                piece = Piece((word.group(),), word.group())
            yield piece
            start += len(piece.source[0])
        if unknown:
            yield Piece((unknown,), unknown)

    def _longest(self, text: str, start: int) -> Piece | None:
        for end in range(min(start + self._max_letters, len(text)), start, -1):
            entry = self.forms.get((text[start:end],))
            if entry is not None:
                return Piece((text[start:end],), *entry)
        return None


@cache
def dictionaries() -> Mapping[str, Dictionary]:
    """Return the dictionary of each language."""
    forms: dict[str, dict[tuple[str, ...], tuple[str, str]]] = {language: {} for language in LANGUAGES}
    for row in read_table("function_words.tsv"):
        for form in row["forms"].split(";"):
            forms[row["language"]][form_words(form, row["language"])] = row["english"], FUNCTION
    for row in read_table("translations.tsv"):
        for language in LANGUAGES:
            for form in row[language].split(";"):
                forms[language].setdefault(form_words(form, language), (row["english"], row["kind"]))
    return {language: Dictionary(language, forms[language]) for language in LANGUAGES}


def read_table(name: str) -> list[dict[str, str]]:
    """Read a table of the dictionary, one mapping a row."""
    text = resources.files("shared.crossmodal.text").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def form_words(form: str, language: str) -> tuple[str, ...]:
    """Return a form of the tables as the key of `Dictionary.forms`.

    >>> form_words("arc-en-ciel", "fr")
    ('arc', 'en', 'ciel')
    """
    if language in UNSPACED_LANGUAGES:
        return (fold_characters(form),)
    return tuple(fold(word) for word in _WORD.findall(form))


def fold(word: str) -> str:
    """Return a word case-folded and without accents.

    >>> fold("Größe")
    'grosse'
    """
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())
    return "".join(letter for letter in letters if not unicodedata.category(letter).startswith("M"))


def fold_characters(text: str) -> str:
    """Return a text of an unspaced language case-folded, in characters of full width.

    >>> fold_characters("ﾈｺ Ｔシャツ")
    'ネコ tシャツ'
    """
    return unicodedata.normalize("NFKC", text).casefold()


def is_unspaced(character: str) -> bool:
    """Return True for a character of a script without spaces: Chinese characters and kana."""
    return "\u3005" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff"


def is_kana(character: str) -> bool:
    """Return True for a letter of Japanese."""
    return "\u3040" <= character <= "\u30ff"
