"""When is nothing here a good match? A threshold on the cosine: `python -m shared.retrieval.train threshold`.

It is calibrated on groups of photos that show the same, such as INRIA Holidays. Every query is searched for
once with its own group left out, where each answer is wrong, and once with it. The threshold is the lowest
above which the best wrong answer lies for at most a given share of the queries. It goes into the descriptor's
`config.json`, with both rates as they were measured, and with the words for lower scores where
`shared.retrieval.training.confidence` has learned what they mean.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from shared.core import weights
from shared.core.calibration import lowest_threshold
from shared.evaluation.reports import positive_int
from shared.retrieval.benchmarks.common import similarities
from shared.retrieval.data.instances import RetrievalSet, read_holidays
from shared.retrieval.descriptor.extractor import HEAD, Extractor
from shared.retrieval.engines import EXTRACTORS
from shared.retrieval.training.confidence import graded


def threshold(args: argparse.Namespace) -> Path:
    """Calibrates the threshold for a good match and writes it into the descriptor's configuration."""
    folder = weights.find(HEAD, folder=args.head)
    extractor = Extractor.load(args.engine, folder=args.weights, head=folder, device=args.device)
    data = read_holidays(args.data).first(args.limit)
    found = similarities(extractor, {HEAD: extractor.head}, data, turns=False, histogram=False)[HEAD]
    wrong, right = best_answers(data, found)
    least = lowest_threshold(wrong, args.rate)
    rates = {
        "false_accepts": float((wrong >= least).mean()),
        "true_accepts": float((right >= least).mean()),
    }
    print(f"threshold {least:.3f}:", ", ".join(f"{name} {rate:.3f}" for name, rate in rates.items()))
    words = graded(weights.read_config(folder), least, wrong, right)
    for step in words.bands if words else ():
        print(
            f"{step.name} from {step.min_score:.3f} on: {step.false_accept_rate:.3f}, {step.true_accept_rate:.3f}"
        )
    more = words.as_config() if words else {}
    weights.update_config(folder, threshold=least, threshold_data=data.name, **rates, **more)
    return folder


def best_answers(data: RetrievalSet, similarity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The score of the best wrong answer of every query, and that of its best right one.

    Args:
        data: A set whose queries are among its photos.
        similarity: `[queries, photos]`.

    Returns:
        Two arrays `[queries]`; the first is what a search finds at best where the query's own group is not
        there.
    """
    wrong, right = [], []
    for query, row in zip(data.queries, similarity, strict=True):
        own = list(query.relevant)
        right.append(row[own].max())
        wrong.append(np.delete(row, [*own, *query.junk]).max(initial=-1))
    return np.array(wrong), np.array(right)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.set_defaults(run=threshold)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="root folder of Holidays")
    parser.add_argument("--head", metavar="FOLDER", help="the trained descriptor")
    parser.add_argument("--engine", choices=list(EXTRACTORS), default="both", help="networks (%(default)s)")
    parser.add_argument(
        "--weights", nargs="+", metavar="FOLDER", help="weights of each network, if not the engine's own"
    )
    parser.add_argument("--rate", type=float, default=0.05, help="of false accepts, at most (%(default)s)")
    parser.add_argument("--limit", type=positive_int, metavar="N", help="only the first N queries")
    parser.add_argument("--device", help="where the network runs; by default the best there is")
