"""Open-world search: queries of nouns, attributes, actions and scenes over photos that no training has seen.

Queries about photos with captions (the test photos of COCO) come from `openworld_queries.tsv`. A photo is
right for a query if at least `MIN_CAPTIONS` of its captions hold a word of each group that the query lists:
people describe the same photo in different words, and one of them may be wrong. Captions leave much unsaid,
so two readers, instances of a vision-language model, judged the other photos among the first five of any
engine without knowing which had found them (`openworld_judgments.tsv`): those that both called right are
right, too. "captions alone" has the figures without these judgments. Queries about photos of single things
(`--named`, such as Caltech-101) are the names of all things; `IMAGES_PER_NAME` photos of each make the
gallery. `R@1` and `R@5` are the fractions of queries with a right photo first, and among the first five.

Galleries of `GALLERY_SIZES` photos hold one right photo, drawn at random for each query, among wrong ones of
its set. `good, right` is the fraction of right first hits that are called a good match; `false alarms` is the
fraction of queries for which a photo of the same gallery without the right one is called so.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from shared.core.weights import WeightsError
from shared.crossmodal.benchmarks.embedding import image_features, similarities
from shared.crossmodal.data.datasets import SPLITS, CaptionedImages, read_coco
from shared.crossmodal.data.named_images import read_named_images
from shared.crossmodal.embedders.embedder import MatchCalibration
from shared.crossmodal.engines import OPEN_WEIGHTS, load_combined_space
from shared.crossmodal.text.words import split_words
from shared.evaluation import reports

MODULE = "shared.crossmodal.benchmark openworld"
QUERIES, JUDGMENTS = "openworld_queries.tsv", "openworld_judgments.tsv"
MIN_CAPTIONS = 2
#: Photos of each thing; the split takes one in ten.
IMAGES_PER_NAME = 4
NAME = "name"
GALLERY_SIZES = (24, 100, 400)


@dataclass(frozen=True)
class OpenQuery:
    """Query with the words that captions of right photos hold.

    Attributes:
        text: Text of the query.
        kind: `noun`, `attribute`, `action` or `scene`.
        groups: Words; a caption must hold one of each group.
    """

    text: str
    kind: str
    groups: tuple[frozenset[str], ...]

    def describes(self, words: frozenset[str]) -> bool:
        """Return True if a caption of these words mentions what the query asks for."""
        return all(group & words for group in self.groups)


def read_queries() -> tuple[OpenQuery, ...]:
    """Return the queries about photos with captions."""
    return tuple(
        OpenQuery(
            row["query"],
            row["kind"],
            tuple(frozenset(group.split()) for group in row["words"].split("&")),
        )
        for row in _read_table(QUERIES)
    )


def _read_table(name: str) -> list[dict[str, str]]:
    text = resources.files("shared.crossmodal.benchmarks").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def relevance(queries: Sequence[OpenQuery], data: CaptionedImages) -> np.ndarray:
    """Return which photos are right for each query, bool `[queries, images]`."""
    counts = np.zeros((len(queries), len(data.images)), np.int64)
    for text, image in zip(data.texts, data.image_index.tolist(), strict=True):
        words = frozenset(split_words(text))
        counts[:, image] += [query.describes(words) for query in queries]
    return counts >= MIN_CAPTIONS


def judged_relevance(queries: Sequence[OpenQuery], data: CaptionedImages) -> np.ndarray:
    """Return which photos two readers called right for each query, bool `[queries, images]`."""
    photos = {row["query"]: frozenset(row["photos"].split()) for row in _read_table(JUDGMENTS)}
    names = [Path(image.name).stem for image in data.images]
    return np.array([[name in photos.get(query.text, ()) for name in names] for query in queries])


def hit_rates(scores: np.ndarray, relevant: np.ndarray) -> dict[str, float]:
    """Compute R@1 and R@5 of queries that have a right photo.

    Args:
        scores: `[queries, images]`.
        relevant: bool, of the same shape.
    """
    answerable = relevant.any(1)
    order = np.argsort(-scores[answerable], axis=1, kind="stable")
    hits = np.take_along_axis(relevant[answerable], order, axis=1)
    return {"R@1": float(hits[:, 0].mean()), "R@5": float(hits[:, :5].any(1).mean())}


def verdict_rates(
    scores: np.ndarray, relevant: np.ndarray, calibration: MatchCalibration, size: int, seed: int = 0
) -> dict[str, float]:
    """Compute how often a good match is announced in galleries of one right photo among others.

    Args:
        scores: `[queries, images]`.
        relevant: bool, of the same shape.
        calibration: Calibration of the engine.
        size: Photos in a gallery; fewer where there are not as many.
        seed: Seed of the galleries.
    """
    rng = np.random.default_rng(seed)
    first_right, good, alarms = [], [], []
    for row, mask in zip(scores, relevant, strict=True):
        if mask.any() and not mask.all():
            right = row[rng.choice(np.flatnonzero(mask))]
            wrong = row[rng.permutation(np.flatnonzero(~mask))[: size - 1]].max()
            probabilities = calibration.probability(np.array([max(right, wrong), wrong]), size)
            first_right.append(right > wrong)
            good.append(probabilities[0] >= calibration.corrected_threshold)
            alarms.append(probabilities[1] >= calibration.corrected_threshold)
    hits = np.array(first_right)
    return {
        "R@1": float(hits.mean()),
        "good, right": float(np.array(good)[hits].mean()),
        "false alarms": float(np.mean(alarms)),
    }


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser(
        "Search photos that no training has seen; --data is COCO's folder.", MODULE
    )
    parser.add_argument("--named", type=Path, required=True, metavar="DIR", help="photos of things by name")
    parser.add_argument("--split", choices=SPLITS, default="test", help="(%(default)s)")
    options = parser.parse_args(arguments)
    try:
        photos = read_coco(options.data, options.split).head(options.limit)
        things = read_named_images(options.named, options.split, 10 * IMAGES_PER_NAME).head(options.limit)
        embedder = load_combined_space(folder=options.weights)
    except (FileNotFoundError, WeightsError) as error:
        parser.error(str(error))
    started = time.perf_counter()
    queries = read_queries()
    assert things.classes is not None  # as named images have
    names = things.class_names
    captioned, of_name = relevance(queries, photos), np.arange(len(names))[:, None] == things.classes
    relevant = captioned | judged_relevance(queries, photos), of_name
    kinds = np.array([query.kind for query in queries])
    features = image_features(embedder, photos), image_features(embedder, things)
    metrics: dict[str, dict[str, float]] = {}
    for engine in embedder.engines:
        scores = [
            similarities(embedder, engine, texts, rows)
            for texts, rows in zip(([query.text for query in queries], names), features, strict=True)
        ]
        for kind in dict.fromkeys(kinds.tolist()):
            metrics[f"{engine}, {kind}"] = hit_rates(scores[0][kinds == kind], relevant[0][kinds == kind])
        metrics[f"{engine}, {NAME}"] = hit_rates(scores[1], relevant[1])
        metrics[f"{engine}, all"] = _mean_rates(scores, relevant)
        metrics[f"{engine}, all, captions alone"] = _mean_rates(scores, (captioned, of_name))
        counts = [int(rows.any(1).sum()) for rows in relevant]
        for size in GALLERY_SIZES:
            verdicts = [
                verdict_rates(*rows, embedder.query_calibration(engine), size)
                for rows in zip(scores, relevant, strict=True)
            ]
            metrics[f"{engine}, galleries of {size}"] = {
                key: float(np.average([verdict[key] for verdict in verdicts], weights=counts))
                for key in verdicts[0]
            }
    return reports.finish(
        reports.Report(
            benchmark="openworld",
            data=f"{photos.name}, {things.name}",
            split=options.split,
            items=sum(int(rows.any(1).sum()) for rows in relevant),
            weights=Path(options.weights).name if options.weights else OPEN_WEIGHTS,
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def _mean_rates(scores: Sequence[np.ndarray], relevant: Sequence[np.ndarray]) -> dict[str, float]:
    """Compute the hit rates over the queries of all sets."""
    counts = [int(rows.any(1).sum()) for rows in relevant]
    rates = [hit_rates(*rows) for rows in zip(scores, relevant, strict=True)]
    return {key: float(np.average([rate[key] for rate in rates], weights=counts)) for key in rates[0]}
