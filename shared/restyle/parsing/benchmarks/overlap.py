"""Overlap of parsed clothes with the classes that people drew, on Clothing Co-Parsing.

    python -m shared.restyle.benchmark parsing --data CCP --split test

The classes are compared at the size of the labels. `mIoU` is the mean over classes of the intersection over
union, pooled over all photos; `person_IoU` the mean over photos of that of everything but the background. The
labels show one person of each photo and call passers-by background: `largest` are the figures of the largest
person that was found, `everybody` those of all.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.evaluation import reports
from shared.evaluation.segmentation import confusion_matrix, intersection_over_union
from shared.restyle.parsing.classes import NAMES
from shared.restyle.parsing.data.ccp import CCPPhoto, read_ccp
from shared.restyle.parsing.outfit import Outfit
from shared.restyle.parsing.parser import OutfitParser

MODULE = "shared.restyle.benchmark parsing"


def stretched_labels(probabilities: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the most probable class of each pixel at another size, uint8 `[height, width]`.

    Args:
        probabilities: float32 `[C, h, w]`.
        size: Width and height.
    """
    planes = [Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR) for plane in probabilities]
    return np.argmax([np.asarray(plane) for plane in planes], 0).astype(np.uint8)


def largest_person(probabilities: np.ndarray) -> np.ndarray:
    """Return the probabilities of an outfit whose largest person is alone, see `Outfit.only`."""
    labels = probabilities.argmax(0).astype(np.uint8)
    outfit = Outfit(Image.new("RGB", labels.shape[::-1]), labels, probabilities, 0.0)
    return outfit.only(0).probabilities if outfit.is_person else probabilities


def evaluate(parser: OutfitParser, photos: Sequence[CCPPhoto], *, largest: bool = False) -> dict[str, float]:
    """Return `mIoU`, `pixel_accuracy`, `person_IoU`, and the IoU of each class as `IoU_NAME`.

    Args:
        parser: Predictor.
        photos: Photos with labelled pixels.
        largest: True to take all but the largest person as background.
    """
    matrix = np.zeros((len(NAMES), len(NAMES)), np.int64)
    person = []
    for photo in tqdm(photos, unit="photo", mininterval=10, leave=False):
        truth = photo.classes()
        probabilities = parser.probabilities(photo.image())
        if largest:
            probabilities = largest_person(probabilities)
        labels = stretched_labels(probabilities, truth.shape[::-1])
        matrix += confusion_matrix(truth, labels, len(NAMES))
        people, predicted = truth > 0, labels > 0
        person.append((people & predicted).sum() / max((people | predicted).sum(), 1))
    overlap = intersection_over_union(matrix)
    return {
        "mIoU": float(np.nanmean(overlap)),
        "pixel_accuracy": float(np.trace(matrix) / matrix.sum()),
        "person_IoU": float(np.mean(person)),
        **{f"IoU_{name}": float(value) for name, value in zip(NAMES, overlap, strict=True)},
    }


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser(
        "Compare parsed clothes with labels.", MODULE, weights=OutfitParser.WEIGHTS
    )
    parser.add_argument("--split", default="test", choices=("val", "test"))
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    available = read_ccp(options.data, options.split)
    photos = available[: options.limit]
    folder = Path(options.weights) if Path(options.weights).is_dir() else None
    predictor = OutfitParser.load(options.weights if folder is None else OutfitParser.WEIGHTS, folder=folder)
    return reports.finish(
        reports.Report(
            benchmark="clothes parsing",
            data="Clothing Co-Parsing, 11 classes",
            split=options.split,
            items=len(photos),
            weights=Path(options.weights).name,
            metrics={
                "everybody": evaluate(predictor, photos),
                "largest": evaluate(predictor, photos, largest=True),
            },
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
            available=len(available),
        ),
        options.json,
    )
