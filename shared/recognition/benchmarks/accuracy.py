"""Accuracy and calibration of ImageNet classifiers on Caltech-101, whose classes correspond to ImageNet's."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from tqdm import tqdm

from shared.core.image_files import ImageFile
from shared.evaluation import reports
from shared.recognition.benchmarks.common import engine_parser, load_cfn, parse_engines, weights_name
from shared.recognition.cfn_backend import CFNBackend
from shared.recognition.data.caltech import correct_classes, read_caltech_imagenet
from shared.recognition.training.calibration import expected_calibration_error

MODULE = "shared.recognition.benchmark accuracy"
BATCH = 16


@torch.inference_mode()
def compute_logits(backend: CFNBackend, images: Sequence[ImageFile]) -> Tensor:
    """Return the logits of all images before the temperature, float32 `[N, classes]`."""
    logits = []
    for start in tqdm(range(0, len(images), BATCH), unit="batch", mininterval=10):
        inputs = [backend.preprocess(image.image()) for image in images[start : start + BATCH]]
        logits.append(backend.features_and_logits(torch.cat(inputs))[1].float().cpu())
    return torch.cat(logits)


def score_logits(logits: Tensor, correct: Tensor, temperature: float) -> dict[str, float]:
    """Compute `top1`, `top5`, `auc`, and `NLL` and the calibration error `ECE` with and without temperature.

    The negative log-likelihood is that of any of the correct classes. `auc` is the area under the ROC curve
    of the best class's probability for right against wrong answers; NaN if all are right or all wrong.

    Args:
        logits: `[N, classes]`.
        correct: bool `[N, classes]`, all classes that are correct for an image.
        temperature: Temperature of the classifier.
    """
    hits = correct.gather(1, logits.topk(5, 1).indices)
    top1 = hits[:, 0].numpy()

    confidence = (logits / temperature).softmax(1).amax(1).numpy()

    def calibration_error(divisor: float) -> float:
        return expected_calibration_error((logits / divisor).softmax(1).amax(1).numpy(), top1)

    def negative_log_likelihood(divisor: float) -> float:
        log_probabilities = (logits / divisor).log_softmax(1).masked_fill(~correct, -torch.inf)
        return -float(log_probabilities.logsumexp(1).mean())

    return {
        "top1": float(top1.mean()),
        "top5": float(hits.any(1).float().mean()),
        "auc": float(roc_auc_score(top1, confidence)) if top1.any() and not top1.all() else float("nan"),
        "ECE": calibration_error(temperature),
        "ECE_without_temperature": calibration_error(1.0),
        "NLL": negative_log_likelihood(temperature),
        "NLL_without_temperature": negative_log_likelihood(1.0),
    }


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = engine_parser("Score classifiers on labelled images.", MODULE, default=["lite"])
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
        metrics[name] = score_logits(compute_logits(backend, labelled.images), correct, backend.temperature)
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
