"""What features are worth on other data: a linear probe on the plain and on the fused feature.

Thesis of Y. Liu (2018), section 2.4.3: the fused feature of a CFN, learned on ImageNet, against that of the
plain network, for scenes, flowers, objects and goods. A logistic regression learns from `--per-class` photos
of each class and is tested on the rest, over several random splits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize
from tqdm import tqdm

from shared.evaluation import reports
from shared.recognition.classifier import Classifier
from shared.recognition.data.datasets import read_class_folders
from shared.training.datasets import LabelledImages, read_grocery

MODULE = "shared.recognition.benchmark transfer"
BATCH = 16
SKIP = ("BACKGROUND_Google",)


@torch.inference_mode()
def features(classifier: Classifier, labelled: LabelledImages) -> dict[str, np.ndarray]:
    """Features of all photos by kind, float32 `[N, 1280]`: `main`, the last layer's, and `fused`."""
    found: dict[str, list[np.ndarray]] = {"main": [], "fused": []}
    for start in tqdm(range(0, len(labelled.images), BATCH), unit="batch"):
        views = [classifier.view(photo.image()) for photo in labelled.images[start : start + BATCH]]
        branches = classifier.network.branch_vectors(classifier.network.branch_maps(torch.cat(views)))
        found["main"].append(branches[:, 0].float().cpu().numpy())
        found["fused"].append(classifier.network.fuse(branches).float().cpu().numpy())
    return {kind: np.concatenate(parts) for kind, parts in found.items()}


def split(targets: np.ndarray, per_class: int, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random indices: `per_class` of each class to learn from, and at most `most` to test on."""
    rng = np.random.default_rng(seed)
    train, test = [], []
    for number in np.unique(targets):
        order = rng.permutation(np.flatnonzero(targets == number))
        train.append(order[:per_class])
        test.append(order[per_class : per_class + most])
    return np.concatenate(train), np.concatenate(test)


def probe(x: np.ndarray, targets: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Accuracy of a logistic regression on features of length 1, averaged over the classes."""
    model = LogisticRegression(C=100.0, max_iter=300)
    x = normalize(x)
    model.fit(x[train], targets[train])
    right = model.predict(x[test]) == targets[test]
    return float(np.mean([right[targets[test] == number].mean() for number in np.unique(targets[test])]))


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Probe features on other data.", MODULE)
    parser.add_argument("--engine", nargs="+", default=["plain", "cfn"], metavar="NAME", help="(%(default)s)")
    parser.add_argument("--name", help="what the report calls the data set; by default its folder")
    parser.add_argument(
        "--per-class", type=reports.positive_int, default=30, help="to learn from (%(default)s)"
    )
    parser.add_argument(
        "--most", type=reports.positive_int, default=20, help="to test on, per class (%(default)s)"
    )
    parser.add_argument("--splits", type=reports.positive_int, default=3, help="random splits (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        if (options.data / "labels.csv").is_file():
            labelled = read_grocery(options.data, "train")
        else:
            labelled = read_class_folders(options.data, skip=SKIP)
    except FileNotFoundError as error:
        parser.error(str(error))
    splits = [
        split(labelled.targets, options.per_class, options.most, seed) for seed in range(options.splits)
    ]
    used = np.unique(np.concatenate([np.concatenate(parts) for parts in splits]))[: options.limit]
    place = np.full(len(labelled.images), -1)
    place[used] = np.arange(len(used))
    started = time.perf_counter()
    metrics = {}
    for name in options.engine:
        classifier = Classifier.load(name, folder=options.weights)
        for kind, x in features(classifier, labelled.part(used)).items():
            if kind == "fused" and classifier.network.fusion is None:
                continue
            accuracies = [
                probe(x, labelled.targets[used], place[train], place[test]) for train, test in splits
            ]
            row = f"{name}, {kind} feature"
            metrics[row] = {"accuracy": float(np.mean(accuracies)), "deviation": float(np.std(accuracies))}
    return reports.finish(
        reports.Report(
            benchmark="transfer",
            data=options.name or options.data.name,
            split=f"{options.per_class} per class, {options.splits} random splits",
            items=len(used),
            weights=", ".join(options.engine),
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
