"""Image search: the images of a gallery that are most similar to another.

search = ImageSearch.load()
search.add("holiday/")
for hit in search("query.jpg").hits:
    print(hit.rank, hit.name, round(hit.score, 3))
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image

from shared.core import engines
from shared.core.images import Box, Source, crop, open_image
from shared.gallery.gallery import Gallery
from shared.gallery.index import GalleryIndex
from shared.gallery.ingest import DescribedImage, ImageInput, SkipCallback
from shared.gallery.results import Hit, SearchRequest, SearchResults
from shared.gallery.search import EncodedQuery, GallerySearch
from shared.gallery.snapshot import GallerySnapshot
from shared.retrieval.describer import DESCRIPTOR, HASH, Folders
from shared.retrieval.duplicates import near_duplicates
from shared.retrieval.engines import ENGINES
from shared.retrieval.explanation.explanation import Explanation
from shared.retrieval.strategies import Match, SearchStrategy
from shared.retrieval.text_pages import is_text_page, same_page


class ImageSearch(GallerySearch):
    """Image search with one engine; see `load`. Calls may come from many threads at once.

    All engines search the same features: a gallery that was filled with one can be searched with another.

    Attributes:
        engine: Name of the engine.
        strategy: Strategy of the engine.
        gallery: Gallery that is searched where a call names none.
        threshold: Score from which on an image is a good match; None where none has been measured.
        confidence_bands: Bands of the scores; None where none have been measured.
        false_accept_rate: See `shared.gallery.results.SearchResults`.

    Args:
        engine: See above.
        strategy: See above.
        gallery: See above; by default an empty one.
    """

    def __init__(self, engine: str, strategy: SearchStrategy[Any], gallery: Gallery | None = None) -> None:
        self.strategy = strategy
        super().__init__(engine, gallery)
        calibration = strategy.calibration
        self.threshold, self.confidence_bands = calibration.threshold, calibration.confidence_bands
        self.false_accept_rate = calibration.false_accept_rate

    @classmethod
    def load(
        cls,
        name: str = "exact",
        *,
        folder: str | os.PathLike | None = None,
        backbone_folders: Folders | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
        gallery: Gallery | None = None,
    ) -> ImageSearch:
        """Load an engine; engines with the same weights share their networks.

        Args:
            name: One of `shared.retrieval.engines.ENGINES`.
            folder: Weights in place of the engine's own: a trained descriptor, or for DeepIndex a vocabulary.
            backbone_folders: Weights of the backbone, or of each of several, in place of the defaults.
            device: Device of the network; by default the best available.
            allow_hub: True permits a download of weights that are not on this machine; engines from the Hub
                may always download theirs.
            gallery: Gallery that is searched where a call names none; by default an empty one.

        Raises:
            ValueError: There is no such engine.
            WeightsError: Weights cannot be used, or do not fit together.
        """
        engine = engines.find(ENGINES, name)
        strategy = engine.load(
            folder=folder, backbone_folders=backbone_folders, device=device, allow_hub=allow_hub
        )
        return cls(name, strategy, gallery)

    @property
    def model_fingerprint(self) -> np.ndarray:
        """Fingerprint of the weights that describe images, see `Describer`."""
        return self.strategy.describer.model_fingerprint

    def describe_stream(
        self, images: Iterable[tuple[str, ImageInput]], on_skip: SkipCallback
    ) -> Iterator[DescribedImage]:
        """Describe many images in bounded memory, see `Describer.describe_stream`."""
        return self.strategy.describer.describe_stream(images, on_skip)

    def new_index(self) -> GalleryIndex:
        """Return an empty index of this engine."""
        index: GalleryIndex = self.strategy.new_index()
        return index

    def duplicate_groups(self, snapshot: GallerySnapshot, ids: Sequence[int]) -> Sequence[int]:
        """Return the number of the near-duplicate group of each image."""
        if not ids:
            return []
        hashes, descriptors = (snapshot.features(name, ids)[1] for name in (HASH, DESCRIPTOR))
        groups: list[int] = near_duplicates(hashes, descriptors).tolist()
        return groups

    def describe(self, image: Source, box: Box | None = None) -> dict[str, np.ndarray]:
        """Compute the features of an image for `Gallery.add`, see `Describer`.

        Args:
            image: Any source that `shared.core.images.open_image` takes.
            box: Part of the image in pixels: left, top, right, bottom; by default the whole.

        Raises:
            ImageError: The image cannot be used, or the box lies outside of it.
        """
        return self.strategy.describer(open_image(image), box)

    def __call__(
        self,
        image: Source,
        box: Box | None = None,
        top_k: int = 20,
        min_score: float | None = None,
        hide_duplicates: bool = False,
        gallery: Gallery | None = None,
    ) -> SearchResults:
        """Find the images that are most similar to another.

        Args:
            image: Any source that `shared.core.images.open_image` takes.
            box: Part of the image to search with, in pixels: left, top, right, bottom; by default the whole.
            top_k: Largest number of hits, 1..1000.
            min_score: Lowest score of a hit; None keeps all.
            hide_duplicates: True keeps only the best of several near-duplicate images.
            gallery: Gallery to search; by default that of this search.

        Raises:
            ImageError: The image cannot be used, or the box lies outside of it.
            ValueError: `top_k` or `min_score` is out of range.
            MismatchError: The gallery was described with other weights.
        """
        request = SearchRequest(top_k, min_score, hide_duplicates=hide_duplicates, gallery=gallery)
        query = crop(open_image(image), box)
        results = self._search(lambda: EncodedQuery(self.strategy.encode(query)), request)
        return self._doubt_text_pages(query, results, gallery)

    def search_by_id(
        self,
        image_id: int,
        top_k: int = 20,
        min_score: float | None = None,
        hide_duplicates: bool = False,
        gallery: Gallery | None = None,
    ) -> SearchResults:
        """Find the images that are most similar to one of the gallery, which is left out itself.

        Args:
            image_id: Id of that image.
            top_k: See `__call__`.
            min_score: See `__call__`.
            hide_duplicates: See `__call__`.
            gallery: See `__call__`.

        Raises:
            ImageNotFoundError: There is no such image.
            ValueError: `top_k` or `min_score` is out of range.
            MismatchError: The gallery was described with other weights.
        """
        gallery = self._or_default(gallery)
        request = SearchRequest(top_k, min_score, image_id, hide_duplicates, gallery)

        def encode() -> EncodedQuery:
            return EncodedQuery(self.strategy.encode_stored(gallery.snapshot_with(image_id), image_id))

        return self._doubt_text_pages(gallery.image(image_id), self._search(encode, request), gallery)

    def _doubt_text_pages(
        self, query: Image.Image, results: SearchResults, gallery: Gallery | None
    ) -> SearchResults:
        """Keep pages with other text out of the first confidence band: the network cannot read.

        Args:
            query: The query, mode RGB.
            results: Results of its search.
            gallery: Gallery that was searched; by default that of this search.
        """
        bands, entries = results.confidence_bands, self._or_default(gallery).snapshot().entries
        if bands is None or not is_text_page(query):
            return results
        limit = math.nextafter(bands.bands[0].min_score, -math.inf)

        def judge(hit: Hit) -> Hit:
            if hit.score <= limit or hit.id not in entries:  # an image may just have been removed
                return hit
            page = open_image(entries[hit.id].thumbnail)
            is_doubtful = is_text_page(page) and not same_page(query, page)
            return replace(hit, max_verdict_score=limit) if is_doubtful else hit

        return replace(results, hits=tuple(map(judge, results.hits)))

    def explain(
        self, image: Source, image_id: int, box: Box | None = None, gallery: Gallery | None = None
    ) -> Explanation:
        """Explain a match by the regions of both images that make their score.

        Args:
            image: Query; any source that `shared.core.images.open_image` takes.
            image_id: Id of the matched image.
            box: Part of the query that was searched with, in pixels; by default the whole.
            gallery: The searched gallery; by default that of this search.

        Raises:
            ImageError: The image cannot be used, or the box lies outside of it.
            ImageNotFoundError: There is no image of that id.
            MismatchError: The gallery was described with other weights.
        """
        started = time.perf_counter()
        gallery = self._or_default(gallery)
        query = open_image(image)
        thumbnail = open_image(gallery.snapshot_with(image_id).entries[image_id].thumbnail)
        match = Match(crop(query, box), thumbnail, image_id, gallery)
        evidence = self.strategy.evidence(match, self.index(gallery))
        explanation = Explanation.from_evidence(evidence, query, thumbnail, box)
        return replace(explanation, engine=self.engine, seconds=time.perf_counter() - started)
