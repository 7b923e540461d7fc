"""Regions of none of a segmenter's classes, which it takes for the most similar class that it has.

A region is rejected if the segmenter itself is unsure, by the entropy and the energy of its logits, or if an
ImageNet classifier that sees the region contradicts. The benchmark `unknown` has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from shared.core.images import Source
from shared.recognition.classifier import Classifier
from shared.recognition.segmentation import Region, Segmentation
from shared.recognition.segmenter import Segmenter
from shared.recognition.vocabulary.class_names import ClassName

#: Names and kinds of the ImageNet classes that support a class of PASCAL VOC.
SUPPORT = {
    "airplane": {"airplane", "aircraft", "airplane wing"},
    "bicycle": {"bicycle", "unicycle", "tricycle"},
    "bird": {"bird"},
    "boat": {"boat", "ship", "sailboat", "sailing vessel", "vessel", "dock"},
    "bottle": {"bottle", "jug", "lotion", "soap dispenser"},
    "bus": {"bus"},
    "car": {"motor vehicle", "car", "car wheel", "radiator grille"},
    "cat": {"domestic cat"},
    "chair": {"chair", "seat"},
    "cow": {"cattle", "ox", "bison", "Old World buffalo"},
    "dining table": {"table", "dish", "restaurant", "tableware"},
    "dog": {"dog", "wild dog", "wolf"},
    "horse": {"horse", "horse cart"},
    "motorcycle": {"motorcycle", "motor scooter", "crash helmet"},
    "person": {"person", "clothing", "garment", "headdress", "footwear", "attire", "neckwear", "wig", "mask"},
    "potted plant": {"flowerpot", "flower", "plant", "vase", "greenhouse"},
    "sheep": {"sheep", "goat"},
    "sofa": {"sofa", "furniture"},
    "train": {"train", "locomotive", "railcar", "passenger car", "freight car", "tram"},
    "TV or monitor": {
        "television",
        "computer monitor",
        "screen",
        "monitor",
        "computer",
        "entertainment center",
    },
}
#: Classes whose members ImageNet has in great number, so that a classifier can contradict them.
ANIMALS = frozenset({"bird", "cat", "cow", "dog", "horse", "sheep"})
# Weights of the score of a region, and the score from which on it is rejected; see the benchmark `unknown`.
ENERGY, LOG_AREA, RIVAL, MAX_SCORE = -0.03, 0.3, 0.05, 0.37
# An animal is contradicted by a class that does not support it from the first probability on, if those that
# do have no more than the second together.
MIN_RIVAL, MAX_SUPPORT = 0.88, 0.006
# Side of the square around a region that the classifier sees, relative to the region's longer side.
MARGIN = 1.1


def reject_unknown(segmentation: Segmentation, classifier: Classifier) -> Segmentation:
    """Return a segmentation whose doubtful regions are one region of "something else".

    Args:
        segmentation: From a segmenter of PASCAL VOC's classes; others are returned as they are.
        classifier: Classifier of ImageNet's classes.
    """
    classes = [label for i, label in enumerate(segmentation.labels) if i != segmentation.background]
    if segmentation.background is None or not SUPPORT.keys() >= set(classes) or not segmentation.regions:
        return segmentation
    regions = segmentation.regions
    crops = [segmentation.image.crop(_surroundings(region.box, segmentation.size)) for region in regions]
    rejected = {
        region.id
        for region, result in zip(regions, classifier.batch(crops, top_k=1), strict=True)
        if is_unknown(segmentation, region, result.probabilities, classifier.names)
    }
    return segmentation.reject(rejected, f"something else (not among the {len(classes)} kinds)")


def segment_and_check(
    segmenter: Segmenter, image: Source, classifier: Callable[[], Classifier]
) -> Segmentation:
    """Segment an image and reject its doubtful regions; see `reject_unknown`.

    Args:
        segmenter: The segmenter.
        image: Anything that `shared.core.images.open_image` takes.
        classifier: Returns the classifier.
    """
    return reject_unknown(segmenter(image), classifier())


def is_unknown(
    segmentation: Segmentation, region: Region, probabilities: np.ndarray, names: Sequence[ClassName]
) -> bool:
    """Return True if a region probably is of none of the segmenter's classes.

    Args:
        segmentation: The segmentation.
        region: One of its regions.
        probabilities: `[classes]` of the classifier for the region's surroundings.
        names: Names of the classifier's classes.
    """
    supports = _supporting(names, region.label)
    rival, support = float(probabilities[~supports].max()), float(probabilities[supports].sum())
    if region.label in ANIMALS and rival >= MIN_RIVAL and support <= MAX_SUPPORT:
        return True
    if segmentation.entropy is None or segmentation.energy is None:
        return False
    score = float(segmentation.entropy[region.id]) + ENERGY * float(segmentation.energy[region.id])
    score += LOG_AREA * math.log10(region.area_fraction) + RIVAL * _logit(rival)
    return score > MAX_SCORE  # not for NaN, of a class without a cell of its own


def _supporting(names: Sequence[ClassName], label: str) -> np.ndarray:
    """Return the mask of the classes that support a class of the segmenter."""
    return np.array([not SUPPORT[label].isdisjoint({name.name, name.kind, *name.kinds}) for name in names])


def _surroundings(box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the square around a box, cut off at the image's borders, in whole pixels."""
    half = max(box[2] - box[0], box[3] - box[1]) * MARGIN / 2
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    left, top = max(0, int(x - half)), max(0, int(y - half))
    return left, top, max(left + 1, min(size[0], int(x + half))), max(top + 1, min(size[1], int(y + half)))


def _logit(probability: float) -> float:
    return math.log((probability + 1e-3) / (1 - probability + 1e-3))
