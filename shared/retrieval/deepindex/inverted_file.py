"""An inverted file: for every word, which patches of which pictures it stands for.

The postings of all words lie in a few flat arrays, sorted by word and picture, and a search reads whole
stretches of them: no step runs posting by posting. A word has one part (single index) or two (multiple index:
Zheng et al., "Packing and padding: coupled multi-index for accurate image retrieval", CVPR 2014), and then
both must agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.retrieval.deepindex.hamming_embedding import hamming

#: A posting says picture and patch in one number below this.
LARGEST = 2**32


@dataclass(frozen=True, eq=False)
class Lookup:
    """What a search looks up, one row for every word of every patch.

    Attributes:
        first: int64 `[E]`, the word, or its first part.
        second: int64 `[E]`, its second part; zeros in a single index.
        patch: int64 `[E]`, number of the query's patch.
        codes: uint8 `[E, C]`, the patch's signature inside the word.
    """

    first: np.ndarray
    second: np.ndarray
    patch: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True, eq=False)
class Found:
    """Postings that a search found, one row each.

    Attributes:
        row: int64 `[T]`, the row of the lookup.
        posting: int64 `[T]`, the number of the posting.
        picture: int64 `[T]`, the picture that it belongs to.
        weight: float64 `[T]`, what it adds to the picture's score.
    """

    row: np.ndarray
    posting: np.ndarray
    picture: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, eq=False)
class InvertedFile:
    """Postings by word. It never changes: `plus` and `minus` give another one.

    Attributes:
        words: How many words there are: one number in a single index, two in a multiple index.
        patches: How many patches a picture has at most.
        pictures: How many pictures it holds, numbered from 0.
        slots: uint32 `[M]`, picture times `patches` plus patch, of every posting.
        second: uint16 `[M]`, the second part of every posting's word; `[0]` in a single index.
        codes: uint8 `[M, C]`, every posting's signature.
        starts: int64 `[words + 1]`, where the postings of each (first part of a) word begin.
        norms: float32 `[pictures]`, length of every picture's vector of tf-idf.
    """

    words: tuple[int, ...]
    patches: int
    pictures: int
    slots: np.ndarray
    second: np.ndarray
    codes: np.ndarray
    starts: np.ndarray
    norms: np.ndarray

    @classmethod
    def empty(cls, words: Sequence[int], patches: int, code_bytes: int = 0) -> InvertedFile:
        """One without pictures.

        Args:
            words: See above.
            patches: See above.
            code_bytes: C, bytes of a signature; 0 for none.

        Raises:
            ValueError: There are more than 65,536 words in the second part, or a number is below 1.
        """
        if not 1 <= len(words) <= 2 or min(*words, patches) < 1:
            raise ValueError(f"give one or two numbers of words, and patches, received {words}, {patches}")
        if len(words) == 2 and words[1] > 2**16:
            raise ValueError(f"the second part of a word has at most 65,536 values, received {words[1]}")
        none = np.zeros(0, np.int64)
        codes = np.zeros((0, code_bytes), np.uint8)
        return cls.sort(tuple(words), patches, 0, [none] * len(words), none, codes)

    @classmethod
    def sort(
        cls,
        words: tuple[int, ...],
        patches: int,
        pictures: int,
        parts: Sequence[np.ndarray],
        slots: np.ndarray,
        codes: np.ndarray,
    ) -> InvertedFile:
        """A file of postings in another order.

        Args:
            words: See above.
            patches: See above.
            pictures: See above.
            parts: For each part of a word, that of every posting, int64 `[M]`.
            slots: int `[M]`; those of one word rise already.
            codes: uint8 `[M, C]`.
        """
        cell = parts[0] * words[1] + parts[1] if len(words) == 2 else parts[0]
        order = np.argsort(cell, kind="stable")
        slots = np.asarray(slots, np.int64)[order]
        return cls(
            words,
            patches,
            pictures,
            slots=slots.astype(np.uint32),
            second=parts[1][order].astype(np.uint16) if len(words) == 2 else np.zeros(0, np.uint16),
            codes=codes[order],
            starts=np.concatenate([[0], np.cumsum(np.bincount(parts[0], minlength=words[0]))]),
            norms=_lengths(cell[order], slots // patches, pictures),
        )

    @property
    def multiple(self) -> bool:
        """Whether words have two parts."""
        return len(self.words) == 2

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name; together they are the memory that the file takes."""
        names = ("slots", "second", "codes", "starts", "norms")
        return {name: getattr(self, name) for name in names}

    def plus(self, words: Sequence[np.ndarray], codes: np.ndarray) -> InvertedFile:
        """The file with more pictures, which get the next numbers.

        Takes time for the whole file: add many pictures at once.

        Args:
            words: for each part of a word, int `[N, patches]`; a patch with -1 in any part has none.
            codes: uint8 `[N, patches, C]`.

        Raises:
            ValueError: a word is unknown, or there would be too many pictures.
        """
        for part, known in zip(words, self.words, strict=True):
            if part.size and not (part.min() >= -1 and part.max() < known):
                raise ValueError(f"words must be in -1..{known - 1}, received {part.min()}..{part.max()}")
        pictures = self.pictures + len(words[0])
        if pictures * self.patches > LARGEST:
            most = LARGEST // self.patches
            raise ValueError(f"an index holds at most {most} pictures, received {pictures}")
        parts = [np.asarray(part, np.int64).ravel() for part in words]
        there = np.flatnonzero(np.all([part >= 0 for part in parts], axis=0))
        both = [np.concatenate([old, new[there]]) for old, new in zip(self._parts(), parts, strict=True)]
        slots = np.concatenate([self.slots, there + self.pictures * self.patches])
        codes = np.concatenate(
            [self.codes, np.asarray(codes).reshape(len(parts[0]), self.codes.shape[1])[there]]
        )
        return self.sort(self.words, self.patches, pictures, both, slots, codes)

    def minus(self, pictures: Sequence[int] | np.ndarray) -> InvertedFile:
        """The file without some pictures; those that stay are numbered anew, in their order."""
        stays = np.ones(self.pictures, bool)
        stays[np.asarray(pictures, np.int64)] = False
        owner = self.owners()
        kept = np.flatnonzero(stays[owner])
        number = np.cumsum(stays) - 1
        slots = number[owner[kept]] * self.patches + self.slots[kept] % self.patches
        left = [part[kept] for part in self._parts()]
        return self.sort(self.words, self.patches, int(stays.sum()), left, slots, self.codes[kept])

    def owners(self) -> np.ndarray:
        """The picture of every posting, int64 `[M]`."""
        return (self.slots // np.uint32(self.patches)).astype(np.int64)

    def find(self, lookup: Lookup, votes: np.ndarray | None = None) -> Found:
        """All postings of the words that are looked up, and what each adds to its picture's score.

        The score of a picture is the cosine of two vectors of tf-idf, in which a word that n of N pictures
        have counts log(N / n); with `votes`, every pair of patches counts as much as their signatures agree.

        Args:
            lookup: the words.
            votes: `[bits + 1]`, the weight of a match at each Hamming distance, see
                `shared.retrieval.deepindex.hamming_embedding.vote_weights`; None where signatures do not count.
        """
        low, high = self._bounds(lookup.first, lookup.second)
        count = high - low
        row = np.repeat(np.arange(len(count)), count)
        posting = np.arange(len(row)) + np.repeat(low - (np.cumsum(count) - count), count)
        picture = (self.slots[posting] // np.uint32(self.patches)).astype(np.int64)
        # in how many pictures each word is: postings of one picture stand together
        new = _changes(row) | _changes(picture)
        having = np.bincount(row[new], minlength=len(count))
        idf = np.log(max(self.pictures, 1) / np.maximum(having, 1))
        weight = (idf**2)[row]
        if votes is not None:
            weight *= votes[hamming(lookup.codes[row], self.codes[posting])]
        length = self._length(lookup, idf) * self.norms[picture]
        weight = np.divide(weight, length, out=np.zeros_like(weight), where=length > 0)
        return Found(row, posting, picture, weight)

    def scores(self, found: Found) -> np.ndarray:
        """The score of every picture, float64 `[pictures]`: the sum of what was found of it."""
        # float also where nothing was found
        return np.bincount(found.picture, found.weight, minlength=self.pictures).astype(np.float64)

    def _length(self, lookup: Lookup, idf: np.ndarray) -> float:
        """The length of the query's vector: a word counts as often as it is looked up."""
        _, place, times = np.unique(
            self._cells(lookup.first, lookup.second), return_index=True, return_counts=True
        )
        return float(np.sqrt(((times * idf[place]) ** 2).sum()))

    def _bounds(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The stretch of postings of each word, as its begin and end."""
        low, high = self.starts[first], self.starts[first + 1]
        if not self.multiple:
            return low, high
        return self._search(low, high, second), self._search(low, high, second + 1)

    def _search(self, low: np.ndarray, high: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """By halving, in each stretch the first posting whose second part is not below what is wanted."""
        while (open_ := low < high).any():
            middle = (low + high) // 2
            below = open_.copy()
            below[open_] = self.second[middle[open_]] < wanted[open_]
            low = np.where(below, middle + 1, low)
            high = np.where(open_ & ~below, middle, high)
        return low

    def _parts(self) -> list[np.ndarray]:
        """For each part of a word, that of every posting, int64 `[M]`."""
        first = np.repeat(np.arange(self.words[0]), np.diff(self.starts))
        return [first, self.second.astype(np.int64)] if self.multiple else [first]

    def _cells(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """One number for each word, in the order of the postings."""
        return first * self.words[1] + second if self.multiple else first


def _lengths(cell: np.ndarray, owner: np.ndarray, pictures: int) -> np.ndarray:
    """Length of the vector of tf-idf of every picture, from sorted postings."""
    new_cell, new_owner = _changes(cell), _changes(owner)
    runs = np.flatnonzero(new_cell | new_owner)  # a run: all postings of one picture in one word
    times = np.diff(np.append(runs, len(cell)))
    number = np.cumsum(new_cell)[runs] - 1
    idf = np.log(max(pictures, 1) / np.bincount(number))
    squares = np.bincount(owner[runs], (times * idf[number]) ** 2, minlength=pictures)
    return np.sqrt(squares).astype(np.float32)


def _changes(x: np.ndarray) -> np.ndarray:
    """Whether each value is another than the one before it; the first is."""
    new = np.ones(len(x), bool)
    new[1:] = x[1:] != x[:-1]
    return new
