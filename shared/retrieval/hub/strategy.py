"""Search by descriptors of DINOv2, which looks at the thumbnails of a gallery when it first searches it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence

import numpy as np
from PIL import Image
from torch.nn import functional as F

from shared.core.calls import check_call
from shared.core.images import open_image, shrink
from shared.gallery.index import Features, MismatchError, VectorGalleryIndex
from shared.gallery.snapshot import GallerySnapshot
from shared.retrieval.describer import HASH, Describer
from shared.retrieval.explanation.evidence import Evidence
from shared.retrieval.hub.dinov2 import Dinov2Descriptor
from shared.retrieval.strategies import Match, SearchStrategy

FEATURE = "dinov2"
#: Largest number of cached descriptors, 6 KB each.
CACHE_SIZE = 20_000
#: Largest number of new images that a search describes on a CPU.
MAX_NEW_ON_CPU = 400


class Dinov2Index(VectorGalleryIndex):
    """Exact index over the descriptors of a gallery's thumbnails.

    Args:
        strategy: Strategy that describes them.
    """

    def __init__(self, strategy: Dinov2Strategy) -> None:
        super().__init__("exact", HASH, None)
        self._strategy = strategy

    def _vectors(self, snapshot: GallerySnapshot, ids: Sequence[int]) -> np.ndarray:
        return self._strategy.describe_thumbnails([snapshot.entries[id].thumbnail for id in ids])

    def _search(self, query: Features, top_k: int) -> tuple[list[int], list[float]]:
        return super()._search({HASH: query[FEATURE]}, top_k)


class Dinov2Strategy(SearchStrategy[Dinov2Index]):
    """Strategy over descriptors of DINOv2, which are cached by the thumbnail's content.

    Args:
        describer: Describer of the gallery's other features.
        descriptor: The network.
    """

    def __init__(self, describer: Describer, descriptor: Dinov2Descriptor) -> None:
        super().__init__(describer)
        self.descriptor = descriptor
        self._cache: dict[bytes, np.ndarray] = {}  # by SHA-256 of the thumbnail, the oldest first
        self._lock = threading.Lock()

    def new_index(self) -> Dinov2Index:
        """Return an empty index."""
        return Dinov2Index(self)

    def encode(self, image: Image.Image) -> Features:
        """Compute the descriptor of a query."""
        return {FEATURE: self.descriptor([shrink(image)])[0]}

    def encode_stored(self, snapshot: GallerySnapshot, image_id: int) -> Features:
        """Compute the descriptor of an image of a gallery, or take it from the cache."""
        return {FEATURE: self.describe_thumbnails([snapshot.entries[image_id].thumbnail])[0]}

    def describe_thumbnails(self, thumbnails: Sequence[bytes]) -> np.ndarray:
        """Return the descriptors of encoded thumbnails, float32 `[N, D]`.

        Raises:
            MismatchError: Too many of them are new for a CPU.
        """
        keys = [hashlib.sha256(thumbnail).digest() for thumbnail in thumbnails]
        with self._lock:
            known = {key: self._cache[key] for key in keys if key in self._cache}
        new = {key: entry for key, entry in zip(keys, thumbnails, strict=True) if key not in known}
        if self.descriptor.on_cpu and len(new) > MAX_NEW_ON_CPU:
            raise MismatchError(
                f"This engine would have to look at {len(new):,} new pictures, and without a GPU it looks at "
                f"{MAX_NEW_ON_CPU} at most: please choose another engine or a smaller gallery."
            )
        for key, thumbnail in new.items():
            check_call(may_wait=False)
            known[key] = self.descriptor([open_image(thumbnail)])[0]
            with self._lock:  # at once, so that a search that is ended goes on from here the next time
                self._cache[key] = known[key]
        with self._lock:
            for key in list(self._cache)[: max(len(self._cache) - CACHE_SIZE, 0)]:
                del self._cache[key]
        return np.stack([known[key] for key in keys])

    def evidence(self, match: Match, index: Dinov2Index) -> Evidence:
        """Find the patches of each image that have a similar one in the other."""
        images = (match.query, match.image)
        maps = [self.descriptor.tokens(shrink(image))[1] for image in images]
        first, second = (F.normalize(patches, dim=0) for patches in maps)
        cosines = (first.flatten(1).T @ second.flatten(1)).relu()
        heats = (cosines.amax(1).view(first.shape[1:]), cosines.amax(0).view(second.shape[1:]))
        return Evidence(heats[0].numpy(), heats[1].numpy(), [])

    def bytes_per_image(self, index: Dinov2Index) -> float:
        """Return the mean bytes of an image in the memory of an index."""
        return index.index.bytes_per_vector if index.index else 0.0
