"""Benchmarks of matting: `python -m shared.matting.benchmark NAME`, one of `BENCHMARKS`.

Each has its own options (`--help`) and prints a table; `--json FILE` writes the report for a model card.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.evaluation.reports import Benchmark, BenchmarkMain, Report, run_benchmark


def _overlap() -> BenchmarkMain:
    from shared.matting.benchmarks.overlap import main

    return main


def _speed() -> BenchmarkMain:
    from shared.matting.benchmarks.speed import main

    return main


BENCHMARKS = {
    "overlap": Benchmark(_overlap, "overlap with true masks of people and animals: IoU, MAE"),
    "speed": Benchmark(_speed, "time of a mask and of a cut-out, peak memory, by size"),
}


def main(arguments: Sequence[str] | None = None) -> Report:
    """Run the benchmark that the command line names."""
    return run_benchmark("shared.matting.benchmark", BENCHMARKS, arguments)


if __name__ == "__main__":
    main()
