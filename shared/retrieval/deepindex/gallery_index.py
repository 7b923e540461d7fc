"""Index of a gallery by the visual words of its images."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from shared.gallery.gallery import Gallery
from shared.gallery.index import Features, GalleryIndex
from shared.gallery.snapshot import GallerySnapshot, ImageNotFoundError
from shared.retrieval.deepindex.index import DeepIndex, PatchMatch
from shared.retrieval.deepindex.patches import Bag
from shared.retrieval.deepindex.vocabulary import Vocabulary


class WordGalleryIndex(GalleryIndex):
    """Index of one gallery in a `DeepIndex`, whose names are the ids of the images as text.

    Args:
        vocabulary: Vocabulary of the index.
        to_bag: Converts the features of an image to its bag.
        feature_names: Names of the features that `to_bag` reads.
        fingerprint: See `GalleryIndex`.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        to_bag: Callable[[Features], Bag],
        feature_names: Sequence[str],
        fingerprint: np.ndarray,
    ) -> None:
        super().__init__(feature_names, fingerprint)
        self._vocabulary, self._to_bag = vocabulary, to_bag
        self._clear()

    @property
    def index(self) -> DeepIndex:
        """Underlying index."""
        return self._index

    def patch_matches(self, gallery: Gallery, query: Features, image_id: int) -> list[PatchMatch]:
        """Return the pairs of patches that share a word, see `DeepIndex.patch_matches`.

        Raises:
            ImageNotFoundError: There is no such image.
        """
        self.refresh(gallery)
        with self._lock.read():
            if self._snapshot is None or image_id not in self._snapshot.entries:
                raise ImageNotFoundError(image_id)
            return self._index.patch_matches(self._to_bag(query), str(image_id))

    def _clear(self) -> None:
        self._index = DeepIndex(self._vocabulary)

    def _add(self, snapshot: GallerySnapshot, ids: Sequence[int]) -> None:
        features = ({name: snapshot.feature(name, id) for name in self._feature_names} for id in ids)
        self._index.add([str(id) for id in ids], [self._to_bag(values) for values in features])

    def _remove(self, ids: Sequence[int]) -> None:
        self._index.remove([str(id) for id in ids])

    def _search(self, query: Features, top_k: int) -> tuple[list[int], list[float]]:
        hits = self._index.search(self._to_bag(query), top_k)
        return [int(hit.name) for hit in hits], [hit.score for hit in hits]
