"""Benchmarks of the photo library: `python -m shared.library.benchmark NAME`, one of `BENCHMARKS`."""

from __future__ import annotations

from collections.abc import Sequence

from shared.evaluation.reports import Benchmark, BenchmarkMain, Report, run_benchmark


def _scale() -> BenchmarkMain:
    from shared.library.benchmarks.scale import main

    return main


def _adding() -> BenchmarkMain:
    from shared.library.benchmarks.adding import main

    return main


def _cluster() -> BenchmarkMain:
    from shared.library.benchmarks.cluster import main

    return main


def _serving() -> BenchmarkMain:
    from shared.library.benchmarks.serving import main

    return main


BENCHMARKS = {
    "scale": Benchmark(_scale, "search among 100,000 and 1,000,000 vectors, beside faiss"),
    "adding": Benchmark(_adding, "photos per second, memory over time, a kill and the run after it"),
    "cluster": Benchmark(_cluster, "photos per second on a Ray cluster, by the number of workers"),
    "serving": Benchmark(_serving, "searches per second through the pages' API, by replicas and callers"),
}


def main(arguments: Sequence[str] | None = None) -> Report:
    """Run the benchmark that the command line names."""
    return run_benchmark("shared.library.benchmark", BENCHMARKS, arguments)


if __name__ == "__main__":
    main()
