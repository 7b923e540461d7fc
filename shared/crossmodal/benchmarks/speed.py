"""How long a search with words takes in a large gallery, and how many photos are described in a second.

Photos are described one after another, as `CrossModalSearch.add` does. The gallery is filled up to its size
with mixtures of what was read of two of them, which lie where photos lie. Then every plain sentence of
`shared.crossmodal.sentences` is searched with, from the text to the list of matches. Times are those of
single calls by the clock, so nothing else should run on the machine. `recall@10` is the share of the ten
pictures with the highest scores that a search finds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from shared.core.image_files import ImageFile, read_images
from shared.core.weights import WeightsError
from shared.crossmodal.embedders.embedder import IMAGE_FEATURE as PICTURE
from shared.crossmodal.embedders.gallery_index import MAX_EXACT as LARGE
from shared.crossmodal.engines import ENGINES
from shared.crossmodal.engines import JOINT_WEIGHTS as JOINT
from shared.crossmodal.search import CrossModalSearch
from shared.crossmodal.sentences import everyday_sentences
from shared.evaluation import reports
from shared.gallery.gallery import Gallery
from shared.gallery.index import FINGERPRINT as MADE

MODULE = "shared.crossmodal.benchmark speed"
NEAREST = 10
DOT = Image.new("RGB", (1, 1))  # in place of the pictures that nobody will look at


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Measure searches with words in a large gallery.", MODULE)
    parser.add_argument("--engine", choices=list(ENGINES), default="ensemble", help="(%(default)s)")
    parser.add_argument("--pictures", type=reports.positive_int, default=100_000, help="(%(default)s)")
    options = parser.parse_args(arguments)
    try:
        photos = read_images(sorted(options.data.glob("*.zip")) or [options.data])
        search = CrossModalSearch.load(options.engine, folder=options.weights, device="cpu")
    except (OSError, ValueError, WeightsError) as error:
        parser.error(str(error))
    available, photos = len(photos), photos[: options.limit]
    started = time.perf_counter()
    rows, metrics = describe(search, photos)
    gallery = fill(mixtures(rows, options.pictures), search.space.model_fingerprint)
    metrics |= measure(search, gallery, everyday_sentences())
    return reports.finish(
        reports.Report(
            benchmark="speed",
            data=options.data.stem,
            split="photos",
            items=len(photos),
            weights=Path(options.weights or JOINT).name,
            metrics=metrics,
            published={},
            available=available,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def describe(search: CrossModalSearch, photos: Sequence[ImageFile]) -> tuple[np.ndarray, dict[str, float]]:
    """What is read of photos, `[N, F]`, and how fast."""
    gallery = Gallery(max_count=len(photos) + 1, max_bytes=2**40)
    search.add(photos[:3], Gallery())  # the first ones also pay for set-up
    started, spent = time.perf_counter(), time.process_time()
    search.add(photos, gallery)
    seconds, spent = time.perf_counter() - started, time.process_time() - spent
    count = len(gallery)
    return gallery.features(PICTURE)[1], {
        "photos_per_second": count / seconds,
        "photo_cpu_ms": 1000 * spent / count,
    }


def mixtures(rows: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """The rows themselves and, up to a count, mixtures of two of them, float16 `[count, F]`.

    >>> mixtures(np.eye(2), 3)[2].sum()
    np.float16(1.0)
    """
    rng = np.random.default_rng(seed)
    more = max(count - len(rows), 0)
    first, second = rng.integers(len(rows), size=(2, more))
    share = rng.uniform(0, 1, (more, 1)).astype(np.float32)
    mixed = share * rows[first].astype(np.float32) + (1 - share) * rows[second].astype(np.float32)
    return np.concatenate([rows[:count], mixed]).astype(np.float16)


def fill(rows: np.ndarray, made: np.ndarray) -> Gallery:
    """A gallery of pictures of which only these rows are known."""
    gallery = Gallery(max_count=2**40, max_bytes=2**40)
    for number, row in enumerate(rows):
        gallery.add(f"{number}", DOT, {PICTURE: row, MADE: made})
    return gallery


def measure(search: CrossModalSearch, gallery: Gallery, texts: Sequence[str]) -> dict[str, float]:
    """The figures of searches in one gallery.

    Args:
        search: What searches.
        gallery: What is searched.
        texts: What is searched for, at least two.
    """
    started = time.perf_counter()
    search(texts[0], gallery=gallery)  # which makes the index
    figures = {"pictures": len(gallery), "index_s": time.perf_counter() - started}
    spent, found = [], []
    for text in texts:
        begun = time.perf_counter()
        hits = search(text, top_k=NEAREST, gallery=gallery).hits
        spent.append(1000 * (time.perf_counter() - begun))
        found.append({hit.id for hit in hits})
    true = nearest(search, gallery, texts)
    same = [len(own & right) / len(right) for own, right in zip(found, true, strict=True)]
    return figures | {
        "ms_per_query": float(np.median(spent)),
        "ms_95": float(np.percentile(spent, 95)),
        "recall@10": float(np.mean(same)),
        "index_MB": search.index(gallery).nbytes / 1e6,
    }


def nearest(search: CrossModalSearch, gallery: Gallery, texts: Sequence[str]) -> list[set[int]]:
    """The ids of the ten pictures with the highest scores for each text, all being compared."""
    space, engine = search.space, search.engine
    queries = space.texts(texts, engine)
    ids, rows = gallery.features(PICTURE)
    scores = np.concatenate(
        [
            space.pictures(rows[start : start + LARGE], engine) @ queries.T
            for start in range(0, len(rows), LARGE)
        ]
    )
    return [set(ids[order].tolist()) for order in np.argsort(-scores, axis=0)[:NEAREST].T]
