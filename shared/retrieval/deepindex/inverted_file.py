"""Inverted file: the postings of every visual word, and the scores of images that share words with a query.

The postings of all words lie in a few flat arrays, sorted by word and image, and a search reads whole ranges
of them: nothing loops over postings. A word has one part (single index) or two (multiple index: Zheng et al.,
"Packing and padding: coupled multi-index for accurate image retrieval", CVPR 2014), which must both agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.retrieval.deepindex.hamming_embedding import hamming_distance, vote_weights
from shared.retrieval.deepindex.postings import PostingMatches, Postings, QueryWords

#: Image and patch of a posting are one number below this.
MAX_SLOTS = 2**32


@dataclass(frozen=True)
class Layout:
    """Fixed sizes of an inverted file.

    Attributes:
        words: Number of words: one number for a single index, two for a multiple index.
        patches: Largest number of patches per image.
        code_bytes: Bytes of a posting's binary code; 0 for none.

    Raises:
        ValueError: The second part has more than 65,536 words, or a number is below 1.
    """

    words: tuple[int, ...]
    patches: int
    code_bytes: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.words) <= 2 or min(*self.words, self.patches) < 1:
            raise ValueError(
                f"give one or two numbers of words, and patches, received {self.words}, {self.patches}"
            )
        if self.multiple and self.words[1] > 2**16:
            raise ValueError(f"the second part of a word has at most 65,536 values, received {self.words[1]}")

    @property
    def multiple(self) -> bool:
        """True if words have two parts."""
        return len(self.words) == 2

    def cells(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return one number per word, in the order of the postings, from both its parts `[M]`."""
        return first * self.words[1] + second if self.multiple else first


@dataclass(frozen=True, eq=False)
class InvertedFile:
    """Immutable postings, sorted by word and image.

    Attributes:
        layout: Sizes of the file.
        images: Number of images, which are numbered from 0.
        slots: Image times patches per image plus patch of every posting, uint32 `[M]`.
        second: Second part of every posting's word, uint16 `[M]`; `[0]` in a single index.
        codes: Binary code of every posting, uint8 `[M, C]`.
        starts: Begin of the postings of each (first part of a) word, int64 `[words + 1]`.
        norms: Length of every image's tf-idf vector, float32 `[images]`.
    """

    layout: Layout
    images: int
    slots: np.ndarray
    second: np.ndarray
    codes: np.ndarray
    starts: np.ndarray
    norms: np.ndarray

    @classmethod
    def empty(cls, layout: Layout) -> InvertedFile:
        """Return a file without images."""
        nothing = np.zeros(0, np.int64)
        codes = np.zeros((0, layout.code_bytes), np.uint8)
        return cls.from_postings(layout, 0, Postings([nothing] * len(layout.words), nothing, codes))

    @classmethod
    def from_postings(cls, layout: Layout, images: int, postings: Postings) -> InvertedFile:
        """Sort postings into a file of `images` images."""
        first, second = postings.words[0], postings.words[-1]
        cell = layout.cells(first, second)
        order = np.argsort(cell, kind="stable")
        slots = np.asarray(postings.slots, np.int64)[order]
        counts = np.bincount(first, minlength=layout.words[0])
        return cls(
            layout,
            images,
            slots=slots.astype(np.uint32),
            second=second[order].astype(np.uint16) if layout.multiple else np.zeros(0, np.uint16),
            codes=postings.codes[order],
            starts=np.concatenate([[0], np.cumsum(counts)]),
            norms=_tf_idf_norms(cell[order], slots // layout.patches, images),
        )

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name, which make up the memory of the file."""
        names = ("slots", "second", "codes", "starts", "norms")
        return {name: getattr(self, name) for name in names}

    def with_images(self, words: Sequence[np.ndarray], codes: np.ndarray) -> InvertedFile:
        """Return the file with further images, which get the next numbers.

        The whole file is sorted again: add many images at once.

        Args:
            words: For each part of a word, int `[N, patches]`; -1 in any part for a patch without a word.
            codes: Binary codes, uint8 `[N, patches, C]`.

        Raises:
            ValueError: A word is unknown, or there are too many images.
        """
        patches = self.layout.patches
        for part, count in zip(words, self.layout.words, strict=True):
            if part.size and not (part.min() >= -1 and part.max() < count):
                raise ValueError(f"words must be in -1..{count - 1}, received {part.min()}..{part.max()}")
        images = self.images + len(words[0])
        if images * patches > MAX_SLOTS:
            raise ValueError(f"an index holds at most {MAX_SLOTS // patches} images, received {images}")
        parts = [np.asarray(part, np.int64).ravel() for part in words]
        valid = np.flatnonzero(np.all([part >= 0 for part in parts], axis=0))
        new_codes = np.asarray(codes).reshape(len(parts[0]), self.layout.code_bytes)[valid]
        postings = Postings(
            [np.concatenate([old, part[valid]]) for old, part in zip(self._words(), parts, strict=True)],
            np.concatenate([self.slots, valid + self.images * patches]),
            np.concatenate([self.codes, new_codes]),
        )
        return self.from_postings(self.layout, images, postings)

    def without_images(self, images: Sequence[int] | np.ndarray) -> InvertedFile:
        """Return the file without the images of some numbers; the others are renumbered in their order."""
        remains = np.ones(self.images, bool)
        remains[np.asarray(images, np.int64)] = False
        owner = self.posting_images()
        postings = np.flatnonzero(remains[owner])
        number = np.cumsum(remains) - 1
        patches = self.layout.patches
        slots = number[owner[postings]] * patches + self.slots[postings] % patches
        words = [part[postings] for part in self._words()]
        return self.from_postings(
            self.layout, int(remains.sum()), Postings(words, slots, self.codes[postings])
        )

    def posting_images(self) -> np.ndarray:
        """Return the image of every posting, int64 `[M]`."""
        return self._images_of(self.slots)

    def match(self, query: QueryWords, sigma: float | None = None) -> PostingMatches:
        """Return all postings of the query's words, and their contributions to the scores.

        The score of an image is the cosine of two tf-idf vectors, in which a word of n out of N images weighs
        log(N / n); with `sigma`, every pair of patches is weighted by the agreement of their binary codes.

        Args:
            query: Words of the query.
            sigma: Width of the votes in bits, see
                `shared.retrieval.deepindex.hamming_embedding.vote_weights`; None without codes.
        """
        row, posting, image, idf = self._postings(query)
        weight = (idf**2)[row]
        if sigma and self.layout.code_bytes:
            weight *= self._votes(query.codes[row], self.codes[posting], sigma)
        length = self._query_norm(query, idf) * self.norms[image]
        weight = np.divide(weight, length, out=np.zeros_like(weight), where=length > 0)
        return PostingMatches(row, posting, image, weight)

    def self_score(self, query: QueryWords, image: QueryWords, sigma: float | None = None) -> float:
        """Compute the score of an image with itself, were it in the file.

        Args:
            query: Its words as a query, which may have several for each patch.
            image: Its words as an indexed image, one for each patch.
            sigma: See `match`.
        """
        words = [image.first, image.second][: len(self.layout.words)]
        file = self.from_postings(self.layout, 1, Postings(words, image.patch, image.codes))
        row, posting, _, _ = file._postings(query)
        idf = self._postings(query)[3]
        weight = (idf**2)[row]
        if sigma and self.layout.code_bytes:
            weight *= self._votes(query.codes[row], file.codes[posting], sigma)
        length = self._query_norm(query, idf) * self._query_norm(image, self._postings(image)[3])
        return float(weight.sum() / length) if length > 0 else 0.0

    def scores(self, matches: PostingMatches) -> np.ndarray:
        """Sum the contributions to the score of every image, float64 `[images]`."""
        # the conversion is for a query without matches, whose counts are integers
        return np.bincount(matches.image, matches.weight, minlength=self.images).astype(np.float64)

    def _votes(self, first: np.ndarray, second: np.ndarray, sigma: float) -> np.ndarray:
        """Return the weights of pairs of codes, float64 `[T]`."""
        votes: np.ndarray = vote_weights(8 * self.layout.code_bytes, sigma)
        return votes[hamming_distance(first, second)]

    def _postings(self, query: QueryWords) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return row, posting and image of each posting of the query's words, and the idf of each row."""
        low, high = self._ranges(query.first, query.second)
        count = high - low
        row = np.repeat(np.arange(len(count)), count)
        posting = np.arange(len(row)) + np.repeat(low - (np.cumsum(count) - count), count)
        image = self._images_of(self.slots[posting])
        # the document frequency of each word: postings of one image are adjacent
        is_first = _run_starts(row) | _run_starts(image)
        frequency = np.bincount(row[is_first], minlength=len(count))
        return row, posting, image, np.log(max(self.images, 1) / np.maximum(frequency, 1))

    def _images_of(self, slots: np.ndarray) -> np.ndarray:
        return (slots // np.uint32(self.layout.patches)).astype(np.int64)

    def _query_norm(self, query: QueryWords, idf: np.ndarray) -> float:
        """Return the length of the query's tf-idf vector, in which a word counts once per row."""
        cells = self.layout.cells(query.first, query.second)
        _, index, term_frequency = np.unique(cells, return_index=True, return_counts=True)
        return float(np.sqrt(((term_frequency * idf[index]) ** 2).sum()))

    def _ranges(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return begin and end of the postings of each word."""
        low, high = self.starts[first], self.starts[first + 1]
        if not self.layout.multiple:
            return low, high
        return self._bisect(low, high, second), self._bisect(low, high, second + 1)

    def _bisect(self, low: np.ndarray, high: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Return in each range the first posting whose second part is not below the target."""
        while (unfinished := low < high).any():
            middle = (low + high) // 2
            below = unfinished.copy()
            below[unfinished] = self.second[middle[unfinished]] < target[unfinished]
            low = np.where(below, middle + 1, low)
            high = np.where(unfinished & ~below, middle, high)
        return low

    def _words(self) -> list[np.ndarray]:
        """Return each part of the words of all postings, int64 `[M]`."""
        first = np.repeat(np.arange(self.layout.words[0]), np.diff(self.starts))
        return [first, self.second.astype(np.int64)] if self.layout.multiple else [first]


def _tf_idf_norms(cell: np.ndarray, owner: np.ndarray, images: int) -> np.ndarray:
    """Compute the length of every image's tf-idf vector from sorted postings."""
    cell_starts, owner_starts = _run_starts(cell), _run_starts(owner)
    runs = np.flatnonzero(cell_starts | owner_starts)  # a run holds the postings of one image in one word
    term_frequency = np.diff(np.append(runs, len(cell)))
    number = np.cumsum(cell_starts)[runs] - 1
    idf = np.log(max(images, 1) / np.bincount(number))
    squares = np.bincount(owner[runs], (term_frequency * idf[number]) ** 2, minlength=images)
    return np.sqrt(squares).astype(np.float32)


def _run_starts(x: np.ndarray) -> np.ndarray:
    """Return the mask of run starts: the first value, and each that differs from its predecessor."""
    mask = np.ones(len(x), bool)
    mask[1:] = x[1:] != x[:-1]
    return mask
