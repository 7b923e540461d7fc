"""Out-of-distribution scores of a classifier on several data sets, and how they relate to its reliability.

Proposition 8 of W. Chen's thesis (2021): an explanation may show when a method fails outside of its data. Two
predictors need no labels: the norm of the feature, and its distance to the nearest prototype of the training
images. The table has both for each set, the fraction of images above the threshold ("alarm") and, with
`--teacher`, the agreement of the classifier with its teacher.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from shared.core.image_files import ImageFile, read_images
from shared.evaluation import reports
from shared.networks.backbones.mobilenet_v2 import PADDINGS
from shared.recognition.benchmarks.agreement import crop_view, predict_classes
from shared.recognition.classifier import Classifier
from shared.recognition.training.teacher import Teacher

MODULE = "shared.recognition.benchmark ood"
BATCH = 16


def sample_evenly(images: Sequence[ImageFile], limit: int) -> list[ImageFile]:
    """Return at most `limit` images, evenly spread over the set."""
    indices = np.linspace(0, len(images) - 1, min(limit, len(images))).astype(int)
    return [images[index] for index in indices]


def measure_images(
    classifier: Classifier, images: Sequence[ImageFile], teacher: Teacher | None
) -> dict[str, np.ndarray]:
    """Compute the predictors of N images and, with a teacher, the agreement with it.

    Returns:
        `norm`, `distance`, `alarm` and `agreement` (0 or 1 each), float64 `[N]`.
    """
    columns: dict[str, list[float]] = {"norm": [], "distance": [], "alarm": []}
    for start in range(0, len(images), BATCH):
        batch = [image.image() for image in images[start : start + BATCH]]
        results = classifier.batch(batch, top_k=1)
        columns["norm"] += [float(np.linalg.norm(result.feature)) for result in results]
        columns["distance"] += [result.ood_score for result in results]
        columns["alarm"] += [result.out_of_distribution for result in results]
        if teacher is not None:
            classes = predict_classes(teacher, [crop_view(image) for image in batch], PADDINGS[0]).tolist()
            agreement = [
                result.predictions[0].id == class_id
                for result, class_id in zip(results, classes, strict=True)
            ]
            columns.setdefault("agreement", []).extend(agreement)
    return {name: np.array(values, float) for name, values in columns.items()}


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Compare a classifier's features on several data sets.", MODULE)
    parser.add_argument("--more-data", nargs="+", default=[], type=Path, metavar="DIR", help="further sets")
    parser.add_argument("--names", nargs="+", metavar="NAME", help="names of the sets in the table, in order")
    parser.add_argument(
        "--per-set", type=reports.positive_int, default=200, help="images of a set (%(default)s)"
    )
    parser.add_argument("--engine", default="cfn", metavar="NAME", help="(%(default)s)")
    parser.add_argument("--teacher", type=Path, help="MobileNetV2 for ImageNet (safetensors)")
    options = parser.parse_args(arguments)
    folders = [options.data, *options.more_data]
    names = options.names or [folder.stem for folder in folders]
    if len(names) != len(folders):
        parser.error(f"--names gives {len(names)} names for {len(folders)} sets")
    classifier = Classifier.load(options.engine, folder=options.weights)
    teacher = Teacher(options.teacher) if options.teacher else None
    started = time.perf_counter()
    columns_by_set = {}
    for name, folder in zip(names, folders, strict=True):
        try:
            images = sample_evenly(read_images([folder]), options.per_set)
        except FileNotFoundError as error:
            parser.error(str(error))
        columns_by_set[name] = measure_images(classifier, images, teacher)
    metrics = {
        name: {metric: float(values.mean()) for metric, values in columns.items()}
        for name, columns in columns_by_set.items()
    }
    if teacher is not None:
        pooled = {
            metric: np.concatenate([columns[metric] for columns in columns_by_set.values()])
            for metric in columns_by_set[names[0]]
        }
        if np.ptp(pooled["agreement"]) > 0:  # a constant has no rank correlation
            metrics["rank correlation with agreement"] = {
                metric: float(spearmanr(pooled[metric], pooled["agreement"]).statistic)
                for metric in ("norm", "distance")
            }
    return reports.finish(
        reports.Report(
            benchmark="out-of-distribution scores",
            data="several sets",
            split="held-out",
            items=sum(len(columns["norm"]) for columns in columns_by_set.values()),
            weights=options.engine,
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
