"""How well a changed photo finds the one that it was made of: the set by which settings are chosen.

Every photo is changed as another place, light and camera would (`shared.retrieval.training.views`), and the change
must find its original among all photos. It needs no labels, so any photos will do that are not those of a
benchmark.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shared.evaluation import ranking, reports
from shared.retrieval.benchmarks.common import add_options, describe, images, load
from shared.retrieval.training.views import sample_view
from shared.training.datasets import read_images

MODULE = "shared.retrieval.benchmark copies"


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Find photos by changed copies of them.", MODULE)
    add_options(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the changes (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        photos = read_images([options.data])
    except FileNotFoundError as error:
        parser.error(str(error))
    extractor, heads = load(options)
    started = time.perf_counter()
    histogram = not options.only_trained
    base = describe(extractor, heads, images(photos), histogram=histogram)
    shown = photos[: options.limit]
    views = (
        sample_view(picture, np.random.default_rng([options.seed, number]))
        for number, picture in enumerate(images(shown, "copy"))
    )
    copies = describe(extractor, heads, views, histogram=histogram)
    metrics = {}
    for name, rows in base.items():
        rankings = list(ranking.rank(copies[name] @ rows.T))
        relevant = [{number} for number in range(len(shown))]
        metrics[name] = {
            "mAP": ranking.mean_average_precision(rankings, relevant),
            "recall@1": ranking.recall_at(rankings, relevant, 1),
        }
    return reports.finish(
        reports.Report(
            benchmark="copies",
            data=options.data.stem,
            split=f"{len(photos)} photos",
            items=len(shown),
            weights=Path(options.weights).name if options.weights else options.engine,
            metrics=metrics,
            available=len(photos),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
