"""All that any engine wants to know of a picture, from one look at it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from shared.core import weights
from shared.core.confidence import Grades
from shared.core.images import Box, Source, crop, open_image
from shared.gallery.index import MADE, Features
from shared.gallery.ingest import Described, Given, Skipped, decoded
from shared.gallery.thumbnails import shrunk
from shared.retrieval.deepindex.codebook import Codebook
from shared.retrieval.deepindex.index import Settings
from shared.retrieval.deepindex.patches import Bag
from shared.retrieval.deepindex.vocabulary import WORDS, Vocabulary
from shared.retrieval.descriptor.extractor import (
    HEAD,
    Extractor,
    Folders,
    network_digest,
    network_folders,
)
from shared.retrieval.descriptor.patch_head import TogetherHead, without_whitening
from shared.retrieval.duplicates import perceptual_hash
from shared.retrieval.histogram import color_histogram

#: Kinds of features. The words of patches have one for each level, see `patches_of`.
DESCRIPTOR, COLOR, HASH, WHOLE_PATCH = "descriptor", "color", "hash", "patches whole"
#: Longer side in pixels at which words see a picture, where their configuration does not say.
SIZE = 320


def patches_of(level: str) -> str:
    """The kind of feature that patches have at a level of the network."""
    return f"patches {level}"


class Describer:
    """Describes pictures for all engines. Calls may come from many threads at once.

    The features of a picture, by kind:

    * `descriptor`, float32 `[D]` of length 1: see `shared.retrieval.descriptor.extractor.Extractor`.
    * `color`, float32 `[128]` of length 1: see `shared.retrieval.histogram`.
    * `hash`, uint64 `[]`: see `shared.retrieval.duplicates`.
    * `made`, uint64 `[2]`: which weights made the descriptor, and which the patches; 0 for no patches.
    * `patches LEVEL`, float16 `[P, D]`, and `patches whole`, float16 `[D]`: what DeepIndex makes words and
      signatures of, after the whitening of its codebooks. A patch in which the network sees nothing is 0.

    Attributes:
        extractor: What makes descriptors.
        words: The vocabulary of patches as they are stored: its whitenings do nothing more. None without
            patches.
        settings: How DeepIndex is searched with these words.
        threshold: Cosine of descriptors from which on two pictures count as alike; None where nobody has
            measured one.
        grades: What such a cosine means in words; None where nobody has measured that.
        made: The feature `made` of all pictures that it describes.

    Args:
        extractor: See above.
        words: The vocabulary as it was learned.
        size: Longer side in pixels at which patches are seen.
        threshold: See above.
        grades: See above.
        settings: How DeepIndex is searched, as the arguments of `shared.retrieval.deepindex.index.Settings`.
    """

    def __init__(
        self,
        extractor: Extractor,
        words: Vocabulary | None = None,
        *,
        size: int = SIZE,
        threshold: float | None = None,
        grades: Grades | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.extractor = extractor
        self.settings = Settings(**(settings or {}))
        self.threshold, self.grades = threshold, grades
        self.words = words and without_whitening(words)
        self._learned, self._size = words, size
        books = [*words.codebooks.values(), words.signature] if words else []
        self._turns = {
            id(book): (torch.tensor(book.whitening.mean), torch.tensor(book.whitening.projection.T))
            for book in filter(None, books)
        }
        self._head = TogetherHead(extractor.head, words, size)
        texts = [_weights_digest(extractor), words.digest() + str(size) if words else ""]
        self.made = np.array([_number(text) if text else 0 for text in texts], np.uint64)

    @classmethod
    def load(
        cls,
        *,
        head: str | os.PathLike | None = None,
        words: str | os.PathLike | None = None,
        network: Folders | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
        need_words: bool = False,
    ) -> Describer:
        """Loads what describes pictures.

        Args:
            head: Folder of the descriptor, by default `weights/retrieval-descriptor`; its configuration says
                which network it goes with.
            words: Folder of the vocabulary, by default `weights/retrieval-words`.
            network: Folders of the network's weights, see `Extractor.load`.
            device: Where the network runs; by default the best there is.
            allow_hub: Whether weights that are not on this machine may be downloaded.
            need_words: Whether to fail, rather than go without patches, where there is no vocabulary of this
                network.

        Raises:
            WeightsError: Weights cannot be used, or do not go together.
        """
        folder = weights.find(HEAD, folder=head, allow_hub=allow_hub)
        config = weights.read_config(folder)
        engine = config.get("engine", "cfn")
        extractor = Extractor.load(engine, folder=network, head=folder, device=device, allow_hub=allow_hub)
        try:
            digest = network_digest(*network_folders(engine, network))
            vocabulary = Vocabulary.find(words, network=digest, allow_hub=allow_hub)
            patches = weights.read_config(weights.find(WORDS, folder=words))
        except weights.WeightsError:
            if need_words or words is not None:
                raise
            vocabulary, patches = None, {}
        return cls(
            extractor,
            vocabulary,
            size=patches.get("size", SIZE),
            threshold=config.get("threshold"),
            grades=Grades.of(config),
            settings=patches.get("settings"),
        )

    def __call__(self, image: Source, box: Box | None = None) -> dict[str, np.ndarray]:
        """The features of a picture, or of a part of it.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            box: The part: left, top, right and bottom in pixels; by default the whole.

        Raises:
            ImageError: The picture cannot be used, or the box has no part in it.
        """
        return self._finish(self._prepare("", crop(open_image(image), box))).features

    def stream(
        self,
        photos: Iterable[tuple[str, Given]],
        skipped: Skipped,
        *,
        ahead: int = 8,
    ) -> Iterator[Described]:
        """Describes many pictures, several at a time, in memory that does not grow.

        Args:
            photos: See `shared.gallery.ingest.decoded`, as for the others.
            skipped: Is told what cannot be used.
            ahead: How many are made ready in advance.
        """
        if self.extractor.crew:
            options = {"skipped": skipped, "ahead": ahead, "crew": self.extractor.crew}
            return decoded(photos, lambda *photo: self._finish(self._prepare(*photo)), **options)
        return map(self._finish, decoded(photos, self._prepare, skipped=skipped, ahead=ahead))

    @property
    def patch_kinds(self) -> tuple[str, ...]:
        """The kinds of features that patches have."""
        return (*(patches_of(level) for level in self.words.codebooks), WHOLE_PATCH)

    def bag(self, features: Features) -> Bag:
        """The bag of patches that is in the features of a picture, for an index with `words`."""
        levels = {level: features[patches_of(level)].astype(np.float32) for level in self.words.codebooks}
        return Bag(self.words.boxes, levels, features[WHOLE_PATCH].astype(np.float32))

    def _prepare(self, name: str, picture: Image.Image) -> _Prepared:
        """All that needs no network."""
        small = shrunk(picture)
        features = {
            COLOR: color_histogram(small),
            HASH: np.array(perceptual_hash(small), np.uint64),
            MADE: self.made,
        }
        described = Described(name, picture.size, small, features)
        return _Prepared(described, self.extractor.views(picture, self._head.sizes))

    def _finish(self, prepared: _Prepared) -> Described:
        row = self.extractor.describe([prepared.views], {"": self._head})[""][0]
        described = prepared.described
        features = {DESCRIPTOR: row[: self.extractor.head.dims], **described.features}
        if self._learned is not None:
            features |= self._patches(row[self.extractor.head.dims :])
        return replace(described, features=features)

    def _patches(self, row: np.ndarray) -> dict[str, np.ndarray]:
        """Whitened patches from what `TogetherHead` pooled."""
        found, start = {}, 0
        for level, book in self._learned.codebooks.items():
            length = len(book.whitening.mean)
            pooled = row[start : start + len(self._learned.boxes) * length].reshape(-1, length)
            start += pooled.size
            embedded = self._embed(book, pooled)
            embedded[~(pooled > 0).any(1)] = 0
            found[patches_of(level)] = embedded.astype(np.float16)
        book, whole = self._learned.signature, row[None, start:]
        found[WHOLE_PATCH] = (self._embed(book, whole) if book else whole)[0].astype(np.float16)
        return found

    def _embed(self, book: Codebook, x: np.ndarray) -> np.ndarray:
        """What `book.embed` gives, by torch, which keeps to the threads that it was given.

        NumPy would take all cores for it, and they would be busy waiting for more for as long as a network
        takes.
        """
        mean, projection = self._turns[id(book)]
        rows = F.normalize(torch.from_numpy(np.array(x, np.float32)), dim=1) - mean
        return F.normalize(rows @ projection, dim=1).numpy()


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A picture before the network has seen it."""

    described: Described
    views: dict[int, Tensor]


def _weights_digest(extractor: Extractor) -> str:
    """What tells the weights of a network and its head, and how they are used, from others."""
    head = extractor.head
    digest = hashlib.sha256(repr([head.levels, head.sizes, head.pooling, head.power, head.root]).encode())
    for module in (extractor.network, head):
        for name, tensor in module.state_dict().items():
            digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") | 1
