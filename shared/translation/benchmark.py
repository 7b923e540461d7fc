"""Benchmarks of image translation: `python -m shared.translation.benchmark NAME`, one of `BENCHMARKS`.

Each has its own options (`--help`) and prints a table; `--json FILE` writes the report for a model card.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.evaluation.reports import Benchmark, BenchmarkMain, Report, run_benchmark


def _facades() -> BenchmarkMain:
    from shared.translation.benchmarks.facades import main

    return main


def _streets() -> BenchmarkMain:
    from shared.translation.benchmarks.streets import main

    return main


def _faces() -> BenchmarkMain:
    from shared.translation.benchmarks.faces import main

    return main


def _systems() -> BenchmarkMain:
    from shared.translation.benchmarks.systems import main

    return main


def _colorization() -> BenchmarkMain:
    from shared.translation.benchmarks.colorization import main

    return main


def _speed() -> BenchmarkMain:
    from shared.translation.benchmarks.speed import main

    return main


def _drawing() -> BenchmarkMain:
    from shared.translation.benchmarks.drawing import main

    return main


def _coloring() -> BenchmarkMain:
    from shared.translation.benchmarks.drawing_coloring import main

    return main


def _painting() -> BenchmarkMain:
    from shared.translation.benchmarks.painting import main

    return main


BENCHMARKS = {
    "facades": Benchmark(_facades, "label drawings and photos of house fronts: accuracy, IoU, distances"),
    "streets": Benchmark(_streets, "label drawings and photos of streets: accuracy, IoU, distances"),
    "faces": Benchmark(_faces, "photos and sketches of faces: SSIM, retrieval of a sketch's photo"),
    "systems": Benchmark(_systems, "CycleGAN, Long and Nest CycleGAN over several seeds"),
    "drawing": Benchmark(_drawing, "lines of drawings against the edges of the photo: F, speed, memory"),
    "coloring": Benchmark(_coloring, "colored drawings of photos against the photos: PSNR, colorfulness"),
    "colorization": Benchmark(_colorization, "colors of grey photos: PSNR, chroma error, colorfulness"),
    "painting": Benchmark(_painting, "content and style distances of paintings, time, memory"),
    "speed": Benchmark(_speed, "time per image and peak memory of translators, by size"),
}


def main(arguments: Sequence[str] | None = None) -> Report:
    """Run the benchmark that the command line names."""
    return run_benchmark("shared.translation.benchmark", BENCHMARKS, arguments)


if __name__ == "__main__":
    main()
