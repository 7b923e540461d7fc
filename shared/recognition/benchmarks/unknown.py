"""Regions of none of a segmenter's classes: those that are recognised as such, and true ones that are lost.

    python -m shared.recognition.benchmark unknown --data VOC --others CALTECH101

`claims_before` and `claims_after` are the shares of the photos without any of the classes in which a region
gets one of them, without and with the rejection; `true_rejected` is the share of true regions of VOC that are
rejected. A region is true if most of its labelled pixels have its class. The thresholds were chosen on the
first half (every second photo of VOC, every second folder of Caltech-101) and on VOC's training photos.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.core.image_files import ImageFile, read_images
from shared.evaluation import reports
from shared.evaluation.segmentation import VOID
from shared.recognition.benchmarks.doubt import sample_folders
from shared.recognition.classifier import Classifier
from shared.recognition.data.datasets import SegmentationDataset, read_segmentation_dataset
from shared.recognition.segmentation import Segmentation
from shared.recognition.segmenter import Segmenter
from shared.recognition.unknown_regions import reject_unknown

MODULE = "shared.recognition.benchmark unknown"
PER_FOLDER = 10
# Folders of Caltech-101 that show one of VOC's classes, or often a person who holds the thing.
VOC_FOLDERS = {
    *("BACKGROUND_Google", "Faces", "Faces_easy", "Motorbikes", "accordion", "airplanes", "bonsai", "buddha"),
    *("cannon", "car_side", "cellphone", "chair", "dalmatian", "dollar_bill", "emu", "euphonium", "ferry"),
    *("flamingo", "flamingo_head", "garfield", "headphone", "ibis", "inline_skate", "ketch", "laptop"),
    *(
        "mandolin",
        "pigeon",
        "rooster",
        "saxophone",
        "schooner",
        "snoopy",
        "umbrella",
        "wheelchair",
        "wild_cat",
    ),
    "windsor_chair",
}


def true_regions(segmentation: Segmentation, truth: np.ndarray) -> set[int]:
    """Return the ids of the regions most of whose labelled pixels have their class.

    Args:
        segmentation: The segmentation.
        truth: Class ids `[H, W]`, `VOID` for pixels without a class.
    """
    ids = set()
    for region in segmentation.regions:
        labelled = truth[(segmentation.ids == region.id) & (truth != VOID)]
        if labelled.size and (labelled == region.id).mean() >= 0.5:
            ids.add(region.id)
    return ids


def measure_known(
    segmenter: Segmenter, classifier: Classifier, dataset: SegmentationDataset
) -> list[tuple[int, int]]:
    """Count the true regions of each image, and those of them that are rejected."""
    counts = []
    for image in tqdm(dataset.images, unit="image"):
        result = segmenter(image.image())
        ids = true_regions(result, dataset.ids(image))
        remaining = {region.id for region in reject_unknown(result, classifier).regions}
        counts.append((len(ids), len(ids - remaining)))
    return counts


def measure_others(
    segmenter: Segmenter, classifier: Classifier, images: Sequence[ImageFile]
) -> list[tuple[bool, bool]]:
    """Tell for each image without any of the classes if one is claimed before and after the rejection."""
    claims = []
    for image in tqdm(images, unit="image"):
        before = segmenter(image.image())
        after = reject_unknown(before, classifier)
        remaining = [region for region in after.regions if region.id != after.unknown]
        claims.append((bool(before.regions), bool(remaining)))
    return claims


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Measure the rejection of regions of none of the classes.", MODULE)
    parser.add_argument("--others", type=Path, required=True, metavar="DIR", help="Caltech-101")
    parser.add_argument("--split", default="val", help="(%(default)s)")
    parser.add_argument("--per-folder", type=reports.positive_int, default=PER_FOLDER, help="(%(default)s)")
    options = parser.parse_args(arguments)
    try:
        dataset = read_segmentation_dataset(options.data, options.split)
        files = [image for image in read_images([options.others]) if image.folder not in VOC_FOLDERS]
    except FileNotFoundError as error:
        parser.error(str(error))
    known = SegmentationDataset(dataset.images[: options.limit], dataset.classes, dataset.void)
    others = sample_folders(files, options.per_folder)[: options.limit]
    segmenter, classifier = Segmenter.load("fcfn", folder=options.weights), Classifier.load("cfn")
    if len(segmenter.labels) != len(known.classes):
        parser.error(f"the segmenter has {len(segmenter.labels)} classes, the set has {len(known.classes)}")
    started = time.perf_counter()
    counts = np.array(measure_known(segmenter, classifier, known)).reshape(-1, 2)
    claims = np.array(measure_others(segmenter, classifier, others)).reshape(-1, 2)
    folders = sorted({image.folder for image in others})
    halves = np.array([folders.index(image.folder) % 2 for image in others])
    metrics = {}
    for half, name in enumerate(("chosen on", "held out")):
        regions, rejected = counts[half::2].sum(0)
        before, after = claims[halves == half].mean(0)
        metrics[name] = {
            "claims_before": float(before),
            "claims_after": float(after),
            "true_rejected": float(rejected / max(regions, 1)),
        }
    return reports.finish(
        reports.Report(
            benchmark="unknown regions",
            data="VOC and Caltech-101",
            split=options.split,
            items=len(counts) + len(claims),
            weights=Path(options.weights).name if options.weights else "recognition-fcfn",
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
