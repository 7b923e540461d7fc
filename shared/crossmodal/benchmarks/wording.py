"""Wording of a search's answer: shares of searches with each verdict, and of right best hits among them.

    python -m shared.crossmodal.benchmark wording --data THINGS

Each thing of a folder with images of things is searched by its name alone, as visitors do, and by a phrase,
in galleries with one image of each of some things, among them the one that is searched in half of the
searches. Columns, for the verdicts `good`, `possible` and `none`: `_share` of all searches, `_right`, the
fraction of these whose best hit is the thing, and `_of_right`, the share of all right best hits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from shared.core.weights import WeightsError
from shared.crossmodal.benchmarks.embedding import image_features, similarities
from shared.crossmodal.data.datasets import SPLITS
from shared.crossmodal.data.named_images import name_texts, read_named_images
from shared.crossmodal.embedders.embedder import CALIBRATION_GALLERY_SIZE, MatchCalibration
from shared.crossmodal.engines import OPEN_WEIGHTS, load_combined_space
from shared.evaluation import reports

MODULE = "shared.crossmodal.benchmark wording"
VERDICTS = ("good", "possible", "none")


def search_things(
    similarity: np.ndarray, size: int, repeats: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Search for each thing in random galleries.

    Args:
        similarity: `[T, T]`, a name of each thing in rows, its image in columns.
        size: Images of a gallery.
        repeats: Galleries of each thing with it, and as many without it.
        rng: Source of the galleries.

    Returns:
        Best score of each search, and True where its hit is the thing.
    """
    scores, right = [], []
    for thing, row in enumerate(similarity):
        others = np.delete(np.arange(len(row)), thing)
        for repeat in range(2 * repeats):
            gallery = rng.choice(others, min(size, len(others)), replace=False)
            if repeat % 2:
                gallery[0] = thing
            best = gallery[row[gallery].argmax()]
            scores.append(row[best])
            right.append(best == thing)
    return np.array(scores), np.array(right)


def verdict_metrics(
    scores: np.ndarray, right: np.ndarray, calibration: MatchCalibration, size: int
) -> dict[str, float]:
    """Compute the figures of all verdicts; see the module.

    Args:
        scores: Best score of each search.
        right: True where its hit is right.
        calibration: Calibration of the scores, with a threshold.
        size: Images of a gallery.
    """
    good, possible = calibration.corrected_threshold, calibration.possible_threshold
    assert good is not None
    assert possible is not None
    probability = calibration.probability(scores, size)
    verdicts = np.where(probability >= good, 0, np.where(probability >= possible, 1, 2))
    metrics = {"right": float(right.mean())}
    for index, name in enumerate(VERDICTS):
        chosen = verdicts == index
        metrics[f"{name}_share"] = float(chosen.mean())
        metrics[f"{name}_right"] = float(right[chosen].mean()) if chosen.any() else float("nan")
        metrics[f"{name}_of_right"] = float(chosen[right].mean())
    return metrics


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Count right answers under each verdict of a search by words.", MODULE)
    parser.add_argument("--split", choices=SPLITS, default="test", help="(%(default)s)")
    parser.add_argument("--size", type=reports.positive_int, default=CALIBRATION_GALLERY_SIZE)
    parser.add_argument("--repeats", type=reports.positive_int, default=5, help="galleries of a thing")
    options = parser.parse_args(arguments)
    try:
        data = read_named_images(options.data, options.split).head(options.limit)
        embedder = load_combined_space(folder=options.weights)
    except (FileNotFoundError, ValueError, WeightsError) as error:
        parser.error(str(error))
    started = time.perf_counter()
    assert data.classes is not None
    things, rows = np.unique(data.classes, return_index=True)
    features = image_features(embedder, data)[rows]
    metrics = {}
    for engine in embedder.engines:
        rng = np.random.default_rng(0)
        results = []
        for form in range(2):
            texts = [name_texts(data.class_names[thing])[form] for thing in things]
            similarity = similarities(embedder, engine, texts, features)
            results.append(search_things(similarity, options.size, options.repeats, rng))
        scores, right = (np.concatenate(parts) for parts in zip(*results, strict=True))
        metrics[engine] = verdict_metrics(scores, right, embedder.query_calibration(engine), options.size)
    report = reports.Report(
        benchmark="wording",
        data=data.name,
        split=options.split,
        items=len(right),
        weights=options.weights or OPEN_WEIGHTS,
        metrics=metrics,
        seconds=time.perf_counter() - started,
        command=reports.command_line(MODULE, arguments),
    )
    return reports.finish(report, options.json)
