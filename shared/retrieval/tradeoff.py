"""Trade-off of the engines: recall, time and memory, measured on a gallery.

Galleries of visitors are too small to show the purpose of index types. Engines that compare descriptors are
therefore measured on the gallery's descriptors and synthetic ones around them, see
`shared.retrieval.data.synthetic`; DeepIndex and the histogram on the gallery alone, since images cannot be
synthesised.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from shared.core.diffusion.monitor import Progress, StopRequest
from shared.core.errors import StoppedError
from shared.core.images import ImageError
from shared.gallery.gallery import Gallery
from shared.index.vector_index import VectorIndex
from shared.retrieval.data.synthetic import synthesize
from shared.retrieval.describer import DESCRIPTOR
from shared.retrieval.search import ImageSearch

NEAREST = 10
MIN_IMAGES = 2

Query = TypeVar("Query")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class EngineCost:
    """Measured trade-off of an engine.

    Attributes:
        engine: Name of the engine.
        recall: Fraction of the ten nearest images by an exact search of descriptors that are among the ten
            nearest of this engine, 0..1. For DeepIndex and the histogram, which compare other features, it is
            their agreement with the descriptor and says nothing about their quality.
        ms_per_query: Milliseconds of processor time of a search, without the description of the query.
        bytes_per_image: Memory of the index per image.
        images: Number of searched images.
    """

    engine: str
    recall: float
    ms_per_query: float
    bytes_per_image: float
    images: int


def measure(
    searches: Mapping[str, ImageSearch],
    gallery: Gallery,
    queries: int = 100,
    size: int = 20_000,
    progress: Progress | None = None,
    stop: StopRequest | None = None,
) -> list[EngineCost]:
    """Measure engines on a gallery.

    Args:
        searches: Searches by the name of their engine, with `exact` first.
        gallery: Gallery of at least two images.
        queries: Largest number of searches per engine.
        size: Number of images to which synthetic descriptors extend the gallery.
        progress: Called with the number of measured engines and that of all.
        stop: Read before each engine.

    Returns:
        Measurements in the order of the searches.

    Raises:
        ImageError: There are too few images.
        MismatchError: The gallery was described with other weights.
        StoppedError: A stop is requested.
    """
    snapshot = gallery.snapshot()
    if len(snapshot) < MIN_IMAGES:
        raise ImageError(
            f"The gallery needs at least {MIN_IMAGES} pictures to measure: please add some first."
        )
    exact = searches["exact"]
    exact.index(gallery)  # fails if the gallery was described with other weights
    real = snapshot.features(DESCRIPTOR)[1]
    extended = np.concatenate([real, synthesize(real, max(size - len(real), 0), seed=0)])
    synthetic_queries = synthesize(real, queries, seed=1)
    truth: list[list[int]] = []  # of the exact search, which comes first
    costs = []
    for number, (name, search) in enumerate(searches.items()):
        if stop is not None and stop.is_set():
            raise StoppedError("Stopped: nothing was measured.")
        if progress is not None:
            progress(number, len(searches))
        index_type = search.strategy.index_type
        if index_type is None:
            costs.append(_measure_gallery(search, exact, gallery, queries))
            continue
        index = VectorIndex(extended.shape[1], index_type)
        index.add(extended)
        neighbors, ms = _timed(partial(_nearest, index), list(synthetic_queries))
        truth = truth or neighbors
        costs.append(EngineCost(name, _recall(neighbors, truth), ms, index.bytes_per_vector, len(extended)))
    return costs


def _nearest(index: VectorIndex, query: np.ndarray) -> list[int]:
    """Return the ids of the nearest vectors of one query `[D]`."""
    ids: list[int] = index.search(query[None], NEAREST)[1][0].tolist()
    return ids


def _measure_gallery(search: ImageSearch, exact: ImageSearch, gallery: Gallery, queries: int) -> EngineCost:
    """Measure an engine on the gallery as it is, with its own images as queries."""
    snapshot = gallery.snapshot()
    ids = list(snapshot.ids)[:queries]
    features = [snapshot.image_features(id) for id in ids]
    nearest = min(NEAREST, len(snapshot) - 1)

    def neighbors(engine: ImageSearch) -> tuple[list[list[int]], float]:
        index = engine.index(gallery)
        rows, ms = _timed(lambda query: index.search(gallery, query, nearest + 1).ids, features)
        return [[hit for hit in row if hit != id][:nearest] for id, row in zip(ids, rows, strict=True)], ms

    rows, ms = neighbors(search)
    recall = _recall(rows, neighbors(exact)[0])
    bytes_per_image = search.strategy.bytes_per_image(search.index(gallery))
    return EngineCost(search.engine, recall, ms, bytes_per_image, len(snapshot))


def _timed(call: Callable[[Query], Answer], queries: Sequence[Query]) -> tuple[list[Answer], float]:
    """Return all answers, and the median processor time in ms, which other processes do not affect."""
    answers, seconds = [], []
    for query in queries:
        started = time.thread_time()
        answers.append(call(query))
        seconds.append(time.thread_time() - started)
    return answers, 1000 * float(np.median(seconds))


def _recall(neighbors: Sequence[Sequence[int]], truth: Sequence[Sequence[int]]) -> float:
    """Compute the mean fraction of the true neighbors that were found."""
    fractions = [
        len({*row} & {*true_row}) / len(true_row)
        for row, true_row in zip(neighbors, truth, strict=True)
        if len(true_row)
    ]
    return float(np.mean(fractions))
