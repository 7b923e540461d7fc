"""DeepIndex: pictures found through an inverted file over the words of their patches.

Liu, Guo, Wu and Lew, "DeepIndex for accurate and efficient image retrieval", ICMR 2015. Three things make it:
a bag of deep features (`patches.py`); a single index over the words of one feature, or a multiple index over
those of two, a middle and a high level of the network, which must both agree (`inverted.py`); and a global
signature that refines the score of what was found. Between patches of one word, Hamming embedding tells how
near they are (`signature.py`).
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.retrieval.deepindex import storage, varint
from shared.retrieval.deepindex.hamming_embedding import cosines, vote_weights
from shared.retrieval.deepindex.inverted_file import Found, InvertedFile, Lookup
from shared.retrieval.deepindex.patches import Bag
from shared.retrieval.deepindex.storage import StorageError
from shared.retrieval.deepindex.vocabulary import Vocabulary

KIND = "deepindex"


@dataclass(frozen=True)
class Settings:
    """How an index is searched; none of it changes what is stored.

    Attributes:
        assignments: how many words each patch of the query gets at each level (multiple assignment).
        sigma: deviation of the votes in bits, see `vote_weights`; None where the signatures of patches do not
            count.
        signature: weight of the cosine that a picture's signature stands for, which is added to the score of
            what was found; 0 for none.
        everywhere: whether the signatures of all pictures are compared, also where no word agrees, so that a
            list goes on beyond what the words found.
    """

    assignments: tuple[int, ...] = (16, 16)
    sigma: float | None = 19.0
    signature: float = 0.08
    everywhere: bool = False


@dataclass(frozen=True)
class Hit:
    """A picture that was found.

    Attributes:
        name: Under which it was added.
        score: The greater the more alike.
    """

    name: str
    score: float


@dataclass(frozen=True)
class Match:
    """Two patches that have a word in common.

    Attributes:
        query: Left, top, right and bottom of the query's patch, as shares of its picture's sides.
        picture: The same of the patch that was found.
        weight: What the match adds to the score.
    """

    query: tuple[float, float, float, float]
    picture: tuple[float, float, float, float]
    weight: float


@dataclass(frozen=True, eq=False)
class _State:
    """All that changes with the pictures; a search takes it once and keeps to it."""

    names: tuple[str, ...]
    file: InvertedFile
    signatures: np.ndarray


class DeepIndex:
    """Pictures by name, of which those can be found that look like another.

    Calls may come from many threads at once: a search sees the index as it was before a change or after it.

    Attributes:
        vocabulary: Of the index.
        settings: How it is searched; may be set at any time.

    Args:
        vocabulary: See above; with codebooks for one level (single index) or two (multiple index).
        settings: See above.
    """

    def __init__(self, vocabulary: Vocabulary, settings: Settings | None = None) -> None:
        self.vocabulary = vocabulary
        self.settings = settings or Settings()
        words = [book.words for book in vocabulary.codebooks.values()]
        file = InvertedFile.empty(words, len(vocabulary.boxes), vocabulary.bits // 8)
        width = vocabulary.signature.bits // 8 if vocabulary.signature else 0
        self._state = _State((), file, np.zeros((0, width), np.uint8))
        self._changing = threading.Lock()

    def __len__(self) -> int:
        return len(self._state.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all pictures, in the order in which they came."""
        return self._state.names

    def add(self, names: Sequence[str], bags: Sequence[Bag]) -> None:
        """Adds pictures. It takes time for the whole index: add many at once.

        Args:
            names: of the pictures; new ones, and none of them twice.
            bags: of the pictures, with the boxes of the vocabulary.

        Raises:
            ValueError: a name is there already, or a bag has other boxes or features.
        """
        bags = list(bags)
        if len(names) != len(bags):
            raise ValueError(f"give a bag for each of {len(names)} names, received {len(bags)}")
        for bag in bags:
            if bag.boxes.shape != self.vocabulary.boxes.shape or (bag.boxes != self.vocabulary.boxes).any():
                raise ValueError("the bag has other boxes than the index: make it with vocabulary.boxes")
        if not bags:
            return
        words, codes = [], []
        patches = len(self.vocabulary.boxes)
        for level, book in self.vocabulary.codebooks.items():
            features = np.concatenate([bag.features[level] for bag in bags])
            found = book.assign(features)
            words.append(found.words.reshape(len(bags), patches))
            codes.append(found.codes.reshape(len(bags), patches, -1))
        signatures = self._signatures(bags)
        with self._changing:
            old = self._state
            twice = set(old.names).intersection(names)
            if twice or len(set(names)) < len(names):
                raise ValueError(f"every picture needs a name of its own, received {sorted(twice)[:3]} again")
            self._state = _State(
                (*old.names, *names),
                old.file.plus(words, np.concatenate(codes, -1)),
                np.concatenate([old.signatures, signatures]),
            )

    def remove(self, names: Sequence[str]) -> None:
        """Takes pictures out.

        Raises:
            KeyError: there is no picture of such a name.
        """
        with self._changing:
            old = self._state
            number = {name: place for place, name in enumerate(old.names)}
            gone = np.array([number[name] for name in names], np.int64)
            stay = np.setdiff1d(np.arange(len(number)), gone)
            self._state = _State(
                tuple(old.names[place] for place in stay), old.file.minus(gone), old.signatures[stay]
            )

    def search(self, bag: Bag, count: int = 10) -> list[Hit]:
        """The pictures that look most like another, the most alike first; equals in the order they came.

        Args:
            bag: of any boxes; without patches, or without a word that the index has, nothing is found.
            count: how many pictures at most.
        """
        state = self._state
        scores = self._scores(state, bag)
        there = np.flatnonzero(scores > 0)
        best = there[np.argsort(-scores[there], kind="stable")[:count]]
        return [Hit(state.names[place], float(scores[place])) for place in best]

    def scores(self, bag: Bag) -> np.ndarray:
        """The score of every picture, float64 `[N]` in the order of `names`; 0 where no word agrees."""
        return self._scores(self._state, bag)

    def matches(self, bag: Bag, name: str, count: int | None = None) -> list[Match]:
        """Why a picture was found: the pairs of patches whose words agree, the weightiest first.

        The weights add up to the picture's score, less what its signature adds.

        Args:
            bag: what is searched with.
            name: of the picture.
            count: how many pairs at most; None for all.

        Raises:
            ValueError: there is no picture of that name.
        """
        state = self._state
        if name not in state.names:
            raise ValueError(f"the index has no picture {name!r}")
        found, lookup = self._find(state, bag)
        own = np.flatnonzero(found.picture == state.names.index(name))
        own = own[np.argsort(-found.weight[own], kind="stable")][:count]
        patch = state.file.slots[found.posting[own]] % state.file.patches
        return [
            Match(tuple(query), tuple(picture), weight)
            for query, picture, weight in zip(
                bag.boxes[lookup.patch[found.row[own]]].tolist(),
                self.vocabulary.boxes[patch].tolist(),
                found.weight[own].tolist(),
                strict=True,
            )
        ]

    def bytes_per_image(self, *, packed: bool = False) -> float:
        """What a picture takes in memory, or in a file: postings, signatures and the words' share of both.

        Names are not counted, nor the vocabulary, whose size does not depend on the pictures.

        Args:
            packed: whether as in a file, see `compact.py`.
        """
        state = self._state
        arrays = varint.pack(state.file) if packed else state.file.arrays
        total = state.signatures.nbytes + sum(array.nbytes for array in arrays.values())
        return total / len(state.names) if state.names else 0.0

    def save(self, path: str | os.PathLike) -> Path:
        """Writes the index as one safetensors file; the vocabulary is saved on its own."""
        state = self._state
        arrays = varint.pack(state.file) | {"signatures": state.signatures, "names": _written(state.names)}
        return storage.write(
            path, KIND, arrays, vocabulary=self.vocabulary.digest(), pictures=len(state.names)
        )

    @classmethod
    def load(
        cls, path: str | os.PathLike, vocabulary: Vocabulary, settings: Settings | None = None
    ) -> DeepIndex:
        """Reads an index.

        Raises:
            StorageError: the file is missing or damaged, or was made with another vocabulary.
        """
        arrays, values = storage.read(path, KIND)
        if values.get("vocabulary") != vocabulary.digest():
            raise StorageError(f"{path} was made with another vocabulary: load that one, or index anew.")
        index = cls(vocabulary, settings)
        empty = index._state
        try:
            names = _read(arrays["names"])
            file = varint.unpack(arrays, empty.file, len(names))
            signatures = arrays["signatures"]
            if len(set(names)) < len(names) or values["pictures"] != len(names):
                raise ValueError("the names do not fit the pictures")
            if signatures.shape != (len(names), empty.signatures.shape[1]) or signatures.dtype != np.uint8:
                raise ValueError(f"the signatures are {signatures.dtype} {list(signatures.shape)}")
        except (KeyError, TypeError, ValueError) as error:
            raise StorageError(f"{path} contradicts itself ({error}): index anew.") from error
        index._state = _State(names, file, signatures)
        return index

    def _lookup(self, bag: Bag) -> Lookup:
        """All words of all patches: with two levels, each of one with each of the other."""
        books = self.vocabulary.codebooks
        found = [
            book.assign(bag.features[level], count)
            for (level, book), count in zip(books.items(), self.settings.assignments, strict=False)
        ]
        first, second = found[0], found[-1]
        if len(found) == 1:
            words = [first.words, np.zeros_like(first.words)]
            codes = first.codes
        else:
            words = np.broadcast_arrays(first.words[:, :, None], second.words[:, None])
            shape = words[0].shape
            codes = np.concatenate(
                [
                    np.broadcast_to(first.codes[:, :, None], (*shape, first.codes.shape[-1])),
                    np.broadcast_to(second.codes[:, None], (*shape, second.codes.shape[-1])),
                ],
                axis=-1,
            )
        one, other = (part.ravel() for part in words)
        known = (one >= 0) & (other >= 0)
        patch = np.repeat(np.arange(len(bag.boxes)), one.size // max(len(bag.boxes), 1))
        codes = codes.reshape(one.size, self.vocabulary.bits // 8)
        return Lookup(one[known], other[known], patch[known], codes[known])

    def _find(self, state: _State, bag: Bag) -> tuple[Found, Lookup]:
        lookup = self._lookup(bag)
        bits, sigma = self.vocabulary.bits, self.settings.sigma
        votes = vote_weights(bits, sigma) if bits and sigma else None
        return state.file.find(lookup, votes), lookup

    def _scores(self, state: _State, bag: Bag) -> np.ndarray:
        found, _ = self._find(state, bag)
        scores = state.file.scores(found)
        weight = self.settings.signature
        if self.vocabulary.signature and weight:
            there = np.arange(len(scores)) if self.settings.everywhere else np.flatnonzero(scores)
            (own,) = self.vocabulary.signature.numbers(bag.whole[None])
            scores[there] += weight * np.maximum(cosines(own, state.signatures[there]), 0)
        return scores

    def _signatures(self, bags: Sequence[Bag]) -> np.ndarray:
        """The global signatures of pictures, uint8 `[N, bits / 8]`."""
        book = self.vocabulary.signature
        if book is None:
            return np.zeros((len(bags), 0), np.uint8)
        return book.assign(np.stack([bag.whole for bag in bags])).codes[:, 0]


def _written(names: Sequence[str]) -> np.ndarray:
    """Names as bytes."""
    return np.frombuffer(json.dumps(list(names)).encode(), np.uint8)


def _read(data: np.ndarray) -> tuple[str, ...]:
    names = json.loads(data.tobytes())
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("the names are no list of texts")
    return tuple(names)
