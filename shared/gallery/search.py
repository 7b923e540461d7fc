"""What every search of galleries does the same, whatever it compares: filling, indexes, lists of hits."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np

from shared.core.confidence import ConfidenceBands
from shared.core.images import Source
from shared.gallery.gallery import Gallery
from shared.gallery.index import Features, GalleryIndex, IndexCache
from shared.gallery.ingest import IngestReport, DescribedImage, ImageInput, SkipCallback, ingest
from shared.gallery.results import SearchResults, list_hits
from shared.gallery.snapshot import GallerySnapshot


class GallerySearch(ABC):
    """An engine that fills galleries and searches them. Calls may come from many threads at once.

    A capability's own class says how pictures are described (`made`, `stream`) and compared (`make_index`),
    and makes queries of what people ask, which `_find` answers.

    Attributes:
        engine: The name of the engine.
        gallery: What is searched where a call does not say.
        threshold: Figure from which on a picture counts as a good match; None where nobody has measured one.
        grades: What scores mean in words; None where nobody has measured that.

    Args:
        engine: See above.
        gallery: See above; by default a new one.
    """

    def __init__(self, engine: str, gallery: Gallery | None = None) -> None:
        self.engine = engine
        self.gallery = Gallery() if gallery is None else gallery
        self.threshold: float | None = None
        self.grades: ConfidenceBands | None = None
        self._indexes = IndexCache(self.make_index)

    @property
    @abstractmethod
    def made(self) -> np.ndarray:
        """The feature `made` of pictures that it describes, which tells the weights; uint64."""

    @abstractmethod
    def stream(self, photos: Iterable[tuple[str, ImageInput]], skipped: SkipCallback) -> Iterator[DescribedImage]:
        """Describes many pictures that come with their names, in memory that does not grow.

        Args:
            photos: See `shared.gallery.ingest.decode_stream`.
            skipped: Is told what cannot be used.
        """

    @abstractmethod
    def make_index(self) -> GalleryIndex:
        """An empty index of this engine."""

    def add(
        self,
        photos: Source | Iterable[ImageInput | tuple[str, ImageInput]],
        gallery: Gallery | None = None,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> IngestReport:
        """Adds pictures to a gallery. What cannot be used is left out, and told.

        Args:
            photos: See `shared.gallery.ingest.ingest`, as for the rest.
            gallery: Where to; by default the own one.
            progress: Is called with the number of pictures that are done, and of all or None.

        Raises:
            FileNotFoundError: A path does not exist, or neither is nor holds a photo.
            MismatchError: The gallery was described with other weights.
        """
        return ingest(self._or_own(gallery), photos, self.stream, self.made, progress)

    def index(self, gallery: Gallery | None = None) -> GalleryIndex:
        """The index of a gallery, as this engine searches it, up to date."""
        gallery = self._or_own(gallery)
        index = self._indexes.of(gallery)
        index.refresh(gallery)
        return index

    def _or_own(self, gallery: Gallery | None) -> Gallery:
        return self.gallery if gallery is None else gallery

    def _find(
        self,
        query: Features,
        count: int,
        least: float | None,
        gallery: Gallery | None,
        started: float,
        *,
        without: int | None = None,
        groups: Callable[[GallerySnapshot, Sequence[int]], Sequence[int]] | None = None,
        judged: bool = True,
        probability: Callable[..., np.ndarray] | None = None,
        unknown: tuple[str, ...] = (),
    ) -> SearchResults:
        """Searches with what the index takes as a query.

        Args:
            query: By kind.
            count: How many hits at most.
            least: Leave out what has a lower figure.
            gallery: What to search; by default the own one.
            started: When the call began, by `time.perf_counter`.
            without: Id of a picture to leave out.
            groups: See `list_hits`.
            judged: Whether the threshold says anything of scores of this query.
            probability: Tells the probability of scores among `count` pictures; None where nobody knows.
            unknown: See `SearchResults`.
        """
        gallery = self._or_own(gallery)
        index, searching = self._indexes.of(gallery), time.perf_counter()
        wanted = count + (without is not None)
        wanted = 2 * wanted + 20 if groups else wanted
        while True:
            found = index.search(gallery, query, wanted)
            sure = None if probability is None else partial(probability, count=max(len(found.gallery), 1))
            hits = list_hits(found, least, without, probability=sure, groups=groups)
            if groups is None or len(hits) >= count or len(found.ids) < wanted:
                break
            wanted *= 4  # many were hidden: look farther down
        hits, ended = hits[:count], time.perf_counter()
        threshold = self.threshold if judged else None
        return SearchResults(
            hits=tuple(hits),
            good=None if threshold is None else bool(hits) and hits[0].figure >= threshold,
            threshold=threshold,
            engine=self.engine,
            searched=len(found.gallery),
            seconds=ended - started,
            search_seconds=ended - searching,
            unknown=unknown,
            grades=self.grades,
        )
