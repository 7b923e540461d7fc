"""Accuracy and calibration of ImageNet classifiers on Caltech-101, whose classes correspond to ImageNet's."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor
from tqdm import tqdm

from shared.evaluation import reports
from shared.recognition.benchmarks.common import engine_parser, load_cfn, parse_engines, weights_name
from shared.recognition.cfn_backend import CFNBackend
from shared.recognition.data.caltech import correct_classes, read_caltech_imagenet
from shared.recognition.training.calibration import expected_calibration_error
from shared.training.datasets import LabelledImages

MODULE = "shared.recognition.benchmark accuracy"
BATCH = 16


@torch.inference_mode()
def compute_logits(backend: CFNBackend, labelled: LabelledImages) -> Tensor:
    """Return the logits of all images before the temperature, float32 `[N, classes]`."""
    logits = []
    for start in tqdm(range(0, len(labelled.images), BATCH), unit="batch"):
        inputs = [backend.preprocess(image.image()) for image in labelled.images[start : start + BATCH]]
        logits.append(backend.network(torch.cat(inputs)).float().cpu())
    return torch.cat(logits)


def score_logits(logits: Tensor, correct: Tensor, temperature: float) -> dict[str, float]:
    """Compute `top1`, `top5`, and the calibration error `ECE` with and without temperature.

    Args:
        logits: `[N, classes]`.
        correct: bool `[N, classes]`, all classes that are correct for an image.
        temperature: Temperature of the classifier.
    """
    hits = correct.gather(1, logits.topk(5, 1).indices)
    top1 = hits[:, 0].numpy()

    def calibration_error(divisor: float) -> float:
        return expected_calibration_error((logits / divisor).softmax(1).amax(1).numpy(), top1)

    return {
        "top1": float(top1.mean()),
        "top5": float(hits.any(1).float().mean()),
        "ECE": calibration_error(temperature),
        "ECE_without_temperature": calibration_error(1.0),
    }


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = engine_parser("Score classifiers on labelled images.", MODULE, default=["cfn"])
    parser.add_argument(
        "--skip-per-class", type=int, default=30, help="images of each class to leave out (%(default)s)"
    )
    options = parse_engines(parser, arguments)
    try:
        available = read_caltech_imagenet(options.data, skip_per_class=options.skip_per_class)
    except FileNotFoundError as error:
        parser.error(str(error))
    # Every second image: the temperature was fitted to the others.
    available = available.part(range(1, len(available.images), 2))
    labelled = available.part(range(len(available.images))[: options.limit])
    started = time.perf_counter()
    metrics = {}
    for name in options.engine:
        backend = load_cfn(name, options.weights)
        correct = correct_classes(labelled, backend.labels)
        metrics[name] = score_logits(compute_logits(backend, labelled), correct, backend.temperature)
    return reports.finish(
        reports.Report(
            benchmark="accuracy",
            data="Caltech-101, classes of ImageNet",
            split="held-out",
            items=len(labelled.images),
            weights=weights_name(options.weights, options.engine),
            metrics=metrics,
            available=len(available.images),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
