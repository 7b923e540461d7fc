"""Words of a query, postings of an inverted file, and matches of both, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class QueryWords:
    """Words of a query, one row for every word of every patch.

    Attributes:
        first: The word, or its first part, int64 `[E]`.
        second: Its second part, int64 `[E]`; zeros in a single index.
        patch: Index of the query's patch, int64 `[E]`.
        codes: Binary code of the patch inside the word, uint8 `[E, C]`.
    """

    first: np.ndarray
    second: np.ndarray
    patch: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True, eq=False)
class Postings:
    """Postings in any order of their words, those of one word by rising slot.

    Attributes:
        words: For each part of a word, that part of every posting, int64 `[M]`.
        slots: Image times patches per image plus patch, int `[M]`.
        codes: Binary codes, uint8 `[M, C]`.
    """

    words: Sequence[np.ndarray]
    slots: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True, eq=False)
class PostingMatches:
    """Postings that share a word with a query, one row each.

    Attributes:
        row: Row of the query's words, int64 `[T]`.
        posting: Index of the posting, int64 `[T]`.
        image: Image of the posting, int64 `[T]`.
        weight: Contribution to the score of the image, float64 `[T]`.
    """

    row: np.ndarray
    posting: np.ndarray
    image: np.ndarray
    weight: np.ndarray
