"""Matching and classification of products by image and text, with JMC.

On the Grocery Store set the texts of an image are the product's name and description, on the fashion set its
name and its attributes. `i2t`, `t2i`: recall and mAP over all distinct texts of the split. `top1_image`,
`top1_text` and `top1_both`: fraction of images whose class is predicted from the image, from a text, or from
both, among the classes of all data sets that the weights know.

A grocery's description is one text for all images of its class, and a garment's name mostly holds its class:
who has read them needs no image. So there are rows for texts that say less, see
`shared.crossmodal.benchmarks.product_metrics.text_variants`.

With `--outliers`, images of no product, and their captions if there are any, count as well: `rejected_*` is
the fraction of them that JMC recognises as such, `accepted_*` the fraction of products that it takes for
products. `calibration_error` is that of the match probability, on as many matched pairs as mismatched ones.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np

from shared.core.image_files import read_images
from shared.core.weights import WeightsError
from shared.crossmodal.benchmarks.embedding import image_features, text_vectors
from shared.crossmodal.benchmarks.product_metrics import ProductSet, product_metrics, text_variants
from shared.crossmodal.data.datasets import SPLITS, CaptionedImages, read_flickr8k
from shared.crossmodal.data.registry import READERS
from shared.crossmodal.engines import CLASSIFIERS
from shared.crossmodal.products.joint_classifier import HEAD, JointClassifier
from shared.evaluation import reports
from shared.networks.crossmodal.jmc import JMC

MODULE = "shared.crossmodal.benchmark joint"
CALIBRATION_BINS = 10


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Match product images with texts, and classify both.", MODULE)
    parser.add_argument("--set", choices=("grocery", "fashion"), default="grocery", help="(%(default)s)")
    parser.add_argument("--engine", choices=list(CLASSIFIERS), default="jmc", help="(%(default)s)")
    parser.add_argument("--recognition", metavar="FOLDER", help="weights of the recognition network")
    parser.add_argument("--split", choices=SPLITS, default="test", help="(%(default)s)")
    parser.add_argument("--outliers", type=Path, metavar="DIR", help="images of no product, or Flickr8k")
    options = parser.parse_args(arguments)
    try:
        data = READERS[options.set](options.data, options.split)
        outliers = None if options.outliers is None else _read_outliers(options.outliers, options.split)
        classifier = JointClassifier.load(
            options.engine, folder=options.weights, backbone_folder=options.recognition
        )
    except (FileNotFoundError, WeightsError) as error:
        parser.error(str(error))
    labels = zip(classifier.labels, classifier.groups, strict=True)
    names = tuple(label for label, group in labels if group == options.set)
    if names != data.class_names:
        parser.error(f"the weights know other classes than the {len(data.class_names)} of {data.name}")
    available, data = len(data.images), data.head(options.limit)
    products = ProductSet(data, text_variants(data, options.data), classifier.groups.index(options.set))
    started = time.perf_counter()
    images = image_vectors(classifier, data)
    vectors = text_vectors(classifier.embedder, HEAD, products.all_texts)
    head = cast(JMC, classifier.embedder.network.heads[HEAD])
    metrics = product_metrics(head, products, images, vectors)
    metrics["pictures"]["calibration_error"] = calibration_error(classifier, images, data, vectors)
    if outliers is not None:
        texts = np.stack([vectors[text] for text in products.variants["all words"]])
        metrics["others"] = _outlier_metrics(classifier, images, texts, outliers.head(options.limit))
    return reports.finish(
        reports.Report(
            benchmark="joint",
            data=data.name,
            split=options.split,
            items=len(data.images),
            weights=Path(options.weights).name if options.weights else options.engine,
            metrics=metrics,
            available=available,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def image_vectors(classifier: JointClassifier, data: CaptionedImages) -> np.ndarray:
    """Return the vectors of all images of a data set, `[images, D]`."""
    features = image_features(classifier.embedder, data)
    return np.concatenate([classifier.embedder.embed_features(row[None], HEAD) for row in features])


def calibration_error(
    classifier: JointClassifier, images: np.ndarray, data: CaptionedImages, vectors: Mapping[str, np.ndarray]
) -> float:
    """Compute the expected calibration error of the match probability, 0..1.

    Each text is paired with its own image, and with an image of other texts.

    Args:
        classifier: The classifier.
        images: Vectors of the images, `[images, D]`.
        data: The data set.
        vectors: Vector of each text, `[D]`.
    """
    rng = np.random.default_rng(0)
    mismatched = rng.integers(len(images), size=len(data.texts))
    usable = data.identities[mismatched] != data.identities[data.image_index]
    texts = np.stack([vectors[text] for text in data.texts])
    scores = [(images[index] * texts).sum(1)[usable] for index in (data.image_index, mismatched)]
    probabilities = classifier.embedder.calibration(HEAD).probability(np.concatenate(scores))
    labels = np.repeat([1.0, 0.0], usable.sum())
    bins = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [abs((probabilities - labels)[bins == number].sum()) for number in range(CALIBRATION_BINS)]
    return float(sum(gaps) / len(probabilities))


def _outlier_metrics(
    classifier: JointClassifier, images: np.ndarray, texts: np.ndarray, outliers: CaptionedImages
) -> dict[str, float]:
    """Compute the fractions of products and of outliers that are recognised, by image, text, and both."""
    products: dict[str, np.ndarray] = {"image": images, "text": texts}
    strangers = {"image": image_vectors(classifier, outliers)}
    if outliers.texts:
        strangers["text"] = classifier.embedder.embed_texts(outliers.first_texts(), HEAD)
    metrics = {}
    for name, vectors in (("accepted", products), ("rejected", strangers)):
        for kind in [*vectors, *(["both"] if len(vectors) == 2 else [])]:
            evidence = vectors if kind == "both" else {kind: vectors[kind]}
            outlier = classifier.probabilities(evidence.get("image"), evidence.get("text"))[:, -1]
            metrics[f"{name}_{kind}"] = float(((1 - outlier >= 0.5) == (name == "accepted")).mean())
    return metrics


def _read_outliers(folder: Path, split: str) -> CaptionedImages:
    """Read Flickr8k, or the images of any folder without texts."""
    if (folder / "captions.tsv").is_file():
        return read_flickr8k(folder, split)
    images = tuple(read_images(sorted(folder.glob("*.zip")) or [folder]))
    return CaptionedImages(folder.name, images, (), np.zeros(0, np.int64))
