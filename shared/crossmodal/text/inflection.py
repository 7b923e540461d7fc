"""Inflection rules: dictionary forms that a word may be an inflection of, and English plurals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

#: Letters that a dictionary form must have.
MIN_STEM = 3

_GERMAN_ENDINGS = ("n", "en", "e", "er", "s", "es", "em", "ern")
_GERMAN_TRANSCRIPTIONS = (("ae", "a"), ("oe", "o"), ("ue", "u"))
_FRENCH_ENDINGS = ("s", "x", "e", "es")
_DUTCH_ENDINGS = ("en", "e", "s", "n", "jes", "tjes", "je", "tje")
_VOWELS = "aeiou"
_IRREGULAR_PLURALS = {
    "person": "people",
    "child": "children",
    "mouse": "mice",
    "goose": "geese",
    "foot": "feet",
    "ox": "oxen",
    "sheep": "sheep",
    "fish": "fish",
    "deer": "deer",
    "people": "people",
    "men": "men",
    "women": "women",
    "teeth": "teeth",
    "children": "children",
    "wolf": "wolves",
    "knife": "knives",
    "leaf": "leaves",
    "shelf": "shelves",
    "calf": "calves",
    "glass": "glasses",
    "dress": "dresses",
}


def german_stems(word: str) -> Iterator[str]:
    """Yield the forms that a German word without accents may be an inflection of, itself first.

    >>> list(german_stems("roter"))
    ['roter', 'rote', 'rot']
    """
    transcribed = word
    for letters, vowel in _GERMAN_TRANSCRIPTIONS:
        transcribed = transcribed.replace(letters, vowel)
    for form in dict.fromkeys([word, transcribed]):
        yield form
        # "roter": the short endings first, so that a noun on -er is not cut to another word.
        yield from dict.fromkeys(_cut(form, ["r", *_GERMAN_ENDINGS]))


def french_stems(word: str) -> Iterator[str]:
    """Yield the forms that a French word without accents may be an inflection of, itself first.

    >>> list(french_stems("chevaux"))
    ['chevaux', 'chevau', 'cheval']
    """
    yield word
    yield from _cut(word, _FRENCH_ENDINGS)
    if word.endswith("aux"):
        yield f"{word[:-3]}al"


def spanish_stems(word: str) -> Iterator[str]:
    """Yield the forms that a Spanish word without accents may be an inflection of, itself first.

    >>> list(spanish_stems("rojas"))
    ['rojas', 'roja', 'rojo']
    """
    for form in (word, *_cut(word, ("s", "es"))):
        yield form
        if form.endswith("a"):
            yield f"{form[:-1]}o"
        if form.endswith("c"):  # luces, luz
            yield f"{form[:-1]}z"


def dutch_stems(word: str) -> Iterator[str]:
    """Yield the forms that a Dutch word without accents may be an inflection of, itself first.

    >>> list(dutch_stems("bomen"))
    ['bomen', 'bom', 'boom', 'bome']
    """
    yield word
    for stem in _cut(word, _DUTCH_ENDINGS):
        yield stem
        last = stem[-1]
        if last not in _VOWELS:
            if stem[-2] == last:  # katten, kat
                yield stem[:-1]
            elif stem[-2] in _VOWELS:  # bomen, boom
                yield stem[:-1] + stem[-2] + last
        if last in "zv":  # huizen, huis
            yield stem[:-1] + {"z": "s", "v": "f"}[last]


#: Rules of the languages that inflect.
STEMS: Mapping[str, Callable[[str], Iterator[str]]] = {
    "de": german_stems,
    "fr": french_stems,
    "es": spanish_stems,
    "nl": dutch_stems,
}


def plural(noun: str) -> str:
    """Return the plural of an English noun, which may consist of several words.

    >>> plural("polar bear"), plural("young woman"), plural("cherry"), plural("jeans")
    ('polar bears', 'young women', 'cherries', 'jeans')
    """
    head, space, last = noun.rpartition(" ")
    if last in _IRREGULAR_PLURALS:
        last = _IRREGULAR_PLURALS[last]
    elif last.endswith("man"):
        last = f"{last[:-3]}men"
    elif last.endswith(("ss", "sh", "ch", "x", "us")):
        last = f"{last}es"
    elif last.endswith("y") and last[-2] not in _VOWELS:
        last = f"{last[:-1]}ies"
    elif not last.endswith("s"):
        last = f"{last}s"
    return head + space + last


def _cut(word: str, endings: tuple[str, ...] | list[str]) -> Iterator[str]:
    """Yield a word without each of its endings."""
    for ending in endings:
        if word.endswith(ending) and len(word) - len(ending) >= MIN_STEM:
            yield word[: -len(ending)]
