"""Accuracy and calibration of classifiers on photos of ImageNet, named by the synset of their class.

    python -m shared.recognition.benchmark imagenet --data PHOTOS

The engine `plain` is the network of `lite` without its fusion: their difference is what the fusion gains.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from torch.nn import functional as F

from shared.core.image_files import read_images
from shared.evaluation import reports
from shared.recognition.benchmarks.accuracy import compute_logits, score_logits
from shared.recognition.benchmarks.common import engine_parser, load_cfn, parse_engines, weights_name
from shared.recognition.data.imagenet import UNLABELLED, class_ids

MODULE = "shared.recognition.benchmark imagenet"


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    engines = ["lite", "plain", "cfn"]
    parser = engine_parser("Score classifiers on photos of ImageNet.", MODULE, default=engines)
    parser.add_argument("--name", help="name of the data in the report; by default that of the folder")
    options = parse_engines(parser, arguments)
    try:
        images = read_images([options.data])
    except FileNotFoundError as error:
        parser.error(str(error))
    labels = class_ids(images)
    indices = (labels != UNLABELLED).nonzero()[:, 0][: options.limit]
    if not len(indices):
        parser.error(f"{options.data} holds no photo whose name, or folder, begins with a synset of ImageNet")
    correct = F.one_hot(labels[indices], 1000).bool()
    labelled = [images[index] for index in indices.tolist()]
    started = time.perf_counter()
    metrics = {}
    for name in options.engine:
        backend = load_cfn(name, options.weights)
        metrics[name] = score_logits(compute_logits(backend, labelled), correct, backend.temperature)
    report = reports.Report(
        benchmark="imagenet",
        data=options.name or options.data.stem,
        split="held-out",
        items=len(labelled),
        weights=weights_name(options.weights, options.engine),
        metrics=metrics,
        available=int((labels != UNLABELLED).sum()),
        seconds=time.perf_counter() - started,
        command=reports.command_line(MODULE, arguments),
    )
    return reports.finish(report, options.json)
