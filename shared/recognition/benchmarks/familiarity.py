"""When a photo is unlike all that was trained on: alarms over several sets, and what the distance foretells.

Proposition 8 of W. Chen's thesis (2021): an explanation may show when a method fails outside of its data.
Here the same classifier meets several sets. Two predictors need no label, the norm of its feature and the
distance to the nearest prototype of its training photos. The table shows both for each set, beside the share
of alarms and, where a teacher is given, how often the classifier still answers as the teacher does.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from shared.evaluation import reports
from shared.recognition.benchmarks.agreement import answers, view
from shared.recognition.classifier import Classifier
from shared.recognition.training.teacher import Teacher
from shared.training.datasets import ImageFile, read_images

MODULE = "shared.recognition.benchmark familiarity"
BATCH = 16


def spread(photos: Sequence[ImageFile], limit: int) -> list[ImageFile]:
    """At most `limit` photos, evenly spread over the set."""
    return [photos[index] for index in np.linspace(0, len(photos) - 1, min(limit, len(photos))).astype(int)]


def measure(
    classifier: Classifier, photos: Sequence[ImageFile], teacher: Teacher | None
) -> dict[str, np.ndarray]:
    """For each photo: `norm`, `distance`, `alarm`, and `agreement` (0 or 1) where there is a teacher."""
    rows: dict[str, list] = {"norm": [], "distance": [], "alarm": []}
    for start in range(0, len(photos), BATCH):
        images = [photo.image() for photo in photos[start : start + BATCH]]
        found = classifier.batch(images, top=1)
        rows["norm"] += [float(np.linalg.norm(one.feature)) for one in found]
        rows["distance"] += [one.ood_score for one in found]
        rows["alarm"] += [one.out_of_distribution for one in found]
        if teacher is not None:
            reference = answers(teacher, [view(image, Teacher.SIZE) for image in images], "end").tolist()
            same = [one.predictions[0].id == wanted for one, wanted in zip(found, reference, strict=True)]
            rows.setdefault("agreement", []).extend(same)
    return {name: np.array(values, float) for name, values in rows.items()}


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Meet several data sets with one classifier.", MODULE)
    parser.add_argument("--others", nargs="+", default=[], type=Path, metavar="DIR", help="further sets")
    parser.add_argument("--names", nargs="+", metavar="NAME", help="what the table calls the sets, in order")
    parser.add_argument(
        "--each", type=reports.positive_int, default=200, help="photos of a set (%(default)s)"
    )
    parser.add_argument("--engine", default="cfn", metavar="NAME", help="(%(default)s)")
    parser.add_argument("--teacher", type=Path, help="MobileNetV2 for ImageNet (safetensors)")
    options = parser.parse_args(arguments)
    folders = [options.data, *options.others]
    names = options.names or [folder.stem for folder in folders]
    if len(names) != len(folders):
        parser.error(f"--names gives {len(names)} names for {len(folders)} sets")
    classifier = Classifier.load(options.engine, folder=options.weights)
    teacher = Teacher(options.teacher) if options.teacher else None
    started = time.perf_counter()
    found = {}
    for name, folder in zip(names, folders, strict=True):
        try:
            found[name] = measure(classifier, spread(read_images([folder]), options.each), teacher)
        except FileNotFoundError as error:
            parser.error(str(error))
    metrics = {
        name: {key: float(values.mean()) for key, values in rows.items()} for name, rows in found.items()
    }
    if teacher is not None:
        joined = {key: np.concatenate([rows[key] for rows in found.values()]) for key in found[names[0]]}
        if np.ptp(joined["agreement"]) > 0:  # else there is nothing to foretell
            metrics["rank correlation with agreement"] = {
                key: float(spearmanr(joined[key], joined["agreement"]).statistic)
                for key in ("norm", "distance")
            }
    return reports.finish(
        reports.Report(
            benchmark="familiarity",
            data="several sets",
            split="kept aside",
            items=sum(len(rows["norm"]) for rows in found.values()),
            weights=options.engine,
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
