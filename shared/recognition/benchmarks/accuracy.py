"""Top-1, top-5 and calibration of classifiers on photos of Caltech-101 whose class is one of ImageNet's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from shared.evaluation import reports
from shared.recognition.classifier import Classifier
from shared.recognition.data.caltech import allowed, read_partners
from shared.recognition.training.calibration import expected_calibration_error
from shared.training.datasets import LabelledImages

MODULE = "shared.recognition.benchmark accuracy"
BATCH = 16


@torch.inference_mode()
def all_logits(classifier: Classifier, labelled: LabelledImages) -> Tensor:
    """What the network answers to each photo before the temperature, float32 `[N, classes]`."""
    rows = []
    for start in tqdm(range(0, len(labelled.images), BATCH), unit="batch"):
        views = [classifier.view(photo.image()) for photo in labelled.images[start : start + BATCH]]
        rows.append(classifier.network(torch.cat(views)).float().cpu())
    return torch.cat(rows)


def scores(logits: Tensor, right: Tensor, temperature: float) -> dict[str, float]:
    """`top1`, `top5`, and `ECE` with the temperature and without.

    Args:
        logits: `[N, classes]`.
        right: bool `[N, classes]`, the answers that are right.
        temperature: the classifier's.
    """
    best = logits.topk(5, 1).indices
    hits = right.gather(1, best)
    top1 = hits[:, 0].numpy()

    def calibration(divisor: float) -> float:
        return expected_calibration_error((logits / divisor).softmax(1).amax(1).numpy(), top1)

    return {
        "top1": float(top1.mean()),
        "top5": float(hits.any(1).float().mean()),
        "ECE": calibration(temperature),
        "ECE_without_temperature": calibration(1.0),
    }


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Score classifiers on labelled photos.", MODULE)
    parser.add_argument("--engine", nargs="+", default=["cfn"], metavar="NAME", help="(%(default)s)")
    parser.add_argument(
        "--first", type=int, default=30, help="leave out so many photos of each class (%(default)s)"
    )
    options = parser.parse_args(arguments)
    if options.weights and len(options.engine) != 1:
        parser.error("--weights needs exactly one --engine")
    try:
        # Every second photo: the others are those by which the temperature is chosen.
        everything = read_partners(options.data, first=options.first)
    except FileNotFoundError as error:
        parser.error(str(error))
    everything = everything.part(range(1, len(everything.images), 2))
    labelled = everything.part(range(len(everything.images))[: options.limit])
    started = time.perf_counter()
    metrics = {}
    for name in options.engine:
        classifier = Classifier.load(name, folder=options.weights)
        right = allowed(labelled, classifier.labels)
        metrics[name] = scores(all_logits(classifier, labelled), right, classifier.temperature)
    return reports.finish(
        reports.Report(
            benchmark="accuracy",
            data="Caltech-101, classes of ImageNet",
            split="kept aside",
            items=len(labelled.images),
            weights=Path(options.weights).name if options.weights else ", ".join(metrics),
            metrics=metrics,
            available=len(everything.images),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
