"""Right hits under each wording that the descriptor's search shows over them.

The searches are those of `shared.retrieval.training.wording`, on the half of the groups and classes that
played no part in the choice of the wordings' lowest scores. Columns: `precision`, the fraction of the hits
under a wording that are right, and `recall`, the fraction of the right images that are shown under it or a
better one. Right is, for both wordings about the same thing, another photo of the group in INRIA Holidays,
and for the others another image of the class in a folder of classes. The last stands over all other hits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from shared.core import weights
from shared.core.calibration import ConfidenceBands
from shared.core.weights import WeightsError
from shared.evaluation import reports
from shared.retrieval.descriptor.extractor import HEAD, Extractor
from shared.retrieval.training.wording import (
    GALLERY_SIZE,
    LIKELY,
    POSSIBLE,
    Searches,
    add_class_argument,
    read_descriptors,
    simulate_searches,
)

MODULE = "shared.retrieval.benchmark wording"


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Count right hits under each wording.", MODULE, weights=HEAD)
    add_class_argument(parser)
    parser.add_argument("--size", type=reports.positive_int, default=GALLERY_SIZE, help="of a gallery")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    try:
        folder = weights.find(HEAD, folder=None if options.weights == HEAD else options.weights)
        bands = ConfidenceBands.from_config(weights.read_config(folder))
        if bands is None:
            parser.error(f"{folder} has no wordings: `python -m shared.retrieval.train wording` chooses them")
        data = read_descriptors(Extractor.load("both", head=folder), options.data, options.classes)
    except (FileNotFoundError, WeightsError) as error:
        parser.error(str(error))
    same, kinds = (simulate_searches(part, 1, size=options.size) for part in data)
    report = reports.Report(
        benchmark="wording",
        data=f"{options.data.stem} and {options.classes.stem}",
        split=f"the second half, galleries of {options.size}",
        items=len(same.scores) + len(kinds.scores),
        weights=HEAD,
        metrics=wording_metrics(same, kinds, bands),
        seconds=time.perf_counter() - started,
        command=reports.command_line(MODULE, arguments),
    )
    return reports.finish(report, options.json)


def wording_metrics(same: Searches, kinds: Searches, bands: ConfidenceBands) -> dict[str, dict[str, float]]:
    """Compute precision and recall of each wording; see the module.

    Args:
        same: Searches where an image of the same thing is right.
        kinds: Searches where an image of the same kind of thing is right.
        bands: Wordings by falling score.
    """
    metrics, high = {}, np.inf
    for name, low in [*((band.name, band.min_score) for band in bands.bands), (bands.below, -np.inf)]:
        searches = same if name in {LIKELY, POSSIBLE} else kinds
        metrics[name] = {"precision": searches.precision(low, high), "recall": searches.recall(low)}
        high = low
    return metrics
