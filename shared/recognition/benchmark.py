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


def _imagenet() -> BenchmarkMain:
    from shared.recognition.benchmarks.imagenet import main

    return main


def _ood() -> BenchmarkMain:
    from shared.recognition.benchmarks.ood import main

    return main


def _doubt() -> BenchmarkMain:
    from shared.recognition.benchmarks.doubt import main

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


def _unknown() -> BenchmarkMain:
    from shared.recognition.benchmarks.unknown import main

    return main


def _explain() -> BenchmarkMain:
    from shared.recognition.benchmarks.explain import main

    return main


def _speed() -> BenchmarkMain:
    from shared.recognition.benchmarks.speed import main

    return main


BENCHMARKS = {
    "agreement": Benchmark(_agreement, "agreement of classifiers with their teacher on held-out images"),
    "accuracy": Benchmark(_accuracy, "accuracy and calibration of classifiers on Caltech-101"),
    "imagenet": Benchmark(_imagenet, "accuracy and calibration of classifiers on photos of ImageNet"),
    "doubt": Benchmark(_doubt, "doubts that predict wrong answers, on photos from outside"),
    "ood": Benchmark(_ood, "out-of-distribution scores of a classifier on several data sets"),
    "fusion": Benchmark(_fusion, "ways to fuse branches, trained and compared on CIFAR"),
    "transfer": Benchmark(_transfer, "linear probes of plain and fused features on other data sets"),
    "segmentation": Benchmark(_segmentation, "mean IoU and boundary F of segmenters"),
    "unknown": Benchmark(_unknown, "regions of none of a segmenter's classes, recognised as such"),
    "explain": Benchmark(_explain, "deletion, insertion and random weights for explanations"),
    "speed": Benchmark(_speed, "duration of whole calls, from image to result"),
}


def main(arguments: Sequence[str] | None = None) -> Report:
    """Run the benchmark that the command line names."""
    return run_benchmark("shared.recognition.benchmark", BENCHMARKS, arguments)


if __name__ == "__main__":
    main()
