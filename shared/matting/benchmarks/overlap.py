"""Overlap of mattes with true masks, on people (Clothing Co-Parsing) and animals (PASCAL VOC).

    python -m shared.matting.benchmark overlap --data CCP --set ccp
    python -m shared.matting.benchmark overlap --data VOC --set voc --u2netp u2netp.onnx --isnet isnet.onnx

Alpha at the size of the photo is cut at one half. `IoU` is the mean over photos of the intersection over
union of the subject, `median_IoU` the median, `MAE` the mean distance of alpha from the mask; pixels that the
data set marks as void do not count. Every class but the background is the subject.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image
from tqdm import tqdm

from shared.evaluation import reports
from shared.evaluation.segmentation import VOID, confusion_matrix, intersection_over_union
from shared.matting.data.ccp import read_ccp
from shared.matting.data.masks import MaskedPhoto, read_voc
from shared.matting.subject import SubjectMatting
from shared.matting.training.teachers import Teacher

MODULE = "shared.matting.benchmark overlap"
NAMES = {"ccp": "Clothing Co-Parsing", "voc": "PASCAL VOC animals"}
TEACHERS = {"u2netp": "U2-NetP", "isnet": "ISNet"}

#: Maps an RGB image to alpha, float32 `[H, W]` in 0..1 and of its size.
AlphaFunction: TypeAlias = Callable[[Image.Image], np.ndarray]


def compare(alpha: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Compare alpha with a mask.

    Args:
        alpha: `[H, W]`, 0..1.
        truth: uint8 `[H, W]`, 0 background, 1 subject, `VOID` for pixels that do not count.

    Returns:
        `IoU` of the subject, 0..1, and `MAE`, 0..1.

    >>> compare(np.array([[0.9, 0.2, 0.6]]), np.array([[1, 1, 255]], np.uint8))
    {'IoU': 0.5, 'MAE': 0.45}
    """
    matrix = confusion_matrix(truth, (alpha >= 0.5).astype(np.uint8), 2)
    overlap = float(intersection_over_union(matrix)[1])
    valid = truth != VOID
    error = float(np.abs(alpha[valid] - truth[valid]).mean()) if valid.any() else 0.0
    return {"IoU": 1.0 if np.isnan(overlap) else overlap, "MAE": round(error, 12)}


def score(
    photos: Sequence[MaskedPhoto], functions: Mapping[str, AlphaFunction]
) -> dict[str, dict[str, float]]:
    """Return `IoU`, `median_IoU` and `MAE` over photos, by the names of the functions.

    Args:
        photos: Photos with masks.
        functions: Functions that find the subject.
    """
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in functions}
    for photo in tqdm(photos, unit="photo", mininterval=10):
        image, truth = photo.image(), photo.mask()
        for name, function in functions.items():
            rows[name].append(compare(function(image), truth))
    return {
        name: {
            "IoU": float(np.mean([row["IoU"] for row in figures])),
            "median_IoU": float(np.median([row["IoU"] for row in figures])),
            "MAE": float(np.mean([row["MAE"] for row in figures])),
        }
        for name, figures in rows.items()
    }


def predictor_alpha(matting: SubjectMatting) -> AlphaFunction:
    """Return alpha of the predictor as a function of images."""
    return lambda image: np.asarray(matting(image).alpha, np.float32) / 255


def teacher_alpha(teacher: Teacher) -> AlphaFunction:
    """Return the mask of a teacher, stretched to 0..1, as a function of images."""

    def function(image: Image.Image) -> np.ndarray:
        mask = np.asarray(teacher(image).resize(image.size, Image.Resampling.BILINEAR), np.float32)
        low, high = float(mask.min()), float(mask.max())
        return np.asarray((mask - low) / max(high - low, 1.0), np.float32)

    return function


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser(
        "Compare mattes with true masks.", MODULE, weights=SubjectMatting.WEIGHTS
    )
    add = parser.add_argument
    add("--set", choices=sorted(NAMES), required=True, help="data set")
    add("--split", help="by default test for ccp, val for voc")
    add("--every", type=reports.positive_int, default=1, help="only every N-th photo (%(default)s)")
    for name, title in TEACHERS.items():
        add(f"--{name}", type=Path, metavar="ONNX", help=f"compare {title}")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    split = options.split or {"ccp": "test", "voc": "val"}[options.set]
    available = (read_ccp if options.set == "ccp" else read_voc)(options.data, split)
    photos = available[:: options.every][: options.limit]
    folder = Path(options.weights) if Path(options.weights).is_dir() else None
    matting = SubjectMatting.load(
        options.weights if folder is None else SubjectMatting.WEIGHTS, folder=folder
    )
    functions = {"ours": predictor_alpha(matting)}
    for name, title in TEACHERS.items():
        path = getattr(options, name)
        if path is not None:
            functions[title] = teacher_alpha(Teacher(name, path))
    return reports.finish(
        reports.Report(
            benchmark="overlap with true masks",
            data=NAMES[options.set],
            split=split,
            items=len(photos),
            weights=Path(options.weights).name,
            metrics=score(photos, functions),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
            available=len(available) if options.every == 1 else None,
        ),
        options.json,
    )
