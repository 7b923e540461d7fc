"""Mean IoU and boundary F of segmenters, or of label maps that another program made."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.evaluation import reports
from shared.evaluation.segmentation import boundary_f, confusion_matrix, intersection_over_union
from shared.recognition.data.datasets import VOID, Masks, read_masks
from shared.recognition.segmenter import Segmenter
from shared.training.datasets import AnnotatedImage

MODULE = "shared.recognition.benchmark segmentation"

# CamVid test, 480 x 360, 11 classes, as quoted in later papers
PUBLISHED = {
    "CamVid": {"ENet": {"mIoU": 0.513}, "SegNet": {"mIoU": 0.556}, "DeepLab-LFOV": {"mIoU": 0.616}},
    "VOC": {},
}


def score(
    masks: Masks, scored: Sequence[int], predict: Callable[[AnnotatedImage], np.ndarray]
) -> dict[str, float]:
    """Scores predictions of all photos of a set.

    Args:
        masks: the set.
        scored: ids of the classes that count; pixels of other classes are left out like void ones. What is
            predicted for a scored pixel counts whatever it is.
        predict: gives the class ids of a photo, uint8 `[H, W]` at the annotation's size.

    Returns:
        `mIoU`, `pixel_accuracy`, `boundary_F`, and the IoU of each scored class by its name.
    """
    classes = len(masks.classes)
    matrix = np.zeros((classes, classes), np.int64)
    outlines: list[float] = []
    for pair in tqdm(masks.pairs, unit="image"):
        truth, prediction = masks.ids(pair), predict(pair)
        truth = np.where(np.isin(truth, scored), truth, VOID).astype(np.uint8)
        matrix += confusion_matrix(truth, prediction, classes)
        outlines += boundary_f(truth, prediction, classes)
    each = intersection_over_union(matrix)[list(scored)]
    return {
        "mIoU": float(np.nanmean(each)),
        "pixel_accuracy": float(np.diag(matrix).sum() / matrix.sum()),
        "boundary_F": float(np.mean(outlines)),
        **{masks.classes[number]: float(value) for number, value in zip(scored, each, strict=True)},
    }


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Score segmenters by mean IoU and boundary F.", MODULE)
    parser.add_argument("--engine", nargs="+", default=[], metavar="NAME", help="engines, such as fcfn")
    parser.add_argument(
        "--maps", nargs="+", default=[], type=Path, metavar="DIR", help="folders of class ids, ID.png"
    )
    parser.add_argument("--split", default="val", help="(%(default)s)")
    parser.add_argument(
        "--classes", nargs="+", metavar="NAME", help="score only these; other classes count as void"
    )
    options = parser.parse_args(arguments)
    if not options.engine and not options.maps:
        parser.error("name what to score: --engine NAME or --maps DIR")
    if options.weights and len(options.engine) != 1:
        parser.error("--weights needs exactly one --engine")
    try:
        everything = read_masks(options.data, options.split)
    except FileNotFoundError as error:
        parser.error(str(error))
    masks = Masks(everything.pairs[: options.limit], everything.classes, everything.void)
    unknown = set(options.classes or ()) - set(masks.classes)
    if unknown:
        parser.error(f"the set has no class {', '.join(sorted(unknown))}")
    scored = [i for i, name in enumerate(masks.classes) if not options.classes or name in options.classes]

    started = time.perf_counter()
    metrics = {}
    for name in options.engine:
        segmenter = Segmenter.load(name, folder=options.weights)
        if len(segmenter.labels) != len(masks.classes):
            parser.error(f"{name} knows {len(segmenter.labels)} classes, the set has {len(masks.classes)}")
        metrics[name] = score(masks, scored, lambda pair, s=segmenter: s(pair.image()).ids)
    for folder in options.maps:
        metrics[folder.name] = score(
            masks, scored, lambda pair, f=folder: np.asarray(Image.open(f / pair.annotation_path.name))
        )
    data = "VOC" if masks.classes[0] == "background" else "CamVid"
    return reports.finish(
        reports.Report(
            benchmark="segmentation",
            data=data if len(scored) == len(masks.classes) else f"{data}, {len(scored)} classes",
            split=options.split,
            items=len(masks.pairs),
            weights=Path(options.weights).name if options.weights else ", ".join(metrics),
            metrics=metrics,
            published=PUBLISHED[data],
            available=len(everything.pairs),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
