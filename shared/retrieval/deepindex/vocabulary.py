"""Vocabulary of DeepIndex: the codebooks of patches and of the whole image, as one set of weights."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from shared.core import weights
from shared.core.weights import WeightsError
from shared.retrieval.deepindex.codebook import Codebook

#: Name of the weights.
WORDS = "retrieval-words"
#: Longer side in pixels at which patches are seen where the configuration names none.
DEFAULT_SIZE = 320
#: Prefix of the arrays of the signature.
_WHOLE = "whole."


@dataclass(frozen=True)
class SearchSettings:
    """Settings of a search, none of which changes what an index stores.

    Attributes:
        assignments: Words per patch of the query at each level (multiple assignment).
        sigma: Width of the votes in bits, see `shared.retrieval.deepindex.hamming_embedding.vote_weights`;
            None where codes of patches do not count.
        signature: Weight of the signature's cosine, which is added to the score of each hit; 0 for none.
        full_ranking: True adds the signature's cosine to every image, also without a common word, so that
            the ranking goes on beyond the hits of the words.
    """

    assignments: tuple[int, ...] = (16, 16)
    sigma: float | None = 19.0
    signature: float = 0.08
    full_ranking: bool = False


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Visual words of an index.

    Attributes:
        boxes: Patches of every image, float32 `[P, 4]`, see `shared.retrieval.deepindex.patches.Bag`.
        power: Power of the patches' means, see `shared.retrieval.deepindex.patches.pool_patches`.
        codebooks: Codebooks by level: one for a single index, two for a multiple index.
        signature: Signature of the whole image, as a codebook of one word; None for none.
        size: Longer side in pixels at which patches are seen.
        settings: Settings with which the words are searched.
    """

    boxes: np.ndarray
    power: float
    codebooks: Mapping[str, Codebook]
    signature: Codebook | None
    size: int = DEFAULT_SIZE
    settings: SearchSettings = field(default_factory=SearchSettings)

    @property
    def bits(self) -> int:
        """Length of a patch's code, over all levels."""
        return sum(codebook.bits for codebook in self.codebooks.values())

    def select(self, *levels: str, codes: bool = True, signature: bool = True) -> Vocabulary:
        """Return the vocabulary of an index over some of the levels.

        Args:
            levels: Levels to keep.
            codes: False drops the codes of patches.
            signature: False drops the signature of the whole image.
        """
        codebooks = {level: self.codebooks[level] for level in levels}
        if not codes:
            codebooks = {level: codebook.without_codes() for level, codebook in codebooks.items()}
        return replace(self, codebooks=codebooks, signature=self.signature if signature else None)

    def without_whitening(self) -> Vocabulary:
        """Return the vocabulary for features that are whitened already."""
        codebooks = {level: codebook.without_whitening() for level, codebook in self.codebooks.items()}
        signature = self.signature and self.signature.without_whitening()
        return replace(self, codebooks=codebooks, signature=signature)

    def rounded(self) -> Vocabulary:
        """Return the vocabulary with all numbers rounded to float16, for a file of half the size.

        An index needs the very vocabulary that it was built with: round first, then build the index.
        """
        arrays = {name: array.astype(np.float16).astype(np.float32) for name, array in self.arrays().items()}
        codebooks, signature = _codebooks(arrays, list(self.codebooks))
        # the boxes stay as they are, since bags must have exactly the same
        return replace(self, codebooks=codebooks, signature=signature)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays by name."""
        arrays = {"boxes": self.boxes}
        for level, codebook in self.codebooks.items():
            arrays |= codebook.arrays(f"{level}.")
        return arrays | (self.signature.arrays(_WHOLE) if self.signature else {})

    def digest(self) -> str:
        """Return the digest that ties files to this vocabulary."""
        digest = hashlib.sha256(f"{self.power} {list(self.codebooks)}".encode())
        for name, array in sorted(self.arrays().items()):
            digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def save(self, name_or_folder: str | os.PathLike, **config: Any) -> Path:
        """Write a weight folder; arrays that lose nothing by it are stored as float16.

        Args:
            name_or_folder: See `shared.core.weights.save`.
            **config: JSON values for `config.json`, such as the training options.

        Returns:
            The folder.
        """
        is_name = isinstance(name_or_folder, str) and Path(name_or_folder).name == name_or_folder
        folder = weights.ROOT / "weights" / name_or_folder if is_name else Path(name_or_folder)
        folder.mkdir(parents=True, exist_ok=True)
        settings = json.dumps({"levels": list(self.codebooks), "power": self.power}, sort_keys=True)
        arrays = {name: np.ascontiguousarray(_compact(array)) for name, array in self.arrays().items()}
        data = save(arrays, metadata={"kind": "vocabulary", "settings": settings})
        (folder / weights.WEIGHTS).write_bytes(data)
        (folder / weights.CONFIG).write_text("{}\n", encoding="utf-8")
        search = {
            "assignments": list(self.settings.assignments),
            "sigma": self.settings.sigma,
            "signature": self.settings.signature,
        }
        weights.update_config(folder, **config, size=self.size, settings=search)
        return folder

    @classmethod
    def load(
        cls, folder: str | os.PathLike | None = None, *, network: str | None = None, allow_hub: bool = False
    ) -> Vocabulary:
        """Read a weight folder.

        Args:
            folder: Folder that `save` has written, by default `weights/retrieval-words`.
            network: Digest of the weights that describe the patches, see
                `shared.retrieval.descriptor.extractor.Extractor`; None accepts any.
            allow_hub: True if missing weights may be downloaded.

        Raises:
            WeightsError: There is none, it is damaged, or it was learned with another network.
        """
        path = weights.find(WORDS, folder=folder, allow_hub=allow_hub)
        weights.check(path)
        config = weights.read_config(path)
        if network is not None and config.get("network") != network:
            raise WeightsError(
                f"The words in {path.name} were learned with other weights of the network: learn them anew "
                "with `python -m shared.retrieval.train words`."
            )
        search = dict(config.get("settings", {}))
        if "assignments" in search:
            search["assignments"] = tuple(search["assignments"])
        try:
            with safe_open(path / weights.WEIGHTS, "numpy") as file:
                names = file.keys()
                arrays = {name: file.get_tensor(name).astype(np.float32) for name in names}
                layout = json.loads((file.metadata() or {})["settings"])
            codebooks, signature = _codebooks(arrays, layout["levels"])
            return cls(
                boxes=arrays["boxes"],
                power=float(layout["power"]),
                codebooks=codebooks,
                signature=signature,
                size=config.get("size", DEFAULT_SIZE),
                settings=SearchSettings(**search),
            )
        except (KeyError, TypeError, ValueError, OSError, SafetensorError) as error:
            raise WeightsError(f"{path.name} holds no vocabulary ({error}): learn the words anew.") from error


def _codebooks(
    arrays: Mapping[str, np.ndarray], levels: list[str]
) -> tuple[dict[str, Codebook], Codebook | None]:
    """Restore the codebooks of levels, and that of the whole image where there is one."""
    codebooks = {level: Codebook.from_arrays(arrays, f"{level}.") for level in levels}
    return codebooks, Codebook.from_arrays(arrays, _WHOLE) if f"{_WHOLE}mean" in arrays else None


def _compact(array: np.ndarray) -> np.ndarray:
    """Return the array as float16 if that loses nothing."""
    half = array.astype(np.float16)
    return half if (half == array).all() else array
