"""What each engine finds, how long it takes and how much memory it needs: measured here and now.

Galleries of visitors are too small for indexes to show what they are for. Engines that compare descriptors
are therefore measured on the gallery's descriptors and as many mixtures of them as it takes to a given size,
see `shared.retrieval.data.synthetic`; DeepIndex and the histogram on the gallery alone, whose pictures cannot be
mixed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from shared.core.images import ImageError
from shared.gallery.gallery import Gallery
from shared.gallery.index import VectorGallery
from shared.gallery.snapshot import Snapshot
from shared.index import VectorIndex
from shared.retrieval.data.synthetic import synthesise
from shared.retrieval.deepindex.gallery_index import WordGallery
from shared.retrieval.descriptor.describer import DESCRIPTOR, Describer
from shared.retrieval.engines import ENGINES
from shared.retrieval.search import ImageSearch

NEAREST = 10
LEAST = 2  # pictures


@dataclass(frozen=True)
class Row:
    """What was measured of one engine.

    Attributes:
        engine: Its name.
        recall: Share of the ten pictures that an exact search with the descriptor finds first, which are also
            among the first ten here. Of DeepIndex and the histogram, which look at other things, it says how
            far they agree with the descriptor, not how good they are.
        ms: Milliseconds of processor time that a search takes, without the description of the query.
        bytes: That the index needs for each picture.
        count: How many pictures were searched.
    """

    engine: str
    recall: float
    ms: float
    bytes: float
    count: int


def measure(
    gallery: Gallery, queries: int = 100, size: int = 20_000, describer: Describer | None = None
) -> list[Row]:
    """Measures all engines that can search a gallery.

    Args:
        gallery: With at least two pictures.
        queries: How many searches are made with each engine, at most.
        size: To how many pictures the gallery is enlarged for engines that compare descriptors.
        describer: What described the gallery; by default what `ImageSearch.load` loads.

    Returns:
        A row for each engine, in the order of `ENGINES`; none for DeepIndex where there are no words.

    Raises:
        ImageError: There are too few pictures.
        MismatchError: The gallery was described with other weights.
    """
    snapshot = gallery.snapshot()
    if len(snapshot) < LEAST:
        raise ImageError(f"The gallery needs at least {LEAST} pictures to measure: please add some first.")
    describer = ImageSearch.load().describer if describer is None else describer
    searches = {
        name: ImageSearch(name, describer, gallery)
        for name in ENGINES
        if describer.words or not name.startswith("deepindex")
    }
    searches["exact"].index()  # tells whether the gallery is one of this describer
    enlarged = _descriptors(snapshot, queries, size)
    return [
        enlarged[name] if name in enlarged else _alone(search, searches["exact"], snapshot, queries)
        for name, search in searches.items()
    ]


def _descriptors(snapshot: Snapshot, queries: int, size: int) -> dict[str, Row]:
    """The rows of all engines that compare descriptors."""
    real = snapshot.features(DESCRIPTOR)[1]
    many = np.concatenate([real, synthesise(real, max(size - len(real), 0), seed=0)])
    asked = synthesise(real, queries, seed=1)
    rows: dict[str, Row] = {}
    truth = np.zeros(0)
    for kind in (name for name, engine in ENGINES.items() if engine.weights == ENGINES["exact"].weights):
        index = VectorIndex(many.shape[1], kind)
        index.add(many)
        found, ms = _timed(lambda row, index=index: index.search(row[None], NEAREST)[1][0], list(asked))
        truth = truth if rows else np.array(found)
        rows[kind] = Row(kind, _recall(found, truth), ms, index.bytes_per_vector, len(many))
    return rows


def _alone(search: ImageSearch, exact: ImageSearch, snapshot: Snapshot, queries: int) -> Row:
    """The row of an engine on the gallery as it is; its own pictures are what is searched with."""
    ids = list(snapshot.ids)[:queries]
    features = [{kind: snapshot.feature(kind, id) for kind in snapshot.kinds} for id in ids]
    nearest = min(NEAREST, len(snapshot) - 1)

    def others(one: ImageSearch) -> tuple[list[list[int]], float]:
        index = one.index()
        found, ms = _timed(lambda query: index.search(one.gallery, query, nearest + 1).ids, features)
        return [
            [other for other in row if other != id][:nearest] for id, row in zip(ids, found, strict=True)
        ], ms

    found, ms = others(search)
    index = search.index()
    if isinstance(index, WordGallery):
        cost = index.index.bytes_per_image()
    elif isinstance(index, VectorGallery):
        cost = index.index.bytes_per_vector
    return Row(search.engine, _recall(found, others(exact)[0]), ms, cost, len(snapshot))


def _timed(call: Callable, queries: Sequence) -> tuple[list, float]:
    """All answers, and milliseconds of the median call. Other work on the machine does not count."""
    found, seconds = [], []
    for query in queries:
        started = time.thread_time()
        found.append(call(query))
        seconds.append(time.thread_time() - started)
    return found, 1000 * float(np.median(seconds))


def _recall(found: Sequence, truth: Sequence) -> float:
    """Mean share of what should be found that was."""
    shares = [len({*a} & {*b}) / len(b) for a, b in zip(found, truth, strict=True) if len(b)]
    return float(np.mean(shares))
