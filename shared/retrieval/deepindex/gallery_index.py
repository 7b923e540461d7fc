"""Index of a gallery by the visual words of its images."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from shared.gallery.gallery import Gallery
from shared.gallery.index import Features, GalleryIndex
from shared.gallery.snapshot import GallerySnapshot, ImageNotFoundError
from shared.retrieval.deepindex.hits import PatchMatch
from shared.retrieval.deepindex.index import DeepIndex
from shared.retrieval.deepindex.patches import Bag
from shared.retrieval.deepindex.vocabulary import Vocabulary


class WordGalleryIndex(GalleryIndex):
    """Index of one gallery in a `DeepIndex`, whose names are the ids of the images as text.

    Scores are `similarity` of those of the index, so that they fill 0..1.

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
        bag = self._to_bag(query)
        hits = self._index.search(bag, top_k)
        highest, root = self._index.self_score(bag), self._root
        return [int(hit.name) for hit in hits], [similarity(hit.score, highest, root) for hit in hits]

    @property
    def _root(self) -> int:
        """Root of the scores: a word weighs by its square in both images, at each level that must agree."""
        return 2 if self._index.settings.signature else 2 * len(self._vocabulary.codebooks)


def similarity(score: float, highest: float, root: int) -> float:
    """Convert the score of an image to a similarity in 0..1 of the same order.

    Scores of `DeepIndex` are tiny, since a query has hundreds of words of which an image can share one in
    each patch, and fall exponentially with the differing bits. They are divided by the score that the query
    has with itself, and the root makes those of different images differ visibly.

    Args:
        score: Score of the image, at least 0.
        highest: Score of the query with itself.
        root: Degree of the root, at least 1.

    >>> similarity(0.04, 0.04, 2), similarity(0.01, 0.04, 2), similarity(0.01, 0.0, 2)
    (1.0, 0.5, 0.0)
    """
    return min(score / highest, 1.0) ** (1 / root) if highest > 0 else 0.0
