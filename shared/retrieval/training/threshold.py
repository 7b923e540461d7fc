"""Calibration of the threshold for a good match: `python -m shared.retrieval.train threshold`.

It is calibrated on groups of images that show the same, such as INRIA Holidays. Every query is searched once
without its group, where each answer is wrong, and once with it. The threshold is the lowest that the best
wrong score exceeds for at most a given fraction of the queries. It goes into the `config.json` of the
descriptor, with both rates as measured, and with the confidence bands where
`shared.retrieval.training.confidence` has fitted a probability.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from shared.core import weights
from shared.core.calibration import lowest_threshold
from shared.evaluation.reports import positive_int
from shared.retrieval.benchmarks.common import ComparisonSettings, similarities
from shared.retrieval.data.instances import RetrievalSet, read_holidays
from shared.retrieval.descriptor.extractor import HEAD, Extractor
from shared.retrieval.training.arguments import add_extractor_arguments
from shared.retrieval.training.confidence import measure_bands


def calibrate_threshold(args: argparse.Namespace) -> Path:
    """Calibrate the threshold for a good match and write it into the configuration of the descriptor."""
    folder = weights.find(HEAD, folder=args.head)
    extractor = Extractor.load(args.engine, folder=args.weights, head=folder, device=args.device)
    data = read_holidays(args.data).limit(args.limit)
    similarity = similarities(extractor, {HEAD: extractor.head}, data, ComparisonSettings())[HEAD]
    wrong, right = best_scores(data, similarity)
    threshold = lowest_threshold(wrong, args.false_accept_rate)
    config: dict[str, Any] = {
        "threshold": threshold,
        "threshold_data": data.name,
        "false_accepts": float((wrong >= threshold).mean()),
        "true_accepts": float((right >= threshold).mean()),
    }
    print(
        f"threshold {threshold:.3f}: "
        f"false accepts {config['false_accepts']:.3f}, true accepts {config['true_accepts']:.3f}"
    )
    bands = measure_bands(weights.read_config(folder), threshold, wrong, right)
    if bands is not None:
        for band in bands.bands:
            rates = f"{band.false_accept_rate:.3f}, {band.true_accept_rate:.3f}"
            print(f"{band.name} from {band.min_score:.3f} on: {rates}")
        config |= bands.as_config()
    weights.update_config(folder, **config)
    return folder


def best_scores(data: RetrievalSet, similarity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the best wrong and the best right score of every query.

    Args:
        data: Set whose queries are among its images.
        similarity: Similarities `[queries, images]`.

    Returns:
        Two arrays `[queries]`; the first is the best score of a search without the query's own group.
    """
    wrong, right = [], []
    for query, row in zip(data.queries, similarity, strict=True):
        relevant = list(query.relevant)
        right.append(row[relevant].max())
        wrong.append(np.delete(row, [*relevant, *query.junk]).max(initial=-1))
    return np.array(wrong), np.array(right)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.set_defaults(run=calibrate_threshold)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="root folder of Holidays")
    parser.add_argument("--head", metavar="FOLDER", help="the trained descriptor")
    add_extractor_arguments(parser)
    parser.add_argument(
        "--false-accept-rate",
        type=float,
        default=0.05,
        help="largest share of queries with a false match (%(default)s)",
    )
    parser.add_argument("--limit", type=positive_int, metavar="N", help="only the first N queries")
