"""People in everyday photos: overlap with true masks, and photos with and without somebody.

    python -m shared.restyle.benchmark people --data COCO

The folder has `images/ID.jpg` and `labels/ID.txt` in the form of YOLO: a line for each object with the
category of COCO, 1 for a person, and its outline in fractions of the width and height. `person_IoU` pools the
pixels of all photos in which people cover `MIN_COVERAGE`. `recall` is the share of photos whose people are
seen where one person covers as much, and `false_alarms` that of photos without a person in which one is seen.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from tqdm import tqdm

from shared.core.images import open_image
from shared.evaluation import reports
from shared.restyle.parsing.benchmarks.overlap import stretched_labels
from shared.restyle.parsing.parser import OutfitParser

MODULE = "shared.restyle.benchmark people"
MIN_COVERAGE = 0.03  # of an image by its people
PERSON = 1  # category of COCO


def person_masks(path: Path, size: tuple[int, int]) -> list[np.ndarray]:
    """Read the masks of people, boolean `[height, width]` each.

    Args:
        path: Text file in the form of YOLO.
        size: Width and height of the image.
    """
    masks = []
    for line in path.read_text(encoding="ascii").splitlines():
        class_id, *outline = line.split()
        if int(class_id) == PERSON:
            points = np.array(outline, float).reshape(-1, 2) * size
            mask = Image.new("1", size)
            ImageDraw.Draw(mask).polygon([tuple(point) for point in points.tolist()], fill=1)
            masks.append(np.asarray(mask))
    return masks


def read_photos(root: Path) -> Iterator[tuple[Image.Image, list[np.ndarray]]]:
    """Yield images and the masks of their people."""
    for path in sorted((root / "labels").glob("*.txt")):
        image = open_image(root / "images" / f"{path.stem}.jpg")
        yield image, person_masks(path, image.size)


def evaluate(
    parser: OutfitParser, photos: Sequence[tuple[Image.Image, list[np.ndarray]]]
) -> dict[str, float]:
    """Return `person_IoU`, `recall` and `false_alarms`, see above.

    Args:
        parser: Predictor.
        photos: Images and the masks of their people.
    """
    overlap = union = 0
    detections, alarms = [], []
    for image, masks in tqdm(photos, unit="photo", mininterval=10, leave=False):
        outfit = parser(image)
        truth = np.any(masks, axis=0) if masks else np.zeros(image.size[::-1], bool)
        if not masks:
            alarms.append(outfit.is_person)
        if max((mask.mean() for mask in masks), default=0.0) >= MIN_COVERAGE:
            detections.append(outfit.is_person)
        if truth.mean() >= MIN_COVERAGE:
            predicted = stretched_labels(outfit.probabilities, image.size) > 0
            overlap += int((truth & predicted).sum())
            union += int((truth | predicted).sum())
    return {
        "person_IoU": overlap / max(union, 1),
        "recall": float(np.mean(detections)) if detections else float("nan"),
        "false_alarms": float(np.mean(alarms)) if alarms else float("nan"),
    }


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser(
        "Measure people in everyday photos.", MODULE, weights=OutfitParser.WEIGHTS
    )
    parser.add_argument("--name", default="COCO 2017", help="name of the data in the report (%(default)s)")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    photos = list(read_photos(options.data))[: options.limit]
    folder = Path(options.weights) if Path(options.weights).is_dir() else None
    predictor = OutfitParser.load(options.weights if folder is None else OutfitParser.WEIGHTS, folder=folder)
    return reports.finish(
        reports.Report(
            benchmark="people in photos",
            data=options.name,
            split="test",
            items=len(photos),
            weights=Path(options.weights).name,
            metrics=evaluate(predictor, photos),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
