"""The boundary benchmark on BSDS500 or UDED: ODS, OIS and AP of edge detectors.

    python -m shared.edges.benchmark --data DIR --engine rds
    python -m shared.edges.benchmark --data DIR --maps FOLDER      maps ID.png of any detector
    python -m shared.edges.benchmark --data DIR --engine rds --lines    lines, as in the SVG file
    python -m shared.edges.benchmark --data DIR --engine rds --speed
    python -m shared.edges.benchmark large --data DIR    seconds and memory of large photos

DIR is a folder of either set, told apart by its layout (`read_bsds`, `read_uded`); UDED has no split.
`shared.edges.benchmarks.boundaries` describes the protocol. `--crisp` leaves out suppression and thinning, so
that thick lines cost precision. `--lines` matches `EdgeMap.lines`, at the engine's own threshold, without
further processing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from shared.edges.benchmarks.boundaries import (
    THRESHOLDS,
    EngineMaps,
    MapSource,
    StoredMaps,
    count_samples,
    line_scores,
)
from shared.edges.detector import EdgeDetector
from shared.evaluation import reports
from shared.evaluation.boundaries import boundary_scores
from shared.evaluation.timing import time_calls
from shared.training.bsds import Sample, read_bsds
from shared.training.uded import is_uded, read_uded

MODULE = "shared.edges.benchmark"

# Single scale, BSDS500 test. RDS: the authors' evaluation file; the others as quoted in later papers.
PUBLISHED = {
    "RDS": {"ODS": 0.7916, "OIS": 0.8100, "AP": 0.8177, "threshold": 0.347},
    "HED": {"ODS": 0.788, "OIS": 0.808, "AP": 0.840},
    "PiDiNet": {"ODS": 0.807, "OIS": 0.823},
    "human": {"ODS": 0.803},
}
PUBLISHED_CRISP = {
    "HED": {"ODS": 0.588},
    "RCF": {"ODS": 0.585},
    "EDTER": {"ODS": 0.698},
    "DiffusionEdge": {"ODS": 0.749},
}


def _large() -> reports.BenchmarkMain:
    from shared.edges.benchmarks.large import main

    return main


#: Benchmarks beside that of BSDS500, which has no name.
BENCHMARKS = {"large": reports.Benchmark(_large, "Seconds and memory of large photos.")}


class Measurement(NamedTuple):
    """Name of a benchmark with its figures and those of papers, by engine."""

    benchmark: str
    metrics: dict[str, dict[str, float]]
    published: Mapping[str, Mapping[str, float]]


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in BENCHMARKS:
        return reports.run_benchmark(MODULE, BENCHMARKS, words)
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        _check_options(options)
        data = "UDED" if is_uded(options.data) else "BSDS500"
        available = read_uded(options.data) if data == "UDED" else read_bsds(options.data, options.split)
        samples = available[: options.limit]
        for folder in options.maps:
            StoredMaps(folder).check(samples)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    sources: dict[str, MapSource] = {
        name: EngineMaps(name, options.weights, options.lines) for name in options.engine
    }
    sources |= {folder.name: StoredMaps(folder) for folder in options.maps}
    started = time.perf_counter()
    measurement = _measure(samples, sources, options)
    return reports.finish(
        reports.Report(
            benchmark=measurement.benchmark,
            data=data,
            split=options.split,
            items=len(samples),
            weights=Path(options.weights).name if options.weights else ", ".join(sources),
            metrics=measurement.metrics,
            published=measurement.published,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
            available=len(available),
        ),
        options.json,
    )


def _parser() -> argparse.ArgumentParser:
    parser = reports.benchmark_parser(
        "Score edge detectors on BSDS500 or UDED: ODS, OIS and AP.", MODULE, workers=2
    )
    add = parser.add_argument
    add("--engine", nargs="+", default=[], metavar="NAME", help="engines to score, such as rds")
    add("--maps", nargs="+", default=[], type=Path, metavar="DIR", help="folders of maps ID.png")
    add("--split", default="test", help="train, val or test (%(default)s)")
    add("--crisp", action="store_true", help="without non-maximum suppression and thinning")
    add("--lines", action="store_true", help="score the engines' lines, not their soft maps")
    add("--speed", action="store_true", help="time the engines instead, with all cores")
    return parser


def _check_options(options: argparse.Namespace) -> None:
    if not options.engine and not options.maps:
        raise ValueError("name what to score: --engine NAME or --maps DIR")
    if options.weights and len(options.engine) != 1:
        raise ValueError("--weights needs exactly one --engine")
    if options.speed and (options.maps or options.crisp):
        raise ValueError("--speed times engines; it goes with neither --maps nor --crisp")
    if options.lines and (options.maps or options.crisp or options.speed):
        raise ValueError("--lines scores what engines draw; it goes with none of --maps, --crisp and --speed")


def _measure(
    samples: Sequence[Sample], sources: Mapping[str, MapSource], options: argparse.Namespace
) -> Measurement:
    if options.speed:
        images = [sample.image() for sample in samples]
        metrics = {
            name: time_calls(EdgeDetector.load(name, folder=options.weights), images)
            for name in options.engine
        }
        return Measurement("speed", metrics, {})
    crisp = options.crisp or options.lines
    counts = {
        name: count_samples(samples, source, crisp=crisp, workers=options.workers)
        for name, source in sources.items()
    }
    if options.lines:
        return Measurement("lines", {name: line_scores(values) for name, values in counts.items()}, {})
    scores = {name: boundary_scores(values, THRESHOLDS) for name, values in counts.items()}
    if options.crisp:
        return Measurement("crisp boundaries", scores, {} if is_uded(options.data) else PUBLISHED_CRISP)
    return Measurement("boundaries", scores, {} if is_uded(options.data) else PUBLISHED)


if __name__ == "__main__":
    main()
