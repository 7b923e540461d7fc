"""Time of a search with text in a large gallery, and images described per second.

Images are described one after another, as `CrossModalSearch.add` does. The gallery is filled up to its size
with mixtures of the features of two images, which lie where those of images lie. Then every built-in sentence
of `shared.crossmodal.sentences` is searched with, from the text to the list of hits. Times are wall-clock
times of single calls, so nothing else should run on the machine. `recall@10` is the fraction of the ten
images with the highest scores that a search finds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from shared.core.image_files import ImageFile, read_images
from shared.core.weights import WeightsError
from shared.crossmodal.embedders.embedder import IMAGE_FEATURE
from shared.crossmodal.embedders.gallery_index import MAX_EXACT, EmbeddingGalleryIndex
from shared.crossmodal.engines import ENGINES, ENSEMBLE, OPEN_WEIGHTS
from shared.crossmodal.search import CrossModalSearch
from shared.crossmodal.sentences import everyday_sentences
from shared.evaluation import reports
from shared.gallery.gallery import Gallery
from shared.gallery.index import FINGERPRINT

MODULE = "shared.crossmodal.benchmark speed"
TOP_K = 10
#: Images that are described before the clock starts, since the first ones also pay for set-up.
WARM_UP_IMAGES = 3
PLACEHOLDER = Image.new("RGB", (1, 1))


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Measure searches with text in a large gallery.", MODULE)
    parser.add_argument("--engine", choices=list(ENGINES), default=ENSEMBLE, help="(%(default)s)")
    parser.add_argument("--pictures", type=reports.positive_int, default=100_000, help="(%(default)s)")
    options = parser.parse_args(arguments)
    try:
        images = read_images(sorted(options.data.glob("*.zip")) or [options.data])
        search = CrossModalSearch.load(options.engine, folder=options.weights, device="cpu")
    except (OSError, ValueError, WeightsError) as error:
        parser.error(str(error))
    available, images = len(images), images[: options.limit]
    started = time.perf_counter()
    features, metrics = describe(search, images)
    gallery = fill(mix(features, options.pictures), search.model_fingerprint)
    metrics |= measure(search, gallery, everyday_sentences())
    return reports.finish(
        reports.Report(
            benchmark="speed",
            data=options.data.stem,
            split="photos",
            items=len(images),
            weights=Path(options.weights or OPEN_WEIGHTS).name,
            metrics=metrics,
            published={},
            available=available,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def describe(search: CrossModalSearch, images: Sequence[ImageFile]) -> tuple[np.ndarray, dict[str, float]]:
    """Return the features of images, float16 `[N, F]`, and the metrics of their description."""
    gallery = Gallery(max_count=len(images) + 1, max_bytes=2**40)
    search.add(images[:WARM_UP_IMAGES], Gallery())
    started, cpu_started = time.perf_counter(), time.process_time()
    search.add(images, gallery)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    count = len(gallery)
    return gallery.features(IMAGE_FEATURE)[1], {
        "photos_per_second": count / seconds,
        "photo_cpu_ms": 1000 * cpu_seconds / count,
    }


def mix(features: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Return `count` features: the given ones, then random mixtures of two, float16 `[count, F]`.

    >>> mix(np.eye(2), 3)[2].sum()
    np.float16(1.0)
    """
    rng = np.random.default_rng(seed)
    mixtures = max(count - len(features), 0)
    first, second = rng.integers(len(features), size=(2, mixtures))
    weight = rng.uniform(0, 1, (mixtures, 1)).astype(np.float32)
    mixed = weight * features[first].astype(np.float32) + (1 - weight) * features[second].astype(np.float32)
    return np.concatenate([features[:count], mixed]).astype(np.float16)


def fill(features: np.ndarray, fingerprint: np.ndarray) -> Gallery:
    """Return a gallery of placeholder images with these features, `[N, F]`."""
    gallery = Gallery(max_count=2**40, max_bytes=2**40)
    for number, row in enumerate(features):
        gallery.add(f"{number}", PLACEHOLDER, {IMAGE_FEATURE: row, FINGERPRINT: fingerprint})
    return gallery


def measure(search: CrossModalSearch, gallery: Gallery, texts: Sequence[str]) -> dict[str, float]:
    """Compute the metrics of searches in a gallery.

    Args:
        search: The search.
        gallery: Gallery to search.
        texts: Queries, at least two.
    """
    started = time.perf_counter()
    search(texts[0], gallery=gallery)  # builds the index
    metrics = {"pictures": len(gallery), "index_s": time.perf_counter() - started}
    milliseconds, retrieved = [], []
    for text in texts:
        query_started = time.perf_counter()
        search(text, top_k=TOP_K, gallery=gallery)
        milliseconds.append(1000 * (time.perf_counter() - query_started))
    index = search.index(gallery)
    assert isinstance(index, EmbeddingGalleryIndex)
    for text in texts:  # without evidence, which changes the order
        retrieved.append(set(index.search(gallery, search.encode(text, gallery).features, TOP_K).ids))
    nearest = exact_nearest(search, gallery, texts)
    recalls = [len(ids & exact) / len(exact) for ids, exact in zip(retrieved, nearest, strict=True)]
    return metrics | {
        "ms_per_query": float(np.median(milliseconds)),
        "ms_95": float(np.percentile(milliseconds, 95)),
        "recall@10": float(np.mean(recalls)),
        "index_MB": index.nbytes / 1e6,
    }


def exact_nearest(search: CrossModalSearch, gallery: Gallery, texts: Sequence[str]) -> list[set[int]]:
    """Return the ids of the `TOP_K` images with the highest scores for each text, by exhaustive search."""
    queries = search.embedder.embed_texts(texts, search.engine)
    ids, features = gallery.features(IMAGE_FEATURE)
    batches = (features[start : start + MAX_EXACT] for start in range(0, len(features), MAX_EXACT))
    vectors = (search.embedder.embed_features(batch, search.engine) for batch in batches)
    scores = np.concatenate([batch @ queries.T for batch in vectors])
    return [set(ids[order].tolist()) for order in np.argsort(-scores, axis=0)[:TOP_K].T]
