"""What is learned before pictures are indexed: codebooks of the patches, and the signature of the whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.core import weights
from shared.retrieval.deepindex import codebook, storage
from shared.retrieval.deepindex.codebook import Codebook
from shared.retrieval.deepindex.patches import Bag
from shared.retrieval.deepindex.storage import StorageError
from shared.retrieval.descriptor.whitening import Whitening

KIND = "vocabulary"
WHOLE = "whole"
#: Name of the weights.
WORDS = "retrieval-words"


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The words of an index.

    Attributes:
        boxes: float32 `[P, 4]`, the patches of every picture, see `shared.retrieval.deepindex.patches.grid`.
        power: of the patches' means, see `shared.retrieval.deepindex.patches.pool_patches`.
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

    def only(self, *levels: str, codes: bool = True, signature: bool = True) -> Vocabulary:
        """The vocabulary of an index over fewer levels, or without one of the signatures.

        Args:
            levels: Those that stay.
            codes: Whether the signatures of the patches stay.
            signature: Whether that of the whole picture stays.
        """
        books = {level: self.codebooks[level] for level in levels}
        if not codes:
            books = {level: book.without_codes() for level, book in books.items()}
        return Vocabulary(self.boxes, self.power, books, self.signature if signature else None)

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
        """Writes the vocabulary as one safetensors file, in float16 what loses nothing by it."""
        arrays = {name: _short(array) for name, array in self.arrays().items()}
        return storage.write(path, KIND, arrays, levels=list(self.codebooks), power=self.power)

    def rounded(self) -> Vocabulary:
        """The same vocabulary with all numbers as float16 can hold them, for a file of half the size.

        An index goes with the vocabulary that it was made with: round first, then make the index.
        """
        # the boxes stay as they are: bags must have exactly the same
        arrays = {name: array.astype(np.float16).astype(np.float32) for name, array in self.arrays().items()}
        return self._made_of(arrays | {"boxes": self.boxes}, list(self.codebooks), self.power)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Vocabulary:
        """Reads a vocabulary.

        Raises:
            StorageError: the file is missing, damaged or of another kind.
        """
        arrays, settings = storage.read(path, KIND)
        arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
        try:
            return cls._made_of(arrays, settings["levels"], float(settings["power"]))
        except (KeyError, TypeError, ValueError) as error:
            raise StorageError(f"{path} lacks {error}, which a {KIND} has: make it anew.") from error

    @classmethod
    def find(
        cls, folder: str | os.PathLike | None = None, *, network: str | None = None, allow_hub: bool = False
    ) -> Vocabulary:
        """Reads the vocabulary of a weight folder that `save_folder` made.

        Args:
            folder: By default `weights/retrieval-words`.
            network: Digest of the weights that describe the patches, see
                `shared.retrieval.descriptor.extractor.network_digest`; None where anything will do.
            allow_hub: Whether it may be downloaded if it is not on this machine.

        Raises:
            WeightsError: There is none, it is damaged, or it was learned with another network.
        """
        found = weights.find(WORDS, folder=folder, allow_hub=allow_hub)
        weights.check(found)
        if network is not None and weights.read_config(found).get("network") != network:
            raise weights.WeightsError(
                f"The words in {found.name} were learned with other weights of the network: learn them anew "
                "with `python -m shared.retrieval.train words`."
            )
        try:
            return cls.load(found / weights.WEIGHTS)
        except StorageError as error:
            raise weights.WeightsError(str(error)) from error

    def save_folder(self, name_or_folder: str | os.PathLike, **config: Any) -> Path:
        """Writes a weight folder: the vocabulary, a `config.json` with the given keys, and the checksums.

        Args:
            name_or_folder: As for `shared.core.weights.save`.
            config: Plain values, such as how the words were learned.
        """
        is_name = isinstance(name_or_folder, str) and Path(name_or_folder).name == name_or_folder
        folder = weights.ROOT / "weights" / name_or_folder if is_name else Path(name_or_folder)
        self.save(folder / weights.WEIGHTS)
        (folder / weights.CONFIG).write_text("{}\n", encoding="utf-8")
        weights.update_config(folder, **config)
        return folder

    @classmethod
    def _made_of(cls, arrays: Mapping[str, np.ndarray], levels: Sequence[str], power: float) -> Vocabulary:
        books = {level: Codebook.from_arrays(arrays, f"{level}.") for level in levels}
        whole = Codebook.from_arrays(arrays, f"{WHOLE}.") if f"{WHOLE}.mean" in arrays else None
        return cls(arrays["boxes"], power, books, whole)


def learn(
    bags: Sequence[Bag],
    words: Mapping[str, int],
    *,
    power: float,
    dims: int = 128,
    bits: int = 32,
    signature_bits: int = 512,
    whole: Whitening | None = None,
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
        whole: what whitens whole pictures before their signature is taken, such as that of a trained
            descriptor; by default one is learned from these photos.
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
    signature = None
    if signature_bits:
        every = np.stack([bag.whole for bag in bags])
        dims = signature_bits if whole is None else len(whole.projection)
        signature = codebook.learn(every, 1, dims=dims, bits=signature_bits, whitening=whole, seed=seed)
    return Vocabulary(bags[0].boxes, power, books, signature)


def _short(array: np.ndarray) -> np.ndarray:
    """The array in float16 if it then still says the same."""
    half = array.astype(np.float16)
    return half if (half == array).all() else array
