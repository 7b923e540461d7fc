"""Base of all gallery searches: ingestion, index cache, and the steps from a query to results."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from shared.core.calibration import ConfidenceBands
from shared.core.images import Source
from shared.gallery.gallery import Gallery
from shared.gallery.index import Features, GalleryIndex, IndexCache, IndexHits
from shared.gallery.ingest import DescribedImage, ImageInput, IngestReport, SkipCallback, ingest
from shared.gallery.results import Hit, SearchRequest, SearchResults, list_hits
from shared.gallery.snapshot import GallerySnapshot

#: Best images of the index whose scores `EncodedQuery.evidence` corrects. On validation queries R@1 and R@5
#: are the same for 10 images and for all.
RESCORED = 32


@dataclass(frozen=True, eq=False)
class EncodedQuery:
    """Query in the form that an index takes.

    Attributes:
        features: Features by name.
        calibrated: False if the threshold of the search says nothing about scores of this query.
        probability: Converts scores to match probabilities, given the number of images in the gallery; None
            where scores are not calibrated.
        unknown_words: Words of the query that are not in the network's vocabulary.
        hint: Sentence for whoever wrote the query; see `shared.gallery.results.SearchResults`.
        read_as: Query as the network reads it; see `shared.gallery.results.SearchResults`.
        evidence: Computes what the score of each of N images gains by a slower comparison, `[N]`, from their
            features by name; None where there is none.
    """

    features: Features
    calibrated: bool = True
    probability: Callable[[np.ndarray, int], np.ndarray] | None = None
    unknown_words: tuple[str, ...] = ()
    hint: str = ""
    read_as: str = ""
    evidence: Callable[[Features], np.ndarray] | None = None


class GallerySearch(ABC):
    """Search of galleries with one engine. Calls may come from many threads at once.

    A subclass defines how images are described (`model_fingerprint`, `describe_stream`) and compared
    (`new_index`, `duplicate_groups`), and passes an encoder of its queries to `_search`.

    Attributes:
        engine: Name of the engine.
        gallery: Gallery that is searched where a call names none.
        threshold: Lowest ranking score of a good match; None where none has been measured.
        possible_threshold: Lowest ranking score of a possible match; None where none has been measured.
        confidence_bands: Bands of the scores; None where none have been measured.
        false_accept_rate: See `shared.gallery.results.SearchResults`.

    Args:
        engine: See above.
        gallery: See above; by default an empty one.
    """

    def __init__(self, engine: str, gallery: Gallery | None = None) -> None:
        self.engine = engine
        self.gallery = Gallery() if gallery is None else gallery
        self.threshold: float | None = None
        self.possible_threshold: float | None = None
        self.confidence_bands: ConfidenceBands | None = None
        self.false_accept_rate: float | None = None
        self._indexes = IndexCache(self.new_index)

    @property
    @abstractmethod
    def model_fingerprint(self) -> np.ndarray:
        """Fingerprint of the weights that describe images, uint64; see `shared.gallery.index.FINGERPRINT`."""

    @abstractmethod
    def describe_stream(
        self, images: Iterable[tuple[str, ImageInput]], on_skip: SkipCallback
    ) -> Iterator[DescribedImage]:
        """Describe many images in bounded memory.

        Args:
            images: Pairs of name and image, see `shared.gallery.ingest.decode_stream`.
            on_skip: Called for each image that cannot be used.
        """

    @abstractmethod
    def new_index(self) -> GalleryIndex:
        """Return an empty index of this engine."""

    def duplicate_groups(self, snapshot: GallerySnapshot, ids: Sequence[int]) -> Sequence[int]:
        """Return the number of the near-duplicate group of each image; by default every image is its own."""
        return range(len(ids))

    def add(
        self,
        images: Source | Iterable[ImageInput | tuple[str, ImageInput]],
        gallery: Gallery | None = None,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> IngestReport:
        """Add images to a gallery; those that cannot be used are skipped and reported.

        Args:
            images: See `shared.gallery.ingest.ingest`.
            gallery: Destination; by default the gallery of this search.
            progress: Called with the number of finished images and the total, or None if it is unknown.

        Raises:
            FileNotFoundError: A path does not exist, or is no image and contains none.
            MismatchError: The gallery was described with other weights.
        """
        return ingest(
            self._or_default(gallery), images, self.describe_stream, self.model_fingerprint, progress
        )

    def index(self, gallery: Gallery | None = None) -> GalleryIndex:
        """Return the index of a gallery, up to date."""
        gallery = self._or_default(gallery)
        index = self._indexes.get(gallery)
        index.refresh(gallery)
        return index

    def _or_default(self, gallery: Gallery | None) -> Gallery:
        return self.gallery if gallery is None else gallery

    def _search(self, encode: Callable[[], EncodedQuery], request: SearchRequest) -> SearchResults:
        """Encode a query, search the index, list the hits and judge the best.

        Args:
            encode: Encodes the query; its time counts as part of the request.
            request: Options of the search.
        """
        started = time.perf_counter()
        query = encode()
        encoded = time.perf_counter()
        hits, searched = self._hits(query, request)
        finished = time.perf_counter()
        threshold = self.threshold if query.calibrated else None
        return SearchResults(
            hits=tuple(hits),
            threshold=threshold,
            possible_threshold=None if threshold is None else self.possible_threshold,
            engine=self.engine,
            searched=searched,
            seconds=finished - started,
            search_seconds=finished - encoded,
            unknown_words=query.unknown_words,
            confidence_bands=self.confidence_bands,
            false_accept_rate=None if threshold is None else self.false_accept_rate,
            hint=query.hint,
            read_as=query.read_as,
        )

    def _hits(self, query: EncodedQuery, request: SearchRequest) -> tuple[list[Hit], int]:
        """Return the hits of a query and the number of images that were searched."""
        gallery = self._or_default(request.gallery)
        index = self._indexes.get(gallery)
        groups = self.duplicate_groups if request.hide_duplicates else None
        depth = request.top_k + (request.exclude_id is not None)
        depth = 2 * depth + 20 if groups else depth
        depth = depth if query.evidence is None else max(depth, RESCORED)
        while True:
            index_hits = index.search(gallery, query.features, depth)
            if query.evidence is not None:
                index_hits = _rescored(index_hits, query)
            searched = len(index_hits.snapshot)
            probabilities = query.probability and query.probability(
                np.asarray(index_hits.scores, np.float64), max(searched, 1)
            )
            hits = list_hits(index_hits, request, probabilities=probabilities, groups=groups)
            if groups is None or len(hits) >= request.top_k or len(index_hits.ids) < depth:
                return hits[: request.top_k], searched
            depth *= 4  # too many duplicates are hidden to fill the list


def rescore(scores: np.ndarray, evidence: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return scores of which the best `RESCORED` have evidence added, and no other is above these.

    Args:
        scores: `[N]`.
        evidence: Computes the evidence of entries, `[n]`, from their positions `[n]`.

    >>> rescore(np.array([0.5, 0.4]), lambda positions: np.array([-0.2, 0.1])).round(2).tolist()
    [0.3, 0.5]
    """
    if not len(scores):
        return scores
    head = np.argsort(-scores, kind="stable")[:RESCORED]
    corrected = scores[head] + evidence(head)
    result = np.minimum(scores, corrected.min())
    result[head] = corrected
    return result


def _rescored(hits: IndexHits, query: EncodedQuery) -> IndexHits:
    """Return hits with the evidence of a query, in their new order."""

    def evidence(positions: np.ndarray) -> np.ndarray:
        assert query.evidence is not None
        ids = [hits.ids[position] for position in positions.tolist()]
        return query.evidence({name: hits.snapshot.features(name, ids)[1] for name in query.features})

    scores = rescore(np.array(hits.scores), evidence)
    order = np.argsort(-scores, kind="stable")
    return IndexHits(hits.snapshot, [hits.ids[position] for position in order], scores[order].tolist())
