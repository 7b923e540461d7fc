"""Lines of drawings against the edges of photos, and the speed and memory of drawing.

    python -m shared.translation.benchmark drawing --data BSDS500 --split val    choose thresholds
    python -m shared.translation.benchmark drawing --data BSDS500      score with these
    python -m shared.translation.benchmark drawing --data BSDS500 --speed

The lines of a drawing (outlines only, detail 0; and as usual, detail 1), at the size of the photo, pass
non-maximum suppression, a threshold and thinning, and are matched one to one within 0.0075 of the diagonal
(the protocol of BSDS500): with the thin edges of the edge network at its own threshold, `edges_F`, and with
the lines of all annotators, `human_F`. Counts are summed over all images.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from shared.core import weights
from shared.core.images import to_tensor
from shared.core.models import load_on_device
from shared.evaluation import reports
from shared.evaluation.boundaries import BoundaryCounts, count_boundaries, f_measure
from shared.evaluation.thinning import nonmaximum_suppression, thin
from shared.evaluation.timing import peak_bytes
from shared.networks.rds import RDS
from shared.training.bsds import Sample, read_bsds
from shared.translation.drawing.sketcher import Sketcher

MODULE = "shared.translation.benchmark drawing"
WEIGHTS, EDGES = "translation-drawing", "edges-rds"
#: Level of detail of the lines that are scored, by the key of its threshold in the configuration.
DETAILS = {"outline_threshold": 0.0, "line_threshold": 1.0}
CANDIDATES = np.linspace(0.15, 0.75, 7)  # thresholds to choose from
EDGE_STRENGTH = 0.544  # threshold of the ODS of the network's fusion on BSDS500
MAX_DISTANCE = 0.0075  # in diagonals of the image
SIZES = {"256x256": (256, 256), "1024x768": (1024, 768), "2000x1500": (2000, 1500), "12MP": (4000, 3000)}


class EdgeLines:
    """Thin edges of the edge network's fusion at `EDGE_STRENGTH`: the truth of `edges_F`."""

    def __init__(self) -> None:
        self.network, _ = load_on_device(RDS, EDGES, device="cpu")

    @torch.inference_mode()
    def __call__(self, image: Image.Image) -> np.ndarray:
        """Return bool `[H, W]`."""
        soft = self.network(to_tensor(image))[0, -1].sigmoid().numpy()
        return thin(nonmaximum_suppression(soft) >= EDGE_STRENGTH)


def thin_lines(lines: np.ndarray, size: tuple[int, int], thresholds: np.ndarray) -> np.ndarray:
    """Return the thin lines of a drawing, bool `[K, H, W]`, at each of K thresholds.

    Args:
        lines: float32 `[h, w]`, 0 paper to 1 line, at working size.
        size: Width and height of the photo.
        thresholds: `[K]`.
    """
    resized = np.asarray(Image.fromarray(lines).resize(size, Image.Resampling.BILINEAR))
    ridges = nonmaximum_suppression(resized)
    return np.stack([thin(ridges >= threshold) for threshold in thresholds])


def count_lines(
    samples: Sequence[Sample], sketcher: Sketcher, thresholds: Mapping[str, np.ndarray]
) -> dict[str, BoundaryCounts]:
    """Count matched pixels of the lines of drawings, `{KEY edges: ..., KEY human: ...}`, pooled over images.

    Args:
        samples: Photos with the lines of their annotators.
        sketcher: Predictor.
        thresholds: Thresholds `[K]` by the keys of `DETAILS`.
    """
    edges = EdgeLines()
    counts: dict[str, list[BoundaryCounts]] = {}
    for sample in tqdm(samples, unit="image"):
        image = sample.image()
        maps = sketcher.mapper(image)
        truths = {"edges": edges(image)[None]}
        for key, levels in thresholds.items():
            lines = thin_lines(maps.lines(DETAILS[key]), image.size, levels)
            if len(levels) == 1:  # six annotators at every candidate take minutes, and choose nothing
                truths["human"] = sample.boundaries()
            for name, truth in truths.items():
                counts.setdefault(f"{key} {name}", []).append(count_boundaries(lines, truth, MAX_DISTANCE))
    return {key: BoundaryCounts.stack(rows).pooled() for key, rows in counts.items()}


def line_metrics(
    counts: Mapping[str, BoundaryCounts], thresholds: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Return F, precision and recall at the best of the thresholds for the edges of the edge network."""
    metrics = {}
    for key, levels in thresholds.items():
        edges = counts[f"{key} edges"]
        scores = f_measure(edges.recall, edges.precision)
        best = int(np.argmax(scores))
        figures = {
            "edges_F": float(scores[best]),
            "edges_precision": float(edges.precision[best]),
            "edges_recall": float(edges.recall[best]),
            "threshold": float(levels[best]),
        }
        if human := counts.get(f"{key} human"):
            figures["human_F"] = float(f_measure(human.recall, human.precision)[best])
        metrics["outlines" if DETAILS[key] == 0 else "lines"] = figures
    return metrics


def measure_speed(sketcher: Sketcher, image: Image.Image) -> dict[str, dict[str, float]]:
    """Measure the processor time of a pencil drawing by size, and the peak memory of this process.

    Processor time, summed over cores, hardly depends on what else the machine does. The first call of a size,
    which also makes the textures, is not counted.

    Args:
        sketcher: Predictor.
        image: Any photo; it is resized.
    """
    metrics = {}
    for name, size in SIZES.items():
        resized = image.resize(size, Image.Resampling.BICUBIC)
        sketcher(resized)
        started = time.process_time()
        sketcher(resized)
        metrics[name] = {
            "cpu_seconds": time.process_time() - started,
            "peak_memory_GB": peak_bytes() / 2**30,
        }
    return metrics


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser(
        "Score the lines of drawings on BSDS500, or measure speed and memory.", MODULE, weights=WEIGHTS
    )
    parser.add_argument("--split", default="test", help="test, or val to choose the thresholds (%(default)s)")
    parser.add_argument("--speed", action="store_true", help="measure speed and memory")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    folder = weights.find(options.weights) if not Path(options.weights).is_dir() else Path(options.weights)
    sketcher = Sketcher.load(folder=folder, device="cpu")
    available = read_bsds(options.data, options.split)
    samples = available[: options.limit]
    if options.speed:
        samples = samples[:1]
        metrics = measure_speed(sketcher, samples[0].image())
    else:
        metrics = _score(samples, sketcher, folder, options)
    return reports.finish(
        reports.Report(
            benchmark="drawing speed" if options.speed else "lines of drawings",
            data="BSDS500",
            split=options.split,
            items=len(samples),
            weights=folder.name,
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
            available=None if options.speed else len(available),
        ),
        options.json,
    )


def _score(
    samples: Sequence[Sample], sketcher: Sketcher, folder: Path, options: argparse.Namespace
) -> dict[str, dict[str, float]]:
    config = weights.read_config(folder)
    choose = options.split == "val"
    thresholds = {key: CANDIDATES if choose else np.array([config[key]]) for key in DETAILS}
    return line_metrics(count_lines(samples, sketcher, thresholds), thresholds)
