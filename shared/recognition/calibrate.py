"""Adds to a trained classifier what no gradient learns: labels, temperature, prototypes.

    python -m shared.recognition.calibrate --start RUN/weights --photos PHOTOS --labelled CALTECH --out FOLDER

With `--teacher`, the classifier is first averaged with its teacher, weight by weight.

The temperature is the one under which the right classes of labelled photos are likeliest. The prototypes are
the centers of what the training photos look like to the network; `familiar` is the distance to the nearest of
them that a given share of other training photos exceeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torchvision
from sklearn.cluster import KMeans
from sklearn.preprocessing import normalize
from tqdm import tqdm

from shared.core import weights
from shared.networks.cfn import CFN
from shared.recognition.benchmarks.accuracy import all_logits
from shared.recognition.classifier import Classifier
from shared.recognition.data.caltech import allowed, read_partners
from shared.recognition.training.calibration import best_temperature
from shared.recognition.training.teacher import Teacher
from shared.training.datasets import read_images

BATCH = 16


def finish(args: argparse.Namespace) -> None:
    """Adds to a trained classifier what no gradient learns: labels, temperature, prototypes."""
    network = weights.load(CFN, str(args.start), folder=args.start)
    if args.teacher:
        mix(network, Teacher(args.teacher), args.share)
    labels = unique(torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"])
    classifier = Classifier("cfn", network, {"labels": labels})
    photos = read_images(args.photos)
    rng = np.random.default_rng(args.seed)
    chosen = [photos[index] for index in rng.permutation(len(photos))[: args.look]]
    features = np.concatenate(
        [
            [
                found.feature
                for found in classifier.batch([photo.image() for photo in chosen[i : i + BATCH]], 1)
            ]
            for i in tqdm(range(0, len(chosen), BATCH), unit="batch")
        ]
    )
    # Prototypes come from one part of the photos, the usual distance to them from the other.
    half = len(features) * 3 // 4
    prototypes = spherical_means(features[:half], args.prototypes, seed=args.seed)
    distances = 1 - (features[half:] @ prototypes.T).max(1) / np.linalg.norm(features[half:], axis=1)
    labelled = read_partners(args.labelled, first=args.first)
    labelled = labelled.part(range(0, len(labelled.images), 2))
    temperature = best_temperature(all_logits(classifier, labelled), allowed(labelled, labels))

    done = CFN(fusion="none" if network.fusion is None else network.fusion.kind, prototypes=args.prototypes)
    done.load_state_dict({**network.state_dict(), "prototypes": torch.from_numpy(prototypes)})
    config = {
        "labels": labels,
        "temperature": round(temperature, 3),
        "familiar": args.familiar or round(float(np.quantile(distances, 1 - args.alarms)), 4),
        "size": 224,
    }
    weights.save(done, args.out, config=config)


def mix(network: CFN, teacher: Teacher, share: float) -> None:
    """Averages what the teacher and the trained network have in common, in place.

    Between the two lie networks that keep most of the teacher's answers and most of what the training made
    robust: Wortsman et al., "Robust fine-tuning of zero-shot models" (WiSE-FT), CVPR 2022.

    Args:
        share: of the trained network, 0..1.
    """
    for part in ("base", "head", "classifier"):
        trained = getattr(network, part)
        first = getattr(teacher, part).state_dict()
        mixed = {name: first[name].lerp(value, share) for name, value in trained.state_dict().items()}
        trained.load_state_dict(mixed)


def unique(labels: Sequence[str]) -> list[str]:
    """Names of classes, with a number behind those that several classes share.

    >>> unique(["crane", "kite", "crane"])
    ['crane', 'kite', 'crane 2']
    """
    seen: dict[str, int] = {}
    names = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        names.append(label if seen[label] == 1 else f"{label} {seen[label]}")
    return names


def spherical_means(features: np.ndarray, count: int, *, seed: int) -> np.ndarray:
    """Centers of clusters of directions, each of length 1: float32 `[count, K]`.

    Args:
        features: `[N, K]`, N at least `count`.
    """
    means = KMeans(count, n_init=1, random_state=seed).fit(normalize(features)).cluster_centers_
    return normalize(means).astype(np.float32)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--start", type=Path, required=True, help="weight folder of a trained classifier")
    parser.add_argument("--out", type=Path, required=True, help="weight folder to write")
    parser.add_argument(
        "--teacher", type=Path, help="average with this MobileNetV2 for ImageNet (safetensors)"
    )
    parser.add_argument("--share", type=float, default=0.5, help="of the trained network in the average")
    parser.add_argument("--photos", nargs="+", required=True, help="what the classifier was trained on")
    parser.add_argument("--labelled", type=Path, required=True, help="101_ObjectCategories of Caltech-101")
    parser.add_argument("--first", type=int, default=30, help="photos of each of its classes to leave out")
    parser.add_argument("--look", type=int, default=4000, help="how many of the photos to look at")
    parser.add_argument("--prototypes", type=int, default=256)
    parser.add_argument(
        "--alarms", type=float, default=0.05, help="share of usual photos that may raise alarm"
    )
    parser.add_argument("--familiar", type=float, help="the greatest usual distance, in place of --alarms")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    finish(arguments())
