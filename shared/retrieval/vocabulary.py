"""What is learned before pictures are indexed: codebooks of the patches, and the signature of the whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.retrieval import codebook, storage
from shared.retrieval.codebook import Codebook
from shared.retrieval.patches import Bag
from shared.retrieval.storage import StorageError

KIND = "vocabulary"
WHOLE = "whole"


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The words of an index.

    Attributes:
        boxes: float32 `[P, 4]`, the patches of every picture, see `shared.retrieval.patches.grid`.
        power: of the patches' means, see `shared.retrieval.patches.pool_patches`.
        codebooks: by level: one for a single index, two for a multiple index.
        signature: of the whole picture, as a codebook of a single word; None for none.
    """

    boxes: np.ndarray
    power: float
    codebooks: Mapping[str, Codebook]
    signature: Codebook | None

    @property
    def bits(self) -> int:
        """Length of a patch's signature: those of all levels together."""
        return sum(book.bits for book in self.codebooks.values())

    def only(self, *levels: str) -> Vocabulary:
        """The vocabulary of an index over fewer levels."""
        return Vocabulary(self.boxes, self.power, {x: self.codebooks[x] for x in levels}, self.signature)

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name."""
        found = {"boxes": self.boxes}
        for level, book in self.codebooks.items():
            found |= book.arrays(f"{level}.")
        return found | (self.signature.arrays(f"{WHOLE}.") if self.signature else {})

    def digest(self) -> str:
        """What tells this vocabulary from others, for files that are of use with this one only."""
        digest = hashlib.sha256(f"{self.power} {list(self.codebooks)}".encode())
        for name, array in sorted(self.arrays().items()):
            digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def save(self, path: str | os.PathLike) -> Path:
        """Writes the vocabulary as one safetensors file."""
        levels = list(self.codebooks)
        return storage.write(path, KIND, self.arrays(), levels=levels, power=self.power)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Vocabulary:
        """Reads a vocabulary.

        Raises:
            StorageError: the file is missing, damaged or of another kind.
        """
        arrays, settings = storage.read(path, KIND)
        try:
            books = {level: Codebook.from_arrays(arrays, f"{level}.") for level in settings["levels"]}
            whole = Codebook.from_arrays(arrays, f"{WHOLE}.") if f"{WHOLE}.mean" in arrays else None
            return cls(arrays["boxes"], float(settings["power"]), books, whole)
        except (KeyError, TypeError, ValueError) as error:
            raise StorageError(f"{path} lacks {error}, which a {KIND} has: make it anew.") from error


def learn(
    bags: Sequence[Bag],
    words: Mapping[str, int],
    *,
    power: float,
    dims: int = 128,
    bits: int = 32,
    signature_bits: int = 512,
    seed: int = 0,
) -> Vocabulary:
    """Learns the words of an index from photos that will not be in it.

    Args:
        bags: of the photos, all with the same boxes.
        words: how many for each level; one level or two.
        power: with which the bags were made.
        dims: of a whitened patch.
        bits: of a patch's signature at each level.
        signature_bits: of a picture's signature, a multiple of 16; 0 for none.
        seed: of k-means and of the signatures' directions.

    Raises:
        ValueError: there are no bags, or too few for so many words, dims or bits.
    """
    if not bags:
        raise ValueError("a vocabulary is learned from at least one bag, received none")
    books = {
        level: codebook.learn(
            np.concatenate([bag.features[level] for bag in bags]), count, dims=dims, bits=bits, seed=seed
        )
        for level, count in words.items()
    }
    whole = np.stack([bag.whole for bag in bags])
    signature = (
        codebook.learn(whole, 1, dims=signature_bits, bits=signature_bits, seed=seed)
        if signature_bits
        else None
    )
    return Vocabulary(bags[0].boxes, power, books, signature)
