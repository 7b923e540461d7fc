"""Search of galleries with text, images or both.

search = CrossModalSearch.load()
search.add("holiday/")
for hit in search("two dogs on a beach").hits:
    print(hit.rank, hit.name, round(hit.probability, 3))
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from shared.core.images import Box, Source, crop, open_image
from shared.core.scheduling import WorkerPool
from shared.crossmodal.describer import ImageDescriber
from shared.crossmodal.embedders.embedder import IMAGE_FEATURE, Embedder
from shared.crossmodal.embedders.gallery_index import EmbeddingGalleryIndex
from shared.crossmodal.embedders.loading import load_embedder
from shared.crossmodal.engines import ENSEMBLE
from shared.crossmodal.explanation.explain import MatchExplainer
from shared.crossmodal.explanation.result import MatchExplanation
from shared.crossmodal.query import Query, query_evidence
from shared.crossmodal.text.queries import (
    QueryError,
    Term,
    clean_sentence,
    combine,
    format_terms,
    negation_hint,
    parse_terms,
)
from shared.crossmodal.text.translation import translate
from shared.gallery.gallery import Gallery
from shared.gallery.index import Features
from shared.gallery.ingest import DescribedImage, ImageInput, SkipCallback, decode_stream
from shared.gallery.results import SearchRequest, SearchResults
from shared.gallery.search import EncodedQuery, GallerySearch
from shared.gallery.thumbnails import shrink


class CrossModalSearch(GallerySearch):
    """Search of galleries with text; `CrossModalSearch.load` returns one.

    Calls may come from many threads at once. A gallery that was filled with one engine can be searched with
    all engines of the same weights, and with those from the Hub, which embed its thumbnails themselves.

    Attributes:
        engine: Name of the engine.
        embedder: Model that embeds images and texts.
        describer: Describes images by sentences and tags of the same engine.
        gallery: Gallery that is searched where a call names none.
        threshold: Lowest probability of a good match for a text; None where none has been measured. The
            probabilities of hits suppose that one image of the gallery matches.
        false_accept_rate: See `shared.gallery.results.SearchResults`.

    Args:
        engine: See above; one of the embedder's engines.
        embedder: See above.
        gallery: See above; by default an empty one.

    Raises:
        ValueError: The embedder lacks this engine.
    """

    def __init__(self, engine: str, embedder: Embedder, gallery: Gallery | None = None) -> None:
        if engine not in embedder.engines:
            raise ValueError(f"these weights have {', '.join(embedder.engines)}, received {engine!r}")
        super().__init__(engine, gallery)
        self.embedder = embedder
        self._calibration = embedder.query_calibration(engine)
        self.threshold = self._calibration.corrected_threshold
        self.possible_threshold = self._calibration.possible_threshold
        self.false_accept_rate = self._calibration.false_accept_rate
        self._explain = MatchExplainer(embedder, engine)
        self.describer = ImageDescriber(engine, embedder)

    @classmethod
    def load(
        cls,
        name: str = ENSEMBLE,
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
        gallery: Gallery | None = None,
    ) -> CrossModalSearch:
        """Load an engine.

        Args:
            name: One of `shared.crossmodal.engines.ENGINES`.
            folder: Weights to use in place of the engine's own.
            device: Device of the networks; by default the best available.
            allow_hub: True permits a download of weights that are not on this machine; engines from the Hub
                may always download theirs.
            gallery: See above.

        Raises:
            ValueError: There is no such engine.
            WeightsError: Weights cannot be used.
        """
        return cls(name, load_embedder(name, folder=folder, device=device, allow_hub=allow_hub), gallery)

    @property
    def model_fingerprint(self) -> np.ndarray:
        """Number that identifies the weights, uint64 `[1]`."""
        return self.embedder.model_fingerprint

    def new_index(self) -> EmbeddingGalleryIndex:
        return EmbeddingGalleryIndex(self.embedder, self.engine)

    def describe_stream(
        self, images: Iterable[tuple[str, ImageInput]], on_skip: SkipCallback, *, buffer_size: int = 8
    ) -> Iterator[DescribedImage]:
        """Describe many images, several at a time, in bounded memory.

        Args:
            images: Pairs of name and image, see `shared.gallery.ingest.decode_stream`.
            on_skip: Called for each image that cannot be used.
            buffer_size: Number of images that are decoded in advance.
        """

        def describe(name: str, image: Image.Image) -> DescribedImage:
            thumbnail = shrink(image)
            return DescribedImage(name, image.size, thumbnail, self.embedder.describe([thumbnail])[0])

        pool = self.embedder.worker_pool or WorkerPool(1)
        return decode_stream(images, describe, on_skip=on_skip, buffer_size=buffer_size, pool=pool)

    def __call__(
        self,
        query: str | Query,
        *,
        top_k: int = 20,
        min_score: float | None = None,
        gallery: Gallery | None = None,
    ) -> SearchResults:
        """Search a gallery with a text, an image, or both.

        Args:
            query: A text, or a query with an image as well. Engines that read English alone get a
                translation of simple queries in the languages of `shared.crossmodal.text.dictionary`.
            top_k: Largest number of hits, 1..1000.
            min_score: Lowest probability of a hit or, for a query with an image, its lowest score.
            gallery: Gallery to search; by default that of this search.

        Returns:
            Hits with cosines as scores, plus the evidence of a text by its weight (`Embedder.evidence`).
                Those of a text alone have probabilities, and `good_match` is True or False where a threshold
                has been measured.

        Raises:
            QueryError: The query is empty, or its text cannot be used.
            ImageError: The image cannot be used, the box lies outside it, or there is no such id.
            ValueError: `top_k` or `min_score` is out of range.
            MismatchError: The gallery was described with other weights.
        """
        query = _as_query(query)
        gallery = self._or_default(gallery)
        request = SearchRequest(top_k, min_score, query.image_id, gallery=gallery)
        return self._search(lambda: self.encode(query, gallery), request)

    def encode(self, query: str | Query, gallery: Gallery | None = None) -> EncodedQuery:
        """Encode a query, for the search of a gallery or of any other store of this engine's vectors.

        Args:
            query: See `__call__`.
            gallery: Gallery of the query's `image_id`; by default that of this search.

        Raises:
            QueryError: The query is empty, or its text cannot be used.
            ImageError: The image cannot be used, the box lies outside it, or there is no such id.
        """
        query = _as_query(query)
        written = self._parse(query)
        terms = self._translated(written)
        read_as = format_terms(terms) if terms != written else ""

        def evidence(features: Features) -> np.ndarray:
            share = query.text_weight if query.has_image else 1.0
            return share * query_evidence(terms, features[IMAGE_FEATURE], self.embedder, self.engine)

        return EncodedQuery(
            {IMAGE_FEATURE: self._encode(query, terms, self._or_default(gallery))},
            calibrated=not query.has_image,
            probability=None if query.has_image else self._calibration.probability,
            unknown_words=self.embedder.unknown_words([term.text for term in terms]),
            hint=negation_hint(read_as or query.text),
            read_as=read_as,
            evidence=evidence if terms and self.embedder.has_evidence(self.engine) else None,
        )

    def search_by_id(
        self,
        image_id: int,
        *,
        top_k: int = 20,
        min_score: float | None = None,
        gallery: Gallery | None = None,
    ) -> SearchResults:
        """Search for the images that are most similar to an image of the gallery, itself excluded.

        Args:
            image_id: Id of the image.
            top_k: See `__call__`.
            min_score: See `__call__`.
            gallery: See `__call__`.

        Raises:
            ImageError: There is no such image.
            ValueError: `top_k` or `min_score` is out of range.
            MismatchError: The gallery was described with other weights.
        """
        query = Query(image_id=image_id)
        return self(query, top_k=top_k, min_score=min_score, gallery=gallery)

    def explain(self, query: str | Query, image_id: int, gallery: Gallery | None = None) -> MatchExplanation:
        """Explain why an image of the gallery matches a query.

        Args:
            query: See `__call__`.
            image_id: Id of the image.
            gallery: Gallery of the image; by default that of this search.

        Raises:
            QueryError: The query is empty, or its text cannot be used.
            ImageError: An image cannot be used, the box lies outside it, or there is no such id.
        """
        started = time.perf_counter()
        query = _as_query(query)
        gallery = self._or_default(gallery)
        entry = gallery.snapshot_with(image_id).entries[image_id]
        terms = self._translated(self._parse(query))
        vector = self._encode(query, terms, gallery)
        image = open_image(entry.thumbnail)
        explanation = self._explain(image, vector, terms, calibrated=not query.has_image)
        return replace(explanation, name=entry.name, seconds=time.perf_counter() - started)

    def match(self, image: Source, text: str) -> MatchExplanation:
        """Compute the probability that an image and a text match, and explain it.

        Args:
            image: Image as `shared.core.images.open_image` takes it.
            text: Plain text, without arithmetic.

        Raises:
            QueryError: The text cannot be used.
            ImageError: The image cannot be used.
        """
        started = time.perf_counter()
        terms = self._translated([Term(clean_sentence(text))])
        thumbnail = shrink(open_image(image))
        vector = self.embedder.embed_texts([terms[0].text], self.engine)[0]
        explanation = self._explain(thumbnail, vector, terms)
        return replace(explanation, seconds=time.perf_counter() - started)

    def _embed_image(self, image: Source, box: Box | None = None) -> np.ndarray:
        part = shrink(crop(open_image(image), box))
        return self.embedder.embed_images([part], self.engine)[0]

    @staticmethod
    def _parse(query: Query) -> list[Term]:
        """Return the terms of a query's text as they are written; none for an image alone."""
        if not query.has_text and not query.has_image:
            raise QueryError("Type some words, or choose a picture, to search with.")
        return parse_terms(query.text) if query.has_text else []

    def _translated(self, terms: Sequence[Term]) -> list[Term]:
        """Return terms in English, if the engine reads English alone."""
        if not self.embedder.english_only:
            return list(terms)
        texts = translate([term.text for term in terms], self.embedder.unknown_words)
        return [replace(term, text=text) for term, text in zip(terms, texts, strict=True)]

    def _encode(self, query: Query, terms: Sequence[Term], gallery: Gallery) -> np.ndarray:
        """Return the vector of a query, `[D]`.

        Args:
            query: The query.
            terms: Terms of its text, as the engine reads them.
            gallery: Gallery of the query's image.
        """
        vectors, weights = [], []
        if terms:
            term_vectors = self.embedder.embed_texts([term.text for term in terms], self.engine)
            vectors.append(combine(terms, term_vectors))
            weights.append(query.text_weight)
        if query.has_image:
            vectors.append(self._encode_image(query, gallery))
            weights.append(1 - query.text_weight)
        if len(vectors) == 1:
            return vectors[0]
        return combine([Term("", weight) for weight in weights], np.stack(vectors))

    def _encode_image(self, query: Query, gallery: Gallery) -> np.ndarray:
        """Return the vector of a query's image, `[D]`; a gallery image alone is not embedded anew."""
        if query.image is not None and (query.image_id is None or query.has_text or query.box is not None):
            return self._embed_image(query.image, query.box)
        assert query.image_id is not None
        snapshot = gallery.snapshot_with(query.image_id)
        return self.embedder.gallery_vectors(snapshot, [query.image_id], self.engine)[0]


def _as_query(query: str | Query) -> Query:
    return Query(query) if isinstance(query, str) else query
