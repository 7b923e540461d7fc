"""Boundary protocol of BSDS500: counts of matched pixels at 99 thresholds.

A soft map passes non-maximum suppression, is binarised at the thresholds 0.01 .. 0.99, thinned, and matched
one to one with the map of every annotator within 0.0075 of the diagonal. Source: P. Arbelaez et al., "Contour
detection and hierarchical image segmentation", TPAMI 33(5), 2011, section 5.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.edges.detector import EdgeDetector
from shared.evaluation.boundaries import BoundaryCounts, count_boundaries, f_measure
from shared.evaluation.thinning import nonmaximum_suppression, thin
from shared.training.bsds import Sample

THRESHOLDS = np.linspace(0.01, 0.99, 99)
MAX_DISTANCE = 0.0075  # in diagonals of the image

#: Maps a sample to its soft map, `[H, W]` in 0..1.
Detector: TypeAlias = Callable[[Sample], np.ndarray]


@dataclass(frozen=True)
class EngineMaps:
    """Maps that an engine computes.

    Attributes:
        engine: Name of the engine.
        weights: Folder of weights; None for the engine's own.
        lines: True for the engine's lines as a map of 0 and 1, False for its soft map.
    """

    engine: str
    weights: str | None = None
    lines: bool = False

    def open(self) -> Detector:
        """Load the engine; it runs on one core of a CPU."""
        import torch

        torch.set_num_threads(1)
        detector = EdgeDetector.load(self.engine, folder=self.weights)
        if self.lines:
            return lambda sample: detector(sample.image()).lines.astype(np.float32)
        return lambda sample: detector(sample.image()).soft


@dataclass(frozen=True)
class StoredMaps:
    """Maps of any detector in a folder: `ID.png`, 8 bit, white for an edge.

    Attributes:
        folder: The folder.
    """

    folder: Path

    def open(self) -> Detector:
        """Return the function that reads a map."""
        return lambda sample: np.asarray(Image.open(self.path(sample)).convert("L"), float) / 255

    def path(self, sample: Sample) -> Path:
        """Return the path of a sample's map."""
        return self.folder / f"{sample.id}.png"

    def check(self, samples: Sequence[Sample]) -> None:
        """Check that all samples have a map.

        Raises:
            FileNotFoundError: A map is missing.
        """
        for sample in samples:
            if not self.path(sample).is_file():
                raise FileNotFoundError(
                    f"{self.path(sample)} is missing; --maps needs a map of every scored image"
                )


MapSource: TypeAlias = EngineMaps | StoredMaps


def count_map(
    soft: np.ndarray,
    truths: np.ndarray,
    *,
    suppression: bool = True,
    thinning: bool = True,
    thresholds: np.ndarray = THRESHOLDS,
) -> BoundaryCounts:
    """Score a soft edge map against all annotators.

    Args:
        soft: float `[H, W]` in 0..1.
        truths: bool `[annotators, H, W]`, lines of one pixel.
        suppression: True to apply non-maximum suppression first.
        thinning: True to thin the lines of each threshold to one pixel.
        thresholds: `[K]`, rising; a pixel is an edge if `soft >= threshold`.

    Returns:
        Counts of pixels `[K]`.

    Raises:
        ValueError: The maps differ in size.
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
    samples: Sequence[Sample], source: MapSource, *, crisp: bool = False, workers: int = 1
) -> BoundaryCounts:
    """Score the maps of a source in worker processes.

    Args:
        samples: Samples from `read_bsds`.
        source: The maps, opened once per process.
        crisp: True to leave out suppression and thinning.
        workers: Number of processes, each with one thread of computation.

    Returns:
        Counts `[samples, 99]`, in the order of the samples.
    """
    count = partial(_count_sample, source, crisp)
    with _single_threaded(), ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        counts = list(tqdm(pool.map(count, samples), total=len(samples), unit="image"))
    return BoundaryCounts.stack(counts)


def line_scores(counts: BoundaryCounts) -> dict[str, float]:
    """Return F, precision and recall of binary maps.

    Args:
        counts: `[images, K]`, which do not depend on the threshold.
    """
    pooled = counts.pooled()
    scores = {
        "F": f_measure(pooled.recall, pooled.precision),
        "precision": pooled.precision,
        "recall": pooled.recall,
    }
    return {name: float(values[0]) for name, values in scores.items()}


@cache
def _open(source: MapSource) -> Detector:
    return source.open()


def _count_sample(source: MapSource, crisp: bool, sample: Sample) -> BoundaryCounts:
    soft = _open(source)(sample)
    return count_map(soft, sample.boundaries(), suppression=not crisp, thinning=not crisp)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Limit the libraries of new processes to one thread; they read the environment when they load."""
    variables = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    previous = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in previous.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
