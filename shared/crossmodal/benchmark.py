"""Benchmarks of crossmodal: `python -m shared.crossmodal.benchmark NAME`, one of `BENCHMARKS`.

Each has its own options (`--help`) and prints a table; `--json FILE` writes the report for a model card.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.evaluation.reports import Benchmark, BenchmarkMain, Report, run_benchmark


def _flickr8k() -> BenchmarkMain:
    from shared.crossmodal.benchmarks.flickr8k import main

    return main


def _methods() -> BenchmarkMain:
    from shared.crossmodal.benchmarks.methods import main

    return main


def _joint() -> BenchmarkMain:
    from shared.crossmodal.benchmarks.joint import main

    return main


def _tasks() -> BenchmarkMain:
    from shared.crossmodal.benchmarks.tasks import main

    return main


def _generalise() -> BenchmarkMain:
    from shared.crossmodal.benchmarks.generalise import main

    return main


def _openworld() -> BenchmarkMain:
    from shared.crossmodal.benchmarks.openworld import main

    return main


def _languages() -> BenchmarkMain:
    from shared.crossmodal.benchmarks.languages import main

    return main


def _captions() -> BenchmarkMain:
    from shared.crossmodal.benchmarks.captions import main

    return main


def _speed() -> BenchmarkMain:
    from shared.crossmodal.benchmarks.speed import main

    return main


def _wording() -> BenchmarkMain:
    from shared.crossmodal.benchmarks.wording import main

    return main


def _describe() -> BenchmarkMain:
    from shared.crossmodal.benchmarks.describe import main

    return main


BENCHMARKS = {
    "flickr8k": Benchmark(_flickr8k, "retrieval between sentences and photos: recall at 1, 5, 10"),
    "methods": Benchmark(_methods, "the theses' networks and their parts, on frozen features"),
    "joint": Benchmark(_joint, "products: image-text matching and classification"),
    "tasks": Benchmark(_tasks, "products: joint training against single tasks, over several seeds"),
    "generalise": Benchmark(_generalise, "transfer between everyday photos and products, to unseen sets"),
    "openworld": Benchmark(_openworld, "queries of all kinds over photos that no training has seen"),
    "languages": Benchmark(_languages, "names of things in six languages against English ones"),
    "wording": Benchmark(_wording, "right answers under each verdict of a search by words"),
    "describe": Benchmark(_describe, "right first sentences under each verdict of a description"),
    "captions": Benchmark(_captions, "written sentences against those of people: BLEU-4, CIDEr-D"),
    "speed": Benchmark(_speed, "text queries in a large gallery, and images described per second"),
}


def main(arguments: Sequence[str] | None = None) -> Report:
    """Run the benchmark that the command line names."""
    return run_benchmark("shared.crossmodal.benchmark", BENCHMARKS, arguments)


if __name__ == "__main__":
    main()
