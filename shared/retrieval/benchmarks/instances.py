"""Benchmark of descriptors on a retrieval set, as `holidays`, `landmarks` and `ukbench` share it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from shared.evaluation import ranking, reports
from shared.retrieval.benchmarks.common import (
    ComparisonSettings,
    add_arguments,
    load_heads,
    mean_average_precision,
    similarities,
    weights_name,
)
from shared.retrieval.data.instances import Query, RetrievalSet


@dataclass(frozen=True)
class InstanceBenchmark:
    """Benchmark on one kind of retrieval set.

    Attributes:
        name: Name of the benchmark.
        description: One sentence on the quantity that is measured.
        read: Lists the set that the options select.
        published: Returns figures of papers on a set.
        add_arguments: Adds arguments of this benchmark.
        n_s: True scores N-S, for groups of four, in addition to mAP.
    """

    name: str
    description: str
    read: Callable[[argparse.Namespace], RetrievalSet]
    published: Callable[[RetrievalSet], reports.Figures]
    add_arguments: Callable[[argparse.ArgumentParser], object] | None = None
    n_s: bool = False

    def run(self, arguments: Sequence[str] | None = None) -> reports.Report:
        """Run the benchmark from the command line."""
        module = f"shared.retrieval.benchmark {self.name}"
        parser = reports.benchmark_parser(self.description, module)
        add_arguments(parser)
        if self.add_arguments is not None:
            self.add_arguments(parser)
        parser.add_argument(
            "--rotations",
            action="store_true",
            help="also search with the query rotated by a quarter turn, best of three",
        )
        options = parser.parse_args(arguments)
        try:
            data = self.read(options)
        except (FileNotFoundError, ValueError) as error:
            parser.error(str(error))
        available, data = len(data.queries), data.limit(options.limit)
        extractor, heads = load_heads(options)
        started = time.perf_counter()
        settings = ComparisonSettings(options.rotations, histogram=not options.only_trained)
        similarity = similarities(extractor, heads, data, settings)
        report = reports.Report(
            benchmark=self.name,
            data=data.name,
            split=f"{len(data.images)} photos",
            items=len(data.queries),
            weights=weights_name(options),
            metrics={name: compute_metrics(data, rows, n_s=self.n_s) for name, rows in similarity.items()},
            published=self.published(data),
            available=available,
            seconds=time.perf_counter() - started,
            command=reports.command_line(module, arguments),
        )
        return reports.finish(report, options.json)


def compute_metrics(data: RetrievalSet, similarity: np.ndarray, *, n_s: bool = False) -> dict[str, float]:
    """Compute the figures of a set from similarities `[queries, images]`.

    `mAP` is that of the set's protocol; where it integrates by trapezoids, `mAP_plain` is the usual mean of
    the precision at each relevant item.

    Args:
        data: Retrieval set.
        similarity: Similarities.
        n_s: True adds `N-S`, the mean number of relevant images among the first four.
    """
    metrics = {"mAP": mean_average_precision(data.queries, similarity, trapezoid=data.trapezoid)}
    if data.trapezoid:
        metrics["mAP_plain"] = mean_average_precision(data.queries, similarity, trapezoid=False)
    return metrics | ({"N-S": _n_s(data.queries, similarity)} if n_s else {})


def _n_s(queries: Sequence[Query], similarity: np.ndarray) -> float:
    first = ranking.rank(similarity)[:, :4].tolist()
    hits = [len(query.relevant & set(row)) for query, row in zip(queries, first, strict=True)]
    return float(np.mean(hits))
