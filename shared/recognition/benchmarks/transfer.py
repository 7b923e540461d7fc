"""Linear probes of plain and fused features on other data sets.

Thesis of Y. Liu (2018), section 2.4.3: the fused feature of a CFN, learned on ImageNet, against that of the
plain network, for scenes, flowers, objects and goods. A logistic regression is fitted to a number of images
of each class and tested on others, over several random splits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import normalize
from tqdm import tqdm

from shared.evaluation import reports
from shared.recognition.benchmarks.common import engine_parser, load_cfn
from shared.recognition.cfn_backend import CFNBackend
from shared.recognition.data.datasets import read_class_folders
from shared.training.datasets import LabelledImages, read_grocery

MODULE = "shared.recognition.benchmark transfer"
BATCH = 16
SKIP = ("BACKGROUND_Google",)


@torch.inference_mode()
def compute_features(backend: CFNBackend, labelled: LabelledImages) -> dict[str, np.ndarray]:
    """Return the features of all images, float32 `[N, 1280]`.

    Returns:
        `main`, the feature of the last layer, and `fused`, the same for a network without fusion.
    """
    network = backend.network
    features: dict[str, list[np.ndarray]] = {"main": [], "fused": []}
    for start in tqdm(range(0, len(labelled.images), BATCH), unit="batch"):
        inputs = [backend.preprocess(image.image()) for image in labelled.images[start : start + BATCH]]
        branches = network.branch_vectors(network.branch_maps(torch.cat(inputs)))
        features["main"].append(branches[:, 0].float().cpu().numpy())
        features["fused"].append(network.fuse(branches).float().cpu().numpy())
    return {kind: np.concatenate(batches) for kind, batches in features.items()}


def split_classes(
    targets: np.ndarray, train_per_class: int, test_per_class: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw training and test indices class by class.

    Args:
        targets: Classes `[N]`.
        train_per_class: Training images of each class.
        test_per_class: Test images of each class, at most.
        seed: Seed of the split.
    """
    rng = np.random.default_rng(seed)
    train, test = [], []
    for class_id in np.unique(targets):
        order = rng.permutation(np.flatnonzero(targets == class_id))
        train.append(order[:train_per_class])
        test.append(order[train_per_class : train_per_class + test_per_class])
    return np.concatenate(train), np.concatenate(test)


def probe(features: np.ndarray, targets: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Return the balanced accuracy of a logistic regression on unit-length features, 0..1.

    Args:
        features: `[N, K]`.
        targets: Class of each image `[N]`.
        train: Indices of the images to learn from.
        test: Indices of the images to predict.
    """
    features = normalize(features)
    model = LogisticRegression(C=100.0, max_iter=300).fit(features[train], targets[train])
    return float(balanced_accuracy_score(targets[test], model.predict(features[test])))


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = engine_parser("Probe features on other data.", MODULE, default=["plain", "lite"])
    parser.add_argument("--name", help="name of the data set in the report; by default its folder's")
    parser.add_argument(
        "--train-per-class", type=reports.positive_int, default=30, help="training images (%(default)s)"
    )
    parser.add_argument(
        "--test-per-class", type=reports.positive_int, default=20, help="test images, at most (%(default)s)"
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
        split_classes(labelled.targets, options.train_per_class, options.test_per_class, seed)
        for seed in range(options.splits)
    ]
    used = np.unique(np.concatenate([indices for split in splits for indices in split]))[: options.limit]
    rows = np.full(len(labelled.images), -1)  # row of each image in the feature matrix
    rows[used] = np.arange(len(used))
    started = time.perf_counter()
    metrics = {}
    for name in options.engine:
        backend = load_cfn(name, options.weights)
        for kind, features in compute_features(backend, labelled.part(used.tolist())).items():
            if kind == "fused" and backend.network.fusion is None:
                continue
            accuracies = [
                probe(features, labelled.targets[used], rows[train], rows[test]) for train, test in splits
            ]
            metrics[f"{name}, {kind} feature"] = {
                "accuracy": float(np.mean(accuracies)),
                "deviation": float(np.std(accuracies)),
            }
    return reports.finish(
        reports.Report(
            benchmark="transfer",
            data=options.name or options.data.name,
            split=f"{options.train_per_class} per class, {options.splits} random splits",
            items=len(used),
            weights=", ".join(options.engine),
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
