"""Right first sentences under each verdict of a description.

An image of a captioned set is described by the sentences that the decoder writes and the built-in ones.
Nobody has judged these, so a sentence counts as right if at least `RIGHT_SHARE` of its content words, without
their endings, stand in the captions that people wrote for the image.

Columns: `share` of all images, `precision`, the fraction of these whose first sentence is right, and
`recall`, the fraction of all right first sentences. `--choose` prints the lowest probabilities of the two
verdicts above the last: the first sentence is right for `MIN_PRECISION` of the images from there on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from shared.core.weights import WeightsError
from shared.crossmodal.benchmarks.embedding import image_features
from shared.crossmodal.data.datasets import SPLITS, CaptionedImages, join, read_coco, read_flickr8k
from shared.crossmodal.describer import ImageDescriber
from shared.crossmodal.embedders.embedder import Embedder
from shared.crossmodal.engines import ENSEMBLE, OPEN_WEIGHTS, load_combined_space
from shared.crossmodal.sentences import LIKELY, POSSIBLE, RankedSentence
from shared.crossmodal.text.words import word_stems
from shared.evaluation import reports

MODULE = "shared.crossmodal.benchmark describe"
RIGHT_SHARE = 0.34
#: Lowest fraction of right first sentences from each verdict on.
MIN_PRECISION = (0.84, 0.79)


def is_right(sentence: str, captions: Sequence[str]) -> bool:
    """Return True if enough content words of a sentence stand in the captions of an image.

    Args:
        sentence: The sentence.
        captions: What people wrote about the image.
    """
    words = word_stems(sentence)
    known = frozenset[str]().union(*map(word_stems, captions))
    return len(words & known) >= RIGHT_SHARE * len(words)


def first_sentences(embedder: Embedder, features: np.ndarray) -> list[RankedSentence]:
    """Return the first sentence of the description of each image.

    Args:
        embedder: Model that described the images.
        features: `IMAGE_FEATURE` of the images, `[N, F]`.
    """
    describer = ImageDescriber(ENSEMBLE, embedder)
    vectors = embedder.embed_features(features, ENSEMBLE)
    images = tqdm(zip(features, vectors, strict=True), total=len(features), unit="image", leave=False)
    return [describer.rank(row, vector, 1).sentences[0] for row, vector in images]


def describe_images(embedder: Embedder, data: CaptionedImages) -> tuple[np.ndarray, np.ndarray]:
    """Describe images by their first sentence.

    Returns:
        Probability of each image's first sentence, and True where it is right.
    """
    captions: list[list[str]] = [[] for _ in data.images]
    for text, index in zip(data.texts, data.image_index.tolist(), strict=True):
        captions[index].append(text)
    firsts = first_sentences(embedder, image_features(embedder, data))
    right = [is_right(first.text, texts) for first, texts in zip(firsts, captions, strict=True)]
    return np.array([first.probability for first in firsts]), np.array(right)


def verdict_metrics(probabilities: np.ndarray, right: np.ndarray) -> dict[str, dict[str, float]]:
    """Compute the figures of all verdicts; see the module.

    Args:
        probabilities: Probability of each image's first sentence.
        right: True where it is right.
    """
    verdicts = np.where(probabilities >= LIKELY, 0, np.where(probabilities >= POSSIBLE, 1, 2))
    metrics = {}
    for index, name in enumerate(("probably fits", "may fit", "none fits well")):
        chosen = verdicts == index
        metrics[name] = {
            "share": float(chosen.mean()),
            "precision": float(right[chosen].mean()) if chosen.any() else float("nan"),
            "recall": float(chosen[right].mean()),
        }
    return metrics


def choose_probability(probabilities: np.ndarray, right: np.ndarray, min_precision: float) -> float:
    """Return the lowest probability, to two decimals, from which on enough first sentences are right.

    Args:
        probabilities: Probability of each image's first sentence.
        right: True where it is right.
        min_precision: Fraction of right ones.
    """
    candidates = np.arange(1, 100) / 100
    chosen = [right[probabilities >= candidate] for candidate in candidates]
    pairs = zip(candidates, chosen, strict=True)
    passed = [candidate for candidate, part in pairs if part.size and part.mean() >= min_precision]
    return float(min(passed, default=1.0))


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Count right first sentences under each verdict.", MODULE)
    parser.add_argument("--coco", metavar="DIR", help="root folder of COCO; --data is that of Flickr8k")
    parser.add_argument("--split", choices=SPLITS, default="test", help="(%(default)s)")
    parser.add_argument("--choose", action="store_true", help="print the probabilities for this split")
    options = parser.parse_args(arguments)
    try:
        parts = [read_flickr8k(options.data, options.split).head(options.limit)]
        if options.coco:
            parts.append(read_coco(options.coco, options.split).head(options.limit))
        embedder = load_combined_space(folder=options.weights)
    except (FileNotFoundError, ValueError, WeightsError) as error:
        parser.error(str(error))
    started = time.perf_counter()
    data = join(parts)
    probabilities, right = describe_images(embedder, data)
    if options.choose:
        print(*(choose_probability(probabilities, right, precision) for precision in MIN_PRECISION))
    report = reports.Report(
        benchmark="describe",
        data=data.name,
        split=options.split,
        items=len(right),
        weights=options.weights or OPEN_WEIGHTS,
        metrics=verdict_metrics(probabilities, right),
        seconds=time.perf_counter() - started,
        command=reports.command_line(MODULE, arguments),
    )
    return reports.finish(report, options.json)
