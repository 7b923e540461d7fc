"""Benchmarks of retrieval: `python -m shared.retrieval.benchmark NAME`, one of `BENCHMARKS`.

Each has its own options (`--help`) and prints a table; `--json FILE` writes the report for a model card.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.evaluation.reports import Benchmark, BenchmarkMain, Report, run_benchmark


def _holidays() -> BenchmarkMain:
    from shared.retrieval.benchmarks.holidays import main

    return main


def _landmarks() -> BenchmarkMain:
    from shared.retrieval.benchmarks.landmarks import main

    return main


def _ukbench() -> BenchmarkMain:
    from shared.retrieval.benchmarks.ukbench import main

    return main


def _grocery() -> BenchmarkMain:
    from shared.retrieval.benchmarks.grocery import main

    return main


def _copies() -> BenchmarkMain:
    from shared.retrieval.benchmarks.copies import main

    return main


def _deepindex() -> BenchmarkMain:
    from shared.retrieval.benchmarks.deepindex import main

    return main


def _explain() -> BenchmarkMain:
    from shared.retrieval.benchmarks.explain import main

    return main


def _indexing() -> BenchmarkMain:
    from shared.retrieval.benchmarks.indexing import main

    return main


def _stream() -> BenchmarkMain:
    from shared.retrieval.benchmarks.stream import main

    return main


def _lifelong() -> BenchmarkMain:
    from shared.retrieval.benchmarks.lifelong import main

    return main


def _scale() -> BenchmarkMain:
    from shared.retrieval.benchmarks.scale import main

    return main


def _wording() -> BenchmarkMain:
    from shared.retrieval.benchmarks.wording import main

    return main


BENCHMARKS = {
    "holidays": Benchmark(_holidays, "descriptors on INRIA Holidays, whole or in part: mAP"),
    "landmarks": Benchmark(_landmarks, "descriptors on Oxford5k and Paris6k, original and revisited: mAP"),
    "ukbench": Benchmark(_ukbench, "descriptors on UKBench: N-S"),
    "grocery": Benchmark(_grocery, "photo to product image, and the class of the nearest photo"),
    "copies": Benchmark(_copies, "edited copies among photos without labels, to choose settings"),
    "wording": Benchmark(_wording, "right hits under each wording: precision and recall"),
    "deepindex": Benchmark(_deepindex, "DeepIndex against whole descriptors: mAP, bytes, time"),
    "explain": Benchmark(_explain, "score lost when an explanation's regions are hidden"),
    "indexing": Benchmark(_indexing, "images per second into an index, and peak memory"),
    "stream": Benchmark(_stream, "memory while very many files are described"),
    "lifelong": Benchmark(_lifelong, "new classes without the old images: recall on old and new, forgetting"),
    "scale": Benchmark(_scale, "vector index at 10,000 to 1,000,000 images, against plain faiss"),
}


def main(arguments: Sequence[str] | None = None) -> Report:
    """Run the benchmark that the command line names."""
    return run_benchmark("shared.retrieval.benchmark", BENCHMARKS, arguments)


if __name__ == "__main__":
    main()
