"""The BSDS500 boundary benchmark: ODS, OIS and AP of edge detectors.

    python -m shared.edges.benchmark --data DIR --engine rds
    python -m shared.edges.benchmark --data DIR --maps FOLDER      the maps ID.png of any detector
    python -m shared.edges.benchmark --data DIR --engine rds --lines    the lines of the page and the SVG
    python -m shared.edges.benchmark --data DIR --engine rds --speed

Protocol: the soft map passes non-maximum suppression, is cut at 99 thresholds 0.01 .. 0.99, thinned, and
matched one to one with the map of every annotator within 0.0075 of the diagonal. `--crisp` leaves out
suppression and thinning, so that thick lines cost precision. `--lines` matches `EdgeMap.lines`, which an
engine draws at its own threshold, as they are.
Source: P. Arbelaez et al., "Contour detection and hierarchical image segmentation", TPAMI 33(5), 2011,
section 5.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.edges.detector import EdgeDetector
from shared.edges.thinning import nonmaximum_suppression, thin
from shared.edges.training.bsds import Sample, read_bsds
from shared.evaluation import reports
from shared.evaluation.boundaries import BoundaryCounts, boundary_scores, count_boundaries, f_measure
from shared.evaluation.timing import time_calls

MODULE = "shared.edges.benchmark"
THRESHOLDS = np.linspace(0.01, 0.99, 99)
MAX_DISTANCE = 0.0075

# single scale, BSDS500 test; RDS: the authors' evaluation file; the others as quoted in later papers
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

Detector = Callable[[Sample], np.ndarray]


def count_map(
    soft: np.ndarray,
    truths: np.ndarray,
    *,
    suppression: bool = True,
    thinning: bool = True,
    thresholds: np.ndarray = THRESHOLDS,
) -> BoundaryCounts:
    """Score one soft edge map against all annotators.

    Args:
        soft: float [H, W] in 0..1.
        truths: bool [annotators, H, W], lines of one pixel.
        suppression: whether the map passes non-maximum suppression first.
        thinning: whether the lines of each threshold are thinned to one pixel.
        thresholds: [K], rising; a pixel is an edge where `soft >= threshold`.

    Returns:
        Counts of pixels [K].

    Raises:
        ValueError: the maps differ in size.
    """
    if soft.shape != truths.shape[1:]:
        raise ValueError(
            f"the edge map is {soft.shape}, the annotators' maps are {truths.shape[1:]} (height, width)"
        )
    if suppression:
        soft = nonmaximum_suppression(soft)
    masks = soft >= np.asarray(thresholds)[:, None, None]
    if thinning:
        masks = np.stack([thin(mask) for mask in masks])
    return count_boundaries(masks, truths, MAX_DISTANCE)


def count_samples(
    samples: Sequence[Sample], make: Callable[[], Detector], *, crisp: bool = False, workers: int = 1
) -> BoundaryCounts:
    """Score a detector on samples, in worker processes.

    Args:
        samples: what `read_bsds` lists.
        make: makes the detector, once in each process; must be picklable. A detector gives the soft map of a
            sample.
        crisp: without suppression and thinning.
        workers: processes, each with one thread of computation.

    Returns:
        Counts [samples, 99], in the order of the samples.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    before = {name: os.environ.get(name) for name in threads}
    os.environ.update(threads)  # libraries read it when they load, so it has to stand before a worker starts
    try:
        with ProcessPoolExecutor(workers, get_context("spawn"), _start, (make, crisp)) as pool:
            counts = list(tqdm(pool.map(_count, samples), total=len(samples), unit="image"))
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return BoundaryCounts.stack(counts)


def line_scores(counts: BoundaryCounts) -> dict[str, float]:
    """F, precision and recall of binary maps, whose counts [pictures, K] are the same at all thresholds."""
    pooled = counts.pooled()
    recall, precision = float(pooled.recall[0]), float(pooled.precision[0])
    return {"F": float(f_measure(recall, precision)), "precision": precision, "recall": recall}


def engine_detector(engine: str, weights: str | None, lines: bool = False) -> Detector:
    """A detector that runs one of our engines.

    Args:
        engine: name of the engine.
        weights: a folder, or None for the engine's own.
        lines: give its lines as a map of 0 and 1, not its soft map.
    """
    import torch

    torch.set_num_threads(1)
    detector = EdgeDetector.load(engine, folder=weights)
    if lines:
        return lambda sample: detector(sample.image()).lines.astype(np.float32)
    return lambda sample: detector(sample.image()).soft


def map_detector(folder: Path) -> Detector:
    """A detector that reads existing maps: `folder/ID.png`, 8 bit, white for an edge."""

    def read(sample: Sample) -> np.ndarray:
        return np.asarray(Image.open(_map_path(folder, sample)).convert("L"), float) / 255

    return read


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Score edge detectors on BSDS500: ODS, OIS and AP.", MODULE, workers=2)
    parser.add_argument(
        "--engine", nargs="+", default=[], metavar="NAME", help="engines to score, such as rds"
    )
    parser.add_argument(
        "--maps", nargs="+", default=[], type=Path, metavar="DIR", help="folders of maps ID.png"
    )
    parser.add_argument("--split", default="test", help="train, val or test (%(default)s)")
    parser.add_argument("--crisp", action="store_true", help="without non-maximum suppression and thinning")
    parser.add_argument("--lines", action="store_true", help="score the engines' lines, not their soft maps")
    parser.add_argument("--speed", action="store_true", help="time the engines instead, with all cores")
    options = parser.parse_args(arguments)
    if not options.engine and not options.maps:
        parser.error("name what to score: --engine NAME or --maps DIR")
    if options.weights and len(options.engine) != 1:
        parser.error("--weights needs exactly one --engine")
    if options.speed and (options.maps or options.crisp):
        parser.error("--speed times engines; it goes with neither --maps nor --crisp")
    if options.lines and (options.maps or options.crisp or options.speed):
        parser.error("--lines scores what engines draw; it goes with none of --maps, --crisp and --speed")

    try:
        available = read_bsds(options.data, options.split)
        samples = available[: options.limit]
        for folder in options.maps:
            _check_maps(folder, samples)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    makers = {name: partial(engine_detector, name, options.weights, options.lines) for name in options.engine}
    makers |= {folder.name: partial(map_detector, folder) for folder in options.maps}
    started = time.perf_counter()
    if options.speed:
        benchmark, published = "speed", {}
        photos = [sample.image() for sample in samples]
        metrics = {
            name: time_calls(EdgeDetector.load(name, folder=options.weights), photos)
            for name in options.engine
        }
    elif options.lines:
        benchmark, published = "lines", {}
        metrics = {
            name: line_scores(count_samples(samples, make, crisp=True, workers=options.workers))
            for name, make in makers.items()
        }
    else:
        benchmark = "crisp boundaries" if options.crisp else "boundaries"
        published = PUBLISHED_CRISP if options.crisp else PUBLISHED
        metrics = {
            name: boundary_scores(
                count_samples(samples, make, crisp=options.crisp, workers=options.workers), THRESHOLDS
            )
            for name, make in makers.items()
        }
    return reports.finish(
        reports.Report(
            benchmark=benchmark,
            data="BSDS500",
            split=options.split,
            items=len(samples),
            weights=Path(options.weights).name if options.weights else ", ".join(makers),
            metrics=metrics,
            published=published,
            available=len(available),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )


def _map_path(folder: Path, sample: Sample) -> Path:
    return folder / f"{sample.id}.png"


def _check_maps(folder: Path, samples: Sequence[Sample]) -> None:
    for sample in samples:
        if not _map_path(folder, sample).is_file():
            raise FileNotFoundError(
                f"{_map_path(folder, sample)} is missing; --maps needs a map of every scored image"
            )


def _start(make: Callable[[], Detector], crisp: bool) -> None:
    """Prepare a worker process."""
    global _make, _detect, _crisp
    _make, _detect, _crisp = make, None, crisp


def _count(sample: Sample) -> BoundaryCounts:
    global _detect
    # made here and not in `_start`: an error then reaches the caller, and does not break the pool
    _detect = _detect or _make()
    return count_map(_detect(sample), sample.boundaries(), suppression=not _crisp, thinning=not _crisp)


if __name__ == "__main__":
    main()
