"""Scores of translators between label drawings and photos, in both directions.

* Photo to labels: the drawing is rounded to the nearest class color and compared with the true one, pixel by
  pixel: `labels_pixel_accuracy`, `labels_class_accuracy` (mean recall over classes), `labels_mIoU`. The
  stored drawings are lossy; the true ones are rounded in the same way, and colors that are nearest to one
  without a class do not count.
* Labels to photo, as in the FCN score of Isola et al., CVPR 2017: a segmenter that was trained on real photos
  is applied to the generated ones, and its classes are compared with the drawing: `photos_pixel_accuracy`,
  `photos_class_accuracy`, `photos_mIoU`. The row `real photos` has its scores on the real ones, an upper
  bound. `photos_cosine_distance` and `photos_kernel_distance`: see `features`.

The row `most frequent class` gives every pixel the class that is most frequent in the training data.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.core.models import load_on_device
from shared.evaluation import reports
from shared.evaluation.features import FeatureNetwork, cosine_distance, kernel_distance
from shared.evaluation.segmentation import confusion_matrix, intersection_over_union
from shared.networks.fcfn import FCFN
from shared.translation.data.pairs import Pair, read_pairs
from shared.translation.palettes import Palette
from shared.translation.tasks import TASKS, Task
from shared.translation.training.paired_segmenter import segment
from shared.translation.translator import Translator

SAMPLES = 100  # training pairs from which the most frequent class is taken


@dataclass(frozen=True)
class LabelBenchmark:
    """Benchmark of a set of pairs.

    Attributes:
        task: Name of the task.
        data: Name of the data set in reports.
        segmenter: Weights of the segmenter that scores generated photos; None if there are none here.
        published: Figures of papers.
    """

    task: str
    data: str
    segmenter: str | None = None
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def class_scores(matrix: np.ndarray) -> dict[str, float]:
    """Return `pixel_accuracy`, `class_accuracy` and `mIoU` of a confusion matrix, rows are the truth.

    >>> scores = class_scores(np.array([[3, 1], [0, 4]]))
    >>> [round(value, 3) for value in scores.values()]
    [0.875, 0.875, 0.775]
    """
    totals = matrix.sum(1)
    recall = np.diag(matrix)[totals > 0] / totals[totals > 0]
    return {
        "pixel_accuracy": float(np.diag(matrix).sum() / max(matrix.sum(), 1)),
        "class_accuracy": float(recall.mean()),
        "mIoU": float(np.nanmean(intersection_over_union(matrix)[totals > 0])),
    }


def score_labels(
    pairs: Sequence[Pair], palette: Palette, translate: Callable[[Image.Image], Image.Image]
) -> dict[str, float]:
    """Score drawings that a function makes of photos."""
    classes = len(palette.classes)
    matrix = np.zeros((classes, classes), dtype=np.int64)
    for pair in tqdm(pairs, unit="photo", desc="photo to labels"):
        truth = palette.nearest(np.asarray(pair.first), with_void=True)
        prediction = palette.nearest(np.asarray(translate(pair.second).convert("RGB")))
        matrix += confusion_matrix(truth, prediction, classes)
    return {f"labels_{name}": value for name, value in class_scores(matrix).items()}


def score_photos(
    pairs: Sequence[Pair], photos: Sequence[Image.Image], palette: Palette, segmenter: FCFN
) -> dict[str, float]:
    """Score photos of drawings with a segmenter of real photos."""
    classes = len(palette.classes)
    matrix = np.zeros((classes, classes), dtype=np.int64)
    for pair, photo in zip(pairs, photos, strict=True):
        truth = palette.nearest(np.asarray(pair.first), with_void=True)
        matrix += confusion_matrix(truth, segment(segmenter, np.asarray(photo.convert("RGB"))), classes)
    return {f"photos_{name}": value for name, value in class_scores(matrix).items()}


def run_label_benchmark(benchmark: LabelBenchmark, arguments: Sequence[str] | None = None) -> reports.Report:
    """Run a benchmark from the command line."""
    module = f"shared.translation.benchmark {benchmark.task}"
    parser = reports.benchmark_parser(
        "Score translators between label drawings and photos.", module, weights=None
    )
    add = parser.add_argument
    add("--engine", nargs="*", default=[], metavar="NAME", help=f"such as {benchmark.task}-pix2pix")
    add("--split", default="test", help="train, val or test (%(default)s)")
    add(
        "--segmenter",
        default=benchmark.segmenter,
        required=benchmark.segmenter is None,
        metavar="NAME",
        help="weights that score generated photos, by name or folder (%(default)s)",
    )
    options = parser.parse_args(arguments)
    task = TASKS[benchmark.task]
    palette = task.first_palette
    if palette is None:
        parser.error(f"the task {task.name} has no label drawings")
    try:
        sources = read_pairs(task, options.data, options.split)
        if options.weights and len(options.engine) != 1:
            raise ValueError("--weights needs exactly one --engine")
        frequent = _most_frequent_color(task, options.data, palette)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    started = time.perf_counter()
    pairs = [source() for source in sources[: options.limit]]
    return reports.finish(
        reports.Report(
            benchmark="label drawings and photos",
            data=benchmark.data,
            split=options.split,
            items=len(pairs),
            weights=", ".join(options.engine) or Path(options.segmenter).name,
            metrics=_measure(pairs, palette, options, frequent),
            published=benchmark.published,
            seconds=time.perf_counter() - started,
            command=reports.command_line(module, arguments),
            available=len(sources),
        ),
        options.json,
    )


class TranslatorScores:
    """Scores of translators between label drawings and photos.

    Args:
        pairs: Pairs to score on.
        palette: Colors of the label drawings.
        segmenter: Name or folder of the segmenter that scores generated photos.
    """

    def __init__(self, pairs: Sequence[Pair], palette: Palette, segmenter: str) -> None:
        path = Path(segmenter)
        self.pairs, self.palette = pairs, palette
        self._segmenter, _ = load_on_device(FCFN, path.name, folder=path if path.is_dir() else None)
        self._network = FeatureNetwork()
        self._real = [pair.second for pair in pairs]
        self._real_features = self._network(self._real)

    def __call__(self, translator: Translator) -> dict[str, float]:
        """Return the scores of both directions."""
        photos = [
            translator(pair.first, "forward").image
            for pair in tqdm(self.pairs, unit="drawing", desc="labels to photo")
        ]
        features = self._network(photos)
        return {
            **score_labels(self.pairs, self.palette, partial(_drawing, translator)),
            **score_photos(self.pairs, photos, self.palette, self._segmenter),
            "photos_cosine_distance": cosine_distance(features, self._real_features),
            "photos_kernel_distance": kernel_distance(features, self._real_features),
        }

    def real_photos(self) -> dict[str, float]:
        """Return the scores of the real photos, an upper bound."""
        return score_photos(self.pairs, self._real, self.palette, self._segmenter)


def _measure(
    pairs: Sequence[Pair], palette: Palette, options: argparse.Namespace, frequent: tuple[int, int, int]
) -> dict[str, dict[str, float]]:
    scores = TranslatorScores(pairs, palette, options.segmenter)
    metrics = {name: scores(Translator.load(name, folder=options.weights)) for name in options.engine}
    metrics["real photos"] = scores.real_photos()
    metrics["most frequent class"] = score_labels(
        pairs, palette, lambda image: Image.new("RGB", image.size, frequent)
    )
    return metrics


def _drawing(translator: Translator, image: Image.Image) -> Image.Image:
    return translator(image, "backward").image


def _most_frequent_color(task: Task, root: Path, palette: Palette) -> tuple[int, int, int]:
    """Return the color of the most frequent class in training data."""
    counts = np.zeros(256, dtype=np.int64)
    for source in read_pairs(task, root, "train")[:SAMPLES]:
        ids = palette.nearest(np.asarray(source().first), with_void=True)
        counts += np.bincount(ids.ravel(), minlength=256)
    return [*palette.classes.values()][int(counts[: len(palette.classes)].argmax())]
