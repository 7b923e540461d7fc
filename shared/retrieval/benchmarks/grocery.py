"""The Grocery Store data set: which product does a photo taken in a shop show?

Two searches by the same descriptor. `top1_iconic`: among one clean picture of each of the 81 products
(Klasson et al., "A hierarchical grocery store image dataset with visual and semantic labels", WACV 2019), of
which the nearest must be the right one, and `top5_iconic`, one of the five nearest. `top1_nearest`: among the
training photos, the class of the nearest.

Clean pictures differ from photos by what all of them have in common, such as a white ground. A second row of
the trained descriptor leaves that out: the mean of the clean pictures is taken from each of them, and that of
the training photos from each photo (without them, that of the photos that are searched with). No label plays
a part in it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shared.evaluation import ranking, reports
from shared.retrieval.benchmarks.common import add_options, describe, images, load
from shared.retrieval.descriptor.extractor import HEAD
from shared.training.datasets import LabelledImages, read_grocery

MODULE = "shared.retrieval.benchmark grocery"


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Compare descriptors on photos of groceries.", MODULE)
    add_options(parser)
    parser.add_argument("--split", default="test", help="the photos that are searched with (%(default)s)")
    parser.add_argument("--iconic-only", action="store_true", help="leave the training photos out")
    options = parser.parse_args(arguments)
    try:
        shown = read_grocery(options.data, options.split)
        available, shown = len(shown.images), shown.part(range(len(shown.images))[: options.limit])
        iconic = read_grocery(options.data, "iconic")
        train = None if options.iconic_only else read_grocery(options.data, "train")
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    extractor, heads = load(options)
    started = time.perf_counter()
    rows = [
        describe(extractor, heads, images(part.images), histogram=not options.only_trained)
        for part in (shown, iconic, *([train] if train else []))
    ]
    if HEAD in rows[0]:
        photo, clean = ((rows[number][HEAD].mean(0)) for number in (2 if train else 0, 1))
        for part, mean in zip(rows, (photo, clean, photo), strict=False):
            part[f"{HEAD}, centered"] = unit(part[HEAD] - mean)
    metrics = {name: scores(shown, iconic, train, *(part[name] for part in rows)) for name in rows[0]}
    return reports.finish(
        reports.Report(
            benchmark="grocery",
            data="Grocery Store",
            split=options.split,
            items=len(shown.images),
            weights=Path(options.weights).name if options.weights else options.engine,
            metrics=metrics,
            available=available,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def scores(
    shown: LabelledImages, iconic: LabelledImages, train: LabelledImages | None, *rows: np.ndarray
) -> dict[str, float]:
    """The figures of one descriptor.

    Args:
        shown: The photos that are searched with.
        iconic: The clean pictures.
        train: The training photos, or None without them.
        rows: `[N, D]` of each of the above, of length 1.
    """
    nearest = ranking.rank(rows[0] @ rows[1].T)
    hits = iconic.targets[nearest] == shown.targets[:, None]
    found = {"top1_iconic": float(hits[:, 0].mean()), "top5_iconic": float(hits[:, :5].any(1).mean())}
    if train:
        best = np.argmax(rows[0] @ rows[2].T, axis=1)
        found["top1_nearest"] = float((train.targets[best] == shown.targets).mean())
    return found


def unit(x: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
