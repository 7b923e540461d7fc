"""Search in six languages: names of things against their English names, over the same photos.

Queries are the names in `languages.tsv`, written without a look at the dictionary of
`shared.crossmodal.text.dictionary`, which lacks some of them. `IMAGES_PER_NAME` photos of each thing of the
folder make the gallery, those of things without a row as well. `R@1` and `R@5` are the fractions of queries
with a right photo first, and among the first five; `R@1 as typed`, without the dictionary; `translated`, the
fraction of queries which the engine gets in other words than those that were typed.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import numpy as np

from shared.core.weights import WeightsError
from shared.crossmodal.benchmarks.embedding import image_features, similarities
from shared.crossmodal.benchmarks.openworld import IMAGES_PER_NAME, hit_rates
from shared.crossmodal.data.datasets import SPLITS
from shared.crossmodal.data.named_images import read_named_images
from shared.crossmodal.engines import OPEN_WEIGHTS, load_combined_space
from shared.crossmodal.text.translation import translate
from shared.evaluation import reports

MODULE = "shared.crossmodal.benchmark languages"
QUERIES = "languages.tsv"
ENGLISH = "en"


def read_names() -> tuple[Mapping[str, str], ...]:
    """Return the name of each thing by language; that of its photos, and English, is `ENGLISH`."""
    text = resources.files("shared.crossmodal.benchmarks").joinpath(QUERIES).read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return tuple({ENGLISH: row.pop("name"), **row} for row in rows)


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser(
        "Search photos by names in six languages; --data has a folder of photos for each thing.", MODULE
    )
    parser.add_argument("--split", choices=SPLITS, default="test", help="(%(default)s)")
    options = parser.parse_args(arguments)
    try:
        things = read_named_images(options.data, options.split, 10 * IMAGES_PER_NAME).head(options.limit)
        embedder = load_combined_space(folder=options.weights)
    except (FileNotFoundError, WeightsError) as error:
        parser.error(str(error))
    started = time.perf_counter()
    assert things.classes is not None  # as named images have
    names = [row for row in read_names() if row[ENGLISH] in things.class_names]
    if not names:
        parser.error(f"{options.data} has no photos of the things in {QUERIES}")
    numbers = np.array([things.class_names.index(row[ENGLISH]) for row in names])
    relevant = numbers[:, None] == things.classes
    features = image_features(embedder, things)
    metrics: dict[str, dict[str, float]] = {}
    for engine in embedder.engines:
        for language in names[0]:
            queries = [row[language] for row in names]
            texts = [translate([query], embedder.unknown_words)[0] for query in queries]
            translated = sum(text != query for text, query in zip(texts, queries, strict=True)) / len(names)
            rates = hit_rates(similarities(embedder, engine, texts, features), relevant)
            as_typed = hit_rates(similarities(embedder, engine, queries, features), relevant)
            metrics[f"{engine}, {language}"] = {
                **rates,
                "R@1 as typed": as_typed["R@1"],
                "translated": translated,
            }
    return reports.finish(
        reports.Report(
            benchmark="languages",
            data=things.name,
            split=options.split,
            items=len(names) * len(names[0]),
            weights=Path(options.weights).name if options.weights else OPEN_WEIGHTS,
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
