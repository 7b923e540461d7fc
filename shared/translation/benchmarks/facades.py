"""Label drawings and photos of house fronts: `python -m shared.translation.benchmark facades`."""

from __future__ import annotations

from collections.abc import Sequence

from shared.evaluation.reports import Report
from shared.translation.benchmarks.label_scores import LabelBenchmark, run_label_benchmark

BENCHMARK = LabelBenchmark(
    task="facades", data="CMP Facades, 256 pixels", segmenter="translation-facades-segmenter"
)


def main(arguments: Sequence[str] | None = None) -> Report:
    """Run the benchmark from the command line."""
    return run_label_benchmark(BENCHMARK, arguments)
