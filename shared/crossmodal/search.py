"""Search with words, pictures or both: what of a gallery fits, which sentences fit a picture, and why.

search = CrossModalSearch.load()
search.add("holiday/")
for hit in search("two dogs on a beach").hits:
    print(hit.rank, hit.name, round(hit.probability, 3))
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

from shared.core import engines
from shared.core.calibration import prior_correction
from shared.core.images import Box, Source, crop, open_image
from shared.core.prefetch import WorkerPool
from shared.crossmodal.embedders.embedder import PICTURE, Embedder
from shared.crossmodal.embedders.gallery_index import EmbeddingGalleryIndex
from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder
from shared.crossmodal.embedders.siglip import SiglipEmbedder
from shared.crossmodal.engines import ENGINES
from shared.crossmodal.explanation.explain import explain
from shared.crossmodal.explanation.explanation import MatchExplanation
from shared.crossmodal.sentences import RankedSentence, SentenceRanker
from shared.crossmodal.text.normalization import plain, terms
from shared.crossmodal.text.queries import QueryError, Term, combine
from shared.gallery.gallery import Gallery
from shared.gallery.ingest import DescribedImage, ImageInput, SkipCallback, decode_stream
from shared.gallery.results import Hit, SearchRequest, SearchResults, check_top_k
from shared.gallery.search import EncodedQuery, GallerySearch
from shared.gallery.thumbnails import shrink

__all__ = ["Added", "CrossModalSearch", "Hit", "MatchExplanation", "Results", "RankedSentence"]

_spaces: weakref.WeakValueDictionary[tuple, Embedder] = weakref.WeakValueDictionary()
_loading = threading.Lock()


class CrossModalSearch(GallerySearch):
    """Searches galleries with words. `CrossModalSearch.load` makes one; many threads may call it at once.

    A gallery that was filled with one engine can be searched with all others of the same weights, and with
    those of the Hub, which look at its small pictures themselves.

    Attributes:
        engine: The name of the engine.
        space: What gives vectors to pictures and texts.
        gallery: What is searched where a call does not say.
        threshold: Probability from which on the best picture is a good match for a text, or None where
            nobody has measured one. Probabilities are those of a gallery in which one picture is expected to
            fit; see `shared.core.calibration.prior_correction`.

    Args:
        engine: See above; one of `shared.crossmodal.engines.ENGINES`.
        space: See above.
        gallery: See above; by default a new one.

    Raises:
        ValueError: There is no such engine, or the space lacks it.
    """

    def __init__(self, engine: str, space: Embedder, gallery: Gallery | None = None) -> None:
        engines.find(ENGINES, engine)
        if engine not in space.engines:
            raise ValueError(f"these weights have {', '.join(space.engines)}, received {engine!r}")
        super().__init__(engine, gallery)
        self.space = space
        # The same for galleries of any size: in a larger one a higher score is needed for it.
        least = space.threshold(engine)
        self.threshold = None if least is None else float(prior_correction(least, space.meant_for))
        self.false_accept_rate = space.false_accept_rate(engine)
        self._bank = SentenceRanker(space, engine)

    @classmethod
    def load(
        cls,
        name: str = "ensemble",
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
        gallery: Gallery | None = None,
    ) -> CrossModalSearch:
        """Loads an engine. Engines with the same weights share them.

        Args:
            name: One of `shared.crossmodal.engines.ENGINES`.
            folder: Weights to use in place of the engine's own.
            device: Where the network runs; by default the best there is.
            allow_hub: Whether weights that are not on this machine may be downloaded.
            gallery: What is searched where a call does not say; by default a new one.

        Raises:
            ValueError: There is no such engine.
            WeightsError: Weights cannot be used.
        """
        engine = engines.find(ENGINES, name)
        key = (engine.weights, str(folder), str(device))
        with _loading:
            space = _spaces.get(key)
            if space is None:
                kind = SiglipEmbedder if engine.from_hub else JointSpaceEmbedder
                space = kind.load(engine, folder=folder, device=device, allow_hub=allow_hub)
                _spaces[key] = space
        return cls(name, space, gallery)

    @property
    def model_fingerprint(self) -> np.ndarray:
        """Which weights describe pictures; see `JointSpaceEmbedder`."""
        return self.space.model_fingerprint

    def new_index(self) -> EmbeddingGalleryIndex:
        """An empty index of this engine."""
        return EmbeddingGalleryIndex(self.space, self.engine)

    def describe_stream(
        self, images: Iterable[tuple[str, ImageInput]], on_skip: SkipCallback, *, buffer_size: int = 8
    ) -> Iterator[DescribedImage]:
        """Describes many pictures, several at a time, in memory that does not grow.

        Args:
            images: See `shared.gallery.ingest.decode_stream`, as for the others.
            on_skip: Is told what cannot be used.
            buffer_size: How many are decoded in advance.
        """

        def read(name: str, picture: Image.Image) -> DescribedImage:
            small = shrink(picture)
            return DescribedImage(name, picture.size, small, self.space.describe([small])[0])

        pool = self.space.worker_pool or WorkerPool(1)
        return decode_stream(images, read, on_skip=on_skip, buffer_size=buffer_size, pool=pool)

    def __call__(
        self,
        text: str = "",
        image: Source | None = None,
        *,
        box: Box | None = None,
        words_share: float = 0.5,
        top_k: int = 20,
        min_score: float | None = None,
        exclude_id: int | None = None,
        gallery: Gallery | None = None,
    ) -> SearchResults:
        """Finds the pictures that fit words, are like a picture, or both.

        Args:
            text: Words, with arithmetic such as "dog - beach + 2:snow".
            image: Anything that `shared.core.images.open_image` takes.
            box: The part of the picture to search with; by default the whole.
            words_share: How much the words count beside the picture, 0..1, where both are given.
            top_k: How many hits at most, 1..1000.
            min_score: Leave out what has a lower probability, or, where a picture is part of the query, a lower
                score.
            exclude_id: Id of a picture to leave out, such as the one to search with.
            gallery: What to search; by default the own one.

        Returns:
            Hits with cosines as scores; for words alone with probabilities, too, and whether the best is a
            good match.

        Raises:
            QueryError: There is nothing to search with, or the words cannot be used.
            ImageError: The picture cannot be used, or the box has no part in it.
            ValueError: `top_k`, `min_score` or `words_share` is out of range.
            MismatchError: The gallery was described with other weights.
        """
        request = SearchRequest(top_k, min_score, exclude_id, gallery=gallery)

        def encode() -> EncodedQuery:
            query, found = self._query(text, image, box, words_share)
            only_words = image is None
            return EncodedQuery(
                {PICTURE: query},
                calibrated=only_words,
                probability=self._sure if only_words else None,
                unknown_words=self.space.unknown([term.text for term in found]),
            )

        return self._search(encode, request)

    def like(
        self, id: int, *, top_k: int = 20, min_score: float | None = None, gallery: Gallery | None = None
    ) -> SearchResults:
        """Finds the pictures that are most like one of the gallery, which itself is left out.

        Args:
            id: Of that picture.
            top_k: See `__call__`, as for all others.

        Raises:
            ImageError: There is no such picture.
            ValueError: `top_k` or `min_score` is out of range.
            MismatchError: The gallery was described with other weights.
        """
        gallery = self._or_default(gallery)

        def encode() -> EncodedQuery:
            vectors = self.space.gallery_vectors(gallery.snapshot_with(id), [id], self.engine)
            return EncodedQuery({PICTURE: vectors[0]}, calibrated=False)

        return self._search(encode, SearchRequest(top_k, min_score, id, gallery=gallery))

    def explain(
        self,
        text: str,
        id: int,
        gallery: Gallery | None = None,
        *,
        image: Source | None = None,
        box: Box | None = None,
        words_share: float = 0.5,
    ) -> MatchExplanation:
        """Shows why a picture of the gallery was found: where in it, and by which words.

        Args:
            text: What was searched with, as the others; see `__call__`.
            id: Of the picture that was found.
            gallery: What was searched; by default the own one.

        Raises:
            QueryError: There is nothing to search with, or the words cannot be used.
            ImageError: A picture cannot be used, the box has no part in it, or nothing is under the id.
            ValueError: `words_share` is out of range.
        """
        started = time.perf_counter()
        own = self._or_default(gallery)
        entry = own.snapshot_with(id).entries[id]
        query, found = self._query(text, image, box, words_share)
        picture, only_words = open_image(entry.thumbnail), image is None
        reason = explain(self.space, self.engine, picture, query, found, calibrated=only_words)
        return replace(reason, name=entry.name, seconds=time.perf_counter() - started)

    def match(self, image: Source, text: str) -> MatchExplanation:
        """Tells whether a picture and a text belong together, and why.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            text: Plain words, without arithmetic.

        Raises:
            QueryError: The text cannot be used.
            ImageError: The picture cannot be used.
        """
        started = time.perf_counter()
        term = Term(plain(text))
        picture = shrink(open_image(image))
        query = self.space.texts([term.text], self.engine)[0]
        reason = explain(self.space, self.engine, picture, query, [term])
        return replace(reason, seconds=time.perf_counter() - started)

    def sentences(
        self, image: Source, lines: str | Sequence[str] | None = None, top_k: int = 10
    ) -> tuple[RankedSentence, ...]:
        """Finds the sentences that fit a picture.

        Args:
            image: Anything that `shared.core.images.open_image` takes.
            lines: Sentences to choose from, one a line; by default a few hundred plain ones that are here.
            top_k: How many at most, 1..1000.

        Returns:
            The most probable first.

        Raises:
            QueryError: There are lines, but none that can be used, or too many.
            ImageError: The picture cannot be used.
            ValueError: `top_k` is out of range.
        """
        check_top_k(top_k)
        return self._bank.rank(self._vector(self._describe(image)), lines, top_k)

    def _sure(self, scores: np.ndarray, count: int) -> np.ndarray:
        """Probabilities where one of so many is expected to fit."""
        return prior_correction(self.space.probability(scores, self.engine), count)

    def _describe(self, image: Source, box: Box | None = None) -> dict[str, np.ndarray]:
        return self.space.describe([shrink(crop(open_image(image), box))])[0]

    def _vector(self, features: dict[str, np.ndarray]) -> np.ndarray:
        return self.space.pictures(features[PICTURE][None], self.engine)[0]

    def _query(
        self, text: str, image: Source | None, box: Box | None, share: float
    ) -> tuple[np.ndarray, list[Term]]:
        """The vector of a query, and the terms of its words."""
        if not 0 <= share <= 1:
            raise ValueError(f"words_share must be in 0..1, received {share!r}")
        if not text.strip() and image is None:
            raise QueryError("Type some words, or choose a picture, to search with.")
        found = terms(text) if text.strip() else []
        sides = []
        if found:
            vectors = self.space.texts([term.text for term in found], self.engine)
            sides.append((share, combine(found, vectors)))
        if image is not None:
            sides.append((1 - share, self._vector(self._describe(image, box))))
        if len(sides) == 1:
            return sides[0][1], found
        weights = [Term("", weight) for weight, _ in sides]
        return combine(weights, np.stack([vector for _, vector in sides])), found
