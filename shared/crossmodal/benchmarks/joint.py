"""Products: a photo finds the words on it, words find photos, and both tell the class, with JMC.

On the Grocery Store set a photo's words are the product's name and description, on the fashion set its name
and its attributes. `i2t`, `t2i`: recall and mAP over all different texts of the split. `top1_image`,
`top1_text` and `top1_both`: the share of photos whose class is told from the photo, from words, or from both,
among the classes of all sets that the weights know.

A grocery's description is one text for all photos of its class, and a garment's name mostly holds its class:
who has read them needs no picture. So there are rows for words that say less, see
`shared.crossmodal.products.products.text_variants`.

With `--others`, photos that show no product, and their sentences where there are any, count as well:
`rejected_*` is the share of them of which JMC says so, `accepted_*` that of the products which it takes for
such. `calibration_error` is that of the probability of match, on as many pairs that belong together as not.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from shared.core.image_files import read_images
from shared.core.weights import WeightsError
from shared.crossmodal.data.datasets import SPLITS, CaptionedImages, read_flickr8k
from shared.crossmodal.data.registry import READERS
from shared.crossmodal.engines import CLASSIFIERS
from shared.crossmodal.products.joint_classifier import HEAD, JointClassifier
from shared.crossmodal.products.products import product_metrics, text_variants
from shared.evaluation import reports

MODULE = "shared.crossmodal.benchmark joint"


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Match photos of products with words, and tell their class.", MODULE)
    parser.add_argument("--set", choices=("grocery", "fashion"), default="grocery", help="(%(default)s)")
    parser.add_argument("--engine", choices=list(CLASSIFIERS), default="jmc", help="(%(default)s)")
    parser.add_argument("--base", metavar="FOLDER", help="weights of the recognition network")
    parser.add_argument("--split", choices=SPLITS, default="test", help="(%(default)s)")
    parser.add_argument("--others", type=Path, metavar="DIR", help="photos of other things, or Flickr8k")
    options = parser.parse_args(arguments)
    try:
        data = READERS[options.set](options.data, options.split)
        others = None if options.others is None else _others(options.others, options.split)
        classifier = JointClassifier.load(options.engine, folder=options.weights, base=options.base)
    except (FileNotFoundError, WeightsError) as error:
        parser.error(str(error))
    names = [
        label for label, own in zip(classifier.labels, classifier.groups, strict=True) if own == options.set
    ]
    if tuple(names) != data.class_names:
        parser.error(f"the weights know other classes than the {len(data.class_names)} of {data.name}")
    available, data = len(data.photos), data.first(options.limit)
    kinds = text_variants(data, options.data)
    started = time.perf_counter()
    images = pictures(classifier, data)
    texts = list(dict.fromkeys([*data.texts, *(text for words in kinds.values() for text in words)]))
    words = dict(zip(texts, classifier.space.texts(texts, HEAD), strict=True))
    first = classifier.groups.index(options.set)
    head = classifier.space.network.heads[HEAD]
    with torch.inference_mode():
        metrics = product_metrics(head, images, data, words, kinds=kinds, first=first)
    metrics["pictures"]["calibration_error"] = calibration_error(classifier, images, data, words)
    if others is not None:
        own = np.stack([words[text] for text in kinds["all words"]])
        metrics["others"] = _rejections(classifier, images, own, others.first(options.limit))
    return reports.finish(
        reports.Report(
            benchmark="joint",
            data=data.name,
            split=options.split,
            items=len(data.photos),
            weights=Path(options.weights).name if options.weights else options.engine,
            metrics=metrics,
            available=available,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def pictures(classifier: JointClassifier, data: CaptionedImages) -> np.ndarray:
    """Vectors of all pictures of a set."""
    photos = tqdm(data.photos, unit="photo", leave=False)
    return np.concatenate([classifier.pictures([photo.image()]) for photo in photos])


def calibration_error(
    classifier: JointClassifier, images: np.ndarray, data: CaptionedImages, words: dict[str, np.ndarray]
) -> float:
    """Expected calibration error of the probability of match, 0..1, in ten bins.

    Each text with its own picture, and with one whose texts are others.
    """
    rng = np.random.default_rng(0)
    other = rng.integers(len(images), size=len(data.texts))
    apart = data.identities[other] != data.identities[data.owners]
    texts = np.stack([words[text] for text in data.texts])
    right, wrong = ((images[of] * texts).sum(1) for of in (data.owners, other))
    told = classifier.space.probability(np.concatenate([right[apart], wrong[apart]]), HEAD)
    true = np.repeat([1.0, 0.0], apart.sum())
    bins = np.minimum((told * 10).astype(int), 9)
    return float(sum(abs((told - true)[bins == one].sum()) for one in range(10)) / len(told))


def _rejections(
    classifier: JointClassifier, images: np.ndarray, words: np.ndarray, others: CaptionedImages
) -> dict[str, float]:
    """How often others are told from products, and products from others: by picture, words, and both."""
    strangers = {"image": pictures(classifier, others)}
    products = {"image": images, "text": words}
    if others.texts:
        strangers["text"] = classifier.space.texts(others.firsts(), HEAD)
    found = {}
    for name, given in (("accepted", products), ("rejected", strangers)):
        for kind in [*given, "both"][: 1 if len(given) == 1 else 3]:
            used = given if kind == "both" else {kind: given[kind]}
            fits = 1 - classifier.probabilities(used.get("image"), used.get("text"))[:, -1]
            found[f"{name}_{kind}"] = float(((fits >= 0.5) == (name == "accepted")).mean())
    return found


def _others(folder: Path, split: str) -> CaptionedImages:
    """Flickr8k, or the photos of any folder, without words."""
    if (folder / "captions.tsv").is_file():
        return read_flickr8k(folder, split)
    photos = tuple(read_images(sorted(folder.glob("*.zip")) or [folder]))
    return CaptionedImages(folder.name, photos, (), np.zeros(0, np.int64))
