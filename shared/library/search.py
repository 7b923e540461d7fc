"""Search of a store: by an image, by a text, or by both."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from shared.core.images import Source
from shared.crossmodal.embedders.embedder import IMAGE_FEATURE, POSSIBLE_PROBABILITY
from shared.crossmodal.text.queries import QueryError
from shared.gallery.results import check_top_k
from shared.gallery.search import EncodedQuery, rescore
from shared.library.errors import LibraryError
from shared.library.filters import condition_error, is_condition_error, one_of, parse_condition
from shared.library.models import IMAGE, TEXT, ImageModel, LibraryModel, ModelSpec, TextModel
from shared.library.results import LibraryHit, LibraryHits, LibraryPhoto
from shared.library.store import PHOTOS, Store, spec_of
from shared.library.vector_index import tuned

#: Photos of the first pass that the engine's own scores put in order, at least, and for each hit.
MIN_CANDIDATES, CANDIDATES_PER_HIT = 500, 10

_COLUMNS = ["path", "content", "taken", "width", "height", "tags", "latitude", "longitude", "thumbnail"]
_GOOD, _POSSIBLE, _NONE = "good match", "possible match", "no good match"


class LibrarySearch:
    """Searches of one store. Calls may come from many threads at once.

    Args:
        store: See above.
        load: Loads a model, or returns it if it is loaded.
    """

    def __init__(self, store: Store, load: Callable[[ModelSpec], LibraryModel]) -> None:
        self._store, self._load = store, load

    def __call__(self, image: Source | None, text: str | None, top_k: int, where: str | None) -> LibraryHits:
        """Find photos, see `shared.library.library.Library.search`."""
        check_top_k(top_k)
        has_text = bool(text and text.strip())
        if image is None and not has_text:
            raise QueryError("Type some words, or choose a picture, to search with.")
        condition = parse_condition(where)
        begin = time.perf_counter()
        searched = self._store.photos.count_rows()
        if not searched:
            return LibraryHits((), 0, time.perf_counter() - begin, 0.0)
        try:
            if has_text:
                assert text is not None
                return self._by_text(text, image, top_k, condition, searched, begin)
            assert image is not None
            return self._by_image(image, top_k, condition, searched, begin)
        except (ValueError, RuntimeError) as error:
            if where is None or not is_condition_error(error):
                raise
            raise condition_error(where, error) from error

    def model(self, kind: str) -> LibraryModel:
        """Return the model whose vectors are searched: complete, or else the newest.

        Raises:
            LibraryError: The weights of none of them are on this machine.
        """
        for row in self._store.models(kind):
            model = self._load(spec_of(row))
            if model.column == row["column"]:
                return model
        raise LibraryError("The photos were described with other weights: update the library first.")

    def _by_image(
        self, image: Source, top_k: int, condition: str | None, searched: int, begin: float
    ) -> LibraryHits:
        model = self.model(IMAGE)
        assert isinstance(model, ImageModel)
        vector = model.encode(image)
        encoded = time.perf_counter()
        rows = self._nearest(model.column, vector, top_k, condition, _COLUMNS)
        bands = model.calibration.confidence_bands
        hits = []
        for row in rows.to_pylist():
            score = 1 - row["_distance"]
            confidence, probability = (bands.name(score), bands.probability(score)) if bands else (None, None)
            hits.append(_hit(row, score, confidence, probability))
        end = time.perf_counter()
        return LibraryHits(tuple(hits), searched, end - begin, end - encoded)

    def _by_text(
        self, text: str, image: Source | None, top_k: int, condition: str | None, searched: int, begin: float
    ) -> LibraryHits:
        model = self.model(TEXT)
        assert isinstance(model, TextModel)
        first, query = model.encode(text, image)
        encoded = time.perf_counter()
        if model.feature_column is None:
            rows = self._nearest(model.column, first, top_k, condition, _COLUMNS).to_pylist()
            scored = [(row, 1 - row["_distance"]) for row in rows]
        else:
            scored = self._two_passes(model, first, query, top_k, condition)
        scores = np.array([score for _, score in scored], np.float64)
        probabilities: list[float | None] = [None] * len(scored)
        if query.calibrated and scored:
            probabilities = model.calibration.probability(scores).tolist()
        hits = [
            _hit(row, score, _verdict(model, probability), probability)
            for (row, score), probability in zip(scored, probabilities, strict=True)
        ]
        end = time.perf_counter()
        return LibraryHits(
            tuple(hits),
            searched,
            end - begin,
            end - encoded,
            unknown_words=query.unknown_words,
            hint=query.hint,
            read_as=query.read_as,
        )

    def _two_passes(
        self, model: TextModel, first: np.ndarray, query: EncodedQuery, top_k: int, condition: str | None
    ) -> list[tuple[dict[str, Any], float]]:
        """Return the best rows with the engine's own scores, which order the candidates of the first pass.

        As in galleries, the best of them are scored with evidence, see `shared.gallery.search`.
        """
        assert model.feature_column is not None
        limit = max(MIN_CANDIDATES, CANDIDATES_PER_HIT * top_k)
        candidates = self._nearest(model.column, first, limit, condition, ["path", model.feature_column])
        if not candidates.num_rows:
            return []
        features = vector_rows(candidates[model.feature_column])
        scores = model.scored(features) @ query.features[IMAGE_FEATURE]
        if (evidence := query.evidence) is not None:
            scores = rescore(scores, lambda positions: evidence({IMAGE_FEATURE: features[positions]}))
        best = np.argsort(-scores, kind="stable")[:top_k].tolist()
        paths = [candidates["path"][index].as_py() for index in best]
        rows = {
            row["path"]: row for row in self._store.rows(PHOTOS, one_of("path", paths), _COLUMNS).to_pylist()
        }
        return [
            (rows[path], float(scores[index]))
            for path, index in zip(paths, best, strict=True)
            if path in rows  # it may just have been deleted
        ]

    def _nearest(
        self, column: str, vector: np.ndarray, limit: int, condition: str | None, columns: list[str]
    ) -> pa.Table:
        query = self._store.photos.search(vector, vector_column_name=column).distance_type("cosine")
        query = tuned(query, limit).select([*columns, "_distance"]).limit(limit)
        return (query if condition is None else query.where(condition)).to_arrow()


def read_photos(store: Store, where: str | None, limit: int | None) -> list[LibraryPhoto]:
    """Return photos of a store, see `shared.library.library.Library.photos`."""
    condition = parse_condition(where)
    names = ["path", "content", "bytes", "taken", "width", "height", "tags", "thumbnail"]
    query = store.photos.search().select(names).limit(limit)
    try:
        rows = (query if condition is None else query.where(condition)).to_arrow().to_pylist()
    except (ValueError, RuntimeError) as error:
        if where is None or not is_condition_error(error):
            raise
        raise condition_error(where, error) from error
    return [
        LibraryPhoto(
            path=row["path"],
            content=row["content"],
            file_bytes=row["bytes"],
            taken=row["taken"],
            size=(row["width"], row["height"]),
            tags=tuple(row["tags"] or ()),
            thumbnail=row["thumbnail"] or b"",
        )
        for row in rows
    ]


def vector_rows(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Return a column of vectors without nulls as `[N, D]`."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return array.flatten().to_numpy(zero_copy_only=False).reshape(len(array), -1)


def _hit(row: dict[str, Any], score: float, confidence: str | None, probability: float | None) -> LibraryHit:
    return LibraryHit(
        path=row["path"],
        score=float(score),
        confidence=confidence,
        probability=probability,
        taken=row["taken"],
        size=(row["width"], row["height"]),
        tags=tuple(row["tags"] or ()),
        latitude=row["latitude"],
        longitude=row["longitude"],
        thumbnail=row["thumbnail"] or b"",
        content=row["content"],
    )


def _verdict(model: TextModel, probability: float | None) -> str | None:
    """Return the verdict on a match probability; None where no threshold has been measured."""
    threshold = model.calibration.threshold
    if probability is None or threshold is None:
        return None
    if probability >= threshold:
        return _GOOD
    return _POSSIBLE if probability >= min(POSSIBLE_PROBABILITY, threshold) else _NONE
