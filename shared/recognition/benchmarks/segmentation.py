"""Mean IoU and boundary F of segmenters, or of class maps from another program."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.evaluation import reports
from shared.evaluation.segmentation import VOID, boundary_f, confusion_matrix, intersection_over_union
from shared.recognition.benchmarks.common import engine_parser, parse_engines, weights_name
from shared.recognition.data.datasets import SegmentationDataset, read_segmentation_dataset
from shared.recognition.segmenter import Segmenter
from shared.training.datasets import AnnotatedImage

MODULE = "shared.recognition.benchmark segmentation"

# CamVid test, 480 x 360, 11 classes, as quoted in later papers
PUBLISHED: dict[str, dict[str, dict[str, float]]] = {
    "CamVid": {"ENet": {"mIoU": 0.513}, "SegNet": {"mIoU": 0.556}, "DeepLab-LFOV": {"mIoU": 0.616}},
    "VOC": {},
}


def score_segmentations(
    dataset: SegmentationDataset,
    class_ids: Sequence[int],
    predict: Callable[[AnnotatedImage], np.ndarray],
) -> dict[str, float]:
    """Score predictions for all images of a set.

    Args:
        dataset: The set.
        class_ids: Classes that count; pixels of other classes are ignored like void ones. Any class may be
            predicted for a pixel that counts.
        predict: Returns the class ids of an image, uint8 `[H, W]` at the annotation's size.

    Returns:
        `mIoU`, `pixel_accuracy`, `boundary_F`, and the IoU of each class by its name.
    """
    classes = len(dataset.classes)
    matrix = np.zeros((classes, classes), np.int64)
    boundary_scores: list[float] = []
    for image in tqdm(dataset.images, unit="image"):
        truth, prediction = dataset.ids(image), predict(image)
        truth = np.where(np.isin(truth, class_ids), truth, VOID).astype(np.uint8)
        matrix += confusion_matrix(truth, prediction, classes)
        boundary_scores += boundary_f(truth, prediction, classes)
    iou = intersection_over_union(matrix)[list(class_ids)]
    return {
        "mIoU": float(np.nanmean(iou)),
        "pixel_accuracy": float(np.diag(matrix).sum() / matrix.sum()),
        "boundary_F": float(np.mean(boundary_scores)),
        **{dataset.classes[class_id]: float(value) for class_id, value in zip(class_ids, iou, strict=True)},
    }


def engine_predictor(segmenter: Segmenter) -> Callable[[AnnotatedImage], np.ndarray]:
    """Return a predictor that runs a segmenter."""
    return lambda image: segmenter(image.image()).ids


def folder_predictor(folder: Path) -> Callable[[AnnotatedImage], np.ndarray]:
    """Return a predictor that reads class maps `ID.png` from a folder."""
    return lambda image: np.asarray(Image.open(folder / image.annotation_path.name))


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = engine_parser("Score segmenters by mean IoU and boundary F.", MODULE)
    parser.add_argument(
        "--maps", nargs="+", default=[], type=Path, metavar="DIR", help="folders of class ids, ID.png"
    )
    parser.add_argument("--split", default="val", help="(%(default)s)")
    parser.add_argument(
        "--classes", nargs="+", metavar="NAME", help="score only these; other classes count as void"
    )
    options = parse_engines(parser, arguments)
    if not options.engine and not options.maps:
        parser.error("name what to score: --engine NAME or --maps DIR")
    try:
        available = read_segmentation_dataset(options.data, options.split)
    except FileNotFoundError as error:
        parser.error(str(error))
    dataset = replace(available, images=available.images[: options.limit])
    unknown = set(options.classes or ()) - set(dataset.classes)
    if unknown:
        parser.error(f"the set has no class {', '.join(sorted(unknown))}")
    class_ids = [
        class_id
        for class_id, name in enumerate(dataset.classes)
        if not options.classes or name in options.classes
    ]

    started = time.perf_counter()
    metrics = {}
    for name in options.engine:
        segmenter = Segmenter.load(name, folder=options.weights)
        if len(segmenter.labels) != len(dataset.classes):
            parser.error(f"{name} has {len(segmenter.labels)} classes, the set has {len(dataset.classes)}")
        metrics[name] = score_segmentations(dataset, class_ids, engine_predictor(segmenter))
    for folder in options.maps:
        metrics[folder.name] = score_segmentations(dataset, class_ids, folder_predictor(folder))
    data = "VOC" if dataset.classes[0] == "background" else "CamVid"
    return reports.finish(
        reports.Report(
            benchmark="segmentation",
            data=data if len(class_ids) == len(dataset.classes) else f"{data}, {len(class_ids)} classes",
            split=options.split,
            items=len(dataset.images),
            weights=weights_name(options.weights, metrics),
            metrics=metrics,
            published=PUBLISHED[data],
            available=len(available.images),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
