"""DeepIndex: image search by an inverted file over the visual words of patches.

Liu, Guo, Wu and Lew, "DeepIndex for accurate and efficient image retrieval", ICMR 2015. It consists of a bag
of deep features (`patches.py`); a single index over the words of one feature, or a multiple index over those
of two, a middle and a high level of the network, which must both agree (`inverted_file.py`); and a global
signature that refines the score of the hits. Within a word, Hamming embedding compares patches
(`hamming_embedding.py`).
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.index import file as index_file
from shared.index.reader import IndexFileError
from shared.retrieval.deepindex.hits import PatchMatch, ScoredImage
from shared.retrieval.deepindex.inverted_file import InvertedFile, Layout
from shared.retrieval.deepindex.patches import Bag
from shared.retrieval.deepindex.postings import PostingMatches, QueryWords
from shared.retrieval.deepindex.varint import compress, decompress
from shared.retrieval.deepindex.vocabulary import SearchSettings, Vocabulary

CONTENT = "word index"


@dataclass(frozen=True, eq=False)
class _Contents:
    """Everything that depends on the images; a search takes it once, so that it never sees half a change."""

    names: tuple[str, ...]
    file: InvertedFile
    signatures: np.ndarray


class DeepIndex:
    """Index of named images.

    Calls may come from many threads at once: a search sees the index either before or after a change.

    Attributes:
        vocabulary: Vocabulary with codebooks of one level (single index) or two (multiple index).
        settings: Settings of searches; may be replaced at any time.

    Args:
        vocabulary: See above.
        settings: See above; by default those of the vocabulary.
    """

    def __init__(self, vocabulary: Vocabulary, settings: SearchSettings | None = None) -> None:
        self.vocabulary = vocabulary
        self.settings = settings or vocabulary.settings
        words = tuple(codebook.size for codebook in vocabulary.codebooks.values())
        self._layout = Layout(words, len(vocabulary.boxes), vocabulary.bits // 8)
        self._signature_bytes = vocabulary.signature.bits // 8 if vocabulary.signature else 0
        signatures = np.zeros((0, self._signature_bytes), np.uint8)
        self._contents = _Contents((), InvertedFile.empty(self._layout), signatures)
        self._write_lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._contents.names)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all images, in the order of their addition."""
        return self._contents.names

    def add(self, names: Sequence[str], bags: Sequence[Bag]) -> None:
        """Add images; the whole file is sorted again, so add many at once.

        Args:
            names: Names of the images, all new and different.
            bags: Their bags, with the boxes of the vocabulary.

        Raises:
            ValueError: A name is taken, or a bag has other boxes or features.
        """
        bags = list(bags)
        if len(names) != len(bags):
            raise ValueError(f"give a bag for each of {len(names)} names, received {len(bags)}")
        for bag in bags:
            if not np.array_equal(bag.boxes, self.vocabulary.boxes):
                raise ValueError("the bag has other boxes than the index: make it with vocabulary.boxes")
        if not bags:
            return
        words, codes = [], []
        patches = len(self.vocabulary.boxes)
        for level, codebook in self.vocabulary.codebooks.items():
            assignment = codebook.assign(np.concatenate([bag.features[level] for bag in bags]))
            words.append(assignment.words.reshape(len(bags), patches))
            codes.append(assignment.codes.reshape(len(bags), patches, -1))
        signatures = self._signatures(bags)
        with self._write_lock:
            old = self._contents
            taken = set(old.names).intersection(names)
            if taken or len(set(names)) < len(names):
                raise ValueError(f"every image needs a name of its own, received {sorted(taken)[:3]} again")
            self._contents = _Contents(
                (*old.names, *names),
                old.file.with_images(words, np.concatenate(codes, -1)),
                np.concatenate([old.signatures, signatures]),
            )

    def remove(self, names: Sequence[str]) -> None:
        """Remove images.

        Raises:
            KeyError: An image of such a name is missing.
        """
        with self._write_lock:
            old = self._contents
            number = {name: index for index, name in enumerate(old.names)}
            removed = np.array([number[name] for name in names], np.int64)
            remaining = np.setdiff1d(np.arange(len(number)), removed)
            self._contents = _Contents(
                tuple(old.names[index] for index in remaining),
                old.file.without_images(removed),
                old.signatures[remaining],
            )

    def search(self, bag: Bag, top_k: int = 10) -> list[ScoredImage]:
        """Return the most similar images, the best first; ties in the order of addition.

        Args:
            bag: Query with any boxes; without patches, or without a word of the index, there are no hits.
            top_k: Largest number of images.
        """
        contents = self._contents
        scores = self._scores(contents, bag)
        positive = np.flatnonzero(scores > 0)
        best = positive[np.argsort(-scores[positive], kind="stable")[:top_k]]
        return [ScoredImage(contents.names[index], float(scores[index])) for index in best]

    def scores(self, bag: Bag) -> np.ndarray:
        """Compute all scores, float64 `[N]` in the order of `names`; 0 for an image without a common word."""
        return self._scores(self._contents, bag)

    def self_score(self, bag: Bag) -> float:
        """Compute the score of an image with itself, were it in the index; others hardly exceed it.

        Args:
            bag: The image.
        """
        query = self._query_words(bag, self.settings.assignments)
        image = self._query_words(bag, (1,) * len(self.settings.assignments))
        weight = self.settings.signature if self.vocabulary.signature else 0.0
        return self._contents.file.self_score(query, image, self.settings.sigma) + weight

    def patch_matches(self, bag: Bag, name: str, top_k: int | None = None) -> list[PatchMatch]:
        """Return the pairs of patches that share a word, by falling weight.

        The weights sum to the score of the image, less the contribution of the signature.

        Args:
            bag: Query.
            name: Name of the image.
            top_k: Largest number of pairs; None for all.

        Raises:
            ValueError: There is no image of that name.
        """
        contents = self._contents
        if name not in contents.names:
            raise ValueError(f"the index has no image {name!r}")
        matches, query = self._match(contents, bag)
        rows = np.flatnonzero(matches.image == contents.names.index(name))
        rows = rows[np.argsort(-matches.weight[rows], kind="stable")][:top_k]
        patch = contents.file.slots[matches.posting[rows]] % self._layout.patches
        return [
            PatchMatch(tuple(query_box), tuple(image_box), weight)
            for query_box, image_box, weight in zip(
                bag.boxes[query.patch[matches.row[rows]]].tolist(),
                self.vocabulary.boxes[patch].tolist(),
                matches.weight[rows].tolist(),
                strict=True,
            )
        ]

    def bytes_per_image(self, *, compressed: bool = False) -> float:
        """Compute the mean bytes of an image: postings, signatures, and its part of the lists.

        Names are not counted, nor is the vocabulary, whose size does not depend on the images.

        Args:
            compressed: True for the size in a file, see `varint.py`; False for the size in memory.
        """
        contents = self._contents
        arrays = compress(contents.file) if compressed else contents.file.arrays
        total = contents.signatures.nbytes + sum(array.nbytes for array in arrays.values())
        return total / len(contents.names) if contents.names else 0.0

    def save(self, path: str | os.PathLike) -> Path:
        """Write the index to a file, whole or not at all; the vocabulary is saved separately."""
        contents = self._contents
        names = np.frombuffer(json.dumps(list(contents.names)).encode(), np.uint8)
        arrays = compress(contents.file) | {"signatures": contents.signatures, "names": names}
        values = {"vocabulary": self.vocabulary.digest(), "images": len(contents.names)}
        index_file.write(path, values, {name: [array] for name, array in arrays.items()}, CONTENT)
        return Path(path)

    @classmethod
    def load(
        cls, path: str | os.PathLike, vocabulary: Vocabulary, settings: SearchSettings | None = None
    ) -> DeepIndex:
        """Read an index from a file.

        Args:
            path: File that `save` has written.
            vocabulary: Vocabulary of the index.
            settings: Settings of searches; by default those of the vocabulary.

        Raises:
            IndexFileError: The file is missing or damaged, or belongs to another vocabulary.
        """
        reader = index_file.read(path, content=CONTENT)
        if reader.values.get("vocabulary") != vocabulary.digest():
            raise IndexFileError(f"{path} was built with another vocabulary: load that one, or index anew.")
        index = cls(vocabulary, settings)
        encoded_names = reader.array("names", np.uint8, None)
        try:
            names = tuple(json.loads(encoded_names.tobytes()))
            file = decompress(reader.arrays, index._layout, len(names))
        except (KeyError, TypeError, ValueError) as error:
            reader.fail(str(error))
        reader.check(all(isinstance(name, str) for name in names), "its names are no texts")
        unique = len(set(names)) == len(names) == reader.values.get("images")
        reader.check(unique, "its names do not fit its images")
        signatures = reader.array("signatures", np.uint8, len(names), index._signature_bytes)
        index._contents = _Contents(names, file, signatures)
        return index

    def _query_words(self, bag: Bag, counts: Sequence[int]) -> QueryWords:
        """Assign words to all patches: with two levels, each word of one with each of the other.

        Args:
            bag: The image.
            counts: Words per patch at each level.
        """
        codebooks = self.vocabulary.codebooks
        assignments = [
            codebook.assign(bag.features[level], k)
            for (level, codebook), k in zip(codebooks.items(), counts, strict=False)
        ]
        low, high = assignments[0], assignments[-1]
        if len(assignments) == 1:
            first, second, codes = low.words, np.zeros_like(low.words), low.codes
        else:
            first, second = np.broadcast_arrays(low.words[:, :, None], high.words[:, None])
            pairs = [
                np.broadcast_to(low.codes[:, :, None], (*first.shape, low.codes.shape[-1])),
                np.broadcast_to(high.codes[:, None], (*first.shape, high.codes.shape[-1])),
            ]
            codes = np.concatenate(pairs, axis=-1)
        first, second = first.ravel(), second.ravel()
        valid = (first >= 0) & (second >= 0)
        patch = np.repeat(np.arange(len(bag.boxes)), first.size // max(len(bag.boxes), 1))
        codes = codes.reshape(first.size, self._layout.code_bytes)
        return QueryWords(first[valid], second[valid], patch[valid], codes[valid])

    def _match(self, contents: _Contents, bag: Bag) -> tuple[PostingMatches, QueryWords]:
        query = self._query_words(bag, self.settings.assignments)
        return contents.file.match(query, self.settings.sigma), query

    def _scores(self, contents: _Contents, bag: Bag) -> np.ndarray:
        matches, _ = self._match(contents, bag)
        scores = contents.file.scores(matches)
        weight, signature = self.settings.signature, self.vocabulary.signature
        if signature and weight:
            ranked = np.arange(len(scores)) if self.settings.full_ranking else np.flatnonzero(scores)
            cosines = signature.code_cosines(bag.whole, contents.signatures[ranked])
            scores[ranked] += weight * np.maximum(cosines, 0)
        return scores

    def _signatures(self, bags: Sequence[Bag]) -> np.ndarray:
        """Compute the global signatures of images, uint8 `[N, bits / 8]`."""
        codebook = self.vocabulary.signature
        if codebook is None:
            return np.zeros((len(bags), 0), np.uint8)
        return codebook.assign(np.stack([bag.whole for bag in bags])).codes[:, 0]
