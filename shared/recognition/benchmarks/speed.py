"""Duration of whole calls of classifiers and segmenters, from PIL image to result, one after another."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from shared.core.image_files import read_images
from shared.evaluation import reports
from shared.evaluation.timing import time_calls
from shared.recognition.benchmarks.common import engine_parser
from shared.recognition.classifier import Classifier
from shared.recognition.engines import CLASSIFIERS, SEGMENTERS
from shared.recognition.segmenter import Segmenter

MODULE = "shared.recognition.benchmark speed"


def load_predictor(name: str, folder: str | None) -> Classifier | Segmenter:
    """Load the classifier or the segmenter of that name."""
    if name in CLASSIFIERS:
        return Classifier.load(name, folder=folder)
    return Segmenter.load(name, folder=folder)


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = engine_parser(
        "Time classifiers and segmenters.",
        MODULE,
        default=["lite", "cfn", "fcfn"],
        choices=[*CLASSIFIERS, *SEGMENTERS],
    )
    options = parser.parse_args(arguments)
    available = read_images([options.data])
    images = [image.image() for image in available[: options.limit]]
    started = time.perf_counter()
    metrics = {name: time_calls(load_predictor(name, options.weights), images) for name in options.engine}
    return reports.finish(
        reports.Report(
            benchmark="speed",
            data=f"photos, {torch.get_num_threads()} threads",
            split=options.data.stem,
            items=len(images),
            weights=", ".join(metrics),
            metrics=metrics,
            available=len(available),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
