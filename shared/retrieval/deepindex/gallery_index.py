"""The index of a gallery by the words of its pictures."""

from __future__ import annotations

from collections.abc import Sequence

from shared.gallery.gallery import Gallery
from shared.gallery.index import Features, GalleryIndex
from shared.gallery.snapshot import Snapshot
from shared.retrieval.deepindex.index import DeepIndex, Match, Settings
from shared.retrieval.descriptor.describer import Describer


class WordGallery(GalleryIndex):
    """Pictures by the words of their patches, in a `DeepIndex`.

    Args:
        describer: Knows the words.
        levels: Of the network: one for a single index, two for a multiple index.
        settings: How the index is searched.
    """

    def __init__(self, describer: Describer, levels: Sequence[str], settings: Settings) -> None:
        super().__init__(describer.patch_kinds, describer.made)
        self._describer, self._settings = describer, settings
        self._words = describer.words.only(*levels)
        self._clear()

    @property
    def index(self) -> DeepIndex:
        """The index itself; its names are the ids as text."""
        return self._index

    def matches(self, gallery: Gallery, query: Features, id: int) -> list[Match]:
        """The pairs of patches that agree, see `DeepIndex.matches`.

        Raises:
            KeyError: There is no such picture.
        """
        self.refresh(gallery)
        with self._gate.reading():
            if id not in self._seen.entries:
                raise KeyError(f"there is no picture {id} in the gallery")
            return self._index.matches(self._describer.bag(query), str(id))

    def _clear(self) -> None:
        self._index = DeepIndex(self._words, self._settings)

    def _add(self, now: Snapshot, ids: Sequence[int]) -> None:
        features = ({kind: now.feature(kind, id) for kind in self._needs} for id in ids)
        self._index.add([str(id) for id in ids], [self._describer.bag(one) for one in features])

    def _remove(self, ids: Sequence[int]) -> None:
        self._index.remove([str(id) for id in ids])

    def _search(self, query: Features, count: int) -> tuple[list[int], list[float]]:
        hits = self._index.search(self._describer.bag(query), count)
        return [int(hit.name) for hit in hits], [hit.score for hit in hits]
