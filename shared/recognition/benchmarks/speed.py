"""How fast classifiers and segmenters are: whole calls, from PIL image to result, one after another."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from shared.evaluation import reports
from shared.evaluation.timing import time_calls
from shared.recognition.classifier import Classifier
from shared.recognition.engines import CLASSIFIERS, SEGMENTERS
from shared.recognition.segmenter import Segmenter
from shared.training.datasets import read_images

MODULE = "shared.recognition.benchmark speed"


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Time classifiers and segmenters.", MODULE)
    parser.add_argument(
        "--engine", nargs="+", default=["cfn", "fcfn"], choices=[*CLASSIFIERS, *SEGMENTERS], metavar="NAME"
    )
    options = parser.parse_args(arguments)
    available = read_images([options.data])
    photos = [photo.image() for photo in available[: options.limit]]
    started = time.perf_counter()
    metrics = {}
    for name in options.engine:
        doer = Classifier if name in CLASSIFIERS else Segmenter
        metrics[name] = time_calls(doer.load(name, folder=options.weights), photos)
    return reports.finish(
        reports.Report(
            benchmark="speed",
            data=f"photos, {torch.get_num_threads()} threads",
            split=options.data.stem,
            items=len(photos),
            weights=", ".join(metrics),
            metrics=metrics,
            available=len(available),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
