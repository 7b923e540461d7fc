"""The Grocery Store data set: which product does a photo taken in a shop show?

Two searches by the same descriptor. `top1_iconic`: among one clean picture of each of the 81 products
(Klasson et al., "A hierarchical grocery store image dataset with visual and semantic labels", WACV 2019), of
which the nearest must be the right one, and `top5_iconic`, one of the five nearest. `top1_nearest`: among the
training photos, the class of the nearest.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shared.core import ranking, reports
from shared.core.datasets import read_grocery
from shared.retrieval.evaluate import add_options, describe, images, load

MODULE = "shared.retrieval.benchmark grocery"


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.parser("Compare descriptors on photos of groceries.", MODULE)
    add_options(parser)
    parser.add_argument("--split", default="test", help="the photos that are searched with (%(default)s)")
    parser.add_argument("--iconic-only", action="store_true", help="leave the training photos out")
    options = parser.parse_args(arguments)
    try:
        shown = read_grocery(options.data, options.split)
        available, shown = len(shown.photos), shown.part(range(len(shown.photos))[: options.limit])
        iconic = read_grocery(options.data, "iconic")
        train = None if options.iconic_only else read_grocery(options.data, "train")
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    extractor, heads = load(options)
    started = time.perf_counter()
    rows = [
        describe(extractor, heads, images(part.photos), histogram=not options.only_trained)
        for part in (shown, iconic, *([train] if train else []))
    ]
    metrics = {}
    for name in rows[0]:
        queries, pictures, *photos = (part[name] for part in rows)
        nearest = ranking.rank(queries @ pictures.T)
        hits = iconic.targets[nearest] == shown.targets[:, None]
        metrics[name] = {
            "top1_iconic": float(hits[:, 0].mean()),
            "top5_iconic": float(hits[:, :5].any(1).mean()),
        }
        if train:
            best = np.argmax(queries @ photos[0].T, axis=1)
            metrics[name]["top1_nearest"] = float((train.targets[best] == shown.targets).mean())
    report = reports.Report(
        benchmark="grocery",
        data="Grocery Store",
        split=options.split,
        items=len(shown.photos),
        weights=Path(options.weights).name if options.weights else options.engine,
        metrics=metrics,
        seconds=time.perf_counter() - started,
        command=reports.command_line(MODULE, arguments),
        available=available,
    )
    report.show(options.json)
    return report
