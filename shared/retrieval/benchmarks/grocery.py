"""Recognition of groceries by retrieval, on the Grocery Store data set.

`top1_iconic`: among one clean image of each of the 81 products (Klasson et al., "A hierarchical grocery store
image dataset with visual and semantic labels", WACV 2019) the nearest to a photo must be the right one;
`top5_iconic`: one of the five nearest. `top1_nearest`: the class of the nearest training photo.

Clean images differ from photos by what all of them share, such as a white background. A second row of the
trained descriptor removes it: the mean of the clean images is subtracted from each of them, and that of the
training photos from each photo (without them, that of the queries). No label is used.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from shared.evaluation import ranking, reports
from shared.index.vectors import l2_normalize
from shared.retrieval.benchmarks.common import add_arguments, decode, describe, load_heads, weights_name
from shared.retrieval.descriptor.extractor import HEAD
from shared.training.datasets import LabelledImages, read_grocery

MODULE = "shared.retrieval.benchmark grocery"


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Compare descriptors on photos of groceries.", MODULE)
    add_arguments(parser)
    parser.add_argument("--split", default="test", help="queries (%(default)s)")
    parser.add_argument("--iconic-only", action="store_true", help="leave the training photos out")
    options = parser.parse_args(arguments)
    try:
        queries = read_grocery(options.data, options.split)
        available = len(queries.images)
        queries = queries.part(range(available)[: options.limit])
        iconic = read_grocery(options.data, "iconic")
        train = None if options.iconic_only else read_grocery(options.data, "train")
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    extractor, heads = load_heads(options)
    started = time.perf_counter()
    parts = [queries, iconic] + ([train] if train else [])
    described = [
        describe(extractor, heads, decode(part.images), histogram=not options.only_trained) for part in parts
    ]
    if HEAD in described[0]:
        photo_mean, iconic_mean = described[2 if train else 0][HEAD].mean(0), described[1][HEAD].mean(0)
        for rows, mean in zip(described, (photo_mean, iconic_mean, photo_mean), strict=False):
            rows[f"{HEAD}, centered"] = l2_normalize(rows[HEAD] - mean)
    metrics = {name: compute_metrics(parts, [rows[name] for rows in described]) for name in described[0]}
    report = reports.Report(
        benchmark="grocery",
        data="Grocery Store",
        split=options.split,
        items=len(queries.images),
        weights=weights_name(options),
        metrics=metrics,
        available=available,
        seconds=time.perf_counter() - started,
        command=reports.command_line(MODULE, arguments),
    )
    return reports.finish(report, options.json)


def compute_metrics(parts: Sequence[LabelledImages], descriptors: Sequence[np.ndarray]) -> dict[str, float]:
    """Compute the figures of one descriptor.

    Args:
        parts: Queries, clean images and, where there are any, training photos.
        descriptors: Unit-length descriptors `[N, D]` of each part.
    """
    queries, iconic = parts[0], parts[1]
    nearest = ranking.rank(descriptors[0] @ descriptors[1].T)
    hits = iconic.targets[nearest] == queries.targets[:, None]
    metrics = {"top1_iconic": float(hits[:, 0].mean()), "top5_iconic": float(hits[:, :5].any(1).mean())}
    if len(parts) > 2:
        nearest_photo = np.argmax(descriptors[0] @ descriptors[2].T, axis=1)
        metrics["top1_nearest"] = float((parts[2].targets[nearest_photo] == queries.targets).mean())
    return metrics
