"""Doubt that predicts errors: right and wrong answers for photos from outside of the training data.

    python -m shared.recognition.benchmark doubt --data CALTECH101

An answer is right if the best class contains the name of the photo's folder, such as "starfish"; where no
class does, all answers are wrong, as they are for things that the network does not know. `auc` is the area
under the ROC curve of each predictor for right against wrong answers, with the probability of the best class
and the distance to the training photos. `doubted` is the fraction of photos whose best class is less probable
than `DOUBT`, `doubted_wrong` the fraction of wrong answers among them, and `wrong_doubted` and
`right_doubted` are the shares of all wrong and of all right answers that are doubted.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from shared.core.image_files import ImageFile, read_images
from shared.evaluation import reports
from shared.recognition.classifier import DOUBT, Classifier

MODULE = "shared.recognition.benchmark doubt"
BATCH = 16
PER_FOLDER = 12
ENGINES = ["lite", "plain", "cfn"]


def is_named(label: str, folder: str) -> bool:
    """Return True if a label contains the name of a folder as whole words.

    >>> is_named("giant panda", "Panda"), is_named("pandanus", "panda"), is_named("stop sign", "stop_sign")
    (True, False, True)
    """
    name = folder.replace("_", " ").replace("-", " ").lower()
    return re.search(rf"\b{re.escape(name)}s?\b", label.lower().replace("-", " ")) is not None


def sample_folders(images: Sequence[ImageFile], count: int) -> list[ImageFile]:
    """Return at most `count` images of each folder, spread over it."""
    folders: dict[str, list[ImageFile]] = {}
    for image in images:
        folders.setdefault(image.folder, []).append(image)
    return [
        members[index]
        for members in folders.values()
        for index in np.unique(np.linspace(0, len(members) - 1, min(count, len(members))).astype(int))
    ]


def doubt_metrics(right: np.ndarray, probability: np.ndarray, distance: np.ndarray) -> dict[str, float]:
    """Compute the figures of the table; see the module.

    Args:
        right: True for right answers, `[N]`; of both kinds.
        probability: Probability of the best class, `[N]`.
        distance: Distance to the training photos, `[N]`.
    """
    doubted = probability < DOUBT
    return {
        "right": float(right.mean()),
        "auc_probability": float(roc_auc_score(right, probability)),
        "auc_distance": float(roc_auc_score(right, -distance)),
        "doubted": float(doubted.mean()),
        "doubted_wrong": float((~right[doubted]).mean()) if doubted.any() else float("nan"),
        "wrong_doubted": float(doubted[~right].mean()),
        "right_doubted": float(doubted[right].mean()),
    }


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Measure which doubts predict wrong answers.", MODULE)
    parser.add_argument("--engines", nargs="+", default=ENGINES, metavar="NAME", help="(%(default)s)")
    parser.add_argument("--per-folder", type=reports.positive_int, default=PER_FOLDER, help="(%(default)s)")
    options = parser.parse_args(arguments)
    try:
        images = sample_folders(read_images([options.data]), options.per_folder)[: options.limit]
    except FileNotFoundError as error:
        parser.error(str(error))
    started = time.perf_counter()
    metrics = {}
    for engine in options.engines:
        classifier = Classifier.load(engine, folder=options.weights)
        columns: list[tuple[bool, float, float]] = []
        for start in range(0, len(images), BATCH):
            batch = images[start : start + BATCH]
            results = classifier.batch([image.image() for image in batch], top_k=1)
            labels = classifier.backend.labels
            columns += [
                (is_named(labels[best.id], image.folder), best.probability, result.ood_score)
                for image, result in zip(batch, results, strict=True)
                for best in result.predictions
            ]
        right, probability, distance = (np.array(column) for column in zip(*columns, strict=True))
        if right.all() or not right.any():
            parser.error("all answers are right, or all are wrong: there is nothing to tell apart")
        metrics[engine] = doubt_metrics(right, probability, distance)
    report = reports.Report(
        benchmark="doubt",
        data=options.data.name,
        split=f"{options.per_folder} of each folder",
        items=len(images),
        weights=", ".join(options.engines),
        metrics=metrics,
        seconds=time.perf_counter() - started,
        command=reports.command_line(MODULE, arguments),
    )
    return reports.finish(report, options.json)
