"""Calibration of a trained classifier: class names, temperature and prototypes for its weights.

    python -m shared.recognition.calibrate --weights RUN/weights --images IMAGES --labelled CALTECH --out OUT
    python -m shared.recognition.calibrate --weights RUN/weights --images IMAGES --named PHOTOS --out OUT

The temperature is fitted to labelled images: those of Caltech-101, or photos named by the thing they show
(`shared.recognition.data.imagenet.correct_by_name`). So is that of the network without its fusion. The
prototypes are cluster centers of the training images' features; the out-of-distribution threshold is the
distance to the nearest prototype that a given fraction of further training images exceeds. With `--teacher`,
the weights are first averaged with those of the teacher.
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
from torch import Tensor
from tqdm import tqdm

from shared.core import weights
from shared.core.image_files import ImageFile, read_images
from shared.networks.cfn import CFN
from shared.recognition.benchmarks.accuracy import compute_logits
from shared.recognition.cfn_backend import CFNBackend
from shared.recognition.classifier import Classifier
from shared.recognition.data.caltech import correct_classes, read_caltech_imagenet
from shared.recognition.data.imagenet import correct_by_name
from shared.recognition.training.calibration import fit_temperature
from shared.recognition.training.teacher import Teacher

BATCH = 16
PROTOTYPE_FRACTION = 3 / 4  # of the images; the threshold is taken from the remaining ones


def calibrate(args: argparse.Namespace) -> None:
    """Write a weight folder with the class names, temperature and prototypes of a trained classifier."""
    network = weights.load(CFN, str(args.weights), folder=args.weights)
    if args.teacher:
        average_with_teacher(network, Teacher(args.teacher), args.student_fraction)
    labels = unique_labels(torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"])
    backend = CFNBackend(network, labels=labels, size=args.size)

    images = read_images(args.images)
    order = np.random.default_rng(args.seed).permutation(len(images))[: args.max_images]
    features = compute_features(Classifier("cfn", backend), [images[index] for index in order])
    split = int(len(features) * PROTOTYPE_FRACTION)
    prototypes = spherical_k_means(features[:split], args.prototypes, seed=args.seed)
    ood_scores = 1 - (normalize(features[split:]) @ prototypes.T).max(1)
    ood_threshold = args.ood_threshold or round(float(np.quantile(ood_scores, 1 - args.false_alarms)), 4)

    photos, correct = read_labelled(args, labels)
    temperature = fit_temperature(compute_logits(backend, photos), correct)

    calibrated = CFN(
        fusion="none" if network.fusion is None else network.fusion.kind,
        prototypes=args.prototypes,
        trunk=network.trunk,
    )
    calibrated.load_state_dict({**network.state_dict(), "prototypes": torch.from_numpy(prototypes)})
    config = {
        "labels": labels,
        "temperature": round(temperature, 3),
        "familiar": ood_threshold,
        "size": backend.size,
    }
    if network.fusion is not None:
        plain = CFNBackend(network.remove_fusion(), labels=labels, size=args.size)
        config["plain_temperature"] = round(fit_temperature(compute_logits(plain, photos), correct), 3)
    weights.save(calibrated, args.out, quantized=args.quantized, config=config)


def read_labelled(args: argparse.Namespace, labels: Sequence[str]) -> tuple[Sequence[ImageFile], Tensor]:
    """Read the images that the temperature is fitted to, and the mask of their correct classes."""
    if args.named:
        images = read_images(args.named)
        correct = correct_by_name(images)
        known = correct.any(1)
        return [images[index] for index in known.nonzero()[:, 0].tolist()], correct[known]
    labelled = read_caltech_imagenet(args.labelled, skip_per_class=args.skip_per_class)
    labelled = labelled.part(range(0, len(labelled.images), 2))  # the benchmark uses the odd ones
    return labelled.images, correct_classes(labelled, labels)


def average_with_teacher(network: CFN, teacher: Teacher, student_fraction: float) -> None:
    """Average the weights of a student with those of its teacher.

    Wortsman et al., "Robust fine-tuning of zero-shot models" (WiSE-FT), CVPR 2022: the average keeps most of
    the teacher's accuracy and most of the student's robustness.

    Args:
        network: The student; changed in place.
        teacher: Teacher of the same architecture, except for the side branches.
        student_fraction: Weight of the student, 0..1.
    """
    for layer in Teacher.SHARED_LAYERS:
        student = network.get_submodule(layer)
        teacher_state = teacher.get_submodule(layer).state_dict()
        student.load_state_dict(
            {
                name: teacher_state[name].lerp(value, student_fraction)
                for name, value in student.state_dict().items()
            }
        )


def unique_labels(labels: Sequence[str]) -> list[str]:
    """Append a number to each repetition of a name.

    >>> unique_labels(["crane", "kite", "crane"])
    ['crane', 'kite', 'crane 2']
    """
    counts: dict[str, int] = {}
    names = []
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
        names.append(label if counts[label] == 1 else f"{label} {counts[label]}")
    return names


def compute_features(classifier: Classifier, images: Sequence[ImageFile]) -> np.ndarray:
    """Return the features of all images, float32 `[N, K]`."""
    features = []
    for start in tqdm(range(0, len(images), BATCH), unit="batch"):
        batch = [image.image() for image in images[start : start + BATCH]]
        features += [result.feature for result in classifier.batch(batch, 1)]
    return np.stack(features)


def spherical_k_means(features: np.ndarray, clusters: int, *, seed: int) -> np.ndarray:
    """Return the unit-length centers of clusters of the features' directions.

    Args:
        features: `[N, K]`, N at least `clusters`.
        clusters: Number of clusters.
        seed: Seed of the initialization.

    Returns:
        float32 `[clusters, K]`.
    """
    means = KMeans(clusters, n_init=1, random_state=seed).fit(normalize(features)).cluster_centers_
    centers: np.ndarray = normalize(means).astype(np.float32)
    return centers


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--weights", type=Path, required=True, help="weight folder of a trained classifier")
    add("--out", type=Path, required=True, help="weight folder to write")
    add("--teacher", type=Path, help="MobileNetV2 for ImageNet (safetensors) to average the weights with")
    add("--student-fraction", type=float, default=0.5, help="weight of the classifier in the average")
    add("--images", nargs="+", required=True, help="images that the classifier was trained on")
    add("--max-images", type=int, default=4000, help="number of these images to use")
    add("--prototypes", type=int, default=256, help="number of cluster centers")
    add("--false-alarms", type=float, default=0.05, help="fraction of training images above the threshold")
    add("--ood-threshold", type=float, help="out-of-distribution threshold, in place of --false-alarms")
    labelled = parser.add_mutually_exclusive_group(required=True)
    labelled.add_argument("--labelled", type=Path, help="101_ObjectCategories of Caltech-101")
    labelled.add_argument("--named", nargs="+", help="photos named by a synset or by what they show")
    add("--size", type=int, default=224, help="side of the network's input in pixels")
    add("--quantized", action="store_true", help="store large tensors in 8 bits")
    add("--skip-per-class", type=int, default=30, help="images of each Caltech class to leave out")
    add("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    calibrate(build_parser().parse_args())
