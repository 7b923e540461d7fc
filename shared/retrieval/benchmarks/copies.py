"""Retrieval of images by edited copies, which serves to choose settings.

Every image is seen from another viewpoint in another light (`shared.retrieval.training.augmentation`), and
the view must find its original among all images. It needs no labels, so that any images will do that are not
those of another benchmark.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from shared.core.image_files import read_images
from shared.evaluation import ranking, reports
from shared.retrieval.benchmarks.common import add_arguments, decode, describe, load_heads, weights_name
from shared.retrieval.training.augmentation import sample_view

MODULE = "shared.retrieval.benchmark copies"


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Find photos by edited copies of them.", MODULE)
    add_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the edits (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        files = read_images([options.data])
    except FileNotFoundError as error:
        parser.error(str(error))
    extractor, heads = load_heads(options)
    started = time.perf_counter()
    histogram = not options.only_trained
    base = describe(extractor, heads, decode(files), histogram=histogram)
    queries = files[: options.limit]
    views = (
        sample_view(image, np.random.default_rng([options.seed, number]))
        for number, image in enumerate(decode(queries, "copy"))
    )
    copies = describe(extractor, heads, views, histogram=histogram)
    relevant = [{number} for number in range(len(queries))]
    metrics = {}
    for name, rows in base.items():
        rankings = list(ranking.rank(copies[name] @ rows.T))
        metrics[name] = {
            "mAP": ranking.mean_average_precision(rankings, relevant),
            "recall@1": ranking.recall_at(rankings, relevant, 1),
        }
    report = reports.Report(
        benchmark="copies",
        data=options.data.stem,
        split=f"{len(files)} photos",
        items=len(queries),
        weights=weights_name(options),
        metrics=metrics,
        available=len(files),
        seconds=time.perf_counter() - started,
        command=reports.command_line(MODULE, arguments),
    )
    return reports.finish(report, options.json)
