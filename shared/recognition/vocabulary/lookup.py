"""Search of classes by words: titles, other names, everyday kinds, plurals and small typing errors."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from shared.recognition.vocabulary.class_names import ClassName

#: Similarity of two spellings, 0..1, from which on one is a typing error of the other, and from which on it
#: is suggested. Short words have too many neighbours for the former.
TYPO, SUGGESTED = 0.8, 0.7
MIN_TYPO_LENGTH, MAX_SUGGESTIONS = 5, 3
_IRREGULAR_PLURALS = {"mice": "mouse", "geese": "goose", "people": "person", "men": "man", "women": "woman"}


class ClassLookup:
    """Index of the words for classes.

    Args:
        names: Names of the classes, by id.
    """

    def __init__(self, names: Sequence[ClassName]) -> None:
        self._names = names
        self._exact: dict[str, list[int]] = {}  # with case: "Cardigan" is a dog, "cardigan" a sweater
        self._words: dict[str, list[int]] = {}
        self._kinds: dict[str, list[int]] = {}
        for class_id, entry in enumerate(names):
            for word in dict.fromkeys([entry.title, entry.name, entry.label, *entry.lemmas]):
                _add(self._exact, word, class_id)
                _add(self._words, _normalise(word), class_id)
            for word in filter(None, [*entry.kinds, entry.kind]):
                _add(self._kinds, _normalise(word), class_id)

    def find(self, word: str) -> tuple[int, ...]:
        """Return the ids of the classes that a word means, which are several for a kind such as "dog".

        Args:
            word: A title, a name, a lemma or a kind, in the singular or the plural, in any case.

        Raises:
            ValueError: No class has this name; the message suggests similar ones.

        >>> lookup = ClassLookup([ClassName("corgi", kinds=("dog",)), ClassName("pug", kinds=("dog",))])
        >>> lookup.find("Corgis"), lookup.find("dogs"), lookup.find("crogi")
        ((0,), (0, 1), (0,))
        """
        word = " ".join(word.split())
        if word in self._exact:
            return tuple(self._exact[word])
        for spelling in _singulars(_normalise(word)):
            for words in (self._words, self._kinds):
                if spelling in words:
                    return tuple(words[spelling])
        for spelling in _singulars(_normalise(word)):
            for similar in self._similar(spelling, TYPO) if len(spelling) >= MIN_TYPO_LENGTH else ():
                if similar[0] == spelling[0]:
                    return tuple(self._words.get(similar) or self._kinds[similar])
        raise ValueError(self._no_class(word))

    def _similar(self, word: str, cutoff: float) -> list[str]:
        return difflib.get_close_matches(word, [*self._words, *self._kinds], MAX_SUGGESTIONS, cutoff)

    def _no_class(self, word: str) -> str:
        parts = [part for part in _normalise(word).split() if len(part) > 2]
        candidates = [
            *(part for part in parts if part in self._words or part in self._kinds),
            *self._similar(_normalise(word), SUGGESTED),
            *(known for part in parts for known in (*self._words, *self._kinds) if part in known.split()),
        ]
        titles = list(dict.fromkeys(map(self._suggestion, candidates)))[:MAX_SUGGESTIONS]
        hint = _one_of(titles) if titles else "an everyday word for an animal, a plant or a thing"
        return f"There is no class {word!r} here: please try {hint}."

    def _suggestion(self, word: str) -> str:
        return word if word not in self._words else self._names[self._words[word][0]].title


def _add(words: dict[str, list[int]], word: str, class_id: int) -> None:
    ids = words.setdefault(word, [])
    if class_id not in ids:
        ids.append(class_id)


def _normalise(word: str) -> str:
    return " ".join(re.sub(r"[-_/]", " ", word.casefold()).split())


def _singulars(word: str) -> Iterable[str]:
    """Return a word and the forms in the singular that it may have."""
    yield word
    head, _, last = word.rpartition(" ")
    endings = [("ies", "y"), ("ves", "f"), ("ves", "fe"), ("es", ""), ("s", "")]
    singulars = [last[: -len(ending)] + short for ending, short in endings if last.endswith(ending)]
    for singular in [_IRREGULAR_PLURALS.get(last, ""), *singulars]:
        if len(singular) > 1:
            yield f"{head} {singular}".strip()


def _one_of(titles: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(titles[:-1]), titles[-1]]))
