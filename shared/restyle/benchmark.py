"""Benchmarks of restyling: `python -m shared.restyle.benchmark NAME`, one of `BENCHMARKS`.

Each has its own options (`--help`) and prints a table; `--json FILE` writes the report for a model card.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.evaluation.reports import Benchmark, BenchmarkMain, Report, run_benchmark


def _parsing() -> BenchmarkMain:
    from shared.restyle.parsing.benchmarks.overlap import main

    return main


def _people() -> BenchmarkMain:
    from shared.restyle.parsing.benchmarks.people import main

    return main


def _parsing_speed() -> BenchmarkMain:
    from shared.restyle.parsing.benchmarks.speed import main

    return main


def _pose() -> BenchmarkMain:
    from shared.restyle.pose.benchmarks.agreement import main

    return main


def _swapgan() -> BenchmarkMain:
    from shared.restyle.swap.benchmarks.swaps import main

    return main


def _similar() -> BenchmarkMain:
    from shared.restyle.similar.benchmarks.similar import main

    return main


BENCHMARKS = {
    "parsing": Benchmark(_parsing, "overlap of parsed clothes with labels: mIoU, accuracy, IoU by class"),
    "people": Benchmark(_people, "people in everyday photos: IoU with true masks, photos with and without"),
    "speed": Benchmark(_parsing_speed, "time of an outfit and of a pose, peak memory, by size"),
    "pose": Benchmark(_pose, "distance of joints from those on which public networks agree: PCK"),
    "swapgan": Benchmark(_swapgan, "outfit swaps: colors, patterns, similarity to true photos, time"),
    "similar": Benchmark(_similar, "similar outfits: labels and colors of the hits, edited copies"),
}


def main(arguments: Sequence[str] | None = None) -> Report:
    """Run the benchmark that the command line names."""
    return run_benchmark("shared.restyle.benchmark", BENCHMARKS, arguments)


if __name__ == "__main__":
    main()
