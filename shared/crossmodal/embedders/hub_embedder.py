"""Base class of embedders from the Hugging Face Hub, which can search galleries that other engines filled."""

from __future__ import annotations

import hashlib
import threading
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
from PIL import Image

from shared.core.images import open_image
from shared.crossmodal.embedders.embedder import IMAGE_FEATURE, Embedder
from shared.gallery.index import FINGERPRINT, MismatchError
from shared.gallery.snapshot import GallerySnapshot
from shared.index.vectors import l2_normalize

#: Largest number of cached image features.
CACHE_SIZE = 20_000
#: Largest number of new images that a search embeds on a CPU: SigLIP 2 takes a third of a second for each.
MAX_NEW_ON_CPU = 400
#: Images or texts that pass through the network at once.
BATCH_SIZE = 16

Item = TypeVar("Item")


class HubEmbedder(Embedder):
    """Embedder that embeds the thumbnails of a gallery itself when it is first asked to search them.

    A subclass loads its network and defines `encode_images`, `embed_regions`, `embed_texts` and
    `calibration`; its `embed_texts` must accept empty texts as well. Texts reach it in the language in which
    they were written (`english_only`). The features of thumbnails are cached by their content.

    Args:
        engine: Name of its engine.
        fingerprint: Number that identifies the weights, 64 bits; not 0, which turns the check of galleries
            off.
        on_cpu: True if the network runs on a CPU, which limits the images that a search may embed.

    Attributes:
        on_cpu: See above.
    """

    accepts_any_gallery = True
    english_only = False

    def __init__(self, engine: str, fingerprint: int, *, on_cpu: bool) -> None:
        self.engines = (engine,)
        self.model_fingerprint = np.array([fingerprint], np.uint64)
        self.on_cpu = on_cpu
        self._cache: dict[bytes, np.ndarray] = {}  # by SHA-256 of the thumbnail, the oldest first
        self._cache_lock = threading.Lock()

    @abstractmethod
    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return the image features of up to `BATCH_SIZE` RGB images, float16 `[N, F]`."""

    def describe(self, images: Sequence[Image.Image]) -> list[dict[str, np.ndarray]]:
        features = np.concatenate([self.encode_images(batch) for batch in batches(images)])
        return [{IMAGE_FEATURE: row, FINGERPRINT: self.model_fingerprint} for row in features]

    def embed_features(self, features: np.ndarray, engine: str) -> np.ndarray:
        return l2_normalize(features.astype(np.float32))

    def gallery_vectors(self, gallery: GallerySnapshot, ids: Sequence[int], engine: str) -> np.ndarray:
        """Return the vectors of images of a gallery, whatever weights have described them.

        Raises:
            MismatchError: Too many of them are new for a CPU.
        """
        if self._has_described(gallery, ids):
            return super().gallery_vectors(gallery, ids, engine)
        thumbnails = {id: gallery.entries[id].thumbnail for id in ids}
        keys = {id: hashlib.sha256(thumbnail).digest() for id, thumbnail in thumbnails.items()}
        with self._cache_lock:
            features = {key: self._cache[key] for key in keys.values() if key in self._cache}
        new = {keys[id]: thumbnail for id, thumbnail in thumbnails.items() if keys[id] not in features}
        if self.on_cpu and len(new) > MAX_NEW_ON_CPU:
            raise MismatchError(
                f"This engine would have to look at {len(new):,} new pictures, and without a GPU it looks at "
                f"{MAX_NEW_ON_CPU} at most: please choose another engine or a smaller gallery."
            )
        for batch in batches(list(new)):
            rows = self.encode_images([open_image(new[key]) for key in batch])
            features |= dict(zip(batch, rows, strict=True))
        with self._cache_lock:
            self._cache |= {key: features[key] for key in new}
            for key in list(self._cache)[: max(len(self._cache) - CACHE_SIZE, 0)]:
                del self._cache[key]
        return self.embed_features(np.stack([features[keys[id]] for id in ids]), engine)

    def _has_described(self, gallery: GallerySnapshot, ids: Sequence[int]) -> bool:
        if FINGERPRINT not in gallery.feature_names:
            return False
        return bool((gallery.features(FINGERPRINT, ids)[1] == self.model_fingerprint).all())


def batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Split items into batches of at most `BATCH_SIZE`."""
    return (items[start : start + BATCH_SIZE] for start in range(0, len(items), BATCH_SIZE))
