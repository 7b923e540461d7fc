"""What `holidays`, `landmarks` and `ukbench` share: the same searches with every descriptor."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from shared.evaluation import ranking, reports
from shared.retrieval.benchmarks.common import add_options, load, mean_average_precision, similarities
from shared.retrieval.data.instances import Query, RetrievalSet


def measure(
    description: str,
    module: str,
    benchmark: str,
    read: Callable[[argparse.Namespace], RetrievalSet],
    arguments: Sequence[str] | None,
    *,
    published: Callable[[RetrievalSet], reports.Figures] = lambda data: {},
    options: Callable[[argparse.ArgumentParser], None] = lambda parser: None,
    n_s: bool = False,
) -> reports.Report:
    """Run one of the benchmarks from the command line.

    Args:
        description: One sentence on what is measured.
        module: As for `shared.evaluation.reports.benchmark_parser`.
        benchmark: Its name in the report.
        read: Lists the set, given the command's options.
        arguments: The command's arguments.
        published: Figures of papers on that set.
        options: Adds the command's own options.
        n_s: Whether to score N-S, for groups of four, beside mAP.
    """
    parser = reports.benchmark_parser(description, module)
    add_options(parser)
    options(parser)
    parser.add_argument(
        "--turns", action="store_true", help="also search with the query turned by a quarter, best of three"
    )
    given = parser.parse_args(arguments)
    try:
        data = read(given)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    available, data = len(data.queries), data.first(given.limit)
    extractor, heads = load(given)
    started = time.perf_counter()
    found = similarities(extractor, heads, data, turns=given.turns, histogram=not given.only_trained)
    return reports.finish(
        reports.Report(
            benchmark=benchmark,
            data=data.name,
            split=f"{len(data.photos)} photos",
            items=len(data.queries),
            weights=Path(given.weights).name if given.weights else given.engine,
            metrics={name: scores(data, similarity, n_s=n_s) for name, similarity in found.items()},
            published=published(data),
            available=available,
            seconds=time.perf_counter() - started,
            command=reports.command_line(module, arguments),
        ),
        given.json,
    )


def scores(data: RetrievalSet, similarity: np.ndarray, *, n_s: bool = False) -> dict[str, float]:
    """The figures of a set's searches, from the similarity `[queries, photos]`.

    `mAP` is that of the set's protocol; where it takes trapezoids, `mAP_plain` is the usual one, the mean of
    the precision at each relevant item. `N-S` comes with them where asked.
    """
    found = {"mAP": mean_average_precision(data.queries, similarity, trapezoid=data.trapezoid)}
    if data.trapezoid:
        found["mAP_plain"] = mean_average_precision(data.queries, similarity, trapezoid=False)
    return found | ({"N-S": _n_s(data.queries, similarity)} if n_s else {})


def _n_s(queries: Sequence[Query], similarity: np.ndarray) -> float:
    return ranking.n_s_score(list(ranking.rank(similarity)), [query.relevant for query in queries])
