"""Benchmarks of recognition: `python -m shared.recognition.benchmark NAME`, one of `BENCHMARKS`.

Each has its own options (`--help`) and prints a table; `--json FILE` writes the report for a model card.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.evaluation.reports import Benchmark, BenchmarkMain, Report, run_benchmark


def _agreement() -> BenchmarkMain:
    from shared.recognition.benchmarks.agreement import main

    return main


def _accuracy() -> BenchmarkMain:
    from shared.recognition.benchmarks.accuracy import main

    return main


def _familiarity() -> BenchmarkMain:
    from shared.recognition.benchmarks.familiarity import main

    return main


def _fusion() -> BenchmarkMain:
    from shared.recognition.benchmarks.fusion import main

    return main


def _transfer() -> BenchmarkMain:
    from shared.recognition.benchmarks.transfer import main

    return main


def _segmentation() -> BenchmarkMain:
    from shared.recognition.benchmarks.segmentation import main

    return main


def _explain() -> BenchmarkMain:
    from shared.recognition.benchmarks.explain import main

    return main


def _speed() -> BenchmarkMain:
    from shared.recognition.benchmarks.speed import main

    return main


BENCHMARKS = {
    "agreement": Benchmark(_agreement, "the classifier against its teacher, on held-out photos"),
    "accuracy": Benchmark(_accuracy, "the classifier on labelled photos, and its calibration"),
    "familiarity": Benchmark(_familiarity, "out-of-distribution detection"),
    "fusion": Benchmark(_fusion, "ways to fuse branches, trained and compared on CIFAR"),
    "transfer": Benchmark(_transfer, "plain and fused features on other data sets"),
    "segmentation": Benchmark(_segmentation, "mean IoU and boundary F of a segmenter"),
    "explain": Benchmark(_explain, "deletion and insertion, and the test of random weights"),
    "speed": Benchmark(_speed, "whole calls, from image to result"),
}


def main(arguments: Sequence[str] | None = None) -> Report:
    """Run the benchmark that the command line names."""
    return run_benchmark("shared.recognition.benchmark", BENCHMARKS, arguments)


if __name__ == "__main__":
    main()
