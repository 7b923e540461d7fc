"""Query arithmetic: `dog - beach + snow`, `2:red shoe`.

A query is a sum of weighted terms. `+` and `-` begin a term where they follow a space or begin the query, so
that `t-shirt` stays one word, and `-5 degrees` a temperature. A number and a colon before a term are its
weight. Dashes (`--`, `–`, `—`) are punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.core.errors import InputError
from shared.crossmodal.text.words import content_words, spell_out_symbols, split_words

MAX_TERMS = 8
MAX_CHARACTERS = 500
MAX_WEIGHT = 10.0
#: Terms cancel each other out if the norm of their sum is below this fraction of the sum of their weights.
CANCEL_RATIO = 1e-3

_NUMBER = r"\d+(?:[.,]\d+)?"
_DASH = re.compile(r"(?:(?<=\s)|^)(?:--+|[\u2012-\u2015]+)(?=\s|$|\w)")
_SIGN = re.compile(rf"(?:(?<=\s)|^)(\+|[\-\u2212](?!{_NUMBER}(?!\s*:|\d|[.,]\d)))")  # -5 is a number
_WEIGHT = re.compile(rf"({_NUMBER})\s*:(?!\d)(\s*)")  # 10:30 is a time
_NEGATION = re.compile(
    r"(?:^|(.*?)[\s,]+)(?:(?:but|with|has|and)\s+)?(no|not|without|except|excluding|minus)\s+(?:(?:any|an?|the)\s+)?(\w.*)",
    re.IGNORECASE | re.DOTALL,
)


class QueryError(InputError):
    """Query that cannot be searched with; the text is one sentence for whoever typed it."""


@dataclass(frozen=True)
class Term:
    """One term of a query.

    Attributes:
        text: Text of the term.
        weight: Its weight in the sum; negative for what should not be there.
    """

    text: str
    weight: float = 1.0


def parse(query: str) -> list[Term]:
    """Parse a query into its terms.

    Raises:
        QueryError: It is empty or too long, a term is missing, a weight is out of range, or all terms are
            negative.

    >>> parse("dog - beach + 2:snow")
    [Term(text='dog', weight=1.0), Term(text='beach', weight=-1.0), Term(text='snow', weight=2.0)]
    >>> parse("a man in a t-shirt -- at 2:30")
    [Term(text='a man in a t-shirt at 2:30', weight=1.0)]
    """
    if len(query.strip()) > MAX_CHARACTERS:
        raise QueryError(f"A query may have {MAX_CHARACTERS} letters; this one has {len(query.strip()):,}.")
    query = " ".join(_DASH.sub(" ", query.strip()).split())
    if not query:
        raise QueryError("Type some words to search for.")
    pieces = _SIGN.split(query)  # text, sign, text, sign, text
    signs, texts = ["+", *pieces[1::2]], pieces[0::2]
    if not texts[0].strip():  # the query begins with a sign
        signs, texts = signs[1:], texts[1:]
    if len(texts) > MAX_TERMS:
        raise QueryError(f"A query may have {MAX_TERMS} terms; this one has {len(texts)}.")
    terms = [_term(sign, text.strip()) for sign, text in zip(signs, texts, strict=True)]
    if all(term.weight < 0 for term in terms):
        raise QueryError("Say at least one thing to look for, besides what should not be there.")
    return terms


def format_terms(terms: Sequence[Term]) -> str:
    """Return the query that `parse` parses into these terms.

    >>> format_terms([Term("dog"), Term("beach", -1), Term("snow", 2)])
    'dog - beach + 2:snow'
    """
    signs = ["-" if term.weight < 0 else "+" for term in terms]
    weights = ["" if abs(term.weight) == 1 else f"{abs(term.weight):g}:" for term in terms]
    parts = [f"{sign} {weight}{term.text}" for sign, weight, term in zip(signs, weights, terms, strict=True)]
    return " ".join(parts).removeprefix("+ ")


def parse_terms(query: str) -> list[Term]:
    """Parse a query into terms that a text encoder can read: emoji spelled out, each with a content word.

    Raises:
        QueryError: See `parse`; or a term names nothing.
    """
    terms = [Term(spell_out_symbols(term.text), term.weight) for term in parse(query)]
    for term in terms:
        _require_content(term.text)
    return terms


def negation_hint(query: str) -> str:
    """Return a sentence about `-` for a query that says in words what should not be there; else "".

    >>> negation_hint("a beach without people")
    'To leave something out, put “-” before it: “a beach -people”. Words such as “without” do not do it.'
    """
    match = _NEGATION.match(query.strip())
    if match is None or len(query) > MAX_CHARACTERS or _SIGN.search(query):
        return ""
    scene, word, thing = (" ".join((group or "").split()) for group in match.groups())
    example = f"{scene or 'a garden'} -{thing}"
    return f"To leave something out, put “-” before it: “{example}”. Words such as “{word}” do not do it."


def clean_sentence(text: str) -> str:
    """Normalise a text without arithmetic: white space collapsed, emoji spelled out.

    Raises:
        QueryError: It names nothing, or is too long.

    >>> clean_sentence(" a 🐕  on a beach")
    'a dog on a beach'
    """
    text = spell_out_symbols(" ".join(text.split()))
    if not text:
        raise QueryError("Write some words first.")
    if len(text) > MAX_CHARACTERS:
        raise QueryError(f"A text may have {MAX_CHARACTERS} letters; this one has {len(text):,}.")
    _require_content(text)
    return text


def combine(terms: Sequence[Term], vectors: np.ndarray) -> np.ndarray:
    """Return the vector of a query: the normalised weighted sum of the vectors of its terms.

    Args:
        terms: Terms of the query.
        vectors: `[terms, D]`, of length 1.

    Returns:
        float32 `[D]`, of length 1.

    Raises:
        QueryError: The terms cancel each other out, see `CANCEL_RATIO`.

    >>> combine([Term("dog", 3), Term("snow", 4)], np.eye(2)).round(2).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    weights = np.array([term.weight for term in terms], np.float32)
    total = weights @ np.asarray(vectors, np.float32)
    length = float(np.linalg.norm(total))
    if length < CANCEL_RATIO * float(np.abs(weights).sum()):
        raise QueryError("The terms cancel each other out: take something else away.")
    return (total / length).astype(np.float32)


def _term(sign: str, text: str) -> Term:
    weight, marker = 1.0, sign
    match = _WEIGHT.match(text)
    if match and match[2] and _number(match[1]) > MAX_WEIGHT:  # a heading: "2024: a motorcycle"
        match = None
    if match:
        weight, marker, text = _number(match[1]), f"{match[1]}:", text[match.end() :]
        if not 0 < weight <= MAX_WEIGHT:
            raise QueryError(f"A weight must lie above 0 and be at most {MAX_WEIGHT:g}, not {match[1]}.")
    if not text.rstrip(":").strip():
        raise QueryError(f"Write some words after “{marker}”, or leave it out.")
    return Term(text, weight if sign == "+" else -weight)


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def _require_content(text: str) -> None:
    if content_words(text):
        return
    if not split_words(text):
        raise QueryError("There is no word in this text: name a thing, a place, a color or what happens.")
    excerpt = text if len(text) <= 40 else f"{text[:39]}…"
    raise QueryError(f"“{excerpt}” names nothing to look for: add a thing, a place, a color or what happens.")
